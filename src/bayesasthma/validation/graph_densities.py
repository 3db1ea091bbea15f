"""Densities and gradients of the PyMC graphs at seeded points, by a process of their own.

PyMC takes seconds to import and its graphs many more to build, one core of the two that there are:
meanwhile the checks go on. The graphs are evaluated operation by operation, without compiling.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from bayesasthma.errors import BayesAsthmaError
from bayesasthma.inference.routes import KERNELS, model_module
from bayesasthma.models.adverse_counts import counts
from bayesasthma.models.design import Design, design
from bayesasthma.models.kernels.model import KernelModel
from bayesasthma.models.specification import table_spec
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.study.study import Study
from bayesasthma.validation.made_up_designs import made_up

#: Seed and number of the points of a case, and their spread about where chains start.
SEED, POINTS, SPREAD = 16, 4, 0.5

CHANGES = np.array([[1.0, 0, 0], [-1, 1, 0], [0, 0, 1]])


def several_blocks() -> Design:
    """Levels with a published correlation, changes, and rows whose numbers of patients differ."""
    eye = np.eye(3)
    return made_up(
        4,
        3,
        tables=[
            {"series": [(0, 0), (0, 1), (0, 2), (1, 0)], "functional": eye, "pinned": (1,)},
            {"series": [(1, 1), (1, 2), (2, 0)], "functional": CHANGES, "pinned": (0,)},
            {"series": [(2, 1), (2, 2)], "functional": eye, "balanced": False},
            {"series": [(3, 0), (3, 1), (3, 2)], "functional": CHANGES[:2], "balanced": False},
            {"series": [(3, 0), (3, 2)], "functional": eye[[0, 2]]},
        ],
    )


@dataclass(frozen=True)
class Case:
    """A model whose kernel is held against its graph.

    Attributes
    ----------
    model, prior : str
    about : str
        Of what, for a reader.
    layout : callable of Study, optional
        The design; by default that of the study. Of ``adverse`` none.
    """

    model: str
    prior: str
    about: str
    layout: Callable[[Study], Design] | None = None


CASES = {
    "independent": Case("independent", "reference", "single visits, flat priors"),
    "longitudinal": Case("longitudinal", "weak", "visits together, the default"),
    "longitudinal, other table": Case(
        "longitudinal",
        "weak",
        "three arms, changes, a published correlation, numbers of patients that differ",
        lambda _study: several_blocks(),
    ),
    "joint": Case("joint", "weak", "all outcomes together"),
    "adverse": Case("adverse", "weak", "reactions"),
    "adverse, external": Case("adverse", "external", "reactions, prior a mixture"),
}


def kernel_of(case: Case, study: Study) -> KernelModel:
    """The kernel of a case, not yet compiled."""
    if case.model == "adverse":
        from bayesasthma.models.kernels.adverse import kernel_model

        return kernel_model(counts(study, "per_visit"), prior_set(case.prior))
    module = __import__(KERNELS[case.model], fromlist=["kernel_model"])
    found: KernelModel = module.kernel_model(_layout(case, study), _spec(case))
    return found


def points(model: KernelModel) -> np.ndarray:
    """Seeded points about where chains start, shape (point, parameter)."""
    rng = np.random.default_rng(SEED)
    return model.initial_point() + SPREAD * rng.standard_normal((POINTS, model.n_dim))


def _layout(case: Case, study: Study) -> Design:
    if case.layout is not None:
        return case.layout(study)
    return design(study, as_table=case.model == "independent")


def _spec(case: Case) -> Any:
    return table_spec(case.model, case.prior)


def graph_of(case: Case, study: Study) -> Any:
    """The PyMC model of a case."""
    if case.model == "adverse":
        from bayesasthma.models import adverse

        return adverse.build(counts(study, "per_visit"), prior_set(case.prior))
    return model_module(case.model).build(_layout(case, study), _spec(case))


@dataclass(frozen=True)
class Densities:
    """Log-densities (point,) and gradients (point, parameter)."""

    values: np.ndarray
    gradients: np.ndarray


def in_double() -> Any:
    """A context in which PyTensor keeps constants in double precision.

    Those that have few digits, such as the normalising constant of a Beta(1, 4), it otherwise
    computes with in single precision, which adds a constant of 1e-8 to the log-density.
    """
    from pytensor.configdefaults import config

    return config.change_flags(cast_policy="numpy+floatX")


def plain_mode() -> Any:
    """How graphs are evaluated: built in seconds, where compiling takes a minute.

    What stands twice in a graph is computed once.
    """
    from pytensor.compile.mode import Mode

    return Mode(linker="py", optimizer="merge")


def density(model: Any) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    """Log-density and gradient of a PyMC model at a flat vector, as nutpie has them."""
    from pytensor import tensor

    pt: Any = tensor
    logp = model.logp()
    values = [model.rvs_to_values[rv] for rv in model.free_RVs]
    gradient = pt.concatenate([pt.atleast_1d(g).ravel() for g in pt.grad(logp, values)])
    function = model.compile_fn([logp, gradient], inputs=values, mode=plain_mode())
    start = model.initial_point()
    shapes = {v.name: np.shape(start[v.name]) for v in values}

    def evaluate(x: np.ndarray) -> tuple[float, np.ndarray]:
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
        parts = zip(shapes.items(), np.split(x, ends[:-1]), strict=True)
        value, slope = function({name: part.reshape(shape) for (name, shape), part in parts})
        return float(value), slope

    return evaluate


def graph_densities(case: Case, study: Study) -> Densities:
    """Of the graph of a case at its points."""
    with in_double():
        evaluate = density(graph_of(case, study))
    found = [evaluate(x) for x in points(kernel_of(case, study))]
    return Densities(np.array([f[0] for f in found]), np.array([f[1] for f in found]))


def kernel_densities(case: Case, study: Study) -> Densities:
    """Of the kernel of a case at its points; NaN where it answers that there is no density."""
    model = kernel_of(case, study)
    found = [model.value_and_gradient(x) for x in points(model)]
    values = [value if status == 0 else np.nan for value, _, status in found]
    return Densities(np.array(values), np.array([gradient for _, gradient, _ in found]))


PROGRAM = """
import pickle, sys
from bayesasthma.validation.graph_densities import CASES, graph_densities
study = pickle.load(sys.stdin.buffer)
found = {name: graph_densities(case, study) for name, case in CASES.items()}
pickle.dump(found, sys.stdout.buffer)
"""


class Asked:
    """The other process, and what it has answered."""

    def __init__(self, process: subprocess.Popen[bytes], out: IO[bytes], errors: IO[bytes]) -> None:
        self._process, self._out, self._errors = process, out, errors

    def answer(self) -> dict[str, Densities]:
        """Densities by case.

        Raises
        ------
        BayesAsthmaError
            If the process ended without an answer, with the last line that it wrote.
        """
        status = self._process.wait()
        if status:
            self._errors.seek(0)
            lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
            raise BayesAsthmaError(f"PyMC graphs: {lines[-1] if lines else f'status {status}'}")
        self._out.seek(0)
        found: dict[str, Densities] = pickle.load(self._out)  # noqa: S301  # written by PROGRAM
        return found

    def end(self) -> None:
        """End the process if it still runs."""
        self._process.terminate()
        self._process.wait()
        for file in (self._out, self._errors):
            file.close()


def ask(study: Study) -> Asked:
    """Start the process."""
    out, errors = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115  # `Asked` does
    with tempfile.TemporaryFile() as sent:
        pickle.dump(study, sent)
        sent.seek(0)
        process = subprocess.Popen(  # noqa: S603  # this Python, a constant program
            [sys.executable, "-c", PROGRAM],
            stdin=sent,
            stdout=out,
            stderr=errors,
            start_new_session=True,  # Ctrl-C is this process's to handle
        )
    return Asked(process, out, errors)

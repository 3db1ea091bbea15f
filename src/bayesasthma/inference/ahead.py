"""Kernels compiled ahead, in a process of their own, while other models are sampled.

Compiling keeps one core busy for half a minute on a machine that has never done it; afterwards the
machine code is on disk, and this takes about as long as the imports.
"""

from __future__ import annotations

import contextlib
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence

from bayesasthma.errors import BayesAsthmaError
from bayesasthma.inference.routes import adverse_kernel, table_kernel
from bayesasthma.models.adverse_counts import READINGS, counts
from bayesasthma.models.design import design
from bayesasthma.models.specification import table_spec
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.study.study import Study

COMPILE = """
import pickle, sys
from bayesasthma.inference.ahead import compile_kernels
compile_kernels(*pickle.load(sys.stdin.buffer))
"""


def compile_kernels(study: Study, models: Sequence[str], prior: str = "weak") -> None:
    """Compile the kernels of the default fits of models; what is on disk is read.

    What cannot be fitted is passed over: the fit says why.

    Parameters
    ----------
    study : Study
    models : sequence of {"independent", "longitudinal", "joint", "adverse"}
    prior : str
        Of the adverse reactions.
    """
    for model in models:
        with contextlib.suppress(BayesAsthmaError):
            if model == "adverse":
                adverse_kernel(counts(study, READINGS[0]), prior_set(prior))
            else:
                layout = design(study, as_table=model == "independent")
                table_kernel(layout, table_spec(model))


@contextlib.contextmanager
def compiling_ahead(study: Study, models: Sequence[str]) -> Iterator[Callable[[], None]]:
    """Compile kernels in another process meanwhile; it ends with the block.

    Parameters
    ----------
    study : Study
    models : sequence of str
        As `compile_kernels` takes them; without any, no process is started.

    Yields
    ------
    callable
        Waits until all are compiled.
    """
    if not models:
        yield lambda: None
        return
    with tempfile.TemporaryFile() as sent:
        pickle.dump((study, tuple(models)), sent)
        sent.seek(0)
        # not by multiprocessing, which would run a caller's script once more
        process = subprocess.Popen(  # noqa: S603  # this Python, a constant program
            [sys.executable, "-c", COMPILE],
            stdin=sent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is this process's to handle
        )
    try:
        yield lambda: _wait(process)
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen[bytes]) -> None:
    process.wait()

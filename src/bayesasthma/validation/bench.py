"""What checks share: the bundled study, its fits, committed answers and a folder to write to."""

from __future__ import annotations

import tempfile
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from bayesasthma.errors import BayesAsthmaError

if TYPE_CHECKING:
    import pandas as pd

    from bayesasthma.auditing import AuditResult
    from bayesasthma.inference.adverse_fits import AdverseFit
    from bayesasthma.inference.fitting import Fit
    from bayesasthma.inference.sampling import SamplerOptions
    from bayesasthma.study.study import Study
    from bayesasthma.validation.graph_densities import Asked, Densities

STUDY = "liu2025"

#: Committed answers by name: where a source checkout keeps them. A wheel has them in ``reference/``
#: under that name.
ANSWERS = {
    "liu2025": "reports/liu2025",
    "published": "tests/reference/published",
    "lock": "requirements.lock",
}


def answers(name: str) -> Path:
    """A file or folder of committed answers, in the wheel or in a source checkout.

    Raises
    ------
    BayesAsthmaError
        If the installation has none.
    """
    packaged = Path(str(files("bayesasthma"))) / "reference" / name
    checkout = Path(__file__).resolve().parents[3] / ANSWERS[name]
    for path in (packaged, checkout):
        if path.exists():
            return path
    raise BayesAsthmaError(f"the installation lacks its reference answers {name!r}")


class Bench:
    """Studies and fits, each made when a check first asks for it.

    Parameters
    ----------
    folder : Path
        Where results go: files of checks are written to a folder in it, which `close` removes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._asked: Asked | None = None

    @cached_property
    def _scratch(self) -> tempfile.TemporaryDirectory[str]:
        self.folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=".check-", dir=self.folder)

    @property
    def scratch(self) -> Path:
        """A folder beside the results that is removed at the end."""
        return Path(self._scratch.name)

    def close(self) -> None:
        """End the other process, and remove what checks wrote."""
        if self._asked is not None:
            self._asked.end()
        if "_scratch" in self.__dict__:
            self._scratch.cleanup()

    @cached_property
    def study(self) -> Study:
        """The bundled study."""
        from bayesasthma.study.bundle import load_study

        return load_study(STUDY)

    @property
    def options(self) -> SamplerOptions:
        """Those of the committed fits: the defaults."""
        from bayesasthma.inference.sampling import SamplerOptions

        return SamplerOptions()

    @cached_property
    def independent(self) -> Fit:
        """Single visits under flat priors, one SD over the arms."""
        from bayesasthma.inference.fitting import fit_table

        return fit_table(self.study, "independent", self.options)

    @cached_property
    def longitudinal(self) -> Fit:
        """The default fit."""
        from bayesasthma.inference.fitting import fit_table

        return fit_table(self.study, "longitudinal", self.options)

    @cached_property
    def joint(self) -> Fit:
        """All outcomes in one hierarchy."""
        from bayesasthma.inference.fitting import fit_table

        return fit_table(self.study, "joint", self.options)

    @cached_property
    def adverse(self) -> list[AdverseFit]:
        """Reactions: both models, both readings."""
        from bayesasthma.inference.adverse_fits import fit_adverse

        return fit_adverse(self.study, "weak", self.options)

    @cached_property
    def audit(self) -> AuditResult:
        """The audit of the bundled study."""
        from bayesasthma.auditing import audit

        return audit(self.study)

    def committed(self, name: str) -> pd.DataFrame:
        """A table of the released report of the bundled study, texts as they were written."""
        import pandas as pd

        from bayesasthma._files.output import as_written

        return as_written(pd.read_csv(answers("liu2025") / f"{name}.csv"))

    def published(self, name: str) -> pd.DataFrame:
        """A table of published answers, all cells as texts."""
        import pandas as pd

        return pd.read_csv(answers("published") / f"{name}.csv", dtype=str)

    def ask_graphs(self) -> None:
        """Let another process build the PyMC graphs and compute densities meanwhile."""
        from bayesasthma.validation.graph_densities import ask

        if self._asked is None:
            self._asked = ask(self.study)

    @cached_property
    def graphs(self) -> dict[str, Densities]:
        """Densities of the graphs by case, waited for."""
        self.ask_graphs()
        assert self._asked is not None
        return self._asked.answer()

"""From a finished pool to its page: what was pooled, how it was made, and with which versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from pathlib import Path

import bayesasthma
from bayesasthma.inference.sampling import versions
from bayesasthma.pooling.scales import RHO_LOCATION, RHO_LOCATION_SD, RHO_SPREAD
from bayesasthma.reporting.methods import bundle_argument
from bayesasthma.reporting.pooled import Pooled
from bayesasthma.reporting.pooled_report import write_pooled_report
from bayesasthma.results.pooled import PooledResults
from bayesasthma.study.study import Study


@dataclass(frozen=True)
class Made:
    """How a pool was made.

    Attributes
    ----------
    options : tuple of str
        Of the command, as it was given: ``("--outcome act", "--seed 1")``.
    seed : int
    started : str
        Date and time.
    """

    options: tuple[str, ...] = ()
    seed: int | None = None
    started: str = ""


def pooled_results(found: Pooled, studies: Sequence[Study], made: Made) -> PooledResults:
    """A pool with what its page says of the studies and of how it was made.

    Parameters
    ----------
    found : Pooled
    studies : sequence of Study
    made : Made
    """
    draws = {
        outcome: data
        if found.fits[outcome].spec.correlation.rho is not None
        # fixed correlations have no prior
        else data.assign_attrs(
            rho_location=RHO_LOCATION, rho_scale=hypot(RHO_LOCATION_SD, RHO_SPREAD)
        )
        for outcome, data in found.draws.items()
    }
    bundles = " ".join(bundle_argument(study) for study in studies)
    return PooledResults(
        draws,
        found.effects,
        found.studies,
        found.left_out,
        found.diagnostics,
        {study.name: study.citation or study.title for study in studies},
        " ".join(["bayesasthma pool", bundles, *made.options]),
        {
            "versions": {"bayesasthma": bayesasthma.__version__, **versions()},
            "seed": made.seed,
            "started": made.started,
            "checksums": {
                f"{study.name}/{name}": digest
                for study in studies
                for name, digest in study.checksums.items()
            },
        },
        found.events,
        found.event_studies,
        found.events_alone,
    )


def write_page(found: Pooled, studies: Sequence[Study], made: Made, folder: Path) -> list[Path]:
    """Write the page of a pool and its figures; see `write_pooled_report`."""
    return write_pooled_report(pooled_results(found, studies, made), folder)

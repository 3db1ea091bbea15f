"""Write the data of every Stan run: printed numbers and the prior, from the bundle and its design.

``python -m benchmarks.stan.data FOLDER`` writes one file a run in R's dump format, which rstan
reads, and ``runs.json`` with the labels that :mod:`benchmarks.stan.collect` needs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bayesasthma.inference.event_groups import distinct_readings
from bayesasthma.models.adverse_counts import READINGS, counts, log_odds_priors
from bayesasthma.models.design import Design, design
from bayesasthma.models.moments import constrained, effect_prior
from bayesasthma.models.specification import table_spec
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.study.bundle import load_study
from bayesasthma.study.study import Study
from bayesasthma.validation.second_implementation import folder

STUDIES = folder() / "studies"
#: Beside the prior set ``weak`` of every outcome: a centred one, and the flat one.
MORE_PRIORS = (("liu2025", "act", "enthusiastic"), ("liu2025", "act", "reference"))


@dataclass(frozen=True)
class Run:
    """One Stan fit: an outcome of a study, or its events under one reading."""

    study: str
    model: str
    prior: str
    outcome: str = ""
    reading: str = ""

    @property
    def name(self) -> str:
        """Of its files; the part before ``--`` is the Stan program."""
        program = "adverse" if self.reading else "longitudinal"
        return "--".join([program, self.study, self.outcome or self.reading, self.prior])


def studies() -> dict[str, Study]:
    """The bundled study and those that ship for validation, by name."""
    found = [load_study("liu2025"), *(load_study(path) for path in sorted(STUDIES.iterdir()))]
    return {study.name: study for study in found}


def runs(known: Mapping[str, Study]) -> list[Run]:
    """Every outcome and every reading of the counts under ``weak``, and some under other priors."""
    found = []
    for name, study in known.items():
        found += [Run(name, "longitudinal", "weak", str(own)) for own in study.outcomes.index]
        if not study.adverse.empty:
            readings = distinct_readings(study, READINGS)
            found += [Run(name, "hierarchical", "weak", reading=reading) for reading in readings]
    return found + [
        Run(name, "longitudinal", prior, outcome) for name, outcome, prior in MORE_PRIORS
    ]


def table_data(study: Study, run: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """Data of ``longitudinal.stan`` in the outcome's unit, and labels of its dimensions."""
    layout = design(study, [run.outcome])
    spec = table_spec("longitudinal", run.prior)
    (table,) = layout.tables  # all arms print the same rows
    assert table.balanced
    assert np.array_equal(table.arm, np.arange(len(layout.arms)))
    location, scale = (0.0, 1.0) if spec.prior.flat else _only(*effect_prior(layout, spec))
    meta = study.outcomes.loc[run.outcome]
    mcid = 0.0 if np.isnan(meta["mcid"]) else float(meta["mcid"])
    relative = meta["mcid_kind"] == "relative"
    unit, centre = layout.scale[0], layout.centre[0] * table.functional.sum(axis=1)
    common = constrained(layout, spec)
    values = {
        "arms": len(layout.arms),
        "visits": len(layout.visits),
        "printed": table.rows,
        "baseline": int(layout.baseline is not None),
        "common": int(common),
        "flat": int(spec.prior.flat),
        "functional": table.functional,
        "mean_printed": table.mean * unit + centre,
        "sd_printed": table.sd * unit,
        "mean_step": table.mean_step * unit,
        "sd_step": table.sd_step * unit,
        "n": table.n[:, 0],
        "n_arm": layout.n_arm,
        "weeks": layout.weeks,
        "effect_location": location,
        "effect_scale": scale,
        "direction": int(layout.direction[0]),
        "mcid_absolute": 0.0 if relative else mcid,
        "mcid_relative": mcid if relative else 0.0,
        **_pinned(layout),
    }
    free = "" if layout.baseline is None else "common" if common else "free"
    labels = {
        "arm": layout.arms,
        "visit": layout.visits,
        "follow_up": layout.follow_up,
        "has_mcid": bool(mcid and layout.direction[0]),
        "baseline": free,
        "flat": spec.prior.flat,
    }
    return values, labels


def _only(*arrays: np.ndarray) -> list[float]:
    return [float(array[0]) for array in arrays]


def _pinned(layout: Design) -> dict[str, Any]:
    """Published sample correlations with the first row: of all rows or of none."""
    (table,) = layout.tables
    pairs = [(i, j) for i in range(table.rows) for j in range(i)]
    first = np.array([j == 0 for _, j in pairs], dtype=bool)
    pinned = bool(pairs and table.pinned.any())
    assert np.array_equal(table.pinned, first & pinned)
    column = np.ones((len(layout.arms), table.rows))
    if pinned:
        column[:, 1:] = np.tanh(table.pinned_z[:, first])
    return {"pinned": int(pinned), "pinned_correlation": column}


def count_data(study: Study, run: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """Data of ``adverse.stan``, and labels of its dimensions."""
    cells = counts(study, run.reading)
    prior = log_odds_priors(cells, prior_set(run.prior))[0]
    values = {
        "arms": len(cells.arms),
        "reactions": len(cells.reactions),
        "cells": len(cells.events),
        "reaction": cells.reaction + 1,
        "arm": cells.arm + 1,
        "visit": cells.visit + 1,
        "cumulative": int(run.reading == "cumulative"),
        "events": cells.events,
        "at_risk": cells.at_risk,
        "n_arm": study.arms["n"].to_numpy(dtype=float),
        "fewer_location": prior.location,
        "fewer_scale": prior.scale,
    }
    labels = {
        "arm": cells.arms,
        "reaction": cells.reactions,
        "cell": [
            (cells.reactions[r], cells.arms[g], cells.visits[t])
            for r, g, t in zip(cells.reaction, cells.arm, cells.visit, strict=True)
        ],
        "baseline": "",
    }
    return values, labels


def dump(values: Mapping[str, Any]) -> str:
    """Numbers and arrays in R's dump format, arrays by column."""
    lines = []
    for name, value in values.items():
        array = np.asarray(value)
        numbers = [repr(own) for own in array.ravel(order="F").tolist()]
        text = numbers[0]
        if array.ndim:
            shape = ", ".join(map(str, array.shape))
            text = f"structure(c({', '.join(numbers)}), .Dim = c({shape}))"
        lines.append(f"{name} <- {text}\n")
    return "".join(lines)


def main() -> None:
    """Write the files into the folder named."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    known, record = studies(), {}
    for run in runs(known):
        prepare = count_data if run.reading else table_data
        values, labels = prepare(known[run.study], run)
        path, text = folder / f"{run.name}.data.R", dump(values)
        # a file that is as it was keeps its time, and its run need not be sampled again
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
        record[run.name] = asdict(run) | {"labels": labels}
    (folder / "runs.json").write_text(json.dumps(record, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()

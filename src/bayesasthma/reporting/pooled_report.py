"""The page of a pool of studies: `report.html`, one file that asks for nothing elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma._files.output import write_bytes, write_text
from bayesasthma.comparison.two_step import disagreement, two_step
from bayesasthma.errors import BayesAsthmaError
from bayesasthma.plots import forest as forests
from bayesasthma.plots import pooled as figures
from bayesasthma.reporting.captioned_figure import Drawing, Picture, draw, paint
from bayesasthma.reporting.pooled_event_section import (
    event_answer,
    event_content,
    event_drawings,
    event_limits,
    event_methods,
)
from bayesasthma.reporting.pooled_sentences import (
    answer,
    benefit,
    correlation_sentences,
    decimals_of,
    effect_text,
    gate_sentence,
    headline_row,
    heterogeneity_sentence,
    limits,
    methods,
    outcome_label,
    range_text,
    tau_range,
    tau_text,
    unit_text,
)
from bayesasthma.reporting.tables import gate_rows
from bayesasthma.reporting.wording import chance, number
from bayesasthma.reporting.writing import page_environment
from bayesasthma.results.pooled import PooledResults, headline_week, prior_of_rho

#: Name of the page, and of the folder of its figures.
PAGE, FIGURES = "report.html", "figures"


@dataclass(frozen=True)
class OutcomeSection:
    """One pooled outcome on the page; rows as printed."""

    id: str
    name: str
    label: str
    unit: str
    week: str
    heterogeneity: str
    weeks: list[list[str]]
    judged: bool
    studies: list[list[str]]
    alone: bool
    left_out: list[list[str]]
    two_step: list[list[str]]
    disagreement: list[str]
    correlations: list[list[str]]
    correlation_text: list[str]
    reaction: bool


def write_pooled_report(results: PooledResults, folder: str | Path) -> list[Path]:
    """Write ``report.html`` and its figures into a folder.

    Parameters
    ----------
    results : PooledResults
    folder : str or Path

    Returns
    -------
    list of Path
        Figures and page.

    Raises
    ------
    BayesAsthmaError
        If a file cannot be written.
    """
    folder = Path(folder)
    content, pictures = paint(drawings(results), lambda: page_content(results))
    content["figures"] = {
        section: [picture for picture in pictures if picture.section == section]
        for section in dict.fromkeys(picture.section for picture in pictures)
    }
    page = page_environment().get_template("pooled.html.j2").render(content)
    try:
        written = [_figure(picture, folder / FIGURES) for picture in pictures]
        write_text(page, folder / PAGE)
    except OSError as error:
        where = error.filename or folder
        raise BayesAsthmaError(f"cannot write {where}: {error.strerror or error}") from error
    return [*written, folder / PAGE]


def _figure(picture: Picture, folder: Path) -> Path:
    path = folder / f"{picture.name}.{picture.wide.suffix}"
    write_bytes([picture.wide.content], path)
    return path


def section_id(place: int) -> str:
    """Id of an outcome's section: its place, for an outcome's own id may be anything."""
    return f"outcome-{place + 1}"


def page_content(results: PooledResults) -> dict[str, Any]:
    """What the template prints, but for figures."""
    sections = [
        _section(results, outcome, section_id(place)) for place, outcome in enumerate(results.draws)
    ]
    run = dict.fromkeys(("versions", "seed", "started", "checksums", "timings"))
    return {
        "results": results,
        "studies": _studies(results),
        "answer": answer(results),
        "events_answer": event_answer(results),
        "events": event_content(results),
        "gate": gate_sentence(results),
        "headline": [_headline(results, outcome, section_id(place))
                     for place, outcome in enumerate(results.draws)],
        "sections": sections,
        "judged": any(section.judged for section in sections),
        "limits": [*limits(results), *event_limits(results)],
        "gate_rows": gate_rows(results.diagnostics),
        "methods": [*methods(results), *event_methods(results)],
        "run": run | dict(results.run),
    }  # fmt: skip


def drawings(results: PooledResults) -> list[Drawing]:
    """Figures of every outcome, in the order of the page."""
    made = []
    for place, (outcome, data) in enumerate(results.draws.items()):
        section, studies = section_id(place), results.of(outcome, "studies")
        name, week = outcome_label(data), f"{headline_week(data):g}"
        side = {1.0: "a benefit is to the right", -1.0: "a benefit is to the left"}.get(
            float(data.attrs["direction"]), "no side is a benefit"
        )
        alone = (
            "Grey squares: each study alone, larger for more patients; blue dots: its effect in "
            if bool(studies["alone_mean"].notna().any())
            else "Blue dots: effect of each study in "
        )
        said = (
            f"{alone}the pool; diamond: mean effect; bar: true effect in a new study; with 95 % "
            f"intervals; {side}."
        )
        dotted = " Dotted: the MCID." if np.isfinite(float(data.attrs["mcid"])) else ""
        made.append(
            draw(f"{section}-forest", section, f"Forest plot of {name} at week {week}.",
                 f"{name} at week {week}. {said}{dotted}", forests.forest, data, studies)
        )  # fmt: skip
        if data.sizes["week"] > 1:
            up = side.replace("to the right", "upwards").replace("to the left", "downwards")
            made.append(
                draw(f"{section}-weeks", section, f"Effect on {name} over the weeks.",
                     f"Mean effect on {name} by week with its 95 % interval, and that of the true "
                     f"effect in a new study; points: studies in the pool; {up}.{dotted}",
                     figures.effects_by_week, data)
            )  # fmt: skip
            made.append(
                draw(f"{section}-forests", section, f"Forest plots of {name} by week.",
                     f"The same as the first figure, at every week with a visit. {said}",
                     forests.forests, data, studies)
            )  # fmt: skip
        made.append(
            draw(f"{section}-heterogeneity", section, f"Prior and posterior of τ for {name}.",
                 f"τ at week {week}. Where the posterior lies on the prior, the studies say "
                 "nothing of it. Line: posterior median.", figures.heterogeneity, data)
        )  # fmt: skip
        table = results.of(outcome, "left_out")
        if len(table[table["week"] == headline_week(data)]):
            made.append(
                draw(f"{section}-left-out", section, f"Mean effect on {name} without each study.",
                     f"Mean effect on {name} at week {week}, of all studies and without each of "
                     "them; band: 95 % interval of all.", figures.left_out, data, table)
            )  # fmt: skip
        if bool(data["rho"].notnull().any()):
            made.append(
                draw(f"{section}-correlations", section, f"Correlations of visits for {name}.",
                     "Typical correlation of a patient's visits in each study: by itself, and in "
                     "the pool; grey: what the prior says of any study.",
                     figures.correlations, data, studies)
            )  # fmt: skip
    return [*made, *event_drawings(results)]


def _studies(results: PooledResults) -> list[list[str]]:
    """Study, citation, patients, and the outcomes and reactions that it is pooled for."""
    found: dict[str, list[str]] = {}
    patients: dict[str, int] = {}
    for data in results.draws.values():
        for name in map(str, data["study"].to_numpy()):
            found.setdefault(name, []).append(outcome_label(data))
            n = int(data["patients"].sel(study=name))
            patients[name] = max(n, patients.get(name, 0))
    for own in results.event_studies.to_dict("records"):
        name = str(own["study"])
        found.setdefault(name, []).append(str(own["reaction"]))
        patients[name] = max(own["control_n"] + own["treated_n"], patients.get(name, 0))
    return [
        [name, results.citations.get(name, ""), str(patients[name]), ", ".join(outcomes)]
        for name, outcomes in found.items()
    ]


def _headline(results: PooledResults, outcome: str, link: str) -> dict[str, Any]:
    data, row = results.draws[outcome], headline_row(results, outcome)
    beyond = float(row["p_benefit_gt_mcid"])
    new = float(row["p_benefit_new"])
    return {
        "id": link,
        "name": outcome_label(data),
        "label": str(data.attrs["label"]),
        "unit": unit_text(data) or "ratio",
        "week": f"{row['week']:g}",
        "studies": f"{int(row['n_studies_at_week'])} of {int(row['n_studies'])}",
        "effect": effect_text(data, row),
        "benefit": benefit(row),
        "beyond": chance(beyond, row["ess_bulk"]) if np.isfinite(beyond) else "–",
        "new": range_text(data, row, "predictive_q025", "predictive_q975"),
        "new_benefit": chance(new, row["ess_bulk"]) if np.isfinite(new) else "–",
        "tau": tau_text(data),
        "passed": row["gate"] == "pass",
    }


def _section(results: PooledResults, outcome: str, link: str) -> OutcomeSection:
    data = results.draws[outcome]
    effects, studies = results.of(outcome, "effects"), results.of(outcome, "studies")
    left_out = results.of(outcome, "left_out")
    week = headline_week(data)
    steps = two_step(data, studies)
    by_week = effects.set_index("week")
    at = steps[steps["week"] == week]
    judged = bool(effects["p_benefit_gt_mcid"].notna().any())
    return OutcomeSection(
        id=link,
        name=outcome_label(data),
        label=str(data.attrs["label"]),
        unit=unit_text(data) or "ratio",
        week=f"{week:g}",
        heterogeneity=heterogeneity_sentence(data),
        weeks=[_week(data, row, judged) for _, row in effects.iterrows()],
        judged=judged,
        studies=[_study(data, row) for _, row in studies.iterrows()],
        alone=bool(studies["alone_mean"].notna().any()),
        left_out=[_left_out(data, row) for _, row in left_out[left_out["week"] == week].iterrows()],
        two_step=[row for _, own in steps.iterrows()
                  for row in _steps(data, own, by_week.loc[own["week"]])],
        disagreement=disagreement(at.iloc[0], headline_row(results, outcome)) if len(at) else [],
        correlations=_correlations(data, studies),
        correlation_text=correlation_sentences(studies),
        reaction=data.attrs.get("kind") == "reaction",
    )  # fmt: skip


def _week(data: xr.Dataset, row: pd.Series, judged: bool) -> list[str]:
    beyond, new = float(row["p_benefit_gt_mcid"]), float(row["p_benefit_new"])
    return [
        f"{row['week']:g}",
        str(int(row["n_studies_at_week"])),
        effect_text(data, row),
        benefit(row),
        *([chance(beyond, row["ess_bulk"])] if judged else []),
        range_text(data, row, "predictive_q025", "predictive_q975"),
        chance(new, row["ess_bulk"]) if np.isfinite(new) else "–",
        tau_range(data, data["heterogeneity"].sel(week=row["week"])),
        str(row["gate"]),
    ]


def _study(data: xr.Dataset, row: pd.Series) -> list[str]:
    return [
        str(row["study"]),
        f"{row['week']:g}",
        str(int(row["n_patients"])),
        effect_text(data, row, "alone_"),
        effect_text(data, row),
        benefit(row),
        str(row["gate"]),
    ]


def _left_out(data: xr.Dataset, row: pd.Series) -> list[str]:
    return [
        str(row["left_out"]),
        effect_text(data, row),
        benefit(row),
        range_text(data, row, "predictive_q025", "predictive_q975"),
        str(row["alone_within"]) or "–",
        str(row["gate"]),
    ]


def _steps(data: xr.Dataset, row: pd.Series, pooled: pd.Series) -> list[list[str]]:
    """A week's four answers, one row each."""
    shown, places = forests.as_shown(data), decimals_of(data, pooled)

    def text(*names: str) -> str:
        ends = [number(shown(float(row[name])), places) for name in names]
        if "n/a" in ends:
            return "–"
        return f"{ends[0]} ({ends[1]} to {ends[2]})" if len(ends) == 3 else " to ".join(ends)

    digits = int(np.clip(1 - np.floor(np.log10(float(pooled["sd"]))), 0, 6))
    week = f"{row['week']:g}"
    new = range_text(data, pooled, "predictive_q025", "predictive_q975")
    bayes_tau, reml_tau = (number(float(row[name]), digits) for name in ("bayes_tau", "reml_tau"))
    middle = number(float(data["heterogeneity"].sel(week=row["week"]).median()), digits)
    return [
        [week, "pooled model", effect_text(data, pooled), middle, new],
        [week, "two steps, same prior of τ", text("bayes_mean", "bayes_low", "bayes_high"),
         bayes_tau, text("bayes_new_low", "bayes_new_high")],
        [week, "two steps, REML and HKSJ", text("reml_mean", "reml_low", "reml_high"), reml_tau,
         text("reml_new_low", "reml_new_high")],
        [week, "the same, ad hoc", text("reml_mean", "ad_hoc_low", "ad_hoc_high"), reml_tau, "–"],
    ]  # fmt: skip


def _correlations(data: xr.Dataset, studies: pd.DataFrame) -> list[list[str]]:
    rows, prior = [], prior_of_rho(data)
    before = "–" if prior is None else f"{prior[0]:.2f} (SD {prior[1]:.2f})"
    for row in studies.drop_duplicates("study").to_dict("records"):
        texts = [
            f"{float(row[f'{name}_mean']):.2f} (SD {float(row[f'{name}_sd']):.2f})"
            if np.isfinite(float(row[f"{name}_mean"]))
            else "–"
            for name in ("rho_alone", "rho")
        ]
        if texts != ["–", "–"]:
            rows.append([str(row["study"]), before, *texts])
    return rows

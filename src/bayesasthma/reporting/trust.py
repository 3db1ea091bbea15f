"""What the calibration that ships with the package says about the models of a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bayesasthma.calibration.cases import CASES, PAPER, at_paper_sizes
from bayesasthma.calibration.figures import (
    FEWEST,
    misspecification_figure,
    operating_figure,
    rank_figure,
    reliability_figure,
)
from bayesasthma.calibration.proof import stale
from bayesasthma.calibration.reliability import (
    claim_title,
    limits,
    read_reliability,
    share_true,
)
from bayesasthma.calibration.tabulation import size_label
from bayesasthma.plots.style import outcome_name
from bayesasthma.reporting.captioned_figure import Drawing, single
from bayesasthma.reporting.shipped_proof import proof_folder
from bayesasthma.reporting.wording import listed
from bayesasthma.study.study import Study

#: The quantity a reader asks about first, by model.
HEADLINES = {
    "longitudinal": "adjusted_difference[week48]",
    "joint": "adjusted_difference[week48]",
    "independent": "difference[week48]",
    "adverse": "risk_difference[severe_systemic, week48]",
}

#: Cases and claims whose probabilities are set out; every fit of a study takes its unit from the
#: table.
QUOTED = {
    ("longitudinal-own-unit", "benefit"),
    ("longitudinal-own-unit", "benefit_gt_mcid"),
    ("joint", "all_improve:primary"),
    ("joint", "all_improve:directed"),
    ("adverse-per-visit", "benefit"),
    ("adverse-cumulative", "benefit"),
}


@dataclass(frozen=True)
class Trust:
    """The proof in brief.

    Attributes
    ----------
    about : str
        How the simulated studies compare with the one in hand; blank where no study is.
    cases : list of tuple
        Title, replicates, quantities, how many of them are calibrated, and the coverage of the 95 %
        interval of the headline quantity, as text.
    claims : list of list of str
        What is quoted of the last visit, the model, and by interval of the posterior probability
        the share of studies in which it was true, with its interval and the number of studies.
    probabilities : list of str
        Those intervals.
    sizes : list of (str, str)
        True effect in baseline SDs, and coverage with its interval, of the default model when it
        takes its unit from the table, as every fit of a study does.
    scenarios : list of tuple
        What is wrong with the patients, coverage with its interval, verdict; as text, the worst
        first.
    drawings : list of Drawing
        Ranks of the default model, probabilities, coverage by scenario, decision rules.
    missing : list of str
        Parts of the proof that have not been made.
    stale : bool
        Whether the package's source has changed since.
    """

    about: str
    cases: list[tuple[str, str, str, str, str]]
    claims: list[list[str]]
    probabilities: list[str]
    sizes: list[tuple[str, str]]
    scenarios: list[tuple[str, str, str]]
    drawings: list[Drawing]
    missing: list[str]
    stale: bool


def trust(folder: Path | None = None, study: Study | None = None) -> Trust | None:
    """Read the proof, of the models that suit a study; None if there is none."""
    folder = folder or proof_folder()
    if folder is None or not (folder / "ranks.csv").is_file():
        return None
    ranks = pd.read_csv(folder / "ranks.csv")
    cases = []
    models = _models(study)
    ranks = ranks[ranks["case"].map(_model_of()).isin(models)]
    for case in CASES:
        own = ranks[ranks["case"] == case.name]
        if own.empty:
            continue
        last = own[own["quantity"].str.startswith(HEADLINES[case.model].partition("[")[0] + "[")]
        exact = last[last["quantity"] == HEADLINES[case.model]]
        headline = exact if len(exact) else last.tail(1)
        cases.append(
            (
                case.title,
                f"{own['replicates'].max():,}",
                str(len(own)),
                str(int((own["verdict"] == "calibrated").sum())),
                f"{100 * headline['coverage_95'].iloc[0]:.1f} %",
            )
        )
    claims = read_reliability(folder / "reliability.csv")
    claims = claims[claims["case"].map(_model_of()).isin(models)]
    sizes, wrong, rules = (
        _table(folder / f"{name}.csv") if "longitudinal" in models else pd.DataFrame()
        for name in ("sizes", "misspecification", "operating")
    )
    if len(wrong):
        wrong["title"] = [_without_instrument(str(title), study) for title in wrong["title"]]
    found = stale(folder)
    return Trust(
        _about(study),
        cases,
        _claims(claims, study),
        limits(claims),
        _sizes(sizes),
        _scenarios(wrong),
        _drawings(ranks, claims, wrong, rules),
        [
            name
            for name, why in found.items()
            if why == "missing" and ("longitudinal" in models or name in _model_of())
        ],
        any(why != "missing" for why in found.values()),
    )


def _model_of() -> dict[str, str]:
    """The model of every case."""
    return {case.name: case.model for case in CASES}


def _models(study: Study | None) -> set[str]:
    """Models that are fitted to means and SDs, to counts, or both."""
    every = {case.model for case in CASES}
    if study is None:
        return every
    found = set() if study.outcomes.empty else every - {"adverse"}
    return found | ({"adverse"} if len(study.adverse) else set())


def _about(study: Study | None) -> str:
    """How the sizes and the schedule of the simulated studies compare with the study's."""
    if study is None:
        return ""
    sizes = [int(n) for n in study.arms["n"]]
    paper = listed([str(n) for n in PAPER])
    if sorted(sizes) == sorted(PAPER):
        return ""
    steps = listed(
        [
            f"{a} and {b}" if a != b else f"{a} each"
            for (a, *_), (b, *_) in dict.fromkeys(case.n for case in CASES)
            if (a, b) != PAPER
        ],
        "or",
    )
    return (
        f"The simulated studies have two arms of {paper} patients, as the bundled study has; some "
        f"cases have {steps}. This study has arms of {listed(sizes)}. Where no size is named "
        f"below, the figures are those of {paper} patients: larger studies lean less on "
        "the prior, smaller ones more."
    )


def _without_instrument(title: str, study: Study | None) -> str:
    """A scenario's title without the questionnaire it is like, unless the study has that one."""
    said, found, instrument = title.rpartition(", as ")
    if not found or study is None:
        return title
    own = {outcome_name(study, str(name)) for name in study.outcomes.index}
    return title if instrument in own else said


def _table(path: Path) -> pd.DataFrame:
    """A table of the proof; empty if that part has not been made."""
    return pd.read_csv(path, keep_default_na=False) if path.is_file() else pd.DataFrame()


def _drawings(
    ranks: pd.DataFrame, claims: pd.DataFrame, wrong: pd.DataFrame, rules: pd.DataFrame
) -> list[Drawing]:
    found = []
    default = ranks[ranks["case"] == "longitudinal"]
    if len(default):
        found.append(
            single(
                "proof_ranks",
                "trust",
                "Empirical distribution of ranks minus the uniform one, by estimand.",
                f"Ranks of the truth under the default model at {listed(PAPER)} patients, one line "
                "per quantity: the share of studies with a smaller rank, minus what is expected. "
                "The band holds 95 % of the lines of calibrated quantities.",
                rank_figure,
                default,
                "",
            )
        )
    if len(claims):
        found.append(
            single(
                "proof_claims",
                "trust",
                "Share of studies in which a claim was true, by the probability quoted.",
                "Are quoted probabilities right? The share of simulated studies in which a claim "
                f"about the last visit was true ({listed(PAPER)} patients), by its posterior "
                "probability, with its 95 % interval. On the grey line a probability is right as "
                "often as it says. "
                f"Probabilities shared by fewer than {FEWEST} studies are left out.",
                reliability_figure,
                claims,
                at_paper_sizes(),
            )
        )
    if len(wrong):
        found.append(
            single(
                "proof_scenarios",
                "trust",
                "Coverage of the 95 % interval by scenario.",
                f"Patients who break the assumptions ({listed(PAPER)} of them): coverage of the "
                "posterior's 95 % interval, with its Monte Carlo error, and of an analysis of the "
                "patients themselves, which "
                "no reader of a paper can do.",
                misspecification_figure,
                wrong,
            )
        )
    if len(rules):
        found.append(
            single(
                "proof_rules",
                "trust",
                "Share of trials in which a decision rule declares a benefit, by true benefit.",
                f"Decision rules at {listed(PAPER)} patients: at a true benefit of 0 the share is "
                "the error rate, elsewhere the power; grey, the tests of the same trials.",
                operating_figure,
                rules,
            )
        )
    return found


def _claims(table: pd.DataFrame, study: Study | None) -> list[list[str]]:
    titles = at_paper_sizes()
    simulated = [str(name) for name in dict.fromkeys(table["subject"].dropna()) if str(name)]
    known = set(simulated) if study is None else set(study.event_directions)
    chosen = table[pd.MultiIndex.from_frame(table[["case", "claim"]]).isin(QUOTED)]
    return [
        [
            claim_title(str(claim), str(subject))
            if str(subject) in known | {""}
            else f"{claim_title(str(claim), '')}, event {simulated.index(str(subject)) + 1}",
            titles[str(case)],
            *(share_true(row) for _, row in own.iterrows()),
        ]
        for (case, claim, subject), own in chosen.groupby(["case", "claim", "subject"], sort=False)
    ]


def _sizes(table: pd.DataFrame) -> list[tuple[str, str]]:
    if table.empty:
        return []
    return [
        (
            size_label(row["size_from"], row["size_to"]),
            _coverage(row["coverage_95"], row["coverage_low"], row["coverage_high"]),
        )
        for _, row in table[table["case"] == "longitudinal-own-unit"].iterrows()
        if row["studies"]
    ]


def _coverage(share: float, low: float, high: float) -> str:
    return f"{100 * share:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def _scenarios(table: pd.DataFrame) -> list[tuple[str, str, str]]:
    if table.empty:
        return []
    table = table.sort_values("coverage", kind="stable")
    return [
        (
            str(row["title"]),
            _coverage(row["coverage"], row["coverage_low"], row["coverage_high"]),
            str(row["verdict"]),
        )
        for _, row in table.iterrows()
    ]

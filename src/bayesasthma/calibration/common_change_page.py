"""The page's section on studies in which all patients improve alike."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bayesasthma.calibration.common_change_table import (
    ERRORS,
    HOLDS,
    LEANS,
    MOST_SHIFT,
    REFERENCE,
    UNDECIDED,
    read_common_change,
)

#: Of the model that ``common_change_before.csv`` tells of: the commit it was made with.
FIRST_EDITION = "0af8b09"
STUDIES = {"free": "cohort", "common": "randomised"}

HEADER = [
    "study", "correlation", "patients an arm", "studies", "bias", "ANCOVA's", "shift",
    "95 % interval held 0", "ANCOVA's", "P(benefit) > 0.975", "ANCOVA's p < 0.025",
    "mean P(benefit)", "ANCOVA's 1 − p", "verdict",
]  # fmt: skip


def common_change_section(folder: Path) -> str:
    """As Markdown: the present model's table, and the first edition's for comparison."""
    table = read_common_change(folder / "common_change.csv")
    before = read_common_change(folder / "common_change_before.csv")
    if table.empty:
        return ""
    improvements = " / ".join(f"{own:g}" for own in sorted(set(table["improvement"])))
    parts = [
        "## When all patients improve alike\n",
        (
            "Simulated studies without any effect of the treatment, in which every patient of both "
            f"arms improves by {improvements} baseline SDs (so the entries of a cell) from the "
            "first follow-up visit on (to the decimals that the table prints). The patients are "
            "the same at every improvement. *Bias* of "
            "the posterior mean of the baseline-adjusted difference at the last visit, in "
            "standard errors of ANCOVA; *shift*: its difference from the same studies without "
            "improvement. Stated before any run: a cell *holds* if its shift is at most "
            f"{MOST_SHIFT:g} standard errors plus {ERRORS:g} Monte Carlo errors, *leans* if it is "
            f"larger, and is *undecided* if {ERRORS:g} Monte Carlo errors are themselves more than "
            f"{MOST_SHIFT:g}. Default model and prior, from the printed table; ANCOVA had the "
            "patients' own data, and is the same at every improvement: a bias that it shares is "
            "these patients' chance. The correlation is the true one, which the table does not "
            "tell.\n"
        ),
        _summary(table),
        _rows(table),
        "![Frequency properties by common improvement](figures/common-change.png)\n",
    ]
    if not before.empty:
        parts += [
            "### Before\n",
            (
                "The same of the model of the first edition, made with its code "
                f"(commit `{FIRST_EDITION}`): a record that is not renewed. The prior of its path "
                "was the control arm's, and drew that arm's change towards 0.\n"
            ),
            _summary(before),
            _rows(before),
        ]
    return "\n".join(parts)


def _summary(table: pd.DataFrame) -> str:
    moved = table[table["verdict"] != REFERENCE]
    worst = moved.iloc[int(moved["shift"].abs().argmax())]
    counts = {own: int((moved["verdict"] == own).sum()) for own in (HOLDS, LEANS, UNDECIDED)}
    verdict = (
        f"{counts[HOLDS]} of {len(moved)} hold, {counts[LEANS]} lean, "
        f"{counts[UNDECIDED]} are undecided"
    )
    most = table.filter(like="_error").max()
    text = (
        f"Cells with an improvement: {verdict}. Largest shift: {worst['shift']:+.3f} ± "
        f"{worst['shift_error']:.3f} ({STUDIES[str(worst['baseline'])]}, correlation "
        f"{worst['rho']:g}, {worst['n']:g} an arm, improvement {worst['improvement']:g}). Monte "
        f"Carlo standard errors are at most {most['bias_error']:.2f} of a bias, "
        f"{most['shift_error']:.3f} of a shift, {100 * most['coverage_error']:.1f} % of a "
        f"coverage, {100 * most['type_1_error']:.1f} % of an error rate, "
        f"{most['p_benefit_error']:.3f} of a mean P(benefit).\n"
    )
    return text.replace("-0.", "−0.")


def _rows(table: pd.DataFrame) -> str:
    lines = ["| " + " | ".join(HEADER) + " |", "|" + "---|" * len(HEADER)]
    for (baseline, rho, n), own in table.groupby(["baseline", "rho", "n"], sort=False):
        moved = own[own["verdict"] != REFERENCE]
        verdicts = list(moved["verdict"])
        cells = [
            STUDIES[str(baseline)],
            f"{rho:g}",
            f"{n:g}",
            f"{own['studies'].max()}",
            _each(own["bias"], "+z.2f"),
            _each(own["ancova_bias"].iloc[:1], "+z.2f"),
            _each(moved["shift"], "+z.3f"),
            _each(100 * own["coverage"], ".1f") + " %",
            f"{100 * own['ancova_coverage'].iloc[0]:.1f} %",
            _each(100 * own["type_1"], ".1f") + " %",
            f"{100 * own['ancova_type_1'].iloc[0]:.1f} %",
            _each(own["p_benefit"], ".3f"),
            _each(own["ancova_p_benefit"].iloc[:1], ".3f"),
            verdicts[0] if len(set(verdicts)) == 1 else " / ".join(verdicts),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _each(values: pd.Series, form: str) -> str:
    return " / ".join(format(value, form).replace("-", "−") for value in values)

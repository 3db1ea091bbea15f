"""``calibration/README.md``: the proof's tables as a page, written by the run that made them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from bayesasthma.calibration.cases import CASES
from bayesasthma.calibration.common_change_page import common_change_section
from bayesasthma.calibration.misspecification import DISTRUST_BELOW, TRUST_FROM
from bayesasthma.calibration.reliability import (
    claim_title,
    limits,
    read_reliability,
    share_true,
)
from bayesasthma.calibration.tabulation import FALSE_ALARM, outside_band, size_label

Record = dict[str, Any]
#: Every part of the proof, in the order of the page.
SECTIONS = (*(case.name for case in CASES), "misspecification", "operating", "common-change")


def page(folder: Path, record: Record) -> str:
    """The page as Markdown; sections without a table are left out."""
    parts = [
        "# Calibration\n\nWritten by `make calibration`. `docs/trust.md` says what it means.\n",
        _cases(folder / "ranks.csv", folder / "fits.csv"),
        _reliability(folder / "reliability.csv"),
        _sizes(folder / "sizes.csv"),
        _scenarios(folder / "misspecification.csv"),
        _rules(folder / "operating.csv"),
        common_change_section(folder),
        _missing(record),
        _made(record, folder / "ranks.csv"),
    ]
    return "\n".join(part for part in parts if part)


def _missing(record: Record) -> str:
    missing = [name for name in SECTIONS if name not in record.get("sections", {})]
    if not missing:
        return ""
    names = ", ".join(f"`{name}`" for name in missing)
    return f"## Not made yet\n\nNothing is claimed of {names}; `make calibration` makes them.\n"


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (header, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(header), *lines[1:]]) + "\n"


def _cases(ranks_path: Path, fits_path: Path) -> str:
    if not ranks_path.is_file():
        return ""
    ranks, fits = pd.read_csv(ranks_path), pd.read_csv(fits_path).set_index("case")
    rows, deviating, figures = [], [], []
    for case in CASES:
        own = ranks[ranks["case"] == case.name]
        if own.empty:
            continue
        fit: dict[Any, Any] = fits.loc[case.name].to_dict()
        rows.append(
            [
                case.title,
                f"{own['replicates'].max()}",
                f"{(own['verdict'] == 'calibrated').sum()} of {len(own)}",
                f"{own['chi2_p_holm'].min():.2g}",
                f"{outside_band(own)} ({0.05 * len(own):.1f})",
                *(
                    f"{100 * own[f'coverage_{level}'].min():.1f}–"
                    f"{100 * own[f'coverage_{level}'].max():.1f} %"
                    for level in (50, 80, 95)
                ),
                f"{int(fit['repeated'])} of {int(fit['fits'])}",
                f"{int(fit['fits_with_divergences'])}",
            ]
        )
        wrong = own[own["verdict"] != "calibrated"]
        deviating += [
            [
                case.title,
                f"`{row['quantity']}`",
                f"{row['chi2_p_holm']:.2g}",
                f"{100 * row['coverage_95']:.1f} %",
                f"{row['mean_z']:.2f}",
                f"{row['sd_z']:.2f}",
            ]
            for _, row in wrong.iterrows()
        ]
        figures.append(f"![ECDF of ranks: {case.title}](figures/{case.name}.png)\n")
    header = [
        "case", "replicates", "calibrated", "smallest p (Holm)", "outside the band (expected)",
        "50 % intervals", "80 % intervals", "95 % intervals",
        "fits repeated", "fits with a divergence",
    ]  # fmt: skip
    text = [
        "## Ranks and coverage\n",
        (
            "A quantity is *calibrated* if its χ² test of uniform ranks is not rejected and its "
            "50, 80 and 95 % intervals hold the truth as often as they say, up to chance: a false "
            f"alarm rate of {FALSE_ALARM:g} per case for each of the two checks. Intervals: "
            "smallest and largest share over all quantities. Figures show the ECDF of ranks less "
            "the uniform one, with a band that 95 % of calibrated quantities never leave: the "
            "table counts those that do, beside 5 % of all. Quantities of a case are dependent, "
            "so that they leave it together.\n"
        ),
        _table(header, rows),
    ]
    if deviating:
        text += [
            "What deviates:\n",
            _table(
                ["case", "quantity", "p (Holm)", "95 % intervals", "mean z", "SD of z"], deviating
            ),
        ]
    return "\n".join([*text, *figures])


def _reliability(path: Path) -> str:
    table = read_reliability(path)
    if table.empty:
        return ""
    titles = {case.name: case.title for case in CASES}
    rows = [
        [
            titles[str(case)],
            claim_title(str(claim), str(subject)),
            *(
                f"{100 * row['quoted']:.1f} → {share_true(row)}" if row["studies"] else "–"
                for _, row in own.iterrows()
            ),
        ]
        for (case, claim, subject), own in table.groupby(["case", "claim", "subject"], sort=False)
    ]
    return "\n".join(
        [
            "## Bayesian operating characteristics: are quoted probabilities right?\n",
            (
                "Over studies drawn from the prior, how often a claim made with some probability "
                "is true (type I error and power, below, are the frequentist counterpart). "
                "What is quoted of the last visit, by its posterior probability (columns): mean "
                "probability → share of studies in which it was true (its 95 % interval; number "
                "of studies). These fits are short: the Monte Carlo error of a probability is up "
                f"to {table['mcse'].max():.2f} (root mean square of a cell).\n"
            ),
            _table(["case", "claim", *limits(table)], rows),
            "![Share of true claims by the probability quoted](figures/reliability.png)\n",
        ]
    )


def _sizes(path: Path) -> str:
    if not path.is_file():
        return ""
    table = pd.read_csv(path)
    titles = {case.name: case.title for case in CASES}
    bounds = list(dict.fromkeys(zip(table["size_from"], table["size_to"], strict=True)))
    rows = []
    for case, own in table.groupby("case", sort=False):
        cells = [
            f"{100 * row['coverage_95']:.1f} % ({100 * row['coverage_low']:.0f} to "
            f"{100 * row['coverage_high']:.0f}; {row['studies']})"
            if row["studies"]
            else "–"
            for _, row in own.iterrows()
        ]
        rows.append([titles[str(case)], *cells])
    header = [size_label(low, high) for low, high in bounds]
    return "\n".join(
        [
            "## Coverage by the size of the true effect\n",
            (
                "Share of 95 % intervals of the baseline-adjusted difference at the last visit "
                "that hold the truth (its 95 % interval; number of studies), by the true effect in "
                "true baseline SDs.\n"
            ),
            _table(["case", *header], rows),
        ]
    )


def _scenarios(path: Path) -> str:
    if not path.is_file():
        return ""
    table = pd.read_csv(path)
    rows = [
        [
            str(row["title"]),
            f"{row['studies']}",
            (
                f"{100 * row['coverage']:.1f} % ({100 * row['coverage_low']:.0f} to "
                f"{100 * row['coverage_high']:.0f})"
            ),
            f"{row['bias']:+.2f}",
            f"{row['width']:.2f}",
            f"{100 * row['ancova_coverage']:.1f} %",
            f"{row['ancova_width']:.2f}",
            str(row["verdict"]),
        ]
        for _, row in table.iterrows()
    ]
    header = [
        "patients", "studies", "95 % interval held the truth", "bias", "width",
        "ANCOVA of the patients held it", "width", "verdict",
    ]  # fmt: skip
    return "\n".join(
        [
            "## When to distrust the package\n",
            (
                "The headline (baseline-adjusted difference at the last visit) of the default "
                "model, from the table printed of patients who break its assumptions. Bias and "
                f"widths in baseline SDs. Trust from {100 * TRUST_FROM:g} % on, distrust below "
                f"{100 * DISTRUST_BELOW:g} %, caution between. ANCOVA had the patients' own data.\n"
            ),
            _table(header, rows),
            "![Coverage by scenario](figures/misspecification.png)\n",
        ]
    )


def _rules(path: Path) -> str:
    if not path.is_file():
        return ""
    table = pd.read_csv(path, keep_default_na=False)
    benefits = sorted(set(table["benefit"]))
    rows = []
    for (rule, prior), own in table.groupby(["rule", "prior"], sort=False):
        rate = own.set_index("benefit")
        cells = [
            f"{100 * rate.loc[d, 'rate']:.1f} ± {100 * rate.loc[d, 'error']:.1f} %"
            for d in benefits
        ]
        rows.append([str(rule), str(prior) or "–", *cells])
    return "\n".join(
        [
            "## Operating characteristics\n",
            (
                "Share of simulated trials (18 and 19 patients, correlation 0.6, MCID half a "
                "baseline SD) in which a rule declares a benefit, ± Monte Carlo standard error. "
                "Columns: the true benefit at every follow-up visit, in baseline SDs; at 0 the "
                "share is the type-I error.\n"
            ),
            _table(["rule", "prior", *(f"{benefit:g}" for benefit in benefits)], rows),
            "![Rates of decision rules](figures/operating.png)\n",
        ]
    )


def _made(record: Record, ranks_path: Path) -> str:
    held = record.get("sections", {})
    if not held:
        return ""
    replicates = {}
    if ranks_path.is_file():
        replicates = pd.read_csv(ranks_path).groupby("case")["replicates"].max().to_dict()
    rows = [
        [
            name,
            str(own["made"]),
            str(own["seed"]),
            str(own["fits"]),
            f"{own['core_seconds']:.0f}",
            f"{100 * own['core_seconds'] / replicates.get(name, own['fits']):.0f}",
        ]
        for name, own in held.items()
    ]
    header = ["section", "date", "seed", "fits", "core seconds", "per 100 replicates"]
    return "## Made\n\n" + _table(header, rows)

"""t tests from summaries, and the SD of a change, against published examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesasthma.frequentist import change_sd, fisher_exact, one_sample_t, paired_smd, two_sample_t

CASES = pd.read_csv(Path(__file__).parent / "published" / "t_from_summary.csv").set_index("case")


def digits(published: float) -> float:
    """Tolerance of a number printed to as many digits as it shows."""
    text = np.format_float_positional(published, trim="-")
    places = len(text.partition(".")[2])
    return 1e-12 if places > 10 else 0.51 * 10.0**-places


@pytest.mark.parametrize("case", CASES.index)
def test_from_summary(case: str) -> None:
    row = CASES.loc[case]
    options = {
        "null": row.mu,
        "alternative": row.alternative,
        "conf": 0.95 if np.isnan(row.conf) else row.conf,
    }
    if np.isnan(row.n2):
        result = one_sample_t(row.mean1, row.sd1, row.n1, **options)
    else:
        result = two_sample_t(
            *(row.mean1, row.sd1, row.n1, row.mean2, row.sd2, row.n2), row.equal_var, **options
        )
    computed = {
        "t": result.t,
        "df": result.df,
        "p": result.p,
        "ci_lo": result.ci_low,
        "ci_hi": result.ci_high,
    }
    checked = [name for name in computed if not np.isnan(row[name])]
    assert {"t", "df", "p"} <= set(checked)
    # BSDA's means are themselves printed to six decimals: half a unit over an SE of about 0.3.
    input_error = 2e-6 if case.startswith("BSDA_welch") else 0.0
    for name in checked:
        assert computed[name] == pytest.approx(row[name], abs=digits(row[name]) + input_error), name


def test_fisher() -> None:
    assert fisher_exact(8, 10, 1, 6) == pytest.approx(0.034965034965034975, abs=1e-12)


def test_cochrane_crossover() -> None:
    """Cochrane Handbook 5.1, section 16.4.6.4: 7.0 (2.38) against 6.5 (2.21), n = 10, r = 0.68."""
    sd = change_sd(2.38, 2.21, 0.68)
    assert sd == pytest.approx(1.8426, abs=5e-4)
    assert sd / np.sqrt(10) == pytest.approx(0.583, abs=5e-4)
    assert one_sample_t(7.0 - 6.5, 2.0, 10).se == pytest.approx(0.632, abs=5e-4)
    smd, se = paired_smd(7.0, 2.38, 6.5, 2.21, 10, 0.68)
    assert smd == pytest.approx(0.218, abs=5e-4)
    assert se == pytest.approx(0.256, abs=5e-4)

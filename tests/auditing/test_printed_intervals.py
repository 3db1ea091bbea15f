"""Intervals as printed, beside the SDs taken from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bayesasthma.auditing.printed_intervals import printed_intervals
from bayesasthma.study.bundle import load_study

CASES = Path(__file__).parents[1] / "reference" / "cases"


def test_intervals_are_read_as_printed() -> None:
    found = printed_intervals(load_study(CASES / "lopsided-interval"))
    interval = found["fluency", "tertile2", "end", "change"]
    assert interval.level == 0.95
    assert interval.alone
    assert float(interval.low.step) == 0.001
    assert interval.arms == pytest.approx((0.024, 0.008))
    assert interval.lopsided
    assert interval.excludes(0.0) is True
    assert interval.excludes(-0.02) is False
    assert interval.excludes(-0.0402) is None
    assert not found["fluency", "tertile1", "end", "change"].lopsided


def test_without_intervals_there_are_none() -> None:
    assert printed_intervals(load_study("liu2025")) == {}


def test_another_level_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    for path in (CASES / "lopsided-interval").iterdir():
        (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "summaries.csv").write_text(
        "outcome,arm,visit,statistic,value,sd,ci_prob\n"
        'fluency,tertile1,end,change,"0.2 (90 % CI 0.1 to 0.3)",,\n'
        "fluency,tertile2,end,change,0.4 (0.2),,\n",
        encoding="utf-8",
    )
    found = printed_intervals(load_study(folder))
    assert list(found) == [("fluency", "tertile1", "end", "change")]
    (interval,) = found.values()
    assert interval.level == 0.9

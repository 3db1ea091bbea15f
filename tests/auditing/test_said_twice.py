"""What a bundle says twice is found by the audit, too."""

from __future__ import annotations

from pathlib import Path

from tests import bundles

from bayesasthma.auditing import audit
from bayesasthma.auditing.said_twice import said_twice
from bayesasthma.study.bundle import load_study

CASES = Path(__file__).parents[1] / "reference" / "cases"


def test_an_impossible_sd_of_change_is_a_contradiction(tmp_path: Path) -> None:
    """With SDs of about 5 at both visits no correlation gives an SD of change of 50."""
    folder = bundles.three_arms(tmp_path / "study")
    path = folder / "summaries.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    head = lines[0].split(",")
    place = next(i for i, line in enumerate(lines) if ",change," in line)
    cells = lines[place].split(",")
    cells[head.index("sd")] = "500.0"
    lines[place] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = audit(load_study(folder)).findings
    own = found[found["printed"] == "500"]
    assert list(own["weight"]) == ["contradiction"]
    assert own["finding"].iloc[0].startswith("No correlation of the same patients gives")
    assert own["inspect_sr"].iloc[0]


def test_a_clean_table_and_the_bundled_one_have_none(tmp_path: Path) -> None:
    assert list(said_twice(load_study(bundles.three_arms(tmp_path / "study")))) == []
    assert list(said_twice(load_study("liu2025"))) == []


def test_a_lopsided_interval_is_found_once() -> None:
    found = audit(load_study(CASES / "lopsided-interval")).findings
    assert found["finding"].str.contains("end of its interval|ends of the interval").sum() == 1

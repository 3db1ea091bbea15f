"""The committed proof belongs to this source, and says what its tables say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesasthma._files.source_code import code_tokens
from bayesasthma.calibration.cases import CASES
from bayesasthma.calibration.proof import RENEW, read_record, sections, stale
from bayesasthma.calibration.reliability import CLAIMS, COLUMNS, LIMITS, read_reliability
from bayesasthma.calibration.sources import SOURCES, pattern_hash, source_hash
from bayesasthma.calibration.tabulation import uniformity

PROOF = Path(__file__).parents[2] / "calibration"
#: Sections of the proof that await renewal, so that a change of models renews it once: to be taken
#: off as they are renewed.
PENDING: tuple[str, ...] = ()


def test_the_proof_is_of_this_source() -> None:
    found = stale(PROOF)
    wrong = {name: why for name, why in found.items() if name not in PENDING}
    assert not wrong, f"the committed proof is stale ({wrong}); {RENEW}"
    current = sorted(set(PENDING) - set(found))
    assert not current, f"{', '.join(current)}: current, take it off PENDING"


def test_the_proof_is_as_large_as_it_should_be() -> None:
    table = pd.read_csv(PROOF / "ranks.csv")
    most = table.groupby("case")["replicates"].max()
    for case in CASES:
        assert most[case.name] >= case.replicates, f"{case.name}; {RENEW}"
        assert (PROOF / "figures" / f"{case.name}.png").exists()
    assert set(read_record(PROOF)["sections"]) == set(sections())
    assert "## Not made yet" not in (PROOF / "README.md").read_text(encoding="utf-8")


def test_claims_are_counted_for_every_case_as_the_package_counts_now() -> None:
    table = read_reliability(PROOF / "reliability.csv")
    assert list(table.columns) == COLUMNS, RENEW
    for case in CASES:
        own = table[table["case"] == case.name]
        assert "benefit" in set(own["claim"])
        assert len(own), f"{case.name}; {RENEW}"
    assert set(table["claim"]) == set(CLAIMS), RENEW
    for _, own in table.groupby(["case", "claim", "subject"]):
        assert (*own["probability_from"], own["probability_to"].iloc[-1]) == LIMITS, RENEW


def test_the_tests_of_uniformity_follow_from_the_counts() -> None:
    table = pd.read_csv(PROOF / "ranks.csv")
    assert len(table)
    for row in table.itertuples():
        counts = np.array(str(row.counts).split(), dtype=int)
        assert counts.sum() == row.replicates
        assert uniformity(counts) == pytest.approx(row.chi2_p, rel=1e-3)


def test_comments_and_docstrings_do_not_make_a_proof_stale() -> None:
    one = 'def f(x):\n    """Say."""\n    return x + 1  # why\n'
    two = '"""Module."""\n\n\ndef f(x):\n    """Say more.\n\n    Much."""\n\n    return x + 1\n'
    assert code_tokens(one) == code_tokens(two)
    assert code_tokens(one) != code_tokens(one.replace("x + 1", "x + 2"))
    assert code_tokens("a = 'text'\n") != code_tokens("a = 'other'\n")
    assert code_tokens("if a:\n    b()\n    c()\n") != code_tokens("if a:\n    b()\nc()\n")


def test_a_changed_source_makes_its_sections_stale_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    record = {
        "sections": {
            name: {
                "source": {own: source_hash(own) for own in sources},
                "pattern": pattern_hash(),
            }
            for name, sources in sections().items()
        }
    }
    (tmp_path / "proof.json").write_text(json.dumps(record))
    assert stale(tmp_path) == {}
    assert set(stale(tmp_path / "nowhere")) == set(sections())

    def changed(name: str) -> str:
        return "changed" if name == "adverse" else source_hash(name)

    monkeypatch.setattr("bayesasthma.calibration.proof.source_hash", changed)
    found = stale(tmp_path)
    assert found
    assert all(name.startswith("adverse") for name in found)
    assert "the source of adverse has changed" in next(iter(found.values()))

    monkeypatch.undo()
    monkeypatch.setattr("bayesasthma.calibration.proof.pattern_hash", lambda: "changed")
    found = stale(tmp_path)
    assert set(found) == set(sections())
    assert "patterned on has changed" in next(iter(found.values()))


@pytest.mark.parametrize("name", ["ranks", "reliability", "common_change"])
def test_the_columns_of_its_tables_are_documented(name: str) -> None:
    text = (PROOF.parent / "docs" / "columns.md").read_text(encoding="utf-8")
    section = text.split(f"## `{name}.csv`")[1].split("\n## ")[0]
    first = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    documented = re.findall(r"`(\w+)`", " ".join(first))
    assert documented == list(pd.read_csv(PROOF / f"{name}.csv").columns)


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_named_exists(name: str) -> None:
    assert len(source_hash(name)) == 64

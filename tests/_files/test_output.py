"""Files written whole, cells that no spreadsheet computes."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from bayesasthma._files.output import as_written, csv_text, given, inert, write_text
from bayesasthma.errors import BayesAsthmaError

LEADS = st.text("='+-@\t\r' 0123456789.e", max_size=4)


@examples(st.builds(str.__add__, LEADS, st.text(max_size=8)))
def test_a_text_comes_back_as_it_was(text: str) -> None:
    assert given(inert(text)) == text


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1"])
def test_formulas_are_made_texts(text: str) -> None:
    assert inert(text) == f"'{text}"
    assert inert(f"'{text}") == f"''{text}"


@pytest.mark.parametrize("text", ["act", "-0.5", "+3", "-1.5e-3", "-", "–", "<0.01", "", "-5%"])
def test_other_texts_stay(text: str) -> None:
    assert inert(text) == text


def test_tables_are_inert_and_are_read_as_they_were() -> None:
    frame = pd.DataFrame({"label": ["=1+1", "act", "'=x"], "value": [-1.5, 2.0, 3.0]})
    text = csv_text(frame)
    assert text == "label,value\n'=1+1,-1.5\nact,2\n''=x,3\n"
    pd.testing.assert_frame_equal(as_written(pd.read_csv(StringIO(text))), frame)


def test_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BayesAsthmaError, match="cannot write"):
        write_text("x", tmp_path / "file" / "below" / "it.csv")

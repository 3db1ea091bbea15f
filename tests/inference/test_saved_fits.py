"""Saved fits: used as they were written or not at all, and the reason is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from bayesasthma._files.sealed import LENGTH
from bayesasthma.errors import BayesAsthmaError
from bayesasthma.inference import fitting, saved_fits
from bayesasthma.inference.fitting import run_or_resume

RECORD = {
    "spec": "longitudinal-weak",
    "study": "old",
    "inputs": {"study.toml": "00"},
    "options": {"draws": 20, "tune": 10, "chains": 2, "seed": 1},
}
LABEL = "longitudinal-weak"
#: A fit of the same record that version 0.1 saved before fits had checksums.
OLD = Path(__file__).parent / "saved_by_0_1" / f"{LABEL}.nc"


def small_fit(seed: int = 1) -> xr.DataTree:
    rng = np.random.default_rng(seed)
    coords = {"chain": range(2), "draw": range(20), "outcome": ["act", "fev1"]}
    dims = tuple(coords)
    posterior = xr.Dataset({"mean": (dims, rng.normal(size=(2, 20, 2)))}, coords)
    wide = xr.Dataset({"wide": (("chain", "draw", "k"), rng.normal(size=(2, 20, 60)))})
    stats = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((2, 20), bool))})
    return xr.DataTree.from_dict(
        {"posterior": posterior, "log_likelihood": wide, "sample_stats": stats}
    )


def fit_again(folder: Path, record: dict | None = None, seed: int = 1) -> tuple[xr.DataTree, str]:
    """The fit, and what was said before it was sampled; nothing was if it was read."""
    said: list[str] = []
    tree, _, resumed = run_or_resume(
        LABEL, record or RECORD, lambda watch: small_fit(seed), folder, said.append
    )
    if resumed:
        assert said == [f"{LABEL}: inputs, options and versions unchanged, using the saved fit"]
        return tree, ""
    assert len(said) < 2
    return tree, said[0] if said else "no file"


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Path, bytes]:
    fit_again(tmp_path)
    file = tmp_path / f"{LABEL}.nc"
    return file, file.read_bytes()


def test_a_saved_fit_is_read_as_it_was_written(kept: tuple[Path, bytes]) -> None:
    tree, why = fit_again(kept[0].parent, seed=2)
    assert why == ""
    assert tree["posterior"].identical(small_fit()["posterior"])
    # and by anything that reads netCDF
    with xr.open_datatree(kept[0], engine="h5netcdf") as plain:
        assert plain["posterior"].load().identical(small_fit()["posterior"])


def damaged(raw: bytes, rng: np.random.Generator) -> bytes:
    """A copy with one to four bits flipped, or a stretch of bytes overwritten, cut out or zero."""
    kind = rng.integers(6)
    own = bytearray(raw)
    at = int(rng.integers(len(own)))
    stretch = slice(at, at + int(rng.integers(1, 65)))
    if kind < 3:
        for place in rng.integers(len(own), size=kind + 1):
            own[place] ^= 1 << int(rng.integers(8))
    elif kind == 3:
        own[stretch] = rng.bytes(len(own[stretch]))
    elif kind == 4:
        del own[stretch]
    else:
        own[stretch] = bytes(len(own[stretch]))
    return bytes(own)


def check_damaged(file: Path, raw: bytes, copies: int, seed: int) -> dict[str, int]:
    """Hold damaged copies against what is promised; how often each reason was given."""
    rng = np.random.default_rng(seed)
    reasons: dict[str, int] = {}
    while sum(reasons.values()) < copies:
        own = damaged(raw, rng)
        if own == raw:
            continue
        file.write_bytes(own)
        tree, why = fit_again(file.parent, seed=3)
        assert file.name in why, "a damaged fit was used, or refused without its name"
        assert tree["posterior"].identical(small_fit(3)["posterior"])
        reasons[why] = reasons.get(why, 0) + 1
    return reasons


def test_no_damaged_copy_is_used(kept: tuple[Path, bytes]) -> None:
    check_damaged(*kept, copies=40, seed=5)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_fit_cut_off_is_refused_by_name(kept: tuple[Path, bytes], share: float) -> None:
    file, raw = kept
    file.write_bytes(raw[: int(share * len(raw))])
    _, why = fit_again(file.parent)
    assert f"{file.name} is not used: it " in why
    assert ("is empty" if share == 0 else "cut off") in why


def test_foreign_files_are_refused_by_name(kept: tuple[Path, bytes]) -> None:
    file, raw = kept
    for foreign in (b"outcome,mean\n", raw[:-LENGTH], b"\x00" * 1000, OLD.read_bytes()):
        file.write_bytes(foreign)
        assert "does not end with its checksum" in fit_again(file.parent)[1]
    file.unlink()
    file.mkdir()
    with pytest.raises(BayesAsthmaError, match="cannot write"):
        fit_again(file.parent)


def test_a_foreign_file_with_a_checksum_is_refused_by_name(tmp_path: Path) -> None:
    from bayesasthma._files.sealed import write_sealed

    file = tmp_path / f"{LABEL}.nc"
    write_sealed(b"no netCDF", file)
    assert "it is no saved fit" in fit_again(tmp_path)[1]
    write_sealed(small_fit().to_netcdf(None, engine="h5netcdf"), file)
    assert "of the study None, not 'old'" in fit_again(tmp_path)[1]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"study": "another"}, "it is of the study 'old', not 'another'"),
        ({"inputs": {"study.toml": "01"}}, "it was made from other inputs"),
        ({"spec": "joint-weak"}, "it was made from other specification"),
        ({"options": {"draws": 21}, "inputs": {}}, "it was made from other inputs and options"),
    ],
)
def test_what_was_asked_otherwise_is_said(kept: tuple[Path, bytes], other: dict, said: str) -> None:
    assert said in fit_again(kept[0].parent, {**RECORD, **other})[1]


def test_a_fit_of_other_versions_is_refused_by_name(
    kept: tuple[Path, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "fit_key", lambda record: "another")
    assert "other versions of the packages or of the models" in fit_again(kept[0].parent)[1]


def test_a_fit_saved_before_there_were_checksums_is_refused_and_renewed(tmp_path: Path) -> None:
    file = tmp_path / f"{LABEL}.nc"
    shutil.copy(OLD, file)
    assert "saved by an earlier version" in fit_again(tmp_path)[1]
    assert fit_again(tmp_path, seed=2)[1] == ""


def test_what_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BayesAsthmaError, match="cannot write"):
        saved_fits.save(small_fit(), tmp_path / "file" / "fit.nc")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]

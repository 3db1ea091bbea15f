"""Saved fits that strangers made, with a checksum: nothing is executed, nothing outside is read."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
from tests.inference.test_saved_fits import LABEL, RECORD, fit_again, small_fit

import bayesasthma as ba
from bayesasthma._files.sealed import write_sealed
from bayesasthma.errors import UsageError
from bayesasthma.inference.fitting import fit_key
from bayesasthma.inference.reopened import read_fit
from bayesasthma.inference.saved_fits import save

SECRET = 271828.0


class Runs:
    """Unpickled, it leaves a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.file),)


def an_external_link(file: h5py.File, other: Path) -> None:
    file["posterior/mean"] = h5py.ExternalLink(str(other), "/secret")


def a_soft_link(file: h5py.File, other: Path) -> None:
    file["posterior/mean"] = h5py.SoftLink("/sample_stats/diverging")


def a_group_in_itself(file: h5py.File, other: Path) -> None:
    file["posterior/again"] = file["posterior"]


def a_virtual_array(file: h5py.File, other: Path) -> None:
    layout = h5py.VirtualLayout(shape=(3,), dtype="f8")
    layout[:] = h5py.VirtualSource(str(other), "secret", shape=(3,))
    file.create_virtual_dataset("posterior/mean", layout)


def an_array_kept_in_another_file(file: h5py.File, other: Path) -> None:
    file.create_dataset("posterior/mean", (3,), "f8", external=[(str(other), 0, 24)])


def an_array_larger_than_the_file(file: h5py.File, other: Path) -> None:
    file.create_dataset("posterior/mean", (10**13,), "f8")


def an_array_that_shrinks(file: h5py.File, other: Path) -> None:
    file.create_dataset("posterior/mean", data=np.zeros(1000), compression="gzip")


def arrays_of_arrays(file: h5py.File, other: Path) -> None:
    file.create_dataset("posterior/mean", (2,), h5py.vlen_dtype("f8"))


def references(file: h5py.File, other: Path) -> None:
    file.create_dataset("posterior/mean", (2,), h5py.ref_dtype)


def bytes_of_a_pickle(file: h5py.File, other: Path) -> None:
    file["posterior/mean"] = np.void(pickle.dumps(Runs(other.with_name("ran"))))


def a_type_instead_of_an_array(file: h5py.File, other: Path) -> None:
    file["posterior/mean"] = np.dtype("f8")


def groups_in_groups(file: h5py.File, other: Path) -> None:
    file.create_group("/".join(["posterior"] * 500))


def damage_to_dimensions(file: h5py.File, other: Path) -> None:
    file["posterior/mean"] = np.arange(3.0)
    file["posterior/mean"].attrs["DIMENSION_LIST"] = 7


MADE: list[tuple[Callable[[h5py.File, Path], None], str]] = [
    (an_external_link, "/posterior/mean leads elsewhere"),
    (a_soft_link, "/posterior/mean leads elsewhere"),
    (a_group_in_itself, "/posterior/again stands there twice"),
    (a_virtual_array, "/posterior/mean is read from another file"),
    (an_array_kept_in_another_file, "/posterior/mean is read from another file"),
    (an_array_larger_than_the_file, "/posterior/mean is larger than the file"),
    (an_array_that_shrinks, "/posterior/mean is compressed"),
    (arrays_of_arrays, "/posterior/mean holds neither numbers nor texts"),
    (references, "/posterior/mean holds neither numbers nor texts"),
    (bytes_of_a_pickle, "/posterior/mean holds neither numbers nor texts"),
    (a_type_instead_of_an_array, "/posterior/mean is no array"),
    (groups_in_groups, "is too deep"),
    (damage_to_dimensions, "it is no saved fit ("),
]


def strangers_fit(folder: Path, make: Callable[[h5py.File, Path], None]) -> Path:
    """A small fit with the right key, a checksum, and something else in the place of its mean."""
    other = folder / "other.h5"
    with h5py.File(other, "w") as file:
        file["secret"] = np.full(3, SECRET)
    tree = small_fit()
    tree.attrs |= {"key": fit_key(RECORD), "record": json.dumps(RECORD)}
    plain = folder / "plain.nc"
    tree.to_netcdf(plain, engine="h5netcdf")
    with h5py.File(plain, "r+") as file:
        del file["posterior/mean"]
        make(file, other)
    path = folder / f"{LABEL}.nc"
    write_sealed(plain.read_bytes(), path)
    plain.unlink()
    return path


@pytest.mark.parametrize(("make", "said"), MADE, ids=lambda part: getattr(part, "__name__", ""))
def test_what_is_no_plain_array_of_the_file_is_refused_by_name(
    make: Callable[[h5py.File, Path], None], said: str, tmp_path: Path
) -> None:
    path = strangers_fit(tmp_path, make)
    with pytest.raises(UsageError) as refused:
        read_fit(path, ba.load_study("liu2025"))
    assert path.name in str(refused.value)
    assert said in str(refused.value)
    assert str(SECRET) not in str(refused.value)
    tree, why = fit_again(tmp_path, seed=2)  # its key is the right one, and it is not used
    assert said in why
    assert f"{LABEL}.nc is not used: it is no saved fit" in why
    assert tree["posterior"].identical(small_fit(2)["posterior"])
    assert sorted(found.name for found in tmp_path.iterdir()) == [f"{LABEL}.nc", "other.h5"]


def test_the_same_file_with_nothing_strange_is_used(tmp_path: Path) -> None:
    """So that the others are refused for what is strange in them."""

    def plain(file: h5py.File, other: Path) -> None:
        file["posterior/mean"] = np.arange(2.0)
        file["posterior/mean"].dims[0].attach_scale(file["posterior/chain"])

    strangers_fit(tmp_path, plain)
    tree, why = fit_again(tmp_path)
    assert why == ""
    assert list(tree["posterior"]["mean"].to_numpy()) == [0, 1]


@pytest.mark.parametrize(
    "record",
    [
        b"\x80\x04", "", "[", "[]", "7", "null", "{}", "[" * 100_000, '{"study": {"a": 1}}', 7.0,
        [1.0, 2.0], '{"study": "liu2025"}', '{"study": "liu2025", "spec": {}}',
        '{"study": "liu2025", "spec": {"model": "longitudinal", "prior": 1}}',
        '{"study": "liu2025", "spec": {"model": "longitudinal", "prior": {"name": "weak"}}}',
        '{"study": "liu2025", "spec": "adverse"}',
    ],
    ids=lambda record: repr(record)[:24],
)  # fmt: skip
def test_any_record_is_refused_by_name(record: Any, tmp_path: Path) -> None:
    study = ba.load_study("liu2025")
    tree = small_fit()
    tree.attrs = {"record": record, "key": [1.0, 2.0]}
    path = tmp_path / f"{LABEL}.nc"
    save(tree, path)
    with pytest.raises(UsageError, match=path.name):
        read_fit(path, study)
    tree, why = fit_again(tmp_path, {**RECORD, "study": "liu2025"}, seed=2)
    assert f"{path.name} is not used" in why
    assert tree["posterior"].identical(small_fit(2)["posterior"])


def test_a_pickle_in_an_attribute_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / f"{LABEL}.nc"
    tree = xr.DataTree(xr.Dataset({"mean": ("x", np.zeros(2))}))
    plain = tmp_path / "plain.nc"
    tree.to_netcdf(plain, engine="h5netcdf")
    with h5py.File(plain, "r+") as file:
        for name in ("record", "key", "versions"):
            file.attrs[name] = np.void(pickle.dumps(Runs(tmp_path / "ran")))
    write_sealed(plain.read_bytes(), path)
    with pytest.raises(UsageError, match=path.name):
        read_fit(path, ba.load_study("liu2025"))
    assert path.name in fit_again(tmp_path)[1]
    assert not (tmp_path / "ran").exists()

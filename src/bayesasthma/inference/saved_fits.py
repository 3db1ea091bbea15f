"""Fits on disk: netCDF that bears a checksum of itself, and is used if that and its key agree.

What does not bear its checksum is not opened at all, so that no damaged file reaches HDF5.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from bayesasthma._files.sealed import BrokenSealError, read_sealed, write_sealed

#: What a saved fit is held against, as a record names it, and how a message does.
FACTS = {"study": "study", "inputs": "inputs", "spec": "specification", "options": "options"}


def save(tree: xr.DataTree, path: Path) -> None:
    """Write a fit with its checksum, atomically.

    Raises
    ------
    BayesAsthmaError
        If it cannot be written.
    """
    # not compressed: draws shrink by a seventh, and take four times as long to write
    write_sealed(tree.to_netcdf(None, engine="h5netcdf"), path)


def load_if_current(
    path: Path, key: str, record: dict[str, Any], say: Callable[[str], None] = lambda _: None
) -> xr.DataTree | None:
    """The saved fit at a path if it is whole and its fingerprint is ``key``, else None.

    Parameters
    ----------
    path : Path
    key : str
        Fingerprint of the fit that is wanted.
    record : dict
        What was asked for; a fit of something else is told apart by it.
    say : callable
        Receives why a file that is there is not used.
    """
    try:
        tree = read_whole(path)
        if tree.attrs.get("key") == key:
            return tree
        say(f"{path.name} is not used: {_difference(tree.attrs, record)}")
    except FileNotFoundError:
        return None
    except BrokenSealError as error:
        say(f"{path.name} is not used: {error}")
    except OSError as error:
        say(f"{path.name} is not used: it cannot be read ({error.strerror or error})")
    return None


def read_whole(path: Path) -> xr.DataTree:
    """A saved fit of whatever, if it is whole.

    Raises
    ------
    OSError
        If the file cannot be read.
    BrokenSealError
        If it has been damaged, or is no fit.
    """
    read_sealed(path)
    try:
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            loaded: xr.DataTree = tree.load()
            return loaded
    except (ValueError, KeyError, RuntimeError, AttributeError, OSError) as error:
        # whole, but nothing that this package wrote
        raise BrokenSealError(f"it is no saved fit ({type(error).__name__})") from error


def _difference(attributes: Mapping[Any, Any], record: dict[str, Any]) -> str:
    """What a whole saved fit was made of, where that is not what is asked for."""
    try:
        saved = json.loads(attributes.get("record", "{}"))
    except (TypeError, ValueError):
        saved = {}
    wanted = json.loads(json.dumps(record, default=str))
    differs = [
        word for name, word in FACTS.items() if name in wanted and saved.get(name) != wanted[name]
    ]
    if "study" in differs:
        return f"it is of the study {saved.get('study')!r}, not {wanted['study']!r}"
    if differs:
        return f"it was made from other {' and '.join(differs)}"
    return "it was made with other versions of the packages or of the models"

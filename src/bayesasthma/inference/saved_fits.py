"""Fits on disk: netCDF that bears a checksum of itself, and is used if that and its key agree.

What does not bear its checksum is not opened at all, so that no damaged file reaches HDF5. A
checksum is no signature: what a stranger gave one is looked through before its arrays are read.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xarray as xr

from bayesasthma._files.sealed import BrokenSealError, read_sealed, write_sealed
from bayesasthma.inference._contained import check_contained

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
        saved = tree.attrs.get("key")
        if isinstance(saved, str) and saved == key:
            return tree
        say(f"{path.name} is not used: {_difference(record_of(tree), record)}")
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
        check_contained(path)
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            loaded: xr.DataTree = tree.load()
            return loaded
    except BrokenSealError as error:
        raise BrokenSealError(f"it is no saved fit ({error})") from error
    except MemoryError:
        raise
    except Exception as error:
        # whole, but nothing that this package wrote: readers of HDF5 and netCDF raise anything
        raise BrokenSealError(f"it is no saved fit ({type(error).__name__})") from error


def record_of(data: xr.DataTree) -> dict[str, Any]:
    """What identifies a fit, as it was written with the draws; empty if there is none."""
    try:
        found = json.loads(data.attrs["record"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _difference(saved: dict[str, Any], record: dict[str, Any]) -> str:
    """What a whole saved fit was made of, where that is not what is asked for."""
    wanted = json.loads(json.dumps(record, default=str))
    differs = [
        word for name, word in FACTS.items() if name in wanted and saved.get(name) != wanted[name]
    ]
    if "study" in differs:
        return f"it is of the study {saved.get('study')!r}, not {wanted['study']!r}"
    if differs:
        return f"it was made from other {' and '.join(differs)}"
    return "it was made with other versions of the packages or of the models"

"""Whether an HDF5 file of whatever origin holds plain arrays of its own alone, told before reading.

HDF5 follows links into other files, puts arrays together from them (virtual datasets, external
storage), decompresses a few bytes to any size, and loads libraries for filters not known to it.
"""

from __future__ import annotations

import math
from pathlib import Path

import h5py

from bayesasthma._files.sealed import BrokenSealError

#: Kinds of numbers and texts that a fit has: booleans, integers, floats, texts.
KINDS = "biufSU"
#: Largest array, in sizes of the file: fits are not compressed, but a dimension without labels has
#: a length and no content.
LARGEST = 8
#: Deepest group: fits have groups of arrays.
DEEPEST = 3


def check_contained(path: Path) -> None:
    """Refuse a file that leads elsewhere, or whose arrays are not plain ones within it.

    Raises
    ------
    BrokenSealError
        Naming what was found where.
    OSError
        If it is no HDF5 file.
    """
    most = LARGEST * path.stat().st_size
    with h5py.File(path, "r") as file:
        seen = {_address(file)}
        groups = [(file["/"], 0)]
        while groups:
            group, depth = groups.pop()
            for name in group:
                where = f"{group.name.rstrip('/')}/{name}"
                if type(group.get(name, getlink=True)) is not h5py.HardLink:
                    raise BrokenSealError(f"{where} leads elsewhere")
                item = group[name]
                if _address(item) in seen:
                    raise BrokenSealError(f"{where} stands there twice")
                seen.add(_address(item))
                if isinstance(item, h5py.Group):
                    if depth == DEEPEST:
                        raise BrokenSealError(f"{where} is too deep")
                    groups.append((item, depth + 1))
                elif isinstance(item, h5py.Dataset):
                    _check_array(item, where, most)
                else:
                    raise BrokenSealError(f"{where} is no array")


def _address(item: h5py.Group | h5py.Dataset | h5py.Datatype) -> int:
    return int(h5py.h5o.get_info(item.id).addr)


def _check_array(array: h5py.Dataset, where: str, most: int) -> None:
    if array.is_virtual or array.external:
        raise BrokenSealError(f"{where} is read from another file")
    if array.id.get_create_plist().get_nfilters():
        raise BrokenSealError(f"{where} is compressed, which no saved fit is")
    text = h5py.check_string_dtype(array.dtype) is not None
    if array.dtype.kind not in KINDS and not text:
        raise BrokenSealError(f"{where} holds neither numbers nor texts")
    if math.prod(array.shape or ()) * array.dtype.itemsize > most:
        raise BrokenSealError(f"{where} is larger than the file")

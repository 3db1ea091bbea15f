"""OQ: the same seed again, another seed, altered files, files written in part."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from bayesasthma._files.output import write_bytes
from bayesasthma._files.sealed import BrokenSealError
from bayesasthma.inference.fitting import Fit, fit_table
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.inference.saved_fits import load_if_current, read_whole
from bayesasthma.study.bundle import load_study
from bayesasthma.validation.agreement import IN_ERRORS, WHY_ERRORS, apart, same_posterior
from bayesasthma.validation.bench import STUDY, Bench
from bayesasthma.validation.equivalent_data import OUTCOMES, adjusted
from bayesasthma.validation.items import Check, Finding

#: A small fit, of one outcome.
SMALL = SamplerOptions(draws=200, tune=200, chains=2, seed=16)
#: Bits that are turned in copies of a saved fit, one a copy.
FLIPS = 200

PROGRAM = """
from bayesasthma.validation.reproducible import digest, small_fit
print(digest(small_fit()))
"""


def checks() -> list[Check]:
    """All of them."""
    return [
        Check(
            "OQ-80",
            "R21",
            "A fit with the same seed, by a second process of this machine",
            "the same draws, bit by bit",
            "none",
            "On one machine with the same versions nothing may differ.",
            lambda _: same_seed(),
        ),
        Check(
            "OQ-81",
            "R21",
            f"The default fit of {' and '.join(OUTCOMES)} with another seed: mean and P(> 0) of "
            "the adjusted differences",
            "other draws of the same posterior",
            IN_ERRORS,
            WHY_ERRORS,
            other_seed,
        ),
        Check(
            "OQ-82",
            "R22",
            f"A saved fit; {FLIPS} copies with one bit turned, one cut off, one empty",
            "the whole one is used, every other refused",
            "none",
            "A checksum of the content tells every change.",
            damaged,
        ),
        Check(
            "OQ-83",
            "R22",
            "A result file that is written anew, and a write that fails half-way",
            "a reader sees the old file or the whole new one; nothing is left of the other",
            "none",
            "Results are moved into place when they are whole.",
            lambda bench: atomic(bench.scratch),
        ),
        Check(
            "OQ-84",
            "R22",
            "A folder without permission to write",
            "refused, with its name, before anything is computed",
            "none",
            "Users who may write everywhere are not held off: then this says so.",
            lambda bench: closed_folder(bench.scratch),
        ),
    ]


def small_fit(folder: Path | None = None) -> Fit:
    """A fit of one outcome of the bundled study."""
    return fit_table(load_study(STUDY), "longitudinal", SMALL, outcomes=["act"], folder=folder)


def digest(fit: Fit) -> str:
    """SHA-256 over all draws of a fit."""
    total = hashlib.sha256()
    for name, values in sorted(fit.data["posterior"].to_dataset().items()):
        total.update(str(name).encode() + np.ascontiguousarray(values.to_numpy()).tobytes())
    return total.hexdigest()


def same_seed() -> Finding:
    """Here, and in another process."""
    here = digest(small_fit())
    done = subprocess.run(  # noqa: S603  # this Python, a constant program
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return Finding(f"the second process: {lines[-1] if lines else done.returncode}", False)
    there = done.stdout.strip()
    return Finding(f"SHA-256 {here[:16]}… and {there[:16]}…", here == there)


def other_seed(bench: Bench) -> Finding:
    """Two outcomes again, with the next seed."""
    options = replace(bench.options, seed=bench.options.seed + 1)
    fit = fit_table(bench.study, "longitudinal", options, outcomes=list(OUTCOMES))
    first, second = adjusted(bench.longitudinal), adjusted(fit)
    if np.array_equal(first.to_numpy(), second.to_numpy()):
        return Finding("the draws are the same: the seed has no effect", passed=False)
    return apart(same_posterior("effect", first, second), ["label"]).finding()


def damaged(bench: Bench) -> Finding:
    """Bits all over the file, its beginning and its end included."""
    folder = bench.scratch / "saved"
    fit = small_fit(folder)
    path = folder / f"{fit.label}.nc"
    whole = path.read_bytes()
    key = fit.data.attrs["key"]
    if load_if_current(path, key, {}) is None:
        return Finding("the whole file is refused", passed=False)
    copy, used = folder / "copy.nc", []
    rng = np.random.default_rng(16)
    places = {0, 8 * len(whole) - 1, *rng.integers(0, 8 * len(whole), FLIPS - 2).tolist()}
    for place in sorted(places):
        content = bytearray(whole)
        content[place // 8] ^= 1 << place % 8
        copy.write_bytes(content)
        if not _refused(copy):
            used.append(f"bit {place}")
    for name, content_ in (("cut off", whole[: len(whole) // 2]), ("empty", b"")):
        copy.write_bytes(content_)
        if not _refused(copy):
            used.append(name)
    if used:
        return Finding(f"{len(used)} of {len(places) + 2} are used: {', '.join(used[:3])}", False)
    return Finding(f"all {len(places) + 2} damaged copies refused", passed=True)


def _refused(path: Path) -> bool:
    try:
        read_whole(path)
    except BrokenSealError:
        return True
    return False


def atomic(folder: Path) -> Finding:
    """What stands at the path while the new content is written, and after a failure."""
    path, seen = folder / "result.csv", []
    write_bytes([b"old"], path)

    def pieces(fails: bool) -> Iterator[bytes]:
        yield b"n" * 100_000
        seen.append(path.read_bytes())
        if fails:
            raise InterruptedError
        yield b"ew"

    try:
        write_bytes(pieces(fails=True), path)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001  # whichever error it ends with, the old file must stand
        seen.append(path.read_bytes())
    write_bytes(pieces(fails=False), path)  # type: ignore[arg-type]
    new = path.read_bytes()
    left = [own.name for own in folder.iterdir() if own.name.endswith(".part")]
    good = seen == [b"old"] * 3 and new == b"n" * 100_000 + b"ew" and not left
    return Finding("old until whole, nothing left" if good else f"seen: {seen}, left: {left}", good)


def closed_folder(folder: Path) -> Finding:
    """Try to write where nobody may."""
    from bayesasthma._files.run_folder import check_writable
    from bayesasthma.errors import BayesAsthmaError

    closed = folder / "closed"
    closed.mkdir()
    closed.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        if os.access(closed, os.W_OK):
            return Finding("this user may write everywhere: nothing is refused", passed=True)
        check_writable(closed / "run")
    except BayesAsthmaError as error:
        return Finding("refused, with its name", str(closed) in str(error))
    finally:
        closed.chmod(stat.S_IRWXU)
    return Finding("not refused", passed=False)

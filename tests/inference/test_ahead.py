"""Kernels compiled in another process."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.bundles import one_visit

import bayesasthma as ba
from bayesasthma.inference import ahead
from bayesasthma.inference.ahead import compile_kernels, compiling_ahead


def test_kernels_of_all_models_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[str] = []
    monkeypatch.setattr(ahead, "table_kernel", lambda _layout, spec: found.append(spec.model))
    monkeypatch.setattr(ahead, "adverse_kernel", lambda _counts, prior: found.append(prior.name))
    compile_kernels(ba.load_study(), ["independent", "longitudinal", "joint", "adverse"])
    assert found == ["independent", "longitudinal", "joint", "weak"]


def test_a_study_without_counts_or_a_second_outcome_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fit says why; here nothing is raised."""
    monkeypatch.setattr(ahead, "adverse_kernel", lambda *_: pytest.fail("there are no counts"))
    compile_kernels(ba.load_study(one_visit(tmp_path / "study")), ["joint", "adverse"])


@pytest.mark.slow
def test_the_next_process_finds_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    with compiling_ahead(ba.load_study(), ["independent"]) as wait:
        wait()
    assert len(list(tmp_path.rglob("*independent-flat-*.nbi"))) == 2


def test_the_process_ends_with_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "COMPILE", "import time; time.sleep(600)")
    started = time.monotonic()
    with compiling_ahead(ba.load_study(), ["joint"]):
        pass
    assert time.monotonic() - started < 60


def test_nothing_is_started_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead.subprocess, "Popen", lambda *_, **__: pytest.fail("a process"))
    with compiling_ahead(ba.load_study(), []) as wait:
        wait()

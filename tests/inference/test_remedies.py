"""What is sampled again, and how."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from bayesasthma.inference import remedies
from bayesasthma.inference.remedies import AGAIN, CLOSER, REPEATS, repeated, sample_closely
from bayesasthma.inference.sampling import SamplerOptions

OPTIONS = SamplerOptions(draws=20, tune=10, chains=2, target_accept=0.9)


def test_what_failed_gets_more_draws_and_what_diverged_smaller_steps() -> None:
    again = repeated(OPTIONS, diverged=False, short=True)
    assert again.draws == 2 * OPTIONS.draws
    assert (again.chains, again.tune) == (OPTIONS.chains, OPTIONS.tune)
    assert again.target_accept == OPTIONS.target_accept
    rates = []
    for _ in range(REPEATS):
        again = repeated(again, diverged=True, short=False)
        rates.append(again.target_accept)
    assert rates == list(CLOSER)
    assert repeated(again, diverged=True, short=False).target_accept == CLOSER[-1]
    assert again.draws == 2 * OPTIONS.draws
    assert repeated(again, diverged=False, short=True).target_accept == CLOSER[-1]


class Pretend:
    """A sampler of which so many draws diverge each time; remembers the options."""

    def __init__(self, *diverged: int) -> None:
        self.diverged = list(diverged)
        self.asked: list[SamplerOptions] = []

    def __call__(self, compiled: Any, options: SamplerOptions, patients: float) -> xr.DataTree:
        diverging = np.arange(options.draws * options.chains) < self.diverged[len(self.asked)]
        self.asked.append(options)
        stats = xr.Dataset(
            {"diverging": (("chain", "draw"), diverging.reshape(options.chains, options.draws))}
        )
        return xr.DataTree.from_dict({"sample_stats": stats})


def told(monkeypatch: pytest.MonkeyPatch, *diverged: int) -> tuple[Pretend, xr.DataTree]:
    sampler = Pretend(*diverged)
    monkeypatch.setattr(remedies, "sample", sampler)
    return sampler, sample_closely("compiled", OPTIONS)


def test_what_does_not_diverge_is_sampled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler, tree = told(monkeypatch, 0)
    assert sampler.asked == [OPTIONS]
    assert AGAIN not in tree.attrs


def test_what_diverges_is_sampled_in_smaller_steps_until_it_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sampler, tree = told(monkeypatch, 3, 0)
    assert [own.target_accept for own in sampler.asked] == [0.9, CLOSER[0]]
    assert {own.draws for own in sampler.asked} == {OPTIONS.draws}
    assert tree.attrs[AGAIN] == "3 diverged; again at acceptance 0.98: none diverged"


def test_what_diverges_to_the_end_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler, tree = told(monkeypatch, 3, 2, 1)
    assert [own.target_accept for own in sampler.asked] == [0.9, *CLOSER]
    assert tree.attrs[AGAIN].endswith("2 diverged; again at acceptance 0.998: 1 diverged")


def test_what_has_not_converged_is_sampled_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[SamplerOptions] = []

    def sampler(_compiled: Any, options: SamplerOptions, _patients: float) -> xr.DataTree:
        asked.append(options)
        rng, size = np.random.default_rng(1), (options.chains, options.draws)
        apart = 0.2 * np.arange(options.chains)[:, None] * (len(asked) < 2)
        draws = rng.standard_normal(size) + apart
        stats = xr.Dataset(
            {
                "diverging": (("chain", "draw"), np.zeros(size, dtype=bool)),
                "maxdepth_reached": (("chain", "draw"), np.zeros(size, dtype=bool)),
                "energy": (("chain", "draw"), rng.standard_normal(size)),
            }
        )
        posterior = xr.Dataset({"x": (("chain", "draw"), draws)})
        return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})

    monkeypatch.setattr(remedies, "sample", sampler)
    default = SamplerOptions()
    tree = sample_closely("compiled", default, longer=True)
    assert [own.draws for own in asked] == [default.draws, 2 * default.draws]
    assert tree["posterior"].sizes["draw"] == 2 * default.draws
    assert tree.attrs[AGAIN].startswith("R-hat 1.0")
    assert "again with 3000 draws a chain" in tree.attrs[AGAIN]
    for options, longer in ((default, False), (replace(default, draws=1000), True)):
        asked.clear()
        assert AGAIN not in sample_closely("compiled", options, longer=longer).attrs
        assert len(asked) == 1


def test_steps_that_are_small_already_are_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = Pretend(3)
    monkeypatch.setattr(remedies, "sample", sampler)
    sample_closely("compiled", replace(OPTIONS, target_accept=CLOSER[-1]))
    assert len(sampler.asked) == 1

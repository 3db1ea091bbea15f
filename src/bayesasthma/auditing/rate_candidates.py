"""Tests of rates that may stand behind a printed p: counts are exact, person-time is rounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import product

import numpy as np

from bayesasthma.auditing.candidates import Candidate
from bayesasthma.auditing.subjects import Rates
from bayesasthma.frequentist import (
    doubled_rate_p,
    e_test,
    exact_rate_ratio,
    rates_chi2,
    wald_rate_ratio,
)

type Test = Callable[[Sequence[float], Sequence[float]], float]
WALD = "Wald test of the log rate ratio"
SCORE = "χ² test of the rates"
LIKELIHOOD = "likelihood-ratio test of the rates"
EXACT = "exact conditional Poisson test"
DOUBLED = "exact conditional Poisson test, twice the smaller tail"
E_TEST = "E-test of two Poisson rates"
TESTS: dict[str, Test] = {
    EXACT: lambda e, t: exact_rate_ratio(e, t).p,
    DOUBLED: doubled_rate_p,
    WALD: lambda e, t: wald_rate_ratio(e, t).p,
    SCORE: rates_chi2,
    LIKELIHOOD: lambda e, t: rates_chi2(e, t, likelihood=True),
    E_TEST: e_test,
}
#: Tests by the method of ``test_names.toml``; a regression may report any of its three.
METHODS = {
    "poisson": (EXACT, DOUBLED, WALD, SCORE, LIKELIHOOD),
    "poisson_exact": (EXACT, DOUBLED),
    "poisson_regression": (WALD, LIKELIHOOD, SCORE),
    "poisson_e": (E_TEST,),
}
USUAL_RATES = ("poisson",)
#: Most events of which the E-test is computed: it sums over all pairs of counts.
MOST_EVENTS = 10_000
#: Places of each arm's person-time between its rounded ends at which p is taken.
PLACES = 9


def rate_tests(subject: Rates, methods: Iterable[str] = USUAL_RATES) -> list[Candidate]:
    """Tests of rates by the given methods; of more than two arms those that they are equal.

    The range of p is that over a grid of person-times which print as shown: p of an exact test
    jumps and is in no simple order, and the ends of all other tests are at corners.
    """
    names = dict.fromkeys(name for m in methods for name in METHODS.get(m, ()))
    if len(subject.events) > 2:
        names = {name: None for name in names if name in {SCORE, LIKELIHOOD}}
    found = []
    for name in names:
        if name == E_TEST and sum(subject.events) > MOST_EVENTS:
            continue
        test = TESTS[name]
        p = test(subject.events, [float(t.value) for t in subject.time])
        if np.isnan(p):
            continue
        places = 2 if name == E_TEST or len(subject.events) > 2 else PLACES
        grids = [np.linspace(float(t.low), float(t.high), places) for t in subject.time]
        reach = [test(subject.events, times) for times in product(*grids)]
        found.append(Candidate(name, p, min([p, *reach]), max([p, *reach])))
    return found

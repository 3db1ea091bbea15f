"""One line of reason for every verdict, in words a clinician reads."""

from __future__ import annotations

import numpy as np

from bayesasthma.auditing.candidates import Candidate
from bayesasthma.auditing.printed_tests import PrintedTest
from bayesasthma.auditing.subjects import (
    Change,
    Counts,
    Crosstab,
    Groups,
    PrintedChange,
    Rates,
)
from bayesasthma.auditing.verdicts import (
    IMPOSSIBLE,
    NOT_CHECKABLE,
    POSSIBLE,
    REPRODUCED,
    WITHIN_ROUNDING,
)


def show_p(p: float) -> str:
    """Write p with two significant digits, and "<0.0001" below that."""
    if np.isnan(p):
        return "–"
    if p < 1e-4:
        return "<0.0001"
    return f"{p:.2g}" if p < 0.995 else f"{p:.3g}"


def equals_p(p: float) -> str:
    """Write p with its relation: "p = 0.03", "p < 0.0001"."""
    text = show_p(p)
    return f"p < {text[1:]}" if text.startswith("<") else f"p = {text}"


def range_p(low: float, high: float) -> str:
    """Write a range of p in words."""
    if high < 1e-4:
        return "below 0.0001"
    if low < 1e-4:
        return f"at most {show_p(high)}"
    return f"between {show_p(low)} and {show_p(high)}"


def signed(rho: float) -> str:
    """Write a correlation with a typographic minus."""
    return f"{rho:.2f}".replace("-", "−")


def sentence(
    test: PrintedTest,
    verdict: str,
    candidate: Candidate | None,
    rho: tuple[float, float],
    withheld: tuple[str, ...] = (),
) -> str:
    """Say what the recomputation gives and how that compares with the print.

    Parameters
    ----------
    test : PrintedTest
        The printed p.
    verdict : str
        Its verdict.
    candidate : Candidate or None
        The test the verdict rests on.
    rho : tuple of float
        Correlations at which a paired test prints as shown; NaN if there are none.
    withheld : tuple of str
        Why a p that cannot be checked cannot be.
    """
    if candidate is None or verdict == NOT_CHECKABLE:
        return _unchecked(test, withheld)
    name = candidate.name
    if name.isascii():
        name = name[0].upper() + name[1:]
    what, p, reach = f"{name} of {_data(test)}", equals_p(candidate.p), range_p(*_reach(candidate))
    tried = ", ".join(f"{c.name} {equals_p(c.p)}" for c in test.candidates)
    wording = {
        REPRODUCED: f"{what} gives {p}, as printed.",
        WITHIN_ROUNDING: (
            f"{what} gives {p}; numbers that round to the printed ones allow any p {reach}, the "
            f"printed {test.text} among them."
        ),
        POSSIBLE: f"{what} gives the printed {test.text} {_at_correlation(rho)}.",
        IMPOSSIBLE: (
            f"{what} gives a p {reach} at any within-patient correlation and any rounding; printed "
            f"{test.text}."
        ),
    }
    if isinstance(test.subject, Counts | Crosstab | Rates):
        otherwise = f"Of {_data(test)}: {tried}; printed {test.text}."
    else:
        others = ", ".join(
            f"{c.name} {equals_p(c.p)}"
            for c in test.candidates
            if c is not candidate and not np.isnan(c.p)
        )
        also = f" Also tried: {others}." if others else ""
        otherwise = f"{what} gives {p} ({reach} at any rounding); printed {test.text}.{also}"
    return wording.get(verdict, otherwise)


def _unchecked(test: PrintedTest, withheld: tuple[str, ...]) -> str:
    """Why a p is not judged, and what the table alone gives."""
    if not withheld:
        return "The bundle has no numbers from which this p could be recomputed."
    reason = "; ".join(withheld)
    text = f"Cannot be checked: {reason}."
    shown = test.basis.orientation
    if shown is None:
        return text
    if np.isnan(shown.p):
        p = f"a p {range_p(shown.low, shown.high)} over all correlations"
    else:
        p = equals_p(shown.p)
    return f"{text} For orientation, not as a verdict: {shown.name} of {_data(test)} gives {p}."


def _reach(candidate: Candidate) -> tuple[float, float]:
    return candidate.low, candidate.high


def _at_correlation(rho: tuple[float, float]) -> str:
    if np.isnan(rho[0]):
        return "at some correlation"
    if rho == (-1.0, 1.0):
        return "at any within-patient correlation"
    only = ", so only with a negative one" if rho[1] < 0 else ""
    return (
        f"at a within-patient correlation of {signed(rho[0])} to {signed(rho[1])}{only}; the paper "
        "prints no correlation"
    )


def _data(test: PrintedTest) -> str:
    subject = test.subject
    if isinstance(subject, Groups):
        return " against ".join(f"{g} (n = {g.n:g})" for g in subject.groups)
    if isinstance(subject, Counts):
        pairs = zip(subject.events, subject.n, strict=True)
        return " against ".join(f"{e:g}/{n:g}" for e, n in pairs)
    if isinstance(subject, Crosstab):
        return " against ".join("/".join(f"{x:g}" for x in row) for row in subject.counts)
    if isinstance(subject, PrintedChange):
        return f"{subject.change} (n = {subject.change.n:g})"
    if isinstance(subject, Change):
        n = min(subject.before.n, subject.after.n)
        return f"{subject.before} → {subject.after} (n = {n:g})"
    return f"{subject} of person-time" if isinstance(subject, Rates) else "the arms' changes"


def changed(test: PrintedTest) -> str:
    """Say that the conclusion at 5 % changes, and to what."""
    now = "not significant" if test.declared else "significant"
    return f"The conclusion at {test.alpha:g} changes: {now} when recomputed."

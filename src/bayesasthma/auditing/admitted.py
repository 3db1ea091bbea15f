"""Tests that a paper's description admits for a printed p, and what keeps it from being judged."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from bayesasthma.auditing.candidates import (
    ANY_CORRELATION,
    Candidate,
    contrast_within_anova,
    covariance_adjusted,
    difference_of_changes,
    linear_trend,
    one_sample,
    one_sided,
    one_way,
    over_all_visits,
    paired,
    pooled_contrast,
    student,
    welch,
)
from bayesasthma.auditing.count_candidates import (
    count_tests,
    crosstab_tests,
    one_sided_counts,
    trend_tests,
)
from bayesasthma.auditing.rate_candidates import METHODS as RATE_METHODS
from bayesasthma.auditing.rate_candidates import USUAL_RATES, rate_tests
from bayesasthma.auditing.stated_tests import NONE, Known, StatedTest
from bayesasthma.auditing.subjects import (
    Change,
    Counts,
    Crosstab,
    Groups,
    Interaction,
    PrintedChange,
    Rates,
    Subject,
)
from bayesasthma.auditing.tested import Tested

#: Key of the reason that a test is of transformed values.
LOGARITHMS = "transformed"
OF_LOGARITHMS = "geometric means are printed, and the test is not said to be of logarithms"
#: What is taken where a paper states no test.
USUAL = "usual"
_APPLIES: dict[type, frozenset[str]] = {
    Groups: frozenset({"student", "welch", "t", "anova", "linear_trend", "ancova"}),
    Change: frozenset({"paired", "student", "welch", "t", "anova", "repeated_measures"}),
    PrintedChange: frozenset({"paired", "student", "t"}),
    Interaction: frozenset({"student", "welch", "t", "anova", "repeated_measures"}),
    Counts: frozenset(
        {"chi2", "yates", "fisher", "mid_p", "likelihood_ratio", "barnard", "trend", "linear_trend"}
    ),
    Crosstab: frozenset({"chi2", "yates", "fisher", "likelihood_ratio", "trend", "linear_trend"}),
    Rates: frozenset(RATE_METHODS),
}
_KINDS = {
    Groups: "of independent means",
    Change: "of a change within an arm",
    PrintedChange: "of a change within an arm",
    Interaction: "of changes",
    Counts: "of counts",
    Crosstab: "of counts in categories",
    Rates: "of events in person-time",
}
#: Reasons that a paper's general description gives for another kind of outcome than this.
_ELSEWHERE = frozenset({"survival", "distribution", "agreement", "rate", "bayes", "ordinal"})


@dataclass(frozen=True)
class Basis:
    """What a printed p is judged by.

    Attributes
    ----------
    candidates : list of Candidate
        Tests that the description admits, the likeliest first.
    withheld : tuple of str
        Why a p that none of them gives is not held against the paper; empty where it is.
    orientation : Candidate or None
        The unadjusted test of the table, where the stated one cannot be followed.
    assumes : tuple of str
        What a verdict that accuses presumes.
    by_interval : bool
        The SDs come from printed intervals, so that the p is held against these.
    """

    candidates: list[Candidate] = field(default_factory=list)
    withheld: tuple[str, ...] = ()
    orientation: Candidate | None = None
    assumes: tuple[str, ...] = ()
    by_interval: bool = False


def admit(
    tested: Tested,
    stated: StatedTest,
    general: StatedTest,
    later: StatedTest,
    note: StatedTest | None = None,
) -> Basis:
    """Tests to judge a printed p by.

    Parameters
    ----------
    tested : Tested
        What the p is about.
    stated : StatedTest
        The row's own test.
    general : StatedTest
        What the paper's methods state for such comparisons; used where the row says nothing.
    later : StatedTest
        Its longitudinal analysis, which may stand behind a p whose test is not stated at all.
    note : StatedTest, optional
        The note of the row, as far as it names an analysis that the table cannot give.

    Returns
    -------
    Basis
        Without candidates where nothing can be recomputed.
    """
    subject = tested.subject
    if subject is None:
        return Basis(withheld=tested.doubts)
    said = stated if not stated.silent else general
    if not stated.silent and not stated.recognised:
        closest = ", ".join(stated.closest)
        hint = f" (closest known: {closest})" if closest else ""
        return Basis([], (f"test not recognised: {stated.text}{hint}",), _orientation(tested))
    doubts = _doubts(tested, said, general, later)
    blocked = [
        k for k in said.not_followed if said is stated or k.why not in _ELSEWHERE or not said.tests
    ]
    if tested.logarithms:  # the table has what the test is of
        blocked = [k for k in blocked if k.why != LOGARITHMS]
    applies = _APPLIES[type(subject)]
    methods = [k.method for k in said.tests if k.method in applies]
    foreign = [k for k in said.tests if k.method not in applies and k.method != NONE]
    if not methods and not any(k.method == NONE for k in said.tests):
        if foreign and (said is stated or foreign[0].method in RATE_METHODS):
            reason = _not_applicable(foreign[0], subject)
            return Basis([], (reason, *doubts), _orientation(tested))
        methods = [USUAL]
    doubts += [k.reason for k in blocked]
    doubts += [f"by the note {k.reason}" for k in (note.not_followed if note else [])]
    if said.unknown and said is stated:
        doubts.append(f"what “{' '.join(said.unknown)}” means for the test is not known")
    if not methods or tested.of_others or any(k.qualifier for k in blocked):
        return Basis([], tuple(dict.fromkeys(doubts)), _orientation(tested))
    found = _candidates(tested, said, methods, doubts)
    orientation = _orientation(tested) if doubts else None
    reasons, assumes = tuple(dict.fromkeys(doubts)), _assumes(tested, said, methods)
    return Basis(found, reasons, orientation, assumes, tested.by_interval)


def _doubts(tested: Tested, said: StatedTest, general: StatedTest, later: StatedTest) -> list[str]:
    """Why a p may be of something else, apart from what its stated test asks for."""
    doubts = list(tested.doubts)
    if tested.logarithms and not any(k.why == LOGARITHMS for k in said.qualifiers):
        doubts.append(OF_LOGARITHMS)
    if said is general and not general.silent and not general.recognised:
        doubts.append(f"the methods state {general.text}, which is not recognised")
    if said.silent and any(k.method == NONE for k in later.tests):
        doubts.append(f"the stated longitudinal analysis is a {later.tests[0].name}")
    return doubts


def _not_applicable(named: Known, subject: Subject) -> str:
    """Why a named test is not one of this subject."""
    if named.method in RATE_METHODS and isinstance(subject, Counts):
        return f"{named.name} needs all events and the person-time (rates.csv)"
    return f"{named.name} is not a test {_KINDS[type(subject)]}"


def _orientation(tested: Tested) -> Candidate | None:
    """The unadjusted test of the table; None where it hangs on a correlation altogether."""
    found = _candidates(tested, StatedTest(""), [USUAL], [])
    telling = [c for c in found if not (c.free_correlation and np.isnan(c.p) and c.high > 0.999)]
    return telling[0] if telling else None


def _candidates(
    tested: Tested, said: StatedTest, methods: list[str], doubts: list[str]
) -> list[Candidate]:
    """All tests of the subject and of what the p may be of instead; doubts are added to."""
    subject = tested.subject
    assert subject is not None
    sided = said.has("one_sided")
    found: list[Candidate] = []
    for part, words in [(subject, ""), *tested.others]:
        for candidate in _of(part, tested, said, methods, doubts, sided):
            name = f"{candidate.name} {words}".strip()
            found.append(replace(candidate, name=name))
    if said.of_change and tested.others and isinstance(subject, Groups):
        found = [c for c in found if c.name.endswith(tested.others[0][1])] or found
    return found


def _of(
    part: Subject,
    tested: Tested,
    said: StatedTest,
    methods: list[str],
    doubts: list[str],
    sided: bool,
) -> list[Candidate]:
    if isinstance(part, Groups):
        found = _means(part, tested, said, methods, doubts)
        return [c for two in found for c in one_sided(two)] if sided else found
    if isinstance(part, Counts):
        return _counts(part, tested, said, methods, doubts, sided)
    if isinstance(part, Crosstab):
        return _categories(part, methods, doubts)
    if isinstance(part, Rates):
        return _rates(part, methods, doubts, sided)
    if isinstance(part, PrintedChange):
        found = [one_sample(part.change)]
    elif isinstance(part, Change):
        found = _change(part, methods, doubts)
    else:
        found = [difference_of_changes(part, ANY_CORRELATION)]
    return [c for two in found for c in one_sided(two)] if sided else found


_TREND_DOUBT = "several tests of a linear trend in means carry that name"


def _means(
    part: Groups, tested: Tested, said: StatedTest, methods: list[str], doubts: list[str]
) -> list[Candidate]:
    if len(part.groups) > 2:
        return [c for m in methods for c in _several_means(part, tested, said, m, doubts)]
    found = [c for m in methods for c in _two_means(part, tested, m, doubts)]
    if "ancova" in methods:
        found += _ancova(tested, said, doubts)
    if methods == [USUAL] and tested.others:
        doubts.append("changes are printed beside the levels, and no test is stated")
        found += _ancova(tested, said, []) if part is tested.subject else []
    return found


def _several_means(
    part: Groups, tested: Tested, said: StatedTest, method: str, doubts: list[str]
) -> list[Candidate]:
    groups = part.groups
    if method in {USUAL, "anova"}:
        return [one_way(groups)]
    if method == "linear_trend":
        doubts.append(_TREND_DOUBT)
        return [linear_trend(groups, s) for s in _scores(tested, said, len(groups))]
    if method == "ancova":
        doubts.append("an analysis of covariance of several arms at once is not followed")
        return []
    doubts.append("the row does not say which of the arms are compared")
    test = welch if method == "welch" else student
    return [test(groups[0], group) for group in groups[1:]]


def _two_means(part: Groups, tested: Tested, method: str, doubts: list[str]) -> list[Candidate]:
    first, second = part.groups
    together = method in {USUAL, "anova", "linear_trend"}
    found = [student(first, second)] if together or method in {"student", "t"} else []
    if method in {USUAL, "welch", "t"}:
        found.append(welch(first, second))
    if together and tested.arms is not None and part.statistic == tested.arms.statistic:
        found.append(pooled_contrast(tested.arms.groups, first, second))
    if method == "anova" and tested.arms is not None:
        found.append(one_way(tested.arms.groups))
    if method == "linear_trend":
        doubts.append(_TREND_DOUBT)
    return found


def _ancova(tested: Tested, said: StatedTest, doubts: list[str]) -> list[Candidate]:
    """Analyses of covariance on baseline; judged where baseline is stated as the one covariate."""
    if not tested.covariance:
        doubts.append("the table has no baseline of the same patients to adjust for")
        return []
    if not said.has("baseline") or said.unknown:
        doubts.append("the covariates of the analysis are not all stated")
    return [covariance_adjusted(c.before, c.after, c.change, c.arm) for c in tested.covariance]


def _change(part: Change, methods: list[str], doubts: list[str]) -> list[Candidate]:
    found = []
    if any(m in {USUAL, "paired", "student", "welch", "t"} for m in methods):
        found.append(paired(part, part.correlation or ANY_CORRELATION))
        if part.change is None and part.correlation is not None:
            free = paired(part, ANY_CORRELATION)
            found.append(replace(free, name=f"{free.name} at another correlation"))
    if any(m in {"student", "t"} for m in methods):
        found.append(student(part.before, part.after, "unpaired Student's t test of the visits"))
    if any(m in {"welch", "t"} for m in methods):
        found.append(welch(part.before, part.after, "unpaired Welch's t test of the visits"))
    if any(m in {"anova", "repeated_measures"} for m in methods):
        doubts.append("an analysis of variance over visits hangs on all their correlations")
        found.append(paired(part, ANY_CORRELATION))
        contrast = contrast_within_anova(part)
        found += over_all_visits(part) + ([] if contrast is None else [contrast])
    return found


def _counts(
    part: Counts,
    tested: Tested,
    said: StatedTest,
    methods: list[str],
    doubts: list[str],
    sided: bool,
) -> list[Candidate]:
    found: list[Candidate] = []
    plain = [m for m in methods if m not in {"trend", "linear_trend", USUAL}]
    if said.has("yates") and "chi2" in plain:
        plain[plain.index("chi2")] = "yates"
    # Fisher's test first where it is stated: the likelier one of small counts.
    plain = ["chi2", "fisher"] if methods == [USUAL] else sorted(plain, key=lambda m: m != "fisher")
    if "trend" in methods or "linear_trend" in methods:
        if not said.scores:
            doubts.append("the scores of the arms are not stated")
        found += trend_tests(part, _scores(tested, said, len(part.events)))
    if sided:
        doubts.append("the direction of a one-sided test is not stated")
        return found + (one_sided_counts(part, plain) if len(part.events) == 2 else [])
    tests = count_tests(part, plain)
    if {"fisher", "mid_p", "barnard"} & set(plain) and not tests:
        doubts.append("exact tests of so many patients are not computed")
    return found + tests


def _categories(part: Crosstab, methods: list[str], doubts: list[str]) -> list[Candidate]:
    found: list[Candidate] = []
    if "trend" in methods or "linear_trend" in methods:
        doubts.append("the scores of the categories are not stated")
        if len(part.counts) == 2:
            first, second = (np.array(c) for c in part.counts)
            seen = first + second > 0
            events = Counts(tuple(second[seen]), tuple((first + second)[seen]))
            found += trend_tests(events, [tuple(map(float, range(int(seen.sum()))))])
    plain = [m for m in methods if m not in {"trend", "linear_trend", USUAL}]
    return found + crosstab_tests(part, ["chi2", "fisher"] if methods == [USUAL] else plain)


def _rates(part: Rates, methods: list[str], doubts: list[str], sided: bool) -> list[Candidate]:
    if methods == [USUAL]:
        doubts.append("no test is stated, and rates are seldom taken for Poisson's alone")
    if "poisson_regression" in methods:
        doubts.append("the covariates of the regression are not stated")
    if sided:
        doubts.append("the direction of a one-sided test is not stated")
    return rate_tests(part, USUAL_RATES if methods == [USUAL] else methods)


def _scores(tested: Tested, said: StatedTest, arms: int) -> list[tuple[float, ...]]:
    if len(said.scores) == arms:
        return [said.scores]
    equal = tuple(map(float, range(arms)))
    doses = [tested.doses] if tested.doses is not None and len(tested.doses) == arms else []
    return [equal, *doses]


def _assumes(tested: Tested, said: StatedTest, methods: list[str]) -> tuple[str, ...]:
    """What a verdict against the paper presumes, in words."""
    subject = tested.subject
    found = []
    if methods == [USUAL]:
        usual = {
            Groups: "a t test or one-way analysis of variance",
            Counts: "a χ² or Fisher's exact test",
            Crosstab: "a χ² or Fisher–Freeman–Halton test",
            Rates: "a test of Poisson rates",
        }.get(type(subject), "a paired t test")
        found.append(f"{usual}, since no test is stated")
    else:
        found.append("the stated test")
    if not said.has("one_sided"):
        found.append("two-sided")
    found.append("no adjustment for covariates or multiplicity")
    if isinstance(subject, Rates):
        found += ["the printed person-time", "events that come independently (Poisson)"]
    elif isinstance(subject, Counts | Crosstab):
        found.append("every patient of the denominator counted once")
    else:
        found.append("the printed n in every mean")
        if isinstance(subject, Change | Interaction):
            found.append("the same patients at both visits")
        if isinstance(subject, Groups) and subject.statistic == "level":
            found.append("means of the visit compared, not changes")
        found.append("SDs that are SDs")
    if tested.logarithms:
        found.append("the test of logarithms")
    return tuple(found)

"""The example bundles of ``data/examples``: patients simulated with a known truth, one a shape.

``python -m tests.examples`` writes them anew, with ``truth.csv`` beside them; a test holds the
committed files against what this module makes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tests.bundles import OUTCOME, SUMMARY, simulate, write_rows

HOME = Path(__file__).resolve().parents[1] / "data" / "examples"
EVENT = ("visit", "reaction", "arm", "events", "n", "direction")
TRUTH = ("example", "subject", "arm", "visit", "estimand", "truth")
#: Of every outcome: label, unit, direction, MCID in its unit, level, SD.
OUTCOMES: dict[str, tuple[str, str, str, str, float, float]] = {
    "pain": ("Pain score", "points", "lower", "1", 6.0, 1.8),
    "strength": ("Grip strength", "kg", "higher", "", 25.0, 6.0),
    "sleep": ("Sleep", "h", "higher", "0.5", 6.2, 1.1),
}
CORRELATION = 0.6


@dataclass
class Example:
    """One bundle in the making.

    Attributes
    ----------
    name, what : str
        Folder, and what is particular to the shape.
    arms, weeks : mapping
        Patients by arm, the control first; weeks by visit.
    baseline : str or None
    truth : list of tuple
        Rows of ``truth.csv``.
    """

    name: str
    what: str
    arms: Mapping[str, int]
    weeks: Mapping[str, float]
    baseline: str | None
    truth: list[tuple[object, ...]] = field(default_factory=list)
    summaries: list[tuple[object, ...]] = field(default_factory=list)
    events: list[tuple[object, ...]] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)

    def outcome(
        self,
        rng: np.random.Generator,
        outcome: str,
        gains: Mapping[str, Sequence[float]],
        *,
        size: Callable[[str, str, int], int | None] = lambda arm, visit, n: n,
        statistics: Sequence[str] = ("level",),
    ) -> None:
        """Simulate an outcome: ``gains`` by arm and visit, in the outcome's unit."""
        _, _, _, _, level, sd = OUTCOMES[outcome]
        self.outcomes.append(outcome)
        visits = list(self.weeks)
        control = next(iter(self.arms))
        for arm, n in self.arms.items():
            mean = [level + gain for gain in gains[arm]]
            patients = simulate(rng, n, mean, sd, CORRELATION)
            for t, visit in enumerate(visits):
                seen = size(arm, visit, n)
                if seen is None:
                    continue
                for statistic in statistics:
                    if statistic == "change" and visit == self.baseline:
                        continue
                    values = patients[:seen, t]
                    if statistic == "change":
                        values = values - patients[:seen, 0]
                    printed = (f"{values.mean():.2f}", f"{values.std(ddof=1):.2f}")
                    self.summaries.append((outcome, arm, visit, statistic, seen, *printed))
                if arm != control and visit != self.baseline and size(control, visit, n):
                    moved = gains[arm][t] - gains[control][t]
                    estimand = "difference" if self.baseline is None else "adjusted_difference"
                    self.truth.append((self.name, outcome, arm, visit, estimand, round(moved, 10)))

    def event(
        self,
        rng: np.random.Generator,
        event: str,
        direction: str,
        rates: Mapping[str, Sequence[float]],
        visits: Sequence[str],
    ) -> None:
        """Simulate an event: its rate by arm and visit, each count of new patients."""
        control = next(iter(self.arms))
        for t, visit in enumerate(visits):
            for arm, n in self.arms.items():
                count = rng.binomial(n, rates[arm][t])
                self.events.append((visit, event, arm, count, n, direction))
                if arm != control:
                    moved = rates[arm][t] - rates[control][t]
                    self.truth.append(
                        (self.name, event, arm, visit, "risk_difference", round(moved, 10))
                    )

    def write(self, folder: Path) -> None:
        """Write the bundle."""
        folder.mkdir(parents=True, exist_ok=True)
        lines = [
            "# Simulated: no patient, no paper. See ../README.md.",
            f'title = "Simulated example: {self.what}"',
            f'citation = "Simulated data ({self.name}), bayesasthma examples."',
            'design = "Simulated patients, parallel groups"',
            "randomised = true",
        ]
        for i, (arm, n) in enumerate(self.arms.items()):
            role = "treatment" if i else "control"
            label = arm.replace("_", " ").capitalize()
            lines += ["", "[[arms]]", f'id = "{arm}"', f'label = "{label}"', f'role = "{role}"']
            lines += [f"n = {n}"]
        for visit, week in self.weeks.items():
            label = "Baseline" if visit == self.baseline else f"{week:g} weeks"
            lines += ["", "[[visits]]", f'id = "{visit}"', f'label = "{label}"', f"week = {week:g}"]
            lines += ["baseline = true"] if visit == self.baseline else []
        text = "\n".join(lines) + "\n"
        (folder / "study.toml").write_text(text, encoding="utf-8", newline="\n")
        if self.outcomes:
            rows = []
            for name in self.outcomes:
                label, unit, direction, mcid, _, _ = OUTCOMES[name]
                source = "assumed for the example" if mcid else ""
                kind = "absolute" if mcid else ""
                rows.append((name, label, unit, "", direction, mcid, kind, source))
            write_rows(folder / "outcomes.csv", OUTCOME, rows)
            write_rows(folder / "summaries.csv", SUMMARY, self.summaries)
        if self.events:
            write_rows(folder / "adverse.csv", EVENT, self.events)


def events_alone() -> Example:
    """Counts and nothing else, of three directions, at one visit."""
    made = Example(
        "events-alone", "events alone, one visit", {"usual_care": 90, "device": 88},
        {"end": 9}, None,
    )  # fmt: skip
    rng = np.random.default_rng(1)
    made.event(rng, "bleeding", "lower", {"usual_care": [0.30], "device": [0.18]}, ["end"])
    made.event(rng, "survival", "higher", {"usual_care": [0.55], "device": [0.70]}, ["end"])
    made.event(rng, "transfer", "none", {"usual_care": [0.25], "device": [0.25]}, ["end"])
    return made


def responders() -> Example:
    """Binary outcomes at two visits, of which more is better, beside a score."""
    made = Example(
        "responders", "responders at visits beside a score", {"placebo": 60, "active": 62},
        {"start": 0, "week6": 6, "week12": 12}, "start",
    )  # fmt: skip
    rng = np.random.default_rng(2)
    gains = {"placebo": [0, -0.6, -0.8], "active": [0, -1.2, -1.7]}
    made.outcome(rng, "pain", gains)
    rates = {"placebo": [0.25, 0.35], "active": [0.40, 0.55]}
    made.event(rng, "response", "higher", rates, ["week6", "week12"])
    return made


def outcomes_alone() -> Example:
    """Two outcomes, no counts, and a number of patients that differs by cell, also upwards."""
    made = Example(
        "outcomes-alone", "outcomes alone, number of patients by cell",
        {"standard": 40, "new": 42}, {"start": 0, "week4": 4, "week24": 24}, "start",
    )  # fmt: skip
    rng = np.random.default_rng(3)

    def size(arm: str, visit: str, n: int) -> int:
        return {"start": n - 3, "week4": n - 5, "week24": n - 1}[visit]

    zero = {"standard": [0, 1.0, 1.5], "new": [0, 2.5, 4.0]}
    made.outcome(rng, "strength", zero, size=size)
    made.outcome(rng, "sleep", {"standard": [0, 0.1, 0.1], "new": [0, 0.1, 0.1]}, size=size)
    return made


def changes_alone() -> Example:
    """Changes from baseline and no level anywhere."""
    made = Example(
        "changes-alone", "changes from baseline alone", {"control": 70, "exercise": 68},
        {"start": 0, "week26": 26}, "start",
    )  # fmt: skip
    rng = np.random.default_rng(4)
    made.outcome(rng, "pain", {"control": [0, -0.5], "exercise": [0, -1.3]}, statistics=["change"])
    still = {"control": [0, 0.5], "exercise": [0, 0.5]}
    made.outcome(rng, "strength", still, statistics=["change"])
    return made


def one_visit() -> Example:
    """One visit, no baseline, outcomes and a reaction."""
    made = Example(
        "one-visit", "one visit and no baseline", {"control": 33, "active": 31}, {"end": 8}, None
    )
    rng = np.random.default_rng(5)
    made.outcome(rng, "sleep", {"control": [0], "active": [0.8]})
    made.event(rng, "nausea", "lower", {"control": [0.15], "active": [0.30]}, ["end"])
    return made


def no_baseline() -> Example:
    """Two visits after the start, no baseline, and an outcome that ends at the first of them."""
    made = Example(
        "no-baseline", "no baseline, one outcome seen early alone", {"control": 45, "active": 47},
        {"week4": 4, "week12": 12}, None,
    )  # fmt: skip
    rng = np.random.default_rng(6)
    made.outcome(rng, "pain", {"control": [0, -0.4], "active": [-0.9, -1.3]})

    def early(arm: str, visit: str, n: int) -> int | None:
        return n if visit == "week4" else None

    made.outcome(rng, "sleep", {"control": [0, 0], "active": [0.4, 0.4]}, size=early)
    return made


def one_arm_visit() -> Example:
    """A later visit that one treated arm alone is seen at."""
    made = Example(
        "one-arm-visit", "a visit in one arm alone", {"control": 38, "active": 40},
        {"start": 0, "week12": 12, "week24": 24}, "start",
    )  # fmt: skip
    rng = np.random.default_rng(7)

    def size(arm: str, visit: str, n: int) -> int | None:
        return None if (arm, visit) == ("control", "week24") else n

    gains = {"control": [0, 0.5, 0.5], "active": [0, 3.5, 4.0]}
    made.outcome(rng, "strength", gains, size=size)
    return made


def six_arms() -> Example:
    """Five doses against a control, levels and SDs of change."""
    doses = ["dose_1", "dose_2", "dose_3", "dose_4", "dose_5"]
    arms = {"placebo": 30} | {dose: 28 + i for i, dose in enumerate(doses)}
    made = Example("six-arms", "six arms", arms, {"start": 0, "week8": 8}, "start")
    rng = np.random.default_rng(8)
    gains = {arm: [0, -0.4 - 0.3 * i] for i, arm in enumerate(arms)}
    made.outcome(rng, "pain", gains, statistics=["level", "change"])
    rates = {arm: [0.10 + 0.04 * i] for i, arm in enumerate(arms)}
    made.event(rng, "dizziness", "lower", rates, ["week8"])
    return made


EXAMPLES: tuple[Callable[[], Example], ...] = (
    events_alone, responders, outcomes_alone, changes_alone, one_visit, no_baseline,
    one_arm_visit, six_arms,
)  # fmt: skip


def write_examples(home: Path) -> None:
    """Write every bundle, and the truth of all of them."""
    truth: list[tuple[object, ...]] = []
    for make in EXAMPLES:
        made = make()
        made.write(home / made.name)
        truth += made.truth
    write_rows(home / "truth.csv", TRUTH, truth)


if __name__ == "__main__":
    write_examples(HOME)

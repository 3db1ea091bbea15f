"""Prior sets of a user's own, from a small TOML file."""

from __future__ import annotations

from math import inf, isfinite
from pathlib import Path
from typing import Any

from bayesasthma._files.toml import parse_toml
from bayesasthma.errors import UsageError
from bayesasthma.priors.distributions import (
    COMPONENTS,
    Component,
    EffectPrior,
    OwnPrior,
    PriorSet,
)

TEXTS = ("name", "justification", "source")
TABLES = ("effect", "outcome", "log_odds_ratio", "reaction")
NUMBERS = ("location", "scale", "df", "weight")
UNITS = ("sd", "mcid", "outcome")

#: What stands in where the file says nothing, as in the set ``weak``.
WEAK_EFFECT, WEAK_LOG_ODDS = 2.0, 1.5


def read_prior(path: str | Path, reserved: tuple[str, ...] = ()) -> PriorSet:
    """Read a prior set; ``docs/priors.md`` shows a file.

    ``[effect]`` is the prior of the benefit of every outcome, ``[outcome.ID]`` that of one;
    ``[log_odds_ratio]`` and ``[reaction.ID]`` are priors of the log odds ratio of adverse
    reactions (negative: fewer under treatment). Each has ``location`` and ``scale``, and ``df`` for
    a Student t; or two ``component`` tables that also have a ``weight``. ``unit`` of benefits is
    ``"sd"`` (baseline SDs, the default), ``"mcid"`` or ``"outcome"``.

    Parameters
    ----------
    path : str or Path
    reserved : tuple of str
        Names that the set may not have.

    Raises
    ------
    UsageError
        If the file cannot be read; every fault in it with its key, its value and what was expected.
    """
    path = Path(path)
    try:
        content = parse_toml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the prior file {path}: {error}") from error
    except ValueError as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    faults = _unknown(content, "", (*TEXTS, *TABLES))
    texts = _texts(content, reserved, faults)
    name = texts["name"]
    effects = _tables(content, "effect", "outcome", UNITS, faults)
    ratios = _tables(content, "log_odds_ratio", "reaction", ("sd",), faults)
    if not effects and not ratios and not faults:
        faults.append("expected at least one of [effect], [outcome.ID], [log_odds_ratio]")
    if faults:
        raise UsageError(f"{path}: " + "\n  ".join(["", *faults]).strip())
    # the models speak of fewer reactions: minus the log odds ratio
    fewer = tuple(OwnPrior(item.prior.times(-1.0), item.unit, item.of) for item in ratios)
    return PriorSet(
        name,
        _formula(effects, ratios),
        texts["justification"],
        texts["source"] or str(path.name),
        effect_scale=WEAK_EFFECT,
        log_odds_scale=WEAK_LOG_ODDS,
        effects=effects,
        log_odds_ratios=fewer,
    )


def _texts(content: dict[str, Any], reserved: tuple[str, ...], faults: list[str]) -> dict[str, str]:
    """Name, justification and source; appends what is wrong."""
    texts = {key: content.get(key, "") for key in TEXTS}
    for key, value in texts.items():
        if not isinstance(value, str) or (key != "source" and not value.strip()):
            found = "" if key not in content else f" = {value!r}"
            faults.append(f"{key}{found}: expected a text")
    name = texts["name"]
    if name in reserved:
        faults.append(f"name = {name!r}: expected another name, this one is in the registry")
    elif isinstance(name, str) and not name.replace("_", "").replace("-", "").isalnum():
        faults.append(f"name = {name!r}: expected letters, digits, '-' and '_'")
    return texts


def _tables(
    content: dict[str, Any], general: str, single: str, units: tuple[str, ...], faults: list[str]
) -> tuple[OwnPrior, ...]:
    """The general prior and those of single outcomes or reactions."""
    found = []
    if general in content:
        found.append(_own(content[general], f"[{general}]", "", units, faults))
    named = content.get(single, {})
    if not isinstance(named, dict):
        faults.append(f"{single} = {named!r}: expected tables [{single}.ID]")
        named = {}
    for key, table in named.items():
        found.append(_own(table, f"[{single}.{key}]", key, units, faults))
    return tuple(item for item in found if item is not None)


def _own(
    table: Any, where: str, of: str, units: tuple[str, ...], faults: list[str]
) -> OwnPrior | None:
    if not isinstance(table, dict):
        faults.append(f"{where} = {table!r}: expected a table with location and scale")
        return None
    before = len(faults)
    unit = table.get("unit", "sd")
    if unit not in units:
        faults.append(f"{where} unit = {unit!r}: expected one of {', '.join(units)}")
    parts = table.get("component")
    if parts is None:
        known = ("location", "scale", "df", "unit")
        faults += _unknown(table, where, known)
        components = [_component(table, where, faults, weighted=False)]
    else:
        faults += _unknown(table, where, ("component", "unit"))
        if not isinstance(parts, list) or len(parts) != COMPONENTS:
            faults.append(f"{where} component: expected {COMPONENTS} tables [[...component]]")
            return None
        components = []
        for i, part in enumerate(parts, start=1):
            place = f"{where} component {i}"
            faults += _unknown(part, place, NUMBERS)
            components.append(_component(part, place, faults, weighted=True))
    if len(faults) > before:
        return None
    total = sum(part.weight for part in components)
    if abs(total - 1) > 1e-6:
        faults.append(f"{where} weights sum to {total:g}: expected 1")
        return None
    rescaled = tuple(Component(p.location, p.scale, p.df, p.weight / total) for p in components)
    return OwnPrior(EffectPrior(rescaled), unit, of)


def _unknown(table: dict[str, Any], where: str, known: tuple[str, ...]) -> list[str]:
    return [
        f"{where} {key}".strip() + f": expected one of {', '.join(known)}"
        for key in table
        if key not in known
    ]


def _component(
    table: dict[str, Any], where: str, faults: list[str], *, weighted: bool
) -> Component:
    def number(key: str, default: float | None, low: float, expected: str) -> float:
        value: Any = table.get(key, default)
        good = isinstance(value, int | float) and not isinstance(value, bool)
        finite = good and (isfinite(value) or (key == "df" and value == inf))
        if not finite or value <= low:
            found = "" if key not in table else f" = {value!r}"
            faults.append(f"{where} {key}{found}: expected {expected}")
            return 1.0
        return float(value)

    location = number("location", None, -inf, "a number")
    scale = number("scale", None, 0.0, "a positive number")
    df = number("df", inf, 0.0, "a positive number, or none for a normal distribution")
    weight = number("weight", None if weighted else 1.0, 0.0, "a number between 0 and 1")
    return Component(location, scale, df, weight)


def _formula(effects: tuple[OwnPrior, ...], ratios: tuple[OwnPrior, ...]) -> str:
    units = {"sd": "baseline SDs", "mcid": "MCIDs", "outcome": "outcome units"}
    general = [item for item in effects if not item.of]
    parts = [] if general else [f"benefit ~ Normal(0, {WEAK_EFFECT:g}^2) baseline SDs"]
    for item in effects:
        what = f"benefit of {item.of}" if item.of else "benefit"
        parts.append(f"{what} ~ {item.prior.describe()} {units[item.unit]}")
    if not any(not item.of for item in ratios):
        parts.append(f"log OR ~ Normal(0, {WEAK_LOG_ODDS:g}^2)")
    for item in ratios:
        what = f"log OR of {item.of}" if item.of else "log OR"
        parts.append(f"{what} ~ {item.prior.describe()}")
    return "; ".join(parts)

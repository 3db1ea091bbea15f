"""Names of tests as papers print them, and what each lets the audit do."""

from __future__ import annotations

import difflib
import re
import tomllib
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

NONE, WITHHOLD = "none", "withhold"
#: Words that join names and change nothing.
FILLERS = frozenset(
    """
    a an and or the of for by with using used as if when where in to on either between among both
    appropriate applicable respectively otherwise unless were was is are groups arms group arm
    independent comparison comparisons value values p two sample samples from change changes mean
    means difference differences treatment vs versus followed then within over time patients data
    variables categorical continuous proportions counts exact unpaired covariate covariates model
    score scores dose doses
    """.split()  # noqa: SIM905
)
#: Fillers that change the test after all beside some names: an exact χ² test is not the usual one.
TELLING = frozenset({"exact"})
_SCORES = re.compile(
    r"\b(?:scores?|doses?|weights?)\b\s*(?:of|=|:)?\s*"
    r"((?:-?\d+(?:\.\d+)?)(?:\s*(?:,|;|/|and|\s)\s*(?:-?\d+(?:\.\d+)?))+)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Known:
    """An entry of ``test_names.toml``.

    Attributes
    ----------
    name : str
        As the audit writes it.
    method : str
        What is recomputed; `NONE` for a test that summaries cannot give, `WITHHOLD` for a qualifier
        that keeps the p from being judged.
    reason : str
        Why not, for these two.
    qualifier : bool
        A word beside a test, not a test.
    why : str
        Key of the reason, such as "rank".
    """

    name: str
    method: str
    reason: str = ""
    qualifier: bool = False
    why: str = ""


@dataclass(frozen=True)
class StatedTest:
    """What a paper says of a test.

    Attributes
    ----------
    text : str
        As printed; empty where nothing is said.
    tests : tuple of Known
        Tests named, each once, in their order: alternatives if there are several.
    qualifiers : tuple of Known
        Qualifiers named.
    unknown : tuple of str
        Words that belong to neither.
    closest : tuple of str
        Known names like the text, where no test was recognised.
    scores : tuple of float
        Scores stated for a test of trend.
    """

    text: str
    tests: tuple[Known, ...] = ()
    qualifiers: tuple[Known, ...] = ()
    unknown: tuple[str, ...] = ()
    closest: tuple[str, ...] = field(default=())
    scores: tuple[float, ...] = ()

    @property
    def silent(self) -> bool:
        """Whether nothing is stated."""
        return not self.text

    @property
    def recognised(self) -> bool:
        """Whether a test, or at least a qualifier of the usual one, was understood."""
        return bool(self.tests or self.qualifiers)

    def has(self, method: str) -> bool:
        """Whether a qualifier of this method is named."""
        return any(q.method == method for q in self.qualifiers)

    @property
    def of_change(self) -> bool:
        """Whether the words say that changes are compared."""
        return bool({"change", "changes", "gain", "gains"} & set(words_of(self.text)))

    @property
    def not_followed(self) -> list[Known]:
        """Named tests and qualifiers that summaries cannot give."""
        return [k for k in (*self.tests, *self.qualifiers) if k.method in {NONE, WITHHOLD}]


def _plain(text: str) -> str:
    """Lower case, without diacritics, with plain apostrophes and hyphens as blanks."""
    text = unicodedata.normalize("NFKD", text.replace("\N{GREEK SMALL LETTER CHI}", "χ"))
    text = "".join(c for c in text if not unicodedata.combining(c)).lower()
    text = re.sub(r"['’‘`´]s?\b", "", text)  # noqa: RUF001
    return re.sub(r"[^a-z0-9χ]+", " ", text).strip()


def words_of(text: str) -> tuple[str, ...]:
    """Words of a name, compared as such; "test" is left out."""
    return tuple(w for w in _plain(text).split() if w not in {"test", "tests", "testing"})


@cache
def known_names() -> dict[tuple[str, ...], Known]:
    """Every alias of ``test_names.toml`` by its words.

    Raises
    ------
    ValueError
        If an entry has no aliases, an alias stands for two entries, or a reason is unknown.
    """
    text = (files("bayesasthma.auditing") / "test_names.toml").read_text(encoding="utf-8")
    content = tomllib.loads(text)
    found: dict[tuple[str, ...], Known] = {}
    for key in ("test", "qualifier"):
        for entry in content[key]:
            name, method = str(entry["name"]), str(entry["method"])
            needs = method in {NONE, WITHHOLD}
            if needs and entry.get("reason") not in content["reasons"]:
                raise ValueError(f"test_names.toml: {name}: reason {entry.get('reason')!r} unknown")
            reason = str(content["reasons"][entry["reason"]]) if needs else ""
            why = str(entry.get("reason", ""))
            known = Known(name, method, reason, key == "qualifier", why)
            for alias in [name, *entry["aliases"]]:
                words = words_of(alias)
                if found.setdefault(words, known) != known:
                    raise ValueError(
                        f"test_names.toml: {alias!r} is {found[words].name} and {name} both"
                    )
    return found


def read_stated(text: str) -> StatedTest:
    """Understand the description of a test.

    The longest known name is taken first; what is left must be words that join names, else it is
    kept as unknown. "Student's t or Mann–Whitney U" names two tests, either of which may stand
    behind a p.

    Parameters
    ----------
    text : str
        As printed, in any case.

    Returns
    -------
    StatedTest
    """
    text = text.strip()
    if not text:
        return StatedTest("")
    names = known_names()
    longest = max(map(len, names))
    scores = _SCORES.search(text)
    bare = text[: scores.start()] + text[scores.end() :] if scores else text
    words = words_of(bare)
    found: dict[str, Known] = {}
    left: list[str] = []
    at = 0
    while at < len(words):
        for size in range(min(longest, len(words) - at), 0, -1):
            known = names.get(words[at : at + size])
            if known is not None:
                found.setdefault(known.name, known)
                at += size
                break
        else:
            left.append(words[at])
            at += 1
    tests = tuple(k for k in found.values() if not k.qualifier)
    alone = {k.method for k in tests} <= {"fisher", "barnard", "mid_p"}
    fillers = FILLERS if alone else FILLERS - TELLING
    numbers = tuple(float(x) for x in re.findall(r"-?\d+(?:\.\d+)?", scores[1])) if scores else ()
    stated = StatedTest(
        text,
        tests,
        tuple(k for k in found.values() if k.qualifier),
        tuple(w for w in left if w not in fillers),
        scores=numbers,
    )
    return stated if stated.recognised else StatedTest(text, closest=closest_names(text))


def closest_names(text: str) -> tuple[str, ...]:
    """Known tests whose names are most like the text, at most three."""
    by_alias = {" ".join(words): known.name for words, known in known_names().items()}
    close = difflib.get_close_matches(" ".join(words_of(text)), by_alias, n=6, cutoff=0.6)
    return tuple(dict.fromkeys(by_alias[alias] for alias in close))[:3]

"""Statements as Markdown or LaTeX: the same words, with what the format reads as markup escaped."""

from __future__ import annotations

import re

FORMATS = ("text", "markdown", "latex", "json")

_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "#": r"\#",
    "$": r"\$", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": "$<$",
    ">": "$>$", "|": r"\textbar{}", "±": r"$\pm$", "−": "$-$", "≥": r"$\geq$", "≤": r"$\leq$",
    "×": r"$\times$", "ρ": r"$\rho$", "µ": r"\textmu{}", "μ": r"\textmu{}", "–": "--", "’": "'",
    "·": r"$\cdot$", "²": r"\textsuperscript{2}", "³": r"\textsuperscript{3}", "√": r"$\surd$",
    "°": r"\textdegree{}",
}  # fmt: skip
#: Of a number and the unit or the per cent sign that must not be parted from it.
_TIED = re.compile(r"(\d) (?=\\%)")


def as_markdown(text: str, lead: str = "") -> str:
    """Text as Markdown, with ``lead``, which it begins with, in bold."""
    head = f"**{_escape_markdown(lead)}**" if lead and text.startswith(lead) else ""
    return head + _escape_markdown(text[len(lead) :] if head else text)


def _escape_markdown(text: str) -> str:
    escaped = re.sub(r"([\\`*_\[\]<|~])", r"\\\1", text)
    # what would make a list, a heading or a quotation of the line
    return re.sub(r"^(\s*)([#>+-]|\d+\.)(?=\s)", r"\1\\\2", escaped)


def as_latex(text: str, lead: str = "") -> str:
    r"""Text as LaTeX, with ``lead``, which it begins with, in bold; a number keeps its ``\%``."""
    head = rf"\textbf{{{_escape_latex(lead)}}}" if lead and text.startswith(lead) else ""
    return head + _escape_latex(text[len(lead) :] if head else text)


def _escape_latex(text: str) -> str:
    return _TIED.sub(r"\1~", "".join(_LATEX.get(letter, letter) for letter in text))

"""What great-tables' LaTeX lacks for print: columns that wrap, headings on each page, symbols."""

from __future__ import annotations

import re

from bayesasthma.reporting.journal.layout import UPRIGHT, JournalTable, printable

#: Characters that pdfLaTeX does not know, or that read better as mathematics. great-tables escapes
#: those that are special to LaTeX itself.
SYMBOLS: dict[int, str] = str.maketrans({
    "−": "$-$", "±": r"$\pm$", "×": r"$\times$", "÷": r"$\div$", "·": r"$\cdot$",
    "≤": r"$\leq$", "≥": r"$\geq$", "≈": r"$\approx$", "≠": r"$\neq$", "∞": r"$\infty$",
    "√": r"$\surd$", "\N{TILDE OPERATOR}": r"$\sim$", "–": "--", "—": "---", "’": "'",
    "\N{LEFT SINGLE QUOTATION MARK}": "`", "“": "``", "”": "''",
    "…": r"\ldots{}", "\N{NO-BREAK SPACE}": "~", "\N{THIN SPACE}": r"\,",
    "\N{NARROW NO-BREAK SPACE}": r"\,", "°": r"\textdegree{}", "µ": r"\textmu{}",
    "α": r"$\alpha$", "β": r"$\beta$", "γ": r"$\gamma$", "δ": r"$\delta$", "κ": r"$\kappa$",
    "λ": r"$\lambda$", "μ": r"$\mu$", "ν": r"$\nu$", "ρ": r"$\rho$", "σ": r"$\sigma$",
    "τ": r"$\tau$", "χ": r"$\chi$", "Δ": r"$\Delta$", "†": r"\dag{}", "‡": r"\ddag{}",
    "⁻": r"\textsuperscript{$-$}",
    **{char: rf"\textsuperscript{{{i}}}" for i, char in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    **{char: rf"\textsubscript{{{i}}}" for i, char in enumerate("₀₁₂₃₄₅₆₇₈₉")},
})  # fmt: skip

#: Rule that great-tables puts below headings and around every group; only the first one stays.
RULE = "\\midrule\\addlinespace[2.5pt]"
PREAMBLE = """\
% {title}
% Needs \\usepackage{{booktabs,longtable,array,caption{more}}}, and for pdfLaTeX
% \\usepackage[utf8]{{inputenc}}, \\usepackage[T1]{{fontenc}} and \\usepackage{{textcomp}};
% letters that it lacks need XeLaTeX or LuaLaTeX.
"""


def finished(source: str, table: JournalTable, empty: str) -> str:
    """LaTeX of a table, ready to be read into a document.

    Parameters
    ----------
    source : str
        What great-tables makes of the table, as a ``longtable``. Only lines of its own making are
        changed: text of cells is escaped there and never stands at the start of one.
    table : JournalTable
    empty : str
        Character that a heading of nothing consists of.

    Returns
    -------
    str
        With columns as wide as the table says, its headings on every page, no rule but three, and
        on a page turned on its side if it has many columns.
    """
    start, end = source.index("\\begin{longtable}"), source.index("\\bottomrule")
    before, body, after = source[:start], source[start:end], source[end:]
    body = re.sub(r"\A\\begin\{longtable\}\{[lcr|]*\}", lambda _: _columns(table), body)
    head, _, rows = body.partition(RULE)
    caption, _, names = head.partition("\\toprule")
    body = (
        f"{caption}\\toprule{names}\\midrule\n\\endfirsthead\n\\toprule{names}\\midrule\n\\endhead"
        + _rows(rows, empty)
    )
    turned = len(table.columns) > UPRIGHT
    text = before + "\\setlength{\\tabcolsep}{3pt}\\setlength{\\LTcapwidth}{\\linewidth}\n"
    text += body + _footer(after)
    if turned:
        text = f"\\begin{{landscape}}\n{text}\\end{{landscape}}\n"
    comment = PREAMBLE.format(title=printable(table.title), more=",pdflscape" if turned else "")
    return comment + text.translate(SYMBOLS)


def _columns(table: JournalTable) -> str:
    """Columns that wrap, in the shares of the width that the table gives them."""
    columns = (table.stub, *table.columns)
    total = sum(column.width for column in columns)
    parts = []
    for at, column in enumerate(columns):
        side = "centering" if at else "raggedright"
        share = f"{column.width / total:.4f}"
        parts.append(
            f">{{\\{side}\\arraybackslash}}p{{\\dimexpr {share}\\linewidth-2\\tabcolsep\\relax}}"
        )
    return "\\begin{longtable}{" + "\n  ".join(["", *parts]) + "}"


def _rows(rows: str, empty: str) -> str:
    """Rows without inner rules; headings of groups in bold and on the page of their first row."""
    lines = [line for line in rows.split("\n") if line.strip() != RULE]
    found = []
    for line in lines:
        heading = re.fullmatch(r"\\multicolumn\{(\d+)\}\{l\}\{(.*)\} \\\\\[2\.5pt\] ", line)
        if heading is None:
            found.append(line)
        elif heading[2].strip(empty):
            found.append("\\addlinespace[2.5pt]")
            found.append(f"\\multicolumn{{{heading[1]}}}{{l}}{{\\textbf{{{heading[2]}}}}} \\\\*")
    return "\n".join(found)


def _footer(text: str) -> str:
    """Footnotes in small print, at the left margin."""
    return text.replace(
        "\\begin{minipage}{\\linewidth}\n",
        "\\noindent\\begin{minipage}{\\linewidth}\\fontsize{8pt}{9.6pt}\\selectfont\n",
    )

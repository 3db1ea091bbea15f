"""What a module does, as tokens: two sources that differ in comments or docstrings are the same."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

SKIPPED = {tokenize.COMMENT, tokenize.NL, tokenize.ENCODING}


def code_tokens(source: str) -> list[str]:
    """Tokens of a module without comments, blank lines and docstrings."""
    found: list[str] = []
    line: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in SKIPPED:
            continue
        if token.type in (tokenize.INDENT, tokenize.DEDENT):
            found.append(tokenize.tok_name[token.type])
            continue
        line.append(token)
        if token.type == tokenize.NEWLINE:
            # a line that is nothing but a string is a docstring
            if not (len(line) == 2 and line[0].type == tokenize.STRING):
                found += [own.string for own in line[:-1]] + ["NEWLINE"]
            line = []
    return found


def file_tokens(path: Path) -> list[str]:
    """`code_tokens` of a file."""
    return code_tokens(path.read_text(encoding="utf-8"))


def function_source(path: Path, name: str) -> str:
    """Source of one function of a file.

    Raises
    ------
    KeyError
        If the file has no such function.
    """
    text = path.read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return ast.get_source_segment(text, node) or ""
    raise KeyError(f"{path} has no function {name}")

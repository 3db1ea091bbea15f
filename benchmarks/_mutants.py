"""Small changes of a function's code, and the function's code with one of them."""

from __future__ import annotations

import ast
import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change.

    Attributes
    ----------
    module : str
        Path below the package's folder.
    function : str
        Qualified name of the function at module level or in a class that holds the change.
    line, column : int
    number : int
        Of the changes that the file has, in the order of :func:`changes`.
    before, after : str
        The changed expression.
    """

    module: str
    function: str
    line: int
    column: int
    number: int
    before: str
    after: str


def mutants_of(path: Path, package: Path) -> list[Mutant]:
    """Every mutant of a file: of the bodies of its functions, but what they raise and annotate."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = []
    for number, (function, node, change) in enumerate(changes(tree)):
        before = said(node)
        undo = change()
        after = said(node)
        undo()
        place = path.relative_to(package).as_posix()
        found.append(Mutant(place, function, node.lineno, node.col_offset, number, before, after))
    return found


def said(node: Any) -> str:
    """An expression as source; of a branch or loop its condition."""
    return ast.unparse(node.test if isinstance(node, (ast.If, ast.While)) else node)


def install(mutant: Mutant, package: Path) -> int:
    """Give the functions of this process the mutant's code; how many function objects have it."""
    path = package / mutant.module
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for number, (_, _, change) in enumerate(changes(tree)):
        if number == mutant.number:
            change()
            break
    whole = compile(ast.fix_missing_locations(tree), str(path), "exec", dont_inherit=True)
    new = {(own.co_qualname, own.co_firstlineno): own for own in codes(whole)}
    count = 0
    for own in gc.get_objects():
        if isinstance(own, FunctionType) and own.__code__.co_filename == str(path):
            key = own.__code__.co_qualname, own.__code__.co_firstlineno
            if key[0] == mutant.function and key in new:
                own.__code__ = new[key]
                count += 1
    return count


def codes(code: CodeType) -> Iterator[CodeType]:
    """Code of the functions at module level and in classes."""
    for own in code.co_consts:
        if isinstance(own, CodeType):
            yield own
            if "<locals>" not in own.co_qualname:
                yield from codes(own)


Change = Callable[[], Callable[[], None]]


def changes(tree: ast.Module) -> Iterator[tuple[str, Any, Change]]:
    """Qualified name of the function, expression, and what changes it and returns the undoing."""
    for name, function in functions(tree.body, ""):
        for statement in function.body:
            for node in walk(statement):
                for change in changes_of(node):
                    yield name, node, change


def functions(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, Any]]:
    """Functions that are not inside of others."""
    for node in body:
        if isinstance(node, ast.FunctionDef):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from functions(node.body, f"{prefix}{node.name}.")


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes whose change a test could notice: not messages of errors, texts and annotations."""
    if isinstance(node, (ast.Raise, ast.JoinedStr, ast.Assert)):
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from walk(child)


def changes_of(node: ast.AST) -> Iterator[Change]:
    """An operator for its opposite, a number for the next, a condition for its negation."""
    if isinstance(node, ast.Compare):
        for place, op in enumerate(node.ops):
            yield _set_item(node.ops, place, SWAPPED[type(op)]())
    elif isinstance(node, (ast.BinOp, ast.BoolOp)):
        if type(node.op) in SWAPPED:
            yield _set(node, "op", SWAPPED[type(node.op)]())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Invert)):
        yield _set(node, "op", ast.UAdd())
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield _set(node, "value", node.value + 1)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield _set(node, "value", not node.value)
    # a condition that is a comparison is changed as one
    elif isinstance(node, ast.IfExp) or (
        isinstance(node, (ast.If, ast.While)) and not isinstance(node.test, ast.Compare)
    ):
        yield _set(node, "test", ast.UnaryOp(ast.Not(), node.test))


def _set(node: Any, name: str, value: Any) -> Change:
    def change() -> Callable[[], None]:
        old = getattr(node, name)
        setattr(node, name, value)
        return lambda: setattr(node, name, old)

    return change


def _set_item(items: list[Any], place: int, value: Any) -> Change:
    def change() -> Callable[[], None]:
        old, items[place] = items[place], value

        def undo() -> None:
            items[place] = old

        return undo

    return change

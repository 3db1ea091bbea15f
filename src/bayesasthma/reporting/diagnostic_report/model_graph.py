"""The dependency graph of a model as a small SVG that follows the page's colours."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bayesasthma.reporting.diagnostic_report.model_nodes import Node

#: Of a box and of the gaps between boxes, in pixels.
HEIGHT, GAP_X, GAP_Y, MARGIN = 40, 14, 46, 6
LETTER, PADDING = 7.1, 9


def layers(nodes: Sequence[Node]) -> dict[str, int]:
    """How deep each node lies: 0 without parents, else one below its lowest parent.

    A node without parents lies just above its highest child, so that lines stay short.

    Raises
    ------
    ValueError
        If a parent is no node, or nodes depend on each other in a circle.
    """
    by_name = {node.name: node for node in nodes}
    depth: dict[str, int] = {}

    def find(name: str, seen: tuple[str, ...]) -> int:
        if name in seen or name not in by_name:
            raise ValueError(f"the graph has no node {name!r}, or a circle through it")
        if name not in depth:
            parents = by_name[name].parents
            depth[name] = 1 + max((find(own, (*seen, name)) for own in parents), default=-1)
        return depth[name]

    for node in nodes:
        find(node.name, ())
    for node in nodes:
        children = [depth[other.name] for other in nodes if node.name in other.parents]
        if not node.parents and children:
            depth[node.name] = min(children) - 1
    return depth


def svg(nodes: Sequence[Node]) -> str:
    """The graph as an ``<svg>`` element: rounded boxes for parameters, plain ones for the rest."""
    depth = layers(nodes)
    rows = [[node for node in nodes if depth[node.name] == level]
            for level in range(max(depth.values()) + 1)]  # fmt: skip
    width = max(sum(_width(node) + GAP_X for node in row) for row in rows) + 2 * MARGIN
    place: dict[str, tuple[float, float]] = {}
    for level, row in enumerate(rows):
        ordered = sorted(row, key=lambda node: _wanted(node, place, nodes))
        used = sum(_width(node) for node in ordered)
        gap = (width - 2 * MARGIN - used) / len(ordered)
        x = MARGIN + gap / 2
        for node in ordered:
            place[node.name] = (x + _width(node) / 2, MARGIN + level * (HEIGHT + GAP_Y))
            x += _width(node) + gap
    height = MARGIN * 2 + len(rows) * HEIGHT + (len(rows) - 1) * GAP_Y
    lines = [_line(place[parent], place[node.name]) for node in nodes for parent in node.parents]
    boxes = [_box(node, place[node.name]) for node in nodes]
    return (
        f'<svg class="graph" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        'role="img" aria-labelledby="graph-title">'
        '<title id="graph-title">Which quantity depends on which; the table below says the same '
        "in words</title>"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="currentColor"/></marker>'
        f"</defs>{''.join(lines)}{''.join(boxes)}</svg>"
    )


def _wanted(
    node: Node, place: dict[str, tuple[float, float]], nodes: Sequence[Node]
) -> tuple[float, int]:
    """Where a node would like to stand: below its parents, else in the order written."""
    above = [place[parent][0] for parent in node.parents if parent in place]
    order = [other.name for other in nodes].index(node.name)
    centre = sum(above) / len(above) if above else order * 90.0
    return centre, order


def _width(node: Node) -> float:
    return max(len(node.name), len(node.over)) * LETTER + 2 * PADDING


def _line(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x0, y0), (x1, y1) = start, end
    y0 += HEIGHT
    bend = (y0 + y1) / 2
    return (
        f'<path class="edge" d="M{x0:.0f} {y0:.0f}C{x0:.0f} {bend:.0f} {x1:.0f} {bend:.0f} '
        f'{x1:.0f} {y1 - 1:.0f}" marker-end="url(#tip)"/>'
    )


def _box(node: Node, place: tuple[float, float]) -> str:
    (x, y), wide = place, _width(node)
    round_ = 16 if node.kind == "parameter" else 3
    lower = (
        f'<text class="over" x="{x:.0f}" y="{y + 32:.0f}">{escape(node.over)}</text>'
        if node.over
        else ""
    )
    return (
        f'<g class="{node.kind}"><rect x="{x - wide / 2:.0f}" y="{y:.0f}" width="{wide:.0f}" '
        f'height="{HEIGHT}" rx="{round_}"/>'
        f'<text x="{x:.0f}" y="{y + (17 if node.over else 25):.0f}">{escape(node.name)}</text>'
        f"{lower}</g>"
    )

"""Matplotlib's SVG made small enough to stand within a page, with tooltips where a figure has them.

Coordinates keep a tenth of a point, styles that recur become classes, ids that nothing refers to
go. Ids and classes begin with a prefix of the figure's own, so that many figures share one page.
Text stays text: it can be read aloud, searched and copied.
"""

from __future__ import annotations

import re

# the text comes from Matplotlib in this process, not from outside
from xml.etree import ElementTree as ET

from bayesasthma.plots.style import TIP

SVG, XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
#: Verdana has the widths of DejaVu Sans, in which figures are laid out.
FONT = "'DejaVu Sans',Verdana,sans-serif"
#: Attributes with coordinates, which are rounded.
COORDINATES = ("d", "x", "y", "x1", "y1", "x2", "y2", "width", "height", "transform", "points")


def compact(svg: str, prefix: str, label: str) -> str:
    """One ``<svg>`` element for a page: smaller, labelled, its ids its own.

    Parameters
    ----------
    svg : str
        As ``Figure.savefig(format="svg")`` writes it, with ``svg.fonttype`` "none".
    prefix : str
        Letters that no other figure of the page has.
    label : str
        What a reader who cannot see the figure is told.

    Returns
    -------
    str
        Groups whose id begins with ``plots.style.TIP`` have the rest of it as a tooltip.
    """
    root = ET.fromstring(svg)  # noqa: S314
    for child in list(root):
        of_style = len(child) == 1 and _name(child[0]) == "style"
        if _name(child) == "metadata" or (_name(child) == "defs" and of_style):
            root.remove(child)
    names = _references(root, prefix)
    classes: dict[str, str] = {}
    _walk(root, names, classes, prefix)
    _flatten(root)
    _, _, width, height = root.attrib["viewBox"].split()
    root.attrib.clear()
    root.attrib |= {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": f"0 0 {_short(width)} {_short(height)}",
        "width": _short(str(float(width) * 4 / 3)),
        "height": _short(str(float(height) * 4 / 3)),
        "role": "img",
        "aria-label": label,
        "class": f"{prefix}0",
    }
    rules = "".join(f".{name}{{{style}}}" for style, name in classes.items())
    style = ET.Element(f"{SVG}style")
    base = f".{prefix}0{{font-family:{FONT}}}"
    style.text = f"{base}.{prefix}0 *{{stroke-linejoin:round;stroke-linecap:butt}}{rules}"
    root.insert(0, style)
    for element in root.iter():
        element.tag = _name(element)
    return ET.tostring(root, encoding="unicode")


def letters(number: int) -> str:
    """A prefix of letters for a figure's place in the page: ``za``, ``zb``, … ``zba``."""
    text = ""
    while True:
        number, digit = divmod(number, 26)
        text = chr(ord("a") + digit) + text
        if not number:
            return "z" + text


def _name(element: ET.Element) -> str:
    return element.tag.removeprefix(SVG)


def _references(root: ET.Element, prefix: str) -> dict[str, str]:
    """New names of the ids that something refers to."""
    text = ET.tostring(root, encoding="unicode")
    found = re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", text)
    used = dict.fromkeys(a or b for a, b in found)
    return {old: f"{prefix}i{k}" for k, old in enumerate(used)}


def _walk(element: ET.Element, names: dict[str, str], classes: dict[str, str], prefix: str) -> None:
    own = element.attrib.get("id", "")
    _rename(element, names)
    _classify(element, classes, prefix)
    if element.text is not None and not element.text.strip():
        element.text = None
    element.tail = element.tail if element.tail and element.tail.strip() else None
    for child in element:
        _walk(child, names, classes, prefix)
    if own.startswith(TIP):
        title = ET.Element(f"{SVG}title")
        title.text = own.removeprefix(TIP)
        element.insert(0, title)
        element.attrib["data-tip"] = ""


def _rename(element: ET.Element, names: dict[str, str]) -> None:
    """Give an element its new id, if it keeps one, new references and short coordinates."""
    for key in list(element.attrib):
        value = element.attrib.pop(key)
        if key == "id":
            if value in names:
                element.attrib["id"] = names[value]
        elif key == f"{XLINK}href":
            element.attrib["href"] = "#" + names[value[1:]]
        elif key == "clip-path":
            element.attrib[key] = f"url(#{names[value[5:-1]]})"
        elif key in COORDINATES:
            if short := _coordinates(value):
                element.attrib[key] = short
        else:
            element.attrib[key] = value


def _classify(element: ET.Element, classes: dict[str, str], prefix: str) -> None:
    """Put an element's style and clipping into a class."""
    style = re.sub(r"\s*([:;])\s*", r"\1", element.attrib.pop("style", ""))
    style = re.sub(r"font-family:[^;]*;?", "", style).rstrip(";")
    if clip := element.attrib.pop("clip-path", ""):
        style = f"{style};clip-path:{clip}".lstrip(";")
    if style:
        element.attrib["class"] = classes.setdefault(style, f"{prefix}{len(classes) + 1}")


def _coordinates(text: str) -> str:
    """Numbers to a tenth of a point, no more letters and blanks than a path needs."""
    if re.match(r"rotate\(-?0(\.0*)? ", text):
        return ""
    text = re.sub(r"-?\d+\.?\d*(?:e[-+]?\d+)?", lambda found: _short(found[0]), text)
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r" ?([MLCQZz]) ?", r"\1", text)
    # further points after a letter continue it
    text = re.sub(
        r"(L[^A-Za-z]*)(?:L([^A-Za-z]*))+", lambda found: found[0][0] + _tail(found), text
    )
    return re.sub(r" (?=-)", "", text)


def _tail(found: re.Match[str]) -> str:
    return found[0][1:].replace("L", " ")


def _short(text: str) -> str:
    short = f"{float(text):.1f}".removesuffix(".0")
    short = re.sub(r"^(-?)0\.", r"\1.", short)
    return "0" if short in {"-0", "-", "", "-.0"} else short


def _flatten(element: ET.Element) -> None:
    """Take the children of groups that say nothing into their place."""
    for child in list(element):
        _flatten(child)
        at = list(element).index(child)
        if _name(child) in {"g", "defs"} and not len(child):
            element.remove(child)
        elif _name(child) == "g" and not child.attrib:
            element.remove(child)
            for own in reversed(list(child)):
                element.insert(at, own)

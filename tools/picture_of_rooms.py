"""Draw which room of `rafr` imports which, from the source: docs/pictures/rooms.svg.

    .venv/bin/python tools/picture_of_rooms.py

A room is a package below src/rafr (and `room.py`). Rooms stand above all that they import. What is also
reached by way of other rooms has no line: everything below may be used. Imports for annotations alone
(`TYPE_CHECKING`) do not count.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from html import escape
from itertools import pairwise
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "rafr"
PICTURE = ROOT / "docs" / "pictures" / "rooms.svg"
Edge = tuple[str, str]
Spot = str | tuple[str, str, int]
Graph = Mapping[str, frozenset[str]]

WIDTH, ROW, BOX_WIDTH, BOX_HEIGHT, BEND_WIDTH, MARGIN = 860, 62, 122, 30, 26, 16  # px
_ROUNDS = 25
_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
    'font-size="14">\n<rect width="100%" height="100%" fill="#ffffff"/>'
)
_BOX = '<rect x="{x:.0f}" y="{y:.0f}" width="{w}" height="{h}" rx="6" fill="{fill}" stroke="#44546a"/>'
_TEXT = '<text x="{x:.0f}" y="{y:.0f}" text-anchor="middle" fill="#1b2430">{text}</text>'
_LINE = '<path d="M{x0:.0f},{y0:.0f} C{x0:.0f},{ym:.0f} {x1:.0f},{yn:.0f} {x1:.0f},{y1:.0f}" {style}/>'
_ALONG = 'fill="none" stroke="#8497b0" stroke-width="1.4"'
_FILLS = {"nodes": "#fde9d9", "cli": "#fde9d9"}


@cache
def imports() -> frozenset[Edge]:
    """Every import of one module by another, both without `rafr.`; not those for annotations alone."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        importer = ".".join(p for p in parts if p != "__init__")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        typing = {
            inner
            for block in ast.walk(tree)
            if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
            for inner in ast.walk(block)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node not in typing and node.module:
                names = [f"rafr.{a.name}" for a in node.names] if node.module == "rafr" else [node.module]
            elif isinstance(node, ast.Import) and node not in typing:
                names = [a.name for a in node.names]
            else:
                continue
            found |= {(importer, n.removeprefix("rafr.")) for n in names if n.startswith("rafr.")}
    return frozenset(found)


def rooms() -> frozenset[str]:
    return frozenset(p.parent.name for p in SOURCE.glob("*/__init__.py")) | {"room"}


def room_graph(edges: Collection[Edge]) -> Graph:
    """Which room imports which, of imports between modules."""
    known = rooms()
    graph: dict[str, set[str]] = {room: set() for room in known}
    for importer, imported in edges:
        a, b = importer.split(".")[0], imported.split(".")[0]
        if a != b and {a, b} <= known:
            graph[a].add(b)
    return {room: frozenset(below) for room, below in graph.items()}


def floors(graph: Graph) -> dict[str, int]:
    """Each room above all it imports, as low as that allows.

    Raises:
        ValueError: the imports run in a circle, which is named.
    """
    found: dict[str, int] = {}

    def floor(room: str, above: tuple[str, ...]) -> int:
        if room in above:
            raise ValueError("imports run in a circle: " + " -> ".join((*above[above.index(room) :], room)))
        if room not in found:
            found[room] = 1 + max((floor(b, (*above, room)) for b in sorted(graph[room])), default=-1)
        return found[room]

    for room in sorted(graph):
        floor(room, ())
    return found


def direct(graph: Graph) -> list[Edge]:
    """The imports that are not also reached by way of other rooms."""

    def reached(room: str) -> set[str]:
        return {c for b in graph[room] for c in (b, *reached(b))}

    far = {a: {c for b in graph[a] for c in reached(b)} for a in graph}
    return sorted((a, b) for a in graph for b in graph[a] if b not in far[a])


class Layout:
    """Where boxes and the bends of long lines are: each floor a row, each thing near what it is joined to.

    Attributes:
        points: box or bend to x, y in px; a bend is (importer, imported, floor).
        ways: per line, the boxes and bends it runs through, from above.
    """

    def __init__(self, level: Mapping[str, int], lines: Sequence[Edge]) -> None:
        top = max(level.values())
        self._rows: list[list[Spot]] = [sorted(r for r in level if level[r] == k) for k in range(top + 1)]
        self.ways: dict[Edge, list[Spot]] = {}
        for a, b in lines:
            between = range(level[a] - 1, level[b], -1)
            self.ways[a, b] = [a, *((a, b, k) for k in between), b]
            for k in between:
                self._rows[k].append((a, b, k))
        self._joined: dict[Spot, list[Spot]] = {spot: [] for row in self._rows for spot in row}
        for way in self.ways.values():
            for above, below in pairwise(way):
                self._joined[above].append(below)
                self._joined[below].append(above)
        self._x: dict[Spot, float] = {}
        for row in self._rows:
            self._x |= {spot: (i + 1) * WIDTH / (len(row) + 1) for i, spot in enumerate(row)}
        for _ in range(_ROUNDS):
            for row in (*self._rows, *reversed(self._rows)):
                self._settle(row)
        left = min(self._x.values()) - BOX_WIDTH / 2 - MARGIN
        middle = MARGIN + BOX_HEIGHT / 2
        rows = enumerate(self._rows)
        self.points = {s: (self._x[s] - left, middle + ROW * (top - k)) for k, row in rows for s in row}

    def _settle(self, row: list[Spot]) -> None:
        """Everything in a row to the middle of its neighbours, as far as there is room."""
        wanted = {
            s: mean(self._x[n] for n in self._joined[s]) if self._joined[s] else self._x[s] for s in row
        }
        row.sort(key=lambda s: (wanted[s], str(s)))
        half = [(BOX_WIDTH if isinstance(s, str) else BEND_WIDTH) / 2 for s in row]
        right = [wanted[s] for s in row]
        left = list(right)
        for i in range(1, len(row)):
            right[i] = max(right[i], right[i - 1] + half[i - 1] + half[i])
        for i in range(len(row) - 2, -1, -1):
            left[i] = min(left[i], left[i + 1] - half[i + 1] - half[i])
        middle = [(a + b) / 2 for a, b in zip(left, right, strict=True)]
        self._x.update(zip(row, middle, strict=True))


def picture() -> str:
    """The SVG's text."""
    graph = room_graph(imports())
    layout = Layout(floors(graph), direct(graph))
    at = layout.points
    height = int(max(y for _, y in at.values()) + BOX_HEIGHT / 2 + MARGIN)
    width = int(max(x for x, _ in at.values()) + BOX_WIDTH / 2 + MARGIN)
    parts = [_HEAD.format(width=width, height=height)]
    told = (f"{a}: {', '.join(sorted(graph[a]))}" for a in sorted(graph))
    parts.append(f"<desc>{escape('; '.join(told))}</desc>")
    for way in layout.ways.values():
        parts += [_line(at[a], at[b], _ALONG) for a, b in pairwise(way)]
    for room in sorted(graph):
        x, y = at[room]
        corner = {"x": x - BOX_WIDTH / 2 + 6, "y": y - BOX_HEIGHT / 2, "w": BOX_WIDTH - 12, "h": BOX_HEIGHT}
        parts.append(_BOX.format(**corner, fill=_FILLS.get(room, "#dce6f2")))
        parts.append(_TEXT.format(x=x, y=y + 5, text=room))
    return "\n".join([*parts, "</svg>\n"])


def _line(start: tuple[float, float], end: tuple[float, float], style: str) -> str:
    """From one row down to the next; bends let lines pass straight through their row."""
    middle = (start[1] + end[1]) / 2
    return _LINE.format(x0=start[0], y0=start[1], ym=middle, x1=end[0], yn=middle, y1=end[1], style=style)


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
    print(PICTURE.relative_to(ROOT))

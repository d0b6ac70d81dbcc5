"""The straight way through bone with the widest margin.

A line is scored by how far its axis stays from every wall (`Walls`), less the screw's radius. Near the place
where it goes in, and where it would come out, the cortex it pierces is near by necessity: there the wall
must only be farther than half the way along the axis, which keeps the screw from skimming it. The search
starts from many lines at once, keeps the best of them and varies each by ever smaller steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rafr.fixation.implants.implant import Screw
from rafr.fixation.implants.walls import NEURAL, Walls
from rafr.geometry.rigid_transform import FloatArray

End = Literal["through", "length", "plane"]
_FAR_MM = 250.0
_SAMPLES, _COARSE = 40, 16
_FINE_MM = 1.0
_PIERCED_MM = 12.0  # along the axis, from where cortex is pierced
_SKIM = 0.5  # distance from the wall per way along the axis there: 30° between axis and cortex
_STARTS = 12
_CHILDREN = 16
_ROUNDS = 7
_SHRINK = 0.6
_FIRST_STEP_MM, _FIRST_STEP_RAD = 4.0, 0.12
_HIT_MM = 0.05
_INSIDE_MM = 6.0  # behind the entry, where the axis has to be in bone
_METAL_MM = 1.0
_ENTRY_MM = 10.0  # of a given entry from the cortex


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """n lines: points (n, 3) and unit directions (n, 3), into the bone."""

    points: FloatArray
    directions: FloatArray

    def take(self, index: NDArray[np.int64]) -> Lines:
        return Lines(self.points[index], self.directions[index])


@dataclass(frozen=True, slots=True, eq=False)
class Corridor:
    """What is looked for.

    Attributes:
        entry_bone: what the axis must meet first.
        radius_mm: of the screw.
        end: `length`: `length_mm` from the entry; `plane`: where the axis meets the plane (point, normal);
            `through`: `short_mm` before it leaves `exit_bone`.
        allowed: which lines may be looked at: (entries (n, 3), tips (n, 3)) -> (n,) bool.
        avoid: screws that are there already; their surface stays `_METAL_MM` away, more is not asked for.
    """

    entry_bone: str
    radius_mm: float
    end: End
    length_mm: float = 0.0
    plane: tuple[FloatArray, FloatArray] | None = None
    exit_bone: str = ""
    short_mm: float = 5.0
    allowed: Callable[[FloatArray, FloatArray], NDArray[np.bool_]] | None = None
    avoid: tuple[Screw, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The best line: entry, tip (3,), margin mm (negative: no way through), lines that were looked at."""

    entry: FloatArray
    tip: FloatArray
    margin_mm: float
    tried: int


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    entries: FloatArray
    tips: FloatArray
    margins: FloatArray


def search(walls: Walls, corridor: Corridor, starts: Lines, rng_seed: int = 0) -> Found | None:
    """The line with the largest margin; None where no start meets the bone as it should.

    Mirror-image lines are varied in mirror-image ways: symmetric anatomy gives symmetric screws.
    """
    rng = np.random.default_rng(rng_seed)
    scored = _score(walls, corridor, starts, _COARSE)
    tried = len(starts.points)
    order = np.argsort(-scored.margins, kind="stable")[:_STARTS]
    order = order[np.isfinite(scored.margins[order])]
    if not len(order):
        return None
    best = starts.take(order)
    scored = _score(walls, corridor, best, _SAMPLES)
    margins, entries, tips = scored.margins, scored.entries, scored.tips
    step = 1.0
    for _ in range(_ROUNDS):
        shifts = step * _FIRST_STEP_MM * rng.standard_normal((1, _CHILDREN, 2))
        turns = step * _FIRST_STEP_RAD * rng.standard_normal((1, _CHILDREN, 2))
        children = _varied(best, shifts, turns)
        new = _score(walls, corridor, children, _SAMPLES)
        tried += len(children.points)
        rows = np.arange(len(margins))
        pick = rows * _CHILDREN + np.argmax(new.margins.reshape(len(margins), -1), axis=1)
        better = new.margins[pick] > margins
        margins = np.where(better, new.margins[pick], margins)
        entries = np.where(better[:, None], new.entries[pick], entries)
        tips = np.where(better[:, None], new.tips[pick], tips)
        best = Lines(
            np.where(better[:, None], children.points[pick], best.points),
            np.where(better[:, None], children.directions[pick], best.directions),
        )
        step *= _SHRINK
    winner = int(np.argmax(margins))
    return Found(entries[winner], tips[winner], float(margins[winner]), tried)


def walls_along(walls: Walls, entry: FloatArray, tip: FloatArray, through: bool) -> dict[str, float]:
    """Smallest distance (mm) of the axis from each structure; from the cortex without where it is pierced.

    Args:
        through: the tip is meant to lie near the cortex ahead.

    Returns:
        NaN for cortex where the screw is too short to have any other part.
    """
    entry = _pierced_at(walls, entry, tip)
    length = float(np.linalg.norm(tip - entry))
    along = np.linspace(0.0, length, max(2, int(length / _FINE_MM) + 1))
    points = entry + along[:, None] * (tip - entry) / length
    out = _way_out(walls, entry, tip) if through else np.inf
    far = np.minimum(along, out - along) >= _PIERCED_MM
    found = {}
    for name, surface in walls.by_structure.items():
        used = points[far] if name == "cortex" else points
        found[name] = float(surface.distance(used).min()) if len(used) else float("nan")
    return found


def margin_of(walls: Walls, entry: FloatArray, tip: FloatArray, radius_mm: float, through: bool) -> float:
    """Margin (mm) of one screw, as the search scores it but finely sampled; `through` as above."""
    entry = _pierced_at(walls, entry, tip)
    samples = max(_SAMPLES, int(np.linalg.norm(tip - entry) / _FINE_MM))
    out = np.array([_way_out(walls, entry, tip) if through else np.inf])
    return float(_margins(walls, entry[None], tip[None], out, radius_mm, samples)[0])


def axes_apart(entries: FloatArray, tips: FloatArray, screw: Screw) -> FloatArray:
    """(n,) smallest distance (mm) of axes from entries (n, 3) to tips (n, 3) from a screw, its head included.

    Of two segments: points along one against the other in closed form; at 2 mm apart the error is below
    0.1 mm where axes are 5 mm apart or more.
    """
    samples = max(_SAMPLES, int(np.linalg.norm(tips - entries, axis=1).max() / 2.0))
    share = np.linspace(0.0, 1.0, samples)[:, None]
    points = entries[:, None] + share * (tips - entries)[:, None]
    way = screw.tip - screw.head
    along = np.clip((points - screw.head) @ way / (way @ way), 0.0, 1.0)
    apart: FloatArray = np.linalg.norm(points - screw.head - along[..., None] * way, axis=2).min(axis=1)
    return apart


def _pierced_at(walls: Walls, entry: FloatArray, tip: FloatArray) -> FloatArray:
    """Where the axis really meets the cortex near a given entry, (3,); a given one may lie beside it."""
    direction = (tip - entry) / np.linalg.norm(tip - entry)
    start = entry - _ENTRY_MM * direction
    way = float(walls.all.first_hit(start[None], direction[None])[0])
    return start + way * direction if way < 2.0 * _ENTRY_MM else entry


def _way_out(walls: Walls, entry: FloatArray, tip: FloatArray) -> float:
    """Way along the axis from the entry to the wall ahead of the tip; inf: further than counts."""
    direction = (tip - entry) / np.linalg.norm(tip - entry)
    ahead = float(walls.all.first_hit(tip[None], direction[None])[0])
    return float(np.linalg.norm(tip - entry)) + ahead if ahead < _PIERCED_MM else np.inf


def _varied(lines: Lines, shifts: FloatArray, turns: FloatArray) -> Lines:
    """(n·c) lines: every line moved sideways by shifts (1, c, 2) mm and turned by turns (1, c, 2) rad."""
    d = lines.directions
    # up, and across: reflecting a line on a sagittal plane reflects what is made of it
    up = np.array([0.0, 0.0, 1.0]) - d * d[:, 2:]
    level = np.array([0.0, 1.0, 0.0]) - d * d[:, 1:2]
    first = np.where(np.abs(d[:, 2:]) < 0.9, up, level)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(first, d) * np.where(d[:, :1] < 0, -1.0, 1.0)
    points = lines.points[:, None] + shifts[..., :1] * first[:, None] + shifts[..., 1:] * second[:, None]
    directions = d[:, None] + turns[..., :1] * first[:, None] + turns[..., 1:] * second[:, None]
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    return Lines(points.reshape(-1, 3), directions.reshape(-1, 3))


def _score(walls: Walls, corridor: Corridor, lines: Lines, samples: int) -> _Scored:
    """Entries, tips and margins of lines; -inf where one does not go in or end as it should."""
    p, d = lines.points, lines.directions
    outside = p - _FAR_MM * d
    to_bone = walls.bones[corridor.entry_bone].first_hit(outside, d)
    to_any = walls.everything.first_hit(outside, d)
    good = np.isfinite(to_bone) & (to_bone <= to_any + _HIT_MM)
    good &= walls.all.first_hit(outside, d) <= to_any + _HIT_MM  # not into the face of a joint
    entries = outside + np.where(good, to_bone, 0.0)[:, None] * d
    lengths, out = _ends(walls, corridor, entries, p, d)
    good &= np.isfinite(lengths) & (lengths > 2.0 * _PIERCED_MM)
    tips = entries + np.where(good, lengths, 1.0)[:, None] * d
    if corridor.allowed is not None:
        good &= corridor.allowed(entries, tips)
    margins = np.full(len(p), -np.inf)
    index = np.flatnonzero(good)
    if len(index):
        margins[index] = _margins(walls, entries[index], tips[index], out[index], corridor.radius_mm, samples)
        for screw in corridor.avoid:
            apart = axes_apart(entries[index], tips[index], screw)
            apart -= corridor.radius_mm + 0.5 * screw.diameter_mm + _METAL_MM
            margins[index] = np.where(apart < 0.0, np.minimum(margins[index], apart), margins[index])
    return _Scored(entries, tips, margins)


def _ends(
    walls: Walls, corridor: Corridor, entries: FloatArray, p: FloatArray, d: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Lengths (n,) from entry to tip, NaN where there is no end; ways (n,) to where the axis leaves bone."""
    nowhere = np.full(len(p), np.inf)
    if corridor.end == "length":
        return np.full(len(p), corridor.length_mm), nowhere
    if corridor.end == "plane":
        assert corridor.plane is not None
        point, normal = corridor.plane
        with np.errstate(divide="ignore", invalid="ignore"):
            lengths = ((point - entries) @ normal) / (d @ normal)
        return np.where(lengths > 0, lengths, np.nan), nowhere
    beyond = p + _FAR_MM * d
    back_bone = walls.bones[corridor.exit_bone].first_hit(beyond, -d)
    back_any = walls.everything.first_hit(beyond, -d)
    good = np.isfinite(back_bone) & (back_bone <= back_any + _HIT_MM)
    exits = beyond - np.where(good, back_bone, 0.0)[:, None] * d
    out = ((exits - entries) * d).sum(axis=1)
    return np.where(good, out - corridor.short_mm, np.nan), out


def _margins(
    walls: Walls, entries: FloatArray, tips: FloatArray, out: FloatArray, radius_mm: float, samples: int
) -> FloatArray:
    """(n,) of lines that go in at entries, end at tips and would leave bone `out` mm behind the entry."""
    lengths = np.linalg.norm(tips - entries, axis=1)
    along = np.linspace(0.0, 1.0, samples) * lengths[:, None]
    points = entries[:, None] + along[..., None] * ((tips - entries) / lengths[:, None])[:, None]
    distance = walls.all.distance(points.reshape(-1, 3)).reshape(along.shape)
    pierced = np.minimum(along, out[:, None] - along)
    skim = distance - _SKIM * pierced + _HIT_MM
    margin = np.where(
        pierced >= _PIERCED_MM, distance - radius_mm, np.where(skim < 0, skim - radius_mm, np.inf)
    )
    # where cortex is pierced it may be near, canal and foramina may not
    near = pierced < _PIERCED_MM
    for name in NEURAL & walls.by_structure.keys():
        beside = walls.by_structure[name].distance(points[near]) - radius_mm
        margin[near] = np.minimum(margin[near], beside)
    # a line that only grazes bone is far from every wall too, outside
    inner = entries + _INSIDE_MM * (tips - entries) / lengths[:, None]
    grazing = ~walls.hold(inner)
    best: FloatArray = np.where(grazing, np.minimum(margin.min(axis=1), 0.0) - radius_mm, margin.min(axis=1))
    return best

"""The rest of an approved path, adjusted to what is found on the way.

A quadratic programme over offsets of the path's poses (sequential: bone is linearised anew a few times) gives
a path that keeps clear of bone and of what was not there before, bears less, ends where it is wanted now, and
stays near the approved one. What comes out is judged on the distance grids, finer than the programme knows.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from rafr.adjustment.bones import Ball, Bones
from rafr.adjustment.config import AdjusterConfig
from rafr.adjustment.poses import Poses
from rafr.adjustment.programme import Linearised, Programme
from rafr.adjustment.terrain import MILLI, Approved, Terrain
from rafr.assessment import ACCEPTED, Assessment
from rafr.config import check_config
from rafr.control.adjustment import Adjustment
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray

_GRAIN_MM = 0.3  # less overlap, or less more of it than approved, counts as none


@dataclass(frozen=True, slots=True, eq=False)
class Underway:
    """Where a reduction stands.

    Attributes:
        progress: share of the path.
        offset: (6,) m and rad, of the path there as adjusted so far.
        stiffness: of the tissue, in parts of the model's.
        target: (6,) m and rad, by which the path's end is to be moved.
        balls: what was not there when the path was planned.
    """

    progress: float
    offset: FloatArray
    target: FloatArray
    stiffness: float = 1.0
    balls: tuple[Ball, ...] = ()


@dataclass(frozen=True, slots=True)
class Outlook:
    """To come on a path: N and N m at most, mm of clearance at least, mm of overlap beyond the approved."""

    force: float
    torque: float
    clearance: float
    overlap: float


@dataclass(frozen=True, slots=True, eq=False)
class Adjusted:
    """Result: the adjustment, what is to come with it and without it, and whether it may be followed."""

    adjustment: Adjustment
    outlook: Outlook
    unadjusted: Outlook
    assessment: Assessment
    seconds: float


class PathAdjuster:
    """Built once for a body and its path, asked again and again (milliseconds)."""

    def __init__(self, terrain: Terrain, config: AdjusterConfig | None = None) -> None:
        """Build the programme.

        Raises:
            InputError: a tunable outside its bounds.
        """
        self._config = config = config or AdjusterConfig()
        check_config(config, "adjust")
        self._terrain = terrain
        bounds = np.repeat([config.largest_mm, config.largest_rad], 3) * terrain.scale
        self._programme = Programme(bounds / np.sqrt(3.0), config)
        self._limits = np.repeat([config.force_limit, config.torque_limit], 3)

    def adjust(self, underway: Underway, reason: str = "") -> Adjusted:
        """The path from here on."""
        began = time.perf_counter()
        table, bones = self._terrain.approved, Bones(self._terrain.around, underway.balls)
        shares = np.linspace(underway.progress, 1.0, self._config.knots)
        knots = table[table.nearest(shares)]
        present, goal = (o * MILLI * self._terrain.scale for o in (underway.offset, underway.target))
        d = present + np.linspace(0.0, 1.0, len(shares))[:, None] * (goal - present)
        slope = underway.stiffness * knots.slope / self._limits[:, None]
        load = self._loads(knots.tissue, knots.poses, underway.stiffness) / self._limits
        solved = True
        for _ in range(self._config.rounds):
            gap, push = self._room(d, knots, bones)
            found = self._programme.solve(Linearised(d, load, slope, gap, push))
            solved = found is not None
            if found is None:
                break
            d = found
        adjustment = Adjustment(shares, d / self._terrain.scale / MILLI, reason)
        rest = table[np.flatnonzero(table.shares >= underway.progress)]
        offsets = np.array([adjustment.at(u) for u in rest.shares]) * MILLI
        outlook = self._outlook(rest, offsets, bones, underway)
        unadjusted = self._outlook(rest, np.zeros_like(offsets), bones, underway)
        assessment = self._judged(adjustment, outlook, solved)
        return Adjusted(adjustment, outlook, unadjusted, assessment, time.perf_counter() - began)

    def _room(self, d: FloatArray, knots: Approved, bones: Bones) -> tuple[FloatArray, FloatArray]:
        """Gap and push of `Linearised` at offsets d (n, 6), of the points that have the least room."""
        near = bones.nearness(knots.poses.displaced(d / self._terrain.scale, self._terrain.pivot))
        kept = np.minimum(self._config.clearance_mm, knots.bone)
        gap = np.minimum(near.bone - kept, near.ball - self._config.margin_mm)
        rows = np.argpartition(gap, self._config.rows - 1, axis=1)[:, : self._config.rows]
        return np.take_along_axis(gap, rows, axis=1), np.take_along_axis(near.away, rows[:, :, None], axis=1)

    def _loads(self, tissue: FloatArray, poses: Poses, stiffness: float) -> FloatArray:
        """(n, 6) N, N m with the cord, where the tissue as modelled pulls with (n, 6)."""
        scaled = stiffness * tissue
        places = zip(poses.rotation, poses.translation / MILLI[0], scaled, strict=True)
        cord = (
            [self._terrain.pull.traction(RigidTransform(R, t), w)[1] for R, t, w in places]
            if self._terrain.pull.cord
            else 0.0
        )
        loads: FloatArray = scaled + cord
        return loads

    def _outlook(self, approved: Approved, offsets: FloatArray, bones: Bones, underway: Underway) -> Outlook:
        """Of a path with offsets (n, 6), mm and rad."""
        poses = approved.poses.displaced(offsets, self._terrain.pivot)
        bone, ball = bones.distances(poses)
        clearance = np.minimum(bone.min(axis=1), ball.min(axis=1))
        overlap = np.minimum(approved.bone.min(axis=1), 0.0) - clearance
        change = np.einsum("kij,kj->ki", approved.slope, offsets * self._terrain.scale)
        loads = self._loads(approved.tissue + change, poses, underway.stiffness).reshape(-1, 2, 3)
        force, torque = np.linalg.norm(loads, axis=2).max(axis=0)
        return Outlook(float(force), float(torque), float(clearance.min()), max(float(overlap.max()), 0.0))

    def _judged(self, adjustment: Adjustment, outlook: Outlook, solved: bool) -> Assessment:
        config, reasons = self._config, []
        linear, angular = adjustment.largest
        if not solved:
            reasons.append("no path near the approved one leads there")
        if 1e3 * linear > config.largest_mm or angular > config.largest_rad:
            reasons.append(
                f"{1e3 * linear:.1f} mm and {np.degrees(angular):.1f} degrees off the approved path, "
                f"allowed are {config.largest_mm:.1f} mm and {np.degrees(config.largest_rad):.1f} degrees"
            )
        if outlook.overlap > _GRAIN_MM:
            reasons.append(f"{outlook.overlap:.1f} mm into what is in the way")
        if outlook.force > config.force_limit:
            reasons.append(f"{outlook.force:.0f} N to come, the limit is {config.force_limit:.0f} N")
        if outlook.torque > config.torque_limit:
            reasons.append(f"{outlook.torque:.0f} N m to come, the limit is {config.torque_limit:.0f} N m")
        return Assessment(False, tuple(reasons)) if reasons else ACCEPTED

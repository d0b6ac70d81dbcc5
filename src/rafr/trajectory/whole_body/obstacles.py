"""What stands in the room, as the numbers a problem is given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.room import Box, Disc, Obstacle

_FAR = 100.0  # m


def ordered(obstacles: Sequence[Obstacle]) -> tuple[Obstacle, ...]:
    """Discs first: the order in which a scene takes them."""
    return tuple(sorted(obstacles, key=lambda o: isinstance(o, Box)))


def padded(obstacles: Sequence[Obstacle]) -> list[Obstacle]:
    """With obstacles far away added, so that few problems serve all rooms: an even number of each kind."""
    discs = sum(isinstance(o, Disc) for o in obstacles)
    more: list[Obstacle] = [Disc("none", _FAR, _FAR, 1.0)] * (discs % 2)
    more += [Box("none", _FAR, _FAR, 0.0, 1.0, 1.0)] * ((len(obstacles) - discs) % 2)
    return [*obstacles, *more]


def parameters(obstacles: Sequence[Obstacle]) -> FloatArray:
    """The numbers that describe ordered obstacles."""
    values: list[float] = []
    for o in obstacles:
        if isinstance(o, Disc):
            values += [o.x, o.y, o.radius]
        else:
            turn = np.radians(o.angle_deg)
            values += [o.x, o.y, np.cos(turn), np.sin(turn), o.length / 2, o.width / 2]
    return np.array(values)

"""Whether the tracker goes on seeing its tools while the robot stands and moves among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace

import numpy as np

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.robot.sight import LineOfSight

# a tool is seen by all its spheres, and pins are never quite where they were meant to be
_TOOL_RADIUS = 0.04  # m


@dataclass(frozen=True, slots=True, eq=False)
class TrackedTools:
    """Where tracker and tools are, m.

    Attributes:
        eye: (3,) the tracker, in `world`.
        still: (3,) in `world` by name, of tools that do not move.
        carried: (3,) in `world` by name, of tools on the fragment before it is carried.
        on_base: (3,) in `base` by name, of tools on the robot's base.
    """

    eye: FloatArray
    still: Mapping[str, FloatArray]
    carried: Mapping[str, FloatArray]
    on_base: Mapping[str, FloatArray]


class Watch:
    """The tools during one reduction."""

    def __init__(self, arm: ArmModel, tools: TrackedTools, T_world_clamp: RigidTransform) -> None:
        """`T_world_clamp` (m): where the clamp takes the fragment."""
        self._sight = LineOfSight(arm.urdf, arm.joint_names, _TOOL_RADIUS)
        self._tools = tools
        self._held = {name: T_world_clamp.inverse().apply(p) for name, p in tools.carried.items()}

    def seen_from(self, eye: FloatArray) -> Watch:
        """The same, the tracker at `eye` ((3,) m, in `world`)."""
        moved = copy(self)
        moved._tools = replace(self._tools, eye=eye)
        return moved

    def hidden(
        self, T_world_base: RigidTransform, q: FloatArray, T_world_clamp: Sequence[RigidTransform]
    ) -> frozenset[str]:
        """Names of the tools that the robot hides at one of its configurations.

        Args:
            T_world_base: on the floor.
            q: (n, dof) rad.   T_world_clamp: m, n poses with the fragment in the clamp.
        """
        heading = float(np.arctan2(T_world_base.rotation[1, 0], T_world_base.rotation[0, 0]))
        base = np.array([*T_world_base.translation[:2], heading])
        on_base = {name: T_world_base.apply(p) for name, p in self._tools.on_base.items()}
        hidden: set[str] = set()
        for joints, clamp in zip(q, T_world_clamp, strict=True):
            carried = {name: clamp.apply(p) for name, p in self._held.items()}
            places = {**self._tools.still, **on_base, **carried}
            hidden |= set(places) - self._sight.seen(self._tools.eye, places, base, joints)
        return frozenset(hidden)

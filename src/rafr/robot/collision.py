"""Collisions of the arm with itself, its base, the table and the patient: the URDF's shapes in coal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel

_TOOL = ("clamp", "ft_sensor", "wrist_3_link")  # what has to come close to the patient
_BASE = ("base", "column", "front_caster", "rear_caster", "left_wheel", "right_wheel")
_RIGID = (*_BASE, "arm_base")


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A box or an upright cylinder in the arm's surroundings.

    Attributes:
        T_base_block: pose of its centre on the mobile base.
        size: (3,) side lengths, m; of a cylinder the first is its diameter, the last its height.
        tool_may_enter: True for the patient's envelope, which the tool has to reach into.
        is_round: True for a cylinder.
    """

    name: str
    T_base_block: RigidTransform
    size: tuple[float, float, float]
    tool_may_enter: bool = False
    is_round: bool = False


class ArmCollision:
    """Tells whether the arm, in a configuration, keeps a distance to everything it must not touch.

    Args:
        arm: its URDF's collision shapes are used.
        blocks: the surroundings, seen from the mobile base.
        margin: distance kept, m.
    """

    def __init__(self, arm: ArmModel, blocks: Sequence[Block] = (), margin: float = 0.02) -> None:
        import pinocchio as pin

        whole = pin.buildModelFromXML(arm.urdf)
        shapes = pin.buildGeomFromUrdfString(whole, arm.urdf, pin.GeometryType.COLLISION)
        locked = [i for i in range(1, whole.njoints) if whole.names[i] not in arm.joint_names]
        self._model, self._shapes = pin.buildReducedModel(whole, shapes, locked, pin.neutral(whole))
        links = [_link_name(self._model, g) for g in self._shapes.geometryObjects]
        self._names = links + [b.name for b in blocks]
        for block in blocks:
            self._add(block)
        for i, j in self_pairs(links):
            self._shapes.addCollisionPair(pin.CollisionPair(i, j))
        for i, j in _block_pairs(links, blocks):
            self._shapes.addCollisionPair(pin.CollisionPair(i, j))
        self._data: Any = self._model.createData()
        self._query: Any = self._shapes.createData()
        for request in self._query.collisionRequests:
            request.security_margin = margin

    def touching(self, q: ArrayLike) -> str | None:
        """None when every distance is at least the margin, else the first pair that is too close."""
        import pinocchio as pin

        q = np.asarray(q, dtype=float)
        if not pin.computeCollisions(self._model, self._data, self._shapes, self._query, q, True):
            return None
        for pair, result in zip(self._shapes.collisionPairs, self._query.collisionResults, strict=True):
            if result.isCollision():
                return f"{self._names[pair.first]} and {self._names[pair.second]}"
        return "unknown pair"

    def move_blocks(self, blocks: Sequence[Block]) -> None:
        """Put the same blocks elsewhere: the base has moved."""
        import pinocchio as pin

        first = len(self._names) - len(blocks)
        for k, block in enumerate(blocks):
            T = block.T_base_block
            self._shapes.geometryObjects[first + k].placement = pin.SE3(T.rotation, T.translation)

    def clearance(self, q: ArrayLike) -> float:
        """Smallest distance between any pair that must not touch, m; zero or less when one does."""
        import pinocchio as pin

        q = np.asarray(q, dtype=float)
        closest = pin.computeDistances(self._model, self._data, self._shapes, self._query, q)
        return float(self._query.distanceResults[closest].min_distance)

    def free(self, q: ArrayLike) -> bool:
        return self.touching(q) is None

    def free_line(self, a: FloatArray, b: FloatArray, step: float = 0.04) -> bool:
        """Whether the straight joint line from a to b is free, checked every `step` rad."""
        count = max(2, int(np.ceil(np.abs(b - a).max() / step)) + 1)
        # far ends and middle first: most lines that collide are found early
        order = sorted(range(count), key=lambda i: bin(i)[::-1])
        return all(self.free(a + (b - a) * i / (count - 1)) for i in order)

    def _add(self, block: Block) -> None:
        import coal
        import pinocchio as pin

        T, size = block.T_base_block, block.size
        shape = coal.Cylinder(size[0] / 2, size[2]) if block.is_round else coal.Box(*size)
        self._shapes.addGeometryObject(
            pin.GeometryObject(block.name, 0, pin.SE3(T.rotation, T.translation), shape)
        )


def _link_name(model: Any, geometry: Any) -> str:
    name: str = model.frames[geometry.parentFrame].name
    return name


def self_pairs(links: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of shapes whose links are not neighbours in the chain and can move to each other."""
    # the shoulder turns on arm_base and the upper arm's housing passes just above it, always
    order = ("shoulder_link", "upper_arm_link", "forearm_link", "wrist_1_link")
    rank = {"arm_base": 1} | {name: i + 1 for i, name in enumerate(order)}
    rank |= dict.fromkeys(_BASE, 0)
    # wrist 2 keeps its distance to the forearm; sensor and clamp turn with wrist 3
    rank["wrist_2_link"] = rank["wrist_1_link"]
    ranks = [rank.get(link, len(order) + 1) for link in links]
    return [(i, j) for i, j in combinations(range(len(links)), 2) if abs(ranks[i] - ranks[j]) >= 2]


def _block_pairs(links: list[str], blocks: Sequence[Block]) -> list[tuple[int, int]]:
    """Every moving shape against every block, the clamp only where it may not enter."""
    return [
        (i, len(links) + k)
        for k, block in enumerate(blocks)
        for i, link in enumerate(links)
        if link not in _RIGID and not (block.tool_may_enter and link in _TOOL)
    ]

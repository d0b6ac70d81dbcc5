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
from rafr.robot.urdf import Joint

_BASE = ("base", "column", "front_caster", "rear_caster", "left_wheel", "right_wheel")
_RIGID = (*_BASE, "arm_base")
# axes nearer than this share one housing, m: a Franka's elbow lies 0.083 m beside its upper arm, while
# the shortest tube between two axes of a UR is 0.36 m long
_ONE_HOUSING = 0.1


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
        for i, j in self_pairs(links, arm.chain):
            self._shapes.addCollisionPair(pin.CollisionPair(i, j))
        for i, j in _block_pairs(links, blocks, _tool(arm.chain)):
            self._shapes.addCollisionPair(pin.CollisionPair(i, j))
        self._data: Any = self._model.createData()
        self._query: Any = self._shapes.createData()
        self.margin = margin
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

    def distance(self, q: ArrayLike) -> float:
        """m between the two shapes that are nearest to each other; negative where they overlap."""
        import pinocchio as pin

        pin.computeDistances(self._model, self._data, self._shapes, self._query, np.asarray(q, dtype=float))
        return min((r.min_distance for r in self._query.distanceResults), default=np.inf)

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


def _tool(chain: tuple[Joint, ...]) -> frozenset[str]:
    """What has to come close to the patient: the last moving link and all it carries."""
    last = max(i for i, joint in enumerate(chain) if joint.moves)
    return frozenset(joint.child for joint in chain[last:])


def self_pairs(links: Sequence[str], chain: tuple[Joint, ...]) -> list[tuple[int, int]]:
    """Pairs of shapes whose links are not neighbours in the chain and can move to each other.

    Neighbours are links with one joint between them, or with two in one housing: the joints' own stops keep
    those apart.
    """
    ranks, tip = _ranks(chain), sum(joint.moves for joint in chain)
    at = [ranks.get(link, tip) for link in links]  # what else is mounted, is mounted on the tool
    shared = [True, *(d < _ONE_HOUSING for d in _axis_distances(chain))]

    def neighbours(a: int, b: int) -> bool:
        low, high = sorted((a, b))
        # the first joint stands on the base's column
        return high - low <= 1 or (high - low == 2 and shared[low + 1])

    return [(i, j) for i, j in combinations(range(len(links)), 2) if not neighbours(at[i], at[j])]


def _ranks(chain: tuple[Joint, ...]) -> dict[str, int]:
    """How many joints lie between `arm_base` and a link; -1 for what carries `arm_base`."""
    ranks = dict.fromkeys(_BASE, -1) | {chain[0].parent: 0}
    for joint in chain:
        ranks[joint.child] = ranks[joint.parent] + joint.moves
    return ranks


def _axis_distances(chain: tuple[Joint, ...]) -> list[float]:
    """Distance of each moving joint's axis to that of the next, m."""
    distances, T_joint_here = [], RigidTransform.identity()
    before: FloatArray | None = None
    for joint in chain:
        T_joint_here = T_joint_here @ joint.T_parent_joint
        if not joint.moves:
            continue
        if before is not None:
            distances.append(
                _line_distance(before, T_joint_here.translation, T_joint_here.rotate(joint.axis))
            )
        before, T_joint_here = joint.axis, RigidTransform.identity()
    return distances


def _line_distance(direction: FloatArray, point: FloatArray, other: FloatArray) -> float:
    """Between a line through the origin and one through a point, m; directions (3,) of length 1."""
    normal = np.cross(direction, other)
    sine = float(np.linalg.norm(normal))
    if sine < 1e-6:  # parallel
        return float(np.linalg.norm(np.cross(direction, point)))
    return abs(float(point @ normal)) / sine


def _block_pairs(links: list[str], blocks: Sequence[Block], tool: frozenset[str]) -> list[tuple[int, int]]:
    """Every moving shape against every block, the tool only where it may not enter."""
    return [
        (i, len(links) + k)
        for k, block in enumerate(blocks)
        for i, link in enumerate(links)
        if link not in _RIGID and not (block.tool_may_enter and link in tool)
    ]

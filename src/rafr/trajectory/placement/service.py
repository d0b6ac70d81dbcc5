"""What a base pose offers for a request, or violates, and what base poses are ranked by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.errors import Cause
from rafr.geometry.rigid_transform import FloatArray
from rafr.trajectory.placement.request import FloorPose, PlacementConfig

_LEAST = 1e-3  # N, m, rad: logarithms of less say nothing


@dataclass(frozen=True, slots=True)
class Violation:
    """One requirement that does not hold.

    Attributes:
        text: which, in the same words for every base pose.
        detail: where on the way and by how much.
        excess: that as a number; comparable between violations of the same cause.
    """

    cause: Cause
    text: str
    detail: str
    excess: float


@dataclass(frozen=True, slots=True)
class Service:
    """How a base pose serves a path.

    Attributes:
        hides: tools it hides.
        uncertainty: of the pins that it bears, m.
        manipulability: least along the way, m.
        share: largest share of a joint's torque that is used.
        reserve: N; the least force that can be held in any direction, beside the load.
        margin: rad; least room to a joint's limit.
        merit: of the last four, see `merit`.
    """

    hides: int
    uncertainty: float
    manipulability: float
    share: float
    reserve: float
    margin: float
    merit: float


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """A base pose and a branch of the arm that violate nothing; q (m, dof) rad along the way."""

    base: FloorPose
    q: FloatArray
    service: Service

    @property
    def rank(self) -> tuple[float, ...]:
        return (-self.service.hides, self.service.uncertainty, self.service.merit)


@dataclass(frozen=True, slots=True, eq=False)
class Refused:
    """A base pose and a branch of the arm that do not serve; q None where the arm cannot follow."""

    base: FloorPose
    q: FloatArray | None
    violations: tuple[Violation, ...]

    @property
    def causes(self) -> frozenset[Cause]:
        return frozenset(v.cause for v in self.violations)

    @property
    def excess(self) -> float:
        return sum(v.excess for v in self.violations)


def merit(manipulability: float, reserve: float, margin: float, config: PlacementConfig) -> float:
    """What base poses are ranked by, and `JointPlacement` maximises: a weighted sum.

    ln(manipulability) and ln(force in reserve): a tenth more of a little counts as a tenth more of much.
    """
    room = min(margin / config.joint_margin, 1.0)
    return float(
        np.log(max(manipulability, _LEAST))
        + config.force_weight * np.log(max(reserve, _LEAST))
        + config.margin_weight * room
    )

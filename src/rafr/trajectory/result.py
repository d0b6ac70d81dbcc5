"""Time-parameterised motions of base and arm (SI, frames named per field)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rafr.geometry.rigid_transform import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class BaseTrajectory:
    """Motion of the mobile base in the room (frame `world`), starting and ending at rest.

    Attributes:
        t: (n,) s from the start.
        x, y: (n,) m.   theta: (n,) rad.
        v, omega: (n,) forward speed in m/s and yaw rate in rad/s.
        wheel: (n, w) wheel rates, rad/s, in the order of the drive's wheels (left, right).
        lateral: (n,) speed to the left in m/s; None for a base that cannot move sideways.
    """

    t: FloatArray
    x: FloatArray
    y: FloatArray
    theta: FloatArray
    v: FloatArray
    omega: FloatArray
    wheel: FloatArray
    lateral: FloatArray | None = None

    @property
    def poses(self) -> FloatArray:
        """(n, 3) x, y, theta."""
        return np.column_stack([self.x, self.y, self.theta])

    @property
    def sideways(self) -> FloatArray:
        """(n,) `lateral`, zero for a base that cannot."""
        return np.zeros_like(self.t) if self.lateral is None else self.lateral

    def to_json(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: value.tolist() for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True, eq=False)
class ArmTrajectory:
    """Joint motion; rows are times, columns follow `joint_names`.

    Attributes:
        t: (n,) s.   q, qd, qdd, qddd: (n, dof) rad, rad/s, rad/s^2, rad/s^3.
    """

    joint_names: tuple[str, ...]
    t: FloatArray
    q: FloatArray
    qd: FloatArray
    qdd: FloatArray
    qddd: FloatArray

    @property
    def duration(self) -> float:
        return float(self.t[-1])

    def to_json(self) -> dict[str, Any]:
        return {
            "joint_names": list(self.joint_names),
            **{n: getattr(self, n).tolist() for n in ("t", "q", "qd", "qdd", "qddd")},
        }

"""Base and arm on one clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rafr.trajectory.result import ArmTrajectory, BaseTrajectory


@dataclass(frozen=True, slots=True, eq=False)
class WholeBodyTrajectory:
    """Base and arm moving together, from rest to rest; both have the same times."""

    base: BaseTrajectory
    arm: ArmTrajectory

    @property
    def duration(self) -> float:
        """s."""
        return self.arm.duration

    def to_json(self) -> dict[str, Any]:
        return {"base": self.base.to_json(), "arm": self.arm.to_json(), "duration_s": self.duration}

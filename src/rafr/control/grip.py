"""How the clamp holds a fragment, and whether it still does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafr.control.config import ArmControlConfig
from rafr.control.correction import fragment_error
from rafr.control.signals import Moment
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray

_JUMP_SAMPLES = (
    3  # tracked samples in a row that must show a jump: pins give way slowly, a bumped marker at once
)
_STRAINED = 3e-3  # rad a joint stands behind its command when the load is more than it can turn


@dataclass(frozen=True, slots=True, eq=False)
class Grip:
    """How a fragment is held: `T_fragment_clamp` maps clamp to the fragment's CT coordinates, m."""

    body: str
    T_fragment_clamp: RigidTransform

    def centre(self, pivot: FloatArray) -> FloatArray:
        """(3,) m in `clamp` of a point of the fragment."""
        return self.T_fragment_clamp.inverse().apply(pivot)

    def carried(self, T_a_clamp: RigidTransform) -> RigidTransform:
        """`T_a_fragment` where a clamp at `T_a_clamp` has it."""
        return T_a_clamp @ self.T_fragment_clamp.inverse()


class GripMonitor:
    """Compares where arm and grip have the fragment with where it is tracked, smoothed."""

    def __init__(self, grip: Grip, config: ArmControlConfig) -> None:
        self._grip, self._config = grip, config
        self._slip = np.zeros(6)
        self._jumped = 0
        self._began = False

    def add(self, T_base_clamp: RigidTransform, T_base_fragment: RigidTransform, share: float) -> None:
        """Take a tracked sample with weight `share` 0..1."""
        pivot = self._grip.T_fragment_clamp.translation
        slip = fragment_error(T_base_fragment, self._grip.carried(T_base_clamp), pivot)
        if not self._began:  # pins that are under load already have given way
            self._slip, self._began = slip, True
        off = slip - self._slip
        jumped = _beyond(off, self._config.grip_slip, self._config.grip_turn)
        self._jumped = self._jumped + 1 if jumped else 0
        self._slip = self._slip + share * off

    @property
    def jumping(self) -> bool:
        """Whether the last sample is not where the clamp can have carried the fragment to."""
        return self._jumped > 0

    def slipped(self, force: float, torque: float) -> str | None:
        """Why tracker and arm contradict each other more than pins under this load (N, N m) give way."""
        config = self._config
        if self._jumped >= _JUMP_SAMPLES:
            return "the fragment jumped against the clamp that holds it: a marker that slipped, or loose pins"
        allowed = config.grip_slip + force / config.grip_stiffness
        if not _beyond(self._slip, allowed, config.grip_turn + torque / config.grip_turn_stiffness):
            return None
        distance, angle = np.linalg.norm(self._slip.reshape(2, 3), axis=1)
        off = f"{1e3 * distance:.1f} mm and {np.degrees(angle):.1f} degrees"
        return f"the fragment is {off} from where the clamp holds it: loose pins, or a marker that slipped"


def _beyond(off: FloatArray, distance: float, angle: float) -> bool:
    sizes = np.linalg.norm(off.reshape(2, 3), axis=1)
    return bool(sizes[0] > distance or sizes[1] > angle)


def strained(now: Moment) -> str:
    """Which joint stands behind its command because the load is more than it can turn; empty when none."""
    worst = int(np.argmax(now.behind))
    if not now.behind[worst] > _STRAINED:
        return ""
    behind = f"{np.degrees(now.behind[worst]):.1f} degrees behind its command"
    return f"joint {worst + 1} stands {behind} under the load"

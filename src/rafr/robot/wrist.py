"""From a sensor's raw reading to the wrench of the fragment on the tool, in `clamp`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import yaml

from rafr.config import option
from rafr.files import written_whole
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import TIP, ArmModel
from rafr.robot.payload import Payload
from rafr.robot.urdf import joint_chain, link_inertia
from rafr.strict import read_dataclass

_SET_BACK = 0.1  # s


@dataclass(frozen=True, slots=True)
class WristConfig:
    """How the sensor is mounted and how old a posture may be."""

    frame: str = option("ft_sensor", "link of the description in whose axes and origin it measures")
    direction: int = option(
        1, "1: what the surroundings do to the tool, -1: what the tool does to them", lower=-1, upper=1
    )
    posture_age: float = option(
        0.05, "oldest joint state that may go with a reading", unit="s", lower=0.002, upper=0.5
    )


class Wrist:
    """Takes weight and bias out of readings; what it does not trust gives no wrench."""

    def __init__(self, arm: ArmModel, config: WristConfig, payload: Payload) -> None:
        """Raises InputError where the description has no fixed way from the sensor's frame to `clamp`."""
        self._arm, self._config, self._payload = arm, config, payload
        self.T_clamp_sensor = sensor_in_clamp(arm.urdf, config.frame)
        self._q: FloatArray | None = None
        self._q_t = self._t = -np.inf

    def take_joints(self, t: float, q: FloatArray) -> None:
        """A joint state (dof,) of time t, s; older or not finite ones are left out."""
        if _later(t, self._q_t) and q.shape == (self._arm.dof,) and np.isfinite(q).all():
            self._q, self._q_t = np.array(q, dtype=float), t

    def compensated(self, t: float, reading: FloatArray) -> FloatArray | None:
        """(6,) N, N m at `clamp` and in its axes; None where reading or posture cannot be trusted.

        Args:
            t: s, stamp of the reading.   reading: (6,) as the sensor gives it.
        """
        if not _later(t, self._t) or not np.isfinite(reading).all():
            return None
        if self._q is None or abs(t - self._q_t) > self._config.posture_age:
            return None
        self._t = t
        net = self._config.direction * reading - self._payload.reading(self.rotation(self._q))
        R, p = self.T_clamp_sensor.rotation, self.T_clamp_sensor.translation
        force = R @ net[:3]
        return np.concatenate([force, R @ net[3:] + np.cross(p, force)])

    def rotation(self, q: FloatArray) -> FloatArray:
        """R_armbase_sensor (3, 3) at joints q (dof,)."""
        rotation: FloatArray = self._arm.forward(q).rotation @ self.T_clamp_sensor.rotation
        return rotation

    def reading(self, q: FloatArray) -> FloatArray:
        """(6,) raw, as the sensor would give it at rest at joints q while nothing touches the tool."""
        return self._config.direction * self._payload.reading(self.rotation(q))


def _later(t: float, last: float) -> bool:
    """Whether time went on; long before is a clock that was set back, or one stamp ahead that was wrong."""
    return np.isfinite(t) and (t > last or t < last - _SET_BACK)


def sensor_in_clamp(urdf: str, frame: str) -> RigidTransform:
    """`T_clamp_sensor` at the description's link `frame`."""
    T_frame_clamp = RigidTransform.identity()
    for joint in joint_chain(urdf, frame, TIP):
        T_frame_clamp = T_frame_clamp @ joint.T_parent_joint
    return T_frame_clamp.inverse()


def described_down(arm: ArmModel) -> FloatArray:
    """(3,) unit, `arm_base` axes: where gravity pulls when the base stands upright."""
    down: FloatArray = arm.T_base_armbase.rotation.T @ np.array([0.0, 0.0, -1.0])
    return down


def described_payload(arm: ArmModel, frame: str) -> Payload:
    """What the description says hangs behind the sensor's frame: nothing was measured, so no bias."""
    T_frame_link = RigidTransform.identity()
    mass, moment = 0.0, np.zeros(3)
    for joint in joint_chain(arm.urdf, frame, TIP):
        T_frame_link = T_frame_link @ joint.T_parent_joint
        inertia = link_inertia(arm.urdf, joint.child)
        mass += inertia.mass
        moment += inertia.mass * T_frame_link.apply(inertia.centre)
    x, y, z = (float(v) for v in moment / mass)
    down_x, down_y, down_z = (float(v) for v in described_down(arm))
    return Payload(mass, (x, y, z), (down_x, down_y, down_z))


def read_payload(path: Path | str) -> Payload:
    """The payload in a file of `rafr calibrate payload`; InputError says what is wrong with it."""
    return read_dataclass(Payload, path)


def write_payload(path: Path, payload: Payload) -> None:
    """Write it for the `wrist` node."""
    data = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(payload).items()}
    head = "# Of rafr calibrate payload: kg, m in the sensor's frame; N and N m; down in arm_base.\n"
    with written_whole(path) as part:
        part.write_text(head + yaml.safe_dump(data, sort_keys=False), encoding="utf-8")

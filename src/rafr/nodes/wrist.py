"""The wrist sensor's raw readings to `wrench`: weight and bias taken out, brought to `clamp`.

What is not finite, out of order or without a posture of its time gives no message: the age of `wrench` then
holds the arm. With `record`, readings and joints go to a file for `rafr calibrate payload`.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from geometry_msgs.msg import WrenchStamped
from sensor_msgs.msg import JointState

from rafr.config import check_config, option
from rafr.control.posture_recording import columns
from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.nodes.convert import seconds, wrench_array
from rafr.nodes.runtime import OK, SENSOR, WARN, RafrNode, run_node
from rafr.robot.arm import ArmModel
from rafr.robot.driver import wrist_of
from rafr.robot.wrist import Wrist, described_payload, read_payload

_SILENCE = 0.5  # s of wall time between two looks at whether anything comes
_RECORD_PERIOD = 0.02  # s, at least, between two rows of the recording


@dataclass(frozen=True, slots=True)
class WristNodeConfig:
    arm: str = option("ur16e", "robot arm of the description")
    payload: str = option("", "payload.yaml of rafr calibrate payload; empty: as the description has it")
    record: str = option("", "CSV file to write readings and joints to; empty: none")


class WristNode(RafrNode):
    def __init__(self) -> None:
        super().__init__("wrist")
        config = self.config(WristNodeConfig)
        arm, wrist = ArmModel.named(config.arm), wrist_of(config.arm)
        check_config(wrist.config, f"config/{config.arm}.yaml, wrist")
        measured = read_payload(config.payload) if config.payload else None
        self._core = Wrist(arm, wrist.config, measured or described_payload(arm, wrist.config.frame))
        self._names = arm.joint_names
        self._q: FloatArray | None = None
        self._sent = 0
        self._file: TextIO | None = None
        self._recorded = -np.inf
        if config.record:
            self._open(config.record)
        self._wrench = self.create_publisher(WrenchStamped, "wrench", SENSOR)
        self.create_subscription(JointState, "joint_states", self._take_joints, SENSOR)
        self.create_subscription(WrenchStamped, wrist.topic, self._take_reading, SENSOR)
        self.create_wall_timer(_SILENCE, self._watch)
        self.set_ready()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _open(self, path: str) -> None:
        try:
            self._file = Path(path).open("w", newline="", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise InputError("record", f"{path} cannot be written ({error.strerror})", "a file") from None
        self._rows = csv.writer(self._file)
        self._rows.writerow(columns(self._names))

    def _take_joints(self, message: JointState) -> None:
        positions = dict(zip(message.name, message.position, strict=False))
        self._q = np.array([positions.get(name, np.nan) for name in self._names])
        self._core.take_joints(seconds(message.header.stamp), self._q)

    def _take_reading(self, message: WrenchStamped) -> None:
        t, reading = seconds(message.header.stamp), wrench_array(message.wrench)
        self._record(t, reading)
        wrench = self._core.compensated(t, reading)
        if wrench is None:
            return
        self._sent += 1
        self._wrench.publish(_stamped(message.header.stamp, wrench))

    def _record(self, t: float, reading: FloatArray) -> None:
        if self._file is None or self._q is None or t < self._recorded + _RECORD_PERIOD:
            return
        row = [t, *self._q, *reading]
        if np.isfinite(row).all():
            self._recorded = t
            self._rows.writerow([f"{v:.9g}" if k else f"{v:.6f}" for k, v in enumerate(row)])

    def _watch(self) -> None:
        self.diagnose(*((OK, "compensating") if self._sent else (WARN, "no reading that can be trusted")))
        self._sent = 0
        if self._file is not None:
            self._file.flush()


def _stamped(stamp: Any, wrench: FloatArray) -> WrenchStamped:
    message = WrenchStamped()
    message.header.stamp, message.header.frame_id = stamp, "clamp"
    force, torque = message.wrench.force, message.wrench.torque
    force.x, force.y, force.z, torque.x, torque.y, torque.z = wrench.tolist()
    return message


def main() -> None:
    sys.exit(run_node(WristNode))


if __name__ == "__main__":
    main()

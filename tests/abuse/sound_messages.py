"""Sound messages, requests and goals for every topic, service and action of the graph, at a given time.

What is not made here by name is filled by its type, so that a new topic is tried, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from rafr_msgs.msg import BodyRegistration, ToolPose
from tests.boxes import box_plan
from visualization_msgs.msg import InteractiveMarkerFeedback

from rafr.geometry import RigidTransform
from rafr.nodes.convert import (
    adjustment_message,
    base_trajectory_message,
    joint_trajectory_message,
    plan_message,
    pose_message,
    time_message,
)
from rafr.robot.arm import ArmModel
from rafr.trajectory.result import ArmTrajectory, BaseTrajectory

ARM = "ur16e"
TOOLS = ("reference", "base", "fragment_wing", "probe", "drill")


def tool_pose(name: str) -> RigidTransform:
    """m, in the tracker's frame: each tool has a place of its own."""
    k = TOOLS.index(name)
    return RigidTransform.from_rotvec([0.1 * k, 0.2, -0.1 * k], [0.1 * k - 0.2, 0.05 * k, 1.5])


class SoundMessages:
    """Makes messages of a small procedure; a plan, an approval and everything else fit together."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._arm = ArmModel.named(ARM)
        self.parked = self.q = self._arm.parked
        self._plan = box_plan()

    def message(self, topic: str, kind: Any, now: float) -> Any:
        """For a topic (relative to the namespace), stamped `now` (s)."""
        made = kind()
        if hasattr(made, "header"):
            made.header.stamp = time_message(now)
        fill = getattr(self, f"_{kind.__name__}", None)
        return _filled(made) if fill is None else fill(made, topic, now)

    def request(self, kind: Any) -> Any:
        """Of a service."""
        values = {
            "body": "wing", "tension": 50.0, "data": True, "closed": True, "plan_hash": self._plan.hash,
            "approver": "a person", "name": "a hand", "radius": 0.02, "shift": Vector3(x=1e-3),
            "path": str(self._folder / "cbct_9.nii.gz"),
        }  # fmt: skip
        return _set(kind.Request(), values)

    def goal(self, kind: Any, rng: np.random.Generator, now: float) -> Any:
        """Of an action, of any of its kinds, and mostly of one that moves."""
        values: dict[str, Any] = {"body": "wing", "auto_approve": True, "progress": 0.0}
        values["cbct"], values["stamp"] = str(self._folder / "cbct_1.nii.gz"), time_message(now)
        kinds = {
            "MoveArm": ("approach", "approach", "clamp", "reduction", "release", "retrace", "retreat"),
            "OptimiseTrajectory": ("docking", "approach", "reduction", "retreat"),
        }.get(kind.__name__, ("",))
        values["kind"] = kinds[rng.integers(len(kinds))]
        values["trajectory"] = self.base_way() if kind.__name__ == "DockBase" else self.arm_way()
        return _set(kind.Goal(), values)

    def answer(self, kind: Any, now: float) -> Any:
        """A response or a result in which all went well."""
        values: dict[str, Any] = {"success": True, "accepted": True, "stamp": time_message(now)}
        values |= {"arm": self.arm_way(), "base": self.base_way()}
        answer = kind()
        fields = answer.get_fields_and_field_types()
        for name, made in (("registration", self._Registration), ("plan", self._Plan)):
            if name in fields:
                values[name] = made(getattr(answer, name), name, now)
        return _set(answer, values)

    def arm_way(self) -> Any:
        """A short, slow way from where the arm stands."""
        t = np.linspace(0.0, 2.0, 21)
        s = t / 2.0
        blend = 10 * s**3 - 15 * s**4 + 6 * s**5
        q = self.q + 0.05 * blend[:, None]
        qd = np.gradient(q, t, axis=0)
        return joint_trajectory_message(
            ArmTrajectory(self._arm.joint_names, t, q, qd, np.gradient(qd, t, axis=0), 0.0 * q)
        )

    def base_way(self) -> Any:
        t = np.linspace(0.0, 4.0, 21)
        zero, v = 0.0 * t, np.full(21, 0.05)
        return base_trajectory_message(BaseTrajectory(t, 0.05 * t, zero, zero, v, zero, np.zeros((21, 2))))

    # -- by type -------------------------------------------------------------------------------------

    def _Bool(self, made: Any, topic: str, _: float) -> Any:
        made.data = topic != "emergency_stop"
        return made

    def _String(self, made: Any, _: str, __: float) -> Any:
        return made

    def _WrenchStamped(self, made: Any, _: str, now: float) -> Any:
        made.header.frame_id = "clamp"
        made.wrench.force.x, made.wrench.torque.y = 1.0 + 0.1 * float(np.sin(300.0 * now)), 0.1
        return made

    def _JointState(self, made: Any, _: str, now: float) -> Any:
        # a real arm's encoders are never still: one that repeats itself is thought to hang
        made.name, made.position = list(self._arm.joint_names), (self.q + 1e-6 * np.sin(300.0 * now)).tolist()
        made.velocity = [0.0] * len(made.name)
        return made

    def _Odometry(self, made: Any, _: str, __: float) -> Any:
        made.header.frame_id, made.child_frame_id = "world", "base"
        return made

    def _ToolPoses(self, made: Any, _: str, now: float) -> Any:
        made.header.frame_id, made.frame_number = "tracker", round(60.0 * now) % 2**32
        made.tools = [
            ToolPose(name=n, valid=True, pose=pose_message(tool_pose(n)), error=2e-4) for n in TOOLS
        ]
        return made

    def _DiagnosticStatus(self, made: Any, _: str, __: float) -> Any:
        from diagnostic_msgs.msg import KeyValue

        made.name, made.values = "traction", [KeyValue(key="tension", value="50.0")]
        return made

    def _DiagnosticArray(self, made: Any, _: str, now: float) -> Any:
        from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

        values = dict.fromkeys(("to_entry", "off_axis", "off_axis_sd", "angle", "angle_sd", "depth"), "0.01")
        values |= {
            "depth_sd": "0.001",
            "to_go": "0.02",
            "toward_x": "0.0",
            "toward_y": "0.6",
            "toward_z": "0.8",
        }
        made.status = [
            DiagnosticStatus(
                name="pin 1",
                hardware_id="wing",
                message="on the way",
                values=[KeyValue(key=k, value=v) for k, v in values.items()],
            )
        ]
        return made

    def _Registration(self, made: Any, _: str, __: float) -> Any:
        made.header.frame_id, made.case_id, made.accepted = "pelvis", "box", True
        made.marker_from_cbct = pose_message(RigidTransform.identity())
        made.fiducial_error = 3e-4
        shifts = {"reference": (0.1, 0.0, 0.0), "wing": (0.1, 0.02, 0.0)}
        poses = {name: RigidTransform.from_translation(shift) for name, shift in shifts.items()}
        made.bodies = [
            BodyRegistration(
                name=name,
                cbct_from_ct=pose_message(T),
                marker_from_ct=pose_message(T.inverse()),
                tre_estimate=5e-4,
                overlap=0.9,
            )
            for name, T in poses.items()
        ]
        return made

    def _Plan(self, _: Any, __: str, now: float) -> Any:
        return plan_message(self._plan, time_message(now))

    def _Approval(self, made: Any, _: str, __: float) -> Any:
        made.plan_hash, made.approver = self._plan.hash, "a person"
        return made

    def _SafetyState(self, made: Any, _: str, __: float) -> Any:
        return made

    def _ArmState(self, made: Any, _: str, __: float) -> Any:
        made.header.frame_id = "pelvis"
        made.fragment, made.fragment_tracked = pose_message(RigidTransform.identity()), True
        made.force, made.force_limit, made.torque_limit, made.stiffness = 5.0, 300.0, 20.0, 1.0
        return made

    def _BaseState(self, made: Any, _: str, __: float) -> Any:
        return made

    def _ProcedureState(self, made: Any, _: str, __: float) -> Any:
        made.phase, made.status = "APPROVAL", made.WAITING
        return made

    def _Heartbeat(self, made: Any, _: str, __: float) -> Any:
        made.node, made.ready = "arm_controller", True
        return made

    def _Risk(self, made: Any, _: str, __: float) -> Any:
        made.source, made.probability, made.reason = "patient_emg", 0.1, "at rest"
        made.causes, made.probabilities = ["guarding"], [0.1]
        return made

    def _MuscleSignals(self, made: Any, topic: str, now: float) -> Any:
        from rafr.simulation.assistant import INERTIAL_CHANNELS, LIFTING_CHANNELS
        from rafr.simulation.wearables import EMG_CHANNELS

        channels = {"emg": EMG_CHANNELS, "assistant/emg": LIFTING_CHANNELS}.get(topic, INERTIAL_CHANNELS)
        made.rate, made.channels = 1000.0, list(channels)
        noise = 1e-6 * np.random.default_rng(int(1e3 * now) % 2**32).standard_normal(100 * len(channels))
        made.samples = noise.astype(np.float32).tolist()
        return made

    def _PathAdjustment(self, _: Any, __: str, now: float) -> Any:
        from rafr.control.adjustment import Adjustment

        small = Adjustment(np.array([0.1, 0.5, 1.0]), np.full((3, 6), 1e-4), "a wish")
        return adjustment_message(self._plan.hash, "wing", small, time_message(now))

    def _JointTrajectory(self, made: Any, _: str, now: float) -> Any:
        way = self.arm_way()
        way.points = way.points[:1]
        way.header.stamp = time_message(now)
        return way

    def _Float64MultiArray(self, made: Any, _: str, __: float) -> Any:
        made.data = self.parked.tolist()
        return made

    def _TwistStamped(self, made: Any, _: str, __: float) -> Any:
        made.header.frame_id, made.twist.linear.x, made.twist.angular.z = "base", 0.01, 0.01
        return made

    def _SimulationTruth(self, made: Any, _: str, __: float) -> Any:
        made.bodies, made.current_from_displaced = ["wing"], [pose_message(RigidTransform.identity())]
        return made

    def _MarkerArray(self, made: Any, _: str, __: float) -> Any:
        from rafr.nodes.cord_markers import cord_markers
        from rafr.simulation.cords import Cords

        line = Cords(np.array([[[0.0, 0.0, 0.0], [0.1, 0.0, 0.0]]]), np.array([20.0]))
        return cord_markers({"ligaments": line, "traction": line})

    def _InteractiveMarkerFeedback(self, made: Any, _: str, __: float) -> Any:
        made.header.frame_id, made.marker_name = "pelvis", "wing"
        made.event_type = InteractiveMarkerFeedback.MOUSE_UP
        made.pose = Pose(position=Point(x=0.01), orientation=Quaternion(w=1.0))
        return made


def _set(made: Any, values: dict[str, Any]) -> Any:
    fields = made.get_fields_and_field_types()
    for name, value in values.items():
        if name in fields:
            setattr(made, name, value)
    return made


def _filled(message: Any) -> Any:
    """A type nobody has made by name: its lists have an element each."""
    for name, kind in message.get_fields_and_field_types().items():
        if kind.startswith(("sequence<double", "sequence<float")):
            setattr(message, name, [0.1])
        elif kind.startswith("sequence<string"):
            setattr(message, name, ["wing"])
        elif kind == "string":
            setattr(message, name, "wing")
    return message


__all__ = ["ARM", "TOOLS", "SoundMessages", "tool_pose"]

"""What the simulated operating room publishes: core values to messages, each at its own rate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped, WrenchStamped
from nav_msgs.msg import Odometry
from rafr_msgs.msg import MuscleSignals, SimulationTruth, ToolPose, ToolPoses
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Imu, JointState
from visualization_msgs.msg import MarkerArray

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.nodes.convert import invalid_pose_message, pose_message, time_message
from rafr.nodes.cord_markers import QOS, TOPIC, cord_markers
from rafr.nodes.runtime import RELIABLE, SENSOR
from rafr.risk.data.columns import TRIGNO_EMG_RATE, TRIGNO_IMU_RATE
from rafr.simulation.assistant import INERTIAL_CHANNELS, LIFTING_CHANNELS
from rafr.simulation.cords import Cords
from rafr.simulation.plant import PlantTruth
from rafr.simulation.sensors import ArmReading, ToolReading, TrackerFrame
from rafr.simulation.wearables import EMG_CHANNELS, EmgConfig

_PICTURE_PERIOD = 0.2  # s of wall time: the viewer's


class DeviceOutputs:
    """The publishers of everything but clock and joint states, which come from somebody else."""

    def __init__(self, node: Node, joint_names: tuple[str, ...]) -> None:
        self._wrench = node.create_publisher(WrenchStamped, "wrench", SENSOR)
        self._tracker = node.create_publisher(ToolPoses, "tracker/raw", SENSOR)
        self._odom = node.create_publisher(Odometry, "odom", SENSOR)
        self._emg = node.create_publisher(MuscleSignals, "emg", SENSOR)
        self._assistant_emg = node.create_publisher(MuscleSignals, "assistant/emg", SENSOR)
        self._assistant_imu = node.create_publisher(MuscleSignals, "assistant/imu", SENSOR)
        self._imu = node.create_publisher(Imu, "imu", SENSOR)
        self._truth = node.create_publisher(SimulationTruth, "simulation/truth", RELIABLE)
        self._drill = node.create_publisher(PoseStamped, "simulation/drill", RELIABLE)
        self._traction = node.create_publisher(DiagnosticStatus, "traction/state", RELIABLE)
        self._tissue = node.create_publisher(MarkerArray, TOPIC, QOS)
        self._next_picture = 0.0

    def clock(self, now: float) -> None:
        pass

    def arm(self, reading: ArmReading) -> None:
        message = WrenchStamped()
        message.header.stamp, message.header.frame_id = time_message(reading.wrench_stamp), "clamp"
        force, torque = message.wrench.force, message.wrench.torque
        force.x, force.y, force.z, torque.x, torque.y, torque.z = reading.wrench.tolist()
        self._wrench.publish(message)

    def tracker(self, frame: TrackerFrame, unseen_is_valid: bool) -> None:
        """A frame of the device; `unseen_is_valid`: NaN poses are called valid (a fault)."""
        message = ToolPoses(frame_number=frame.number)
        message.header.stamp, message.header.frame_id = time_message(frame.stamp), "tracker"
        message.tools = [_tool(t, unseen_is_valid) for t in frame.tools]
        self._tracker.publish(message)

    def odometry(self, now: float, pose: FloatArray, v: float, omega: float) -> None:
        message = Odometry(child_frame_id="base")
        message.header.stamp, message.header.frame_id = time_message(now), "world"
        x, y, theta = pose.tolist()
        message.pose.pose.position.x, message.pose.pose.position.y = x, y
        message.pose.pose.orientation.z = math.sin(0.5 * theta)
        message.pose.pose.orientation.w = math.cos(0.5 * theta)
        message.twist.twist.linear.x, message.twist.twist.angular.z = v, omega
        self._odom.publish(message)

    def emg(self, start: float, samples: FloatArray, config: EmgConfig) -> None:
        """A block of samples (channels, n) that began at `start`."""
        self._emg.publish(_block(start, config.rate, EMG_CHANNELS, samples))

    def assistant(self, emg: tuple[float, FloatArray], imu: tuple[float, FloatArray]) -> None:
        """What the assistant wears: begin and samples of EMG, begin and samples of the inertial sensors."""
        self._assistant_emg.publish(_block(emg[0], TRIGNO_EMG_RATE, LIFTING_CHANNELS, emg[1]))
        self._assistant_imu.publish(_block(imu[0], TRIGNO_IMU_RATE, INERTIAL_CHANNELS, imu[1]))

    def imu(self, now: float, motion: FloatArray) -> None:
        """Specific force and angular rate (6,); the orientation is not measured."""
        message = Imu()
        message.header.stamp, message.header.frame_id = time_message(now), "imu"
        message.orientation_covariance[0] = -1.0  # sensor_msgs: no orientation
        acceleration, rate = message.linear_acceleration, message.angular_velocity
        acceleration.x, acceleration.y, acceleration.z, rate.x, rate.y, rate.z = motion.tolist()
        self._imu.publish(message)

    def truth(self, now: float, truth: PlantTruth, events: Collection[str]) -> None:
        message = SimulationTruth(
            bodies=list(truth.poses),
            current_from_displaced=[pose_message(T) for T in truth.poses.values()],
            force=float(np.linalg.norm(truth.wrench[:3])),
            torque=float(np.linalg.norm(truth.wrench[3:])),
            traction=truth.traction,
            contact=truth.contact,
            events=sorted(events),
        )
        message.header.stamp = time_message(now)
        self._truth.publish(message)

    def drill(self, now: float, body: str, T_ct_drill: RigidTransform) -> None:
        """Where the drill's marker truly is, in the CT of the body that is drilled."""
        message = PoseStamped(pose=pose_message(T_ct_drill))
        message.header.stamp, message.header.frame_id = time_message(now), f"ct_{body}"
        self._drill.publish(message)

    def traction(self, tension: float, complaint: str) -> None:
        """The winch's load cell, N, and what the winch has to say against itself."""
        message = DiagnosticStatus(name="traction", message=complaint or "pulls as asked")
        message.level = DiagnosticStatus.ERROR if complaint else DiagnosticStatus.OK
        message.values = [KeyValue(key="tension", value=f"{tension:.1f}")]
        self._traction.publish(message)

    def tissue(self, cords: Callable[[], Mapping[str, Cords]]) -> None:
        """The soft tissue as a picture, at a steady rate of wall time and only while somebody looks."""
        wall = time.monotonic()
        if wall < self._next_picture or not self._tissue.get_subscription_count():
            return
        self._next_picture = wall + _PICTURE_PERIOD
        self._tissue.publish(cord_markers(cords()))


class Outputs(DeviceOutputs):
    """The publishers of all driver topics, the clock and the truth."""

    def __init__(self, node: Node, joint_names: tuple[str, ...]) -> None:
        super().__init__(node, joint_names)
        self._names = list(joint_names)
        self._clock = node.create_publisher(Clock, "/clock", RELIABLE)
        self._joints = node.create_publisher(JointState, "joint_states", SENSOR)

    def clock(self, now: float) -> None:
        self._clock.publish(Clock(clock=time_message(now)))

    def arm(self, reading: ArmReading) -> None:
        """The wrench first: who answers a joint state has this tick's force."""
        super().arm(reading)
        joints = JointState(name=self._names, position=reading.q.tolist(), velocity=reading.qd.tolist())
        joints.header.stamp = time_message(reading.stamp)
        self._joints.publish(joints)


def _block(start: float, rate: float, channels: Sequence[str], samples: FloatArray) -> MuscleSignals:
    message = MuscleSignals(rate=rate, channels=list(channels))
    message.header.stamp = time_message(start)
    message.samples = samples.astype(np.float32).ravel().tolist()
    return message


def _tool(reading: ToolReading, unseen_is_valid: bool) -> ToolPose:
    pose = reading.T_tracker_marker
    return ToolPose(
        name=reading.name,
        valid=pose is not None or unseen_is_valid,
        pose=invalid_pose_message() if pose is None else pose_message(pose),
        error=reading.error,
    )

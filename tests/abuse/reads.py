"""What readers need more than one call for: reading, judging what was accepted, messages as seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from . import seeds
from .seeds import TURN

_KEPT: dict[str, Any] = {}  # what is dear to make


def plan(path: Path) -> Any:
    from rafr.planning.plan_file import read_plan

    return read_plan(path, seeds.case(path.parent))


def unlike(plan: Any) -> str:
    """A plan that says something else once it is written again was misread."""
    from rafr.planning.plan import ReductionPlan

    for body in plan.bodies:
        if not all(isinstance(v, int) and v > 0 for v in body.labels):
            return f"labels {body.labels}"
        if any(p.force_n < 0 or p.torque_nm < 0 or (p.traction_n or 0.0) < 0 for p in body.path):
            return "a negative force"
    return (
        "" if ReductionPlan.from_json(plan.to_json()).hash == plan.hash else "another hash when written again"
    )


def achieved(path: Path) -> Any:
    from rafr.cases.achieved import read_achieved

    return read_achieved(path, seeds.case(path.parent))


def pelvis(path: Path) -> Any:
    from rafr.cases.pelvis import read_pelvis

    return read_pelvis(path if path.suffix == ".mat" else path.parent)


def shape(path: Path) -> Any:
    from rafr.planning.target.shape_model import ShapeModel

    model = ShapeModel.read(path)
    return model, model.bone("sacrum", np.zeros(len(model.variance)))


def label_table(path: Path) -> Any:
    from rafr.segmentation.label_table import read_table

    return read_table(str(path))


def emg(path: Path) -> Any:
    from rafr.risk.data.columns import ColumnMap
    from rafr.risk.data.read import read_recording
    from rafr.strict import dataclass_from

    return filled(read_recording(path, dataclass_from(ColumnMap, seeds.COLUMNS, path, "")))


def trigno(path: Path) -> Any:
    from rafr.risk.data.read import read_recording

    return filled(read_recording(path))


def filled(recording: Any) -> Any:
    """Gaps (empty cells) are NaN until they are filled."""
    from rafr.risk.data.quality import filled

    return filled(recording.emg), filled(recording.acc), recording.duration


def risk_model(path: Path) -> Any:
    from rafr.risk.model_file import load

    model = load(path)
    rng = np.random.default_rng(0)
    n = round(model.schema.window.length * model.schema.emg_rate) + 1
    m = round(model.schema.window.length * model.schema.imu_rate) + 1
    emg = 1e-4 * rng.normal(size=(len(model.schema.emg_names), n))
    acc, gyro = 9.0 + rng.normal(size=(2, len(model.schema.imu_names), 3, m))
    verdict = model.assess(emg, acc, gyro, np.full(len(emg), 1e-3))
    return verdict.reason, (0.0 if verdict.abstained else verdict.probability)


def kept_risk_model(folder: Path) -> Path:
    path = folder / "lifting.rafr-risk"
    if "risk model" not in _KEPT:
        _KEPT["risk model"] = seeds.risk_model(folder).read_bytes()
    path.write_bytes(_KEPT["risk model"])
    return path


def sequence(path: Path) -> Any:
    from rafr.tracking.recordings import read_recording

    return read_recording(path).poses_mm, read_recording(path).times


def replayed(path: Path) -> Any:
    from rafr.tracking.drivers.replay import read_poses

    found = read_poses(path if path.suffix != ".mcap" else path.parent)
    return list(found.times), [r.T_tracker_tool for rows in found.readings.values() for r in rows if r]


def messages(path: Path) -> Any:
    from rafr.review.recording import read_recording, typestore

    types = _KEPT.setdefault("types", typestore([seeds.ROOT / "ros2_ws" / "src" / "rafr_msgs" / "msg"]))
    return [(topic, round(t, 3)) for topic, t, _ in read_recording(path.parent, types)]


def unclosed(folder: Path) -> Path:
    return seeds.recording(folder, closed=False)


def recorded(path: Path) -> Any:
    from rafr.review.recorded import Recorded

    found = Recorded(path.parent, ("tracker/raw",), "/rafr")
    try:
        found.set_clock("tracker/raw")
        for i in range(len(found["tracker/raw"])):
            found.message("tracker/raw", i)
        return found.duration
    finally:
        found.close()


def opensim(path: Path) -> Any:
    from rafr.tissue.muscles import Posture
    from rafr.tissue.opensim import read_opensim

    model = read_opensim(path, Posture(0.1, 0.0))
    return [model.places(muscle) for muscle in model.muscles]


def registration(path: Path) -> Any:
    from rafr.cli.review import _registration as read

    return read(str(path), seeds.case(path.parent))


def stream(path: Path) -> Any:
    """In pieces, as from a socket; put together to frames."""
    from collections import Counter

    from rafr.tracking.drivers.igtl_messages import MessageStream
    from rafr.tracking.drivers.openigtlink import FrameBuilder, OpenIGTLinkConfig

    found, builder, data = MessageStream(), FrameBuilder(OpenIGTLinkConfig(), Counter()), path.read_bytes()
    frames = [
        frame
        for at in range(0, len(data), 100)
        for message in found.feed(data[at : at + 100])
        for frame in builder.add(message, 0.001 * at)
    ]
    return [r.T_tracker_tool for f in frames for r in f.tools.values()], [
        f.device_time or 0.0 for f in frames
    ]


def tools(path: Path) -> Any:
    from rafr.tracking.tags import load_tools

    return load_tools(path).corners


def no_camera(intrinsics: Any) -> str:
    good = intrinsics.width > 0 and intrinsics.height > 0 and intrinsics.rms_px >= 0
    return "" if good else f"{intrinsics.width} x {intrinsics.height} px, rms {intrinsics.rms_px}"


def grey(path: Path) -> Any:
    from rafr.tracking.camera_model import read_grey

    return read_grey(path).astype(float)


def plan_message(_: Path) -> Any:
    from rafr.nodes.convert import plan_message, time_message

    return plan_message(seeds.reduction_plan(), time_message(1.0))


def arm_message(_: Path) -> Any:
    from rafr.nodes.convert import joint_trajectory_message
    from rafr.trajectory.result import ArmTrajectory

    rows = np.arange(12.0).reshape(4, 3)
    return joint_trajectory_message(ArmTrajectory(("a", "b", "c"), np.arange(4.0), rows, rows, rows, rows))


def base_message(_: Path) -> Any:
    from rafr.nodes.convert import base_trajectory_message
    from rafr.trajectory.result import BaseTrajectory

    return base_trajectory_message(BaseTrajectory(*(np.arange(4.0) for _ in range(6)), np.zeros((4, 2))))


def pose_message(_: Path) -> Any:
    from rafr.nodes.convert import pose_message

    return pose_message(TURN)


def adjustment_message(_: Path) -> Any:
    from rafr.control.adjustment import Adjustment
    from rafr.nodes.convert import adjustment_message, time_message

    return adjustment_message(
        "0", "wing", Adjustment(np.array([0.1, 0.5, 1.0]), np.full((3, 6), 1e-4)), time_message(1.0)
    )


def judged_adjustment(message: Any) -> Any:
    """What the controller would follow."""
    from rafr.control.config import ArmControlConfig
    from rafr.nodes.convert import adjustment_from_message

    adjustment = adjustment_from_message(message)
    judged = adjustment.judge(np.zeros(6), 0.2, ArmControlConfig())
    return (adjustment.at(0.3), adjustment.largest) if judged.accepted else judged.reasons

"""Every reader of what comes from outside: its sound input, and what it may say of a damaged one.

A new reader is one line of `READERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rafr.errors import InputError, RafrError

from . import seeds
from .seeds import POSES, TURN, plain, text

_KEPT: dict[str, Any] = {}  # what is dear to make


def _sound(_: Any) -> str:
    return ""


@dataclass(frozen=True)
class Reader:
    """One reader.

    Attributes:
        kind: of its input: binary, text, csv, json, yaml, gzip, zip or message.
        make: writes the sound input into a folder and returns its path; for messages, the message.
        read: what the reader makes of it.
        unsound: what is wrong with what it accepted, beyond what holds for every type; "" if nothing.
        errors: how it may refuse.   names_file: the refusal names file or folder.
        whole: a file that was cut short is refused, unless nothing is missing of what was read.
        share: of the large count, relative to the others.
    """

    name: str
    kind: str
    make: Callable[[Path], Any]
    read: Callable[[Any], Any]
    unsound: Callable[[Any], str] = _sound
    errors: tuple[type[BaseException], ...] = (InputError,)
    names_file: bool = True
    whole: bool = False
    share: float = 1.0


def _imaging(name: str) -> Callable[[Path], Any]:
    def read(path: Path) -> Any:
        from rafr.imaging import readers

        return getattr(readers, name)(path)

    return read


def _dicom(path: Path) -> Any:
    from rafr.imaging.readers import read_volume

    return read_volume(path.parent)


def _case_file(path: Path) -> Any:
    from rafr.cases.case import load_case

    return load_case(path.parent)


def _plan(path: Path) -> Any:
    from rafr.planning.plan_file import read_plan

    return read_plan(path, seeds.case(path.parent))


def _unlike(plan: Any) -> str:
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


def _achieved(path: Path) -> Any:
    from rafr.cases.achieved import read_achieved

    return read_achieved(path, seeds.case(path.parent))


def _via(path: Path) -> Any:
    from rafr.planning.path.via import read_via

    return read_via(path)


def _truth(path: Path) -> Any:
    from rafr.cases.truth import read_truth

    return read_truth(path)


def _motion(path: Path) -> Any:
    from rafr.exchange.transform_files import read_motion

    return read_motion(path)


def _pelvis(path: Path) -> Any:
    from rafr.cases.pelvis import read_pelvis

    return read_pelvis(path if path.suffix == ".mat" else path.parent)


def _mesh(path: Path) -> Any:
    from rafr.geometry.mesh import read_mesh

    return read_mesh(path)


def _shape(path: Path) -> Any:
    from rafr.planning.target.shape_model import ShapeModel

    model = ShapeModel.read(path)
    return model, model.bone("sacrum", np.zeros(len(model.variance)))


def _strict(name: str, module: str, call: str = "read") -> Callable[[Path], Any]:
    """A type's own reader: `module.name.call(path)`; without a type, the module's function."""

    def read(path: Path) -> Any:
        import importlib

        holder = importlib.import_module(module)
        return getattr(getattr(holder, name) if name else holder, call)(path)

    return read


def _label_table(path: Path) -> Any:
    from rafr.segmentation.label_table import read_table

    return read_table(str(path))


def _intervals(path: Path) -> Any:
    from rafr.risk.data.read import read_intervals

    return read_intervals(path, 10.0)


def _postures(path: Path) -> Any:
    from rafr.control.posture_recording import read_postures

    return read_postures(path, ("a", "b"))


def _emg(path: Path) -> Any:
    from rafr.risk.data.columns import ColumnMap
    from rafr.risk.data.read import read_recording
    from rafr.strict import dataclass_from

    return _filled(read_recording(path, dataclass_from(ColumnMap, seeds.COLUMNS, path, "")))


def _trigno(path: Path) -> Any:
    from rafr.risk.data.read import read_recording

    return _filled(read_recording(path))


def _filled(recording: Any) -> Any:
    """Gaps (empty cells) are NaN until they are filled."""
    from rafr.risk.data.quality import filled

    return filled(recording.emg), filled(recording.acc), recording.duration


def _risk_model(path: Path) -> Any:
    from rafr.risk.model_file import load

    model = load(path)
    rng = np.random.default_rng(0)
    n = round(model.schema.window.length * model.schema.emg_rate) + 1
    m = round(model.schema.window.length * model.schema.imu_rate) + 1
    emg = 1e-4 * rng.normal(size=(len(model.schema.emg_names), n))
    acc, gyro = 9.0 + rng.normal(size=(2, len(model.schema.imu_names), 3, m))
    verdict = model.assess(emg, acc, gyro, np.full(len(emg), 1e-3))
    return verdict.reason, (0.0 if verdict.abstained else verdict.probability)


def _kept_risk_model(folder: Path) -> Path:
    path = folder / "lifting.rafr-risk"
    if "risk model" not in _KEPT:
        _KEPT["risk model"] = seeds.risk_model(folder).read_bytes()
    path.write_bytes(_KEPT["risk model"])
    return path


def _sequence(path: Path) -> Any:
    from rafr.tracking.recordings import read_recording

    return read_recording(path).poses_mm, read_recording(path).times


def _replayed(path: Path) -> Any:
    from rafr.tracking.drivers.replay import read_poses

    found = read_poses(path if path.suffix != ".mcap" else path.parent)
    return list(found.times), [r.T_tracker_tool for rows in found.readings.values() for r in rows if r]


def _messages(path: Path) -> Any:
    from rafr.review.recording import read_recording, typestore

    types = _KEPT.setdefault("types", typestore([seeds.ROOT / "ros2_ws" / "src" / "rafr_msgs" / "msg"]))
    return [(topic, round(t, 3)) for topic, t, _ in read_recording(path.parent, types)]


def _unclosed(folder: Path) -> Path:
    return seeds.recording(folder, closed=False)


def _recorded(path: Path) -> Any:
    from rafr.review.recorded import Recorded

    found = Recorded(path.parent, ("tracker/raw",), "/rafr")
    try:
        found.set_clock("tracker/raw")
        for i in range(len(found["tracker/raw"])):
            found.message("tracker/raw", i)
        return found.duration
    finally:
        found.close()


def _opensim(path: Path) -> Any:
    from rafr.tissue.muscles import Posture
    from rafr.tissue.opensim import read_opensim

    model = read_opensim(path, Posture(0.1, 0.0))
    return [model.places(muscle) for muscle in model.muscles]


def _report(path: Path) -> Any:
    from rafr.review.operation_report import operation_report

    return operation_report(path.parent)


def _run_report(path: Path) -> Any:
    from rafr.cli.replay import _report as read

    return read(path.parent)


def _registration(path: Path) -> Any:
    from rafr.cli.review import _registration as read

    return read(str(path), seeds.case(path.parent))


def _stream(path: Path) -> Any:
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


def _tools(path: Path) -> Any:
    from rafr.tracking.tags import load_tools

    return load_tools(path).corners


def _intrinsics(path: Path) -> Any:
    from rafr.tracking.camera_model import load_intrinsics

    return load_intrinsics(path)


def _no_camera(intrinsics: Any) -> str:
    good = intrinsics.width > 0 and intrinsics.height > 0 and intrinsics.rms_px >= 0
    return "" if good else f"{intrinsics.width} x {intrinsics.height} px, rms {intrinsics.rms_px}"


def _grey(path: Path) -> Any:
    from rafr.tracking.camera_model import read_grey

    return read_grey(path).astype(float)


def _plan_message(_: Path) -> Any:
    from rafr.nodes.convert import plan_message, time_message

    return plan_message(seeds.reduction_plan(), time_message(1.0))


def _arm_message(_: Path) -> Any:
    from rafr.nodes.convert import joint_trajectory_message
    from rafr.trajectory.result import ArmTrajectory

    rows = np.arange(12.0).reshape(4, 3)
    return joint_trajectory_message(ArmTrajectory(("a", "b", "c"), np.arange(4.0), rows, rows, rows, rows))


def _base_message(_: Path) -> Any:
    from rafr.nodes.convert import base_trajectory_message
    from rafr.trajectory.result import BaseTrajectory

    return base_trajectory_message(BaseTrajectory(*(np.arange(4.0) for _ in range(6)), np.zeros((4, 2))))


def _pose_message(_: Path) -> Any:
    from rafr.nodes.convert import pose_message

    return pose_message(TURN)


def _adjustment_message(_: Path) -> Any:
    from rafr.control.adjustment import Adjustment
    from rafr.nodes.convert import adjustment_message, time_message

    return adjustment_message(
        "0", "wing", Adjustment(np.array([0.1, 0.5, 1.0]), np.full((3, 6), 1e-4)), time_message(1.0)
    )


def _converted(name: str, *arguments: Any) -> Callable[[Any], Any]:
    def read(message: Any) -> Any:
        from rafr.nodes import convert

        return getattr(convert, name)(message, *arguments)

    return read


def _judged_adjustment(message: Any) -> Any:
    """What the controller would follow."""
    from rafr.control.config import ArmControlConfig
    from rafr.nodes.convert import adjustment_from_message

    adjustment = adjustment_from_message(message)
    judged = adjustment.judge(np.zeros(6), 0.2, ArmControlConfig())
    return (adjustment.at(0.3), adjustment.largest) if judged.accepted else judged.reasons


MATRIX = TURN.tolist()
NUMBER_TABLE = "\n".join(
    ["time,a,b,fx,fy,fz,tx,ty,tz", *(f"{k},0.1,0.2,1,2,3,0.1,0.2,0.3" for k in range(5))]
)
TAGS = {
    "dictionary": "APRILTAG_36h11",
    "tools": {
        "pelvis": [
            {"id": 3, "corners_mm": [[-20.0, 20.0, 0], [20.0, 20.0, 0], [20.0, -20.0, 0], [-20.0, -20.0, 0]]}
        ]
    },
}
CAMERA = {
    "width": 960, "height": 720, "matrix": [[1050.0, 0.0, 475.0], [0.0, 1054.0, 363.0], [0.0, 0.0, 1.0]],
    "distortion": [0.0] * 5, "rms_px": 0.2,
}  # fmt: skip
PAYLOAD = {"mass": 1.5, "centre": [0.0, 0.01, 0.05], "down": [0.0, 0.0, -1.0], "bias": [0.1] * 6}
ACHIEVED = {"case": "abused", "bodies": {"left_hip": {"T_achieved_displaced": MATRIX, "mean_mm": 1.0}}}
REGISTERED = {"bodies": {name: {"T_cbct_ct": MATRIX} for name in ("reference", "left_hip")}}
SEEDS = {
    "unit": "LPS mm",
    "seeds": {1: [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], 11: [[7.0, 8.0, 9.0]], 0: [[0.0, 1.0, 2.0]]},
}
VIA = {"left_hip": [T.tolist() for T in POSES]}

READERS: tuple[Reader, ...] = (
    Reader(
        "volume .nii", "binary", lambda f: seeds.volume(f, "image.nii"), _imaging("read_volume"), whole=True
    ),
    Reader(
        "volume .nii.gz",
        "gzip",
        lambda f: seeds.volume(f, "image.nii.gz"),
        _imaging("read_volume"),
        whole=True,
    ),
    Reader(
        "volume .nii, floats",
        "binary",
        lambda f: seeds.volume(f, "f.nii", np.float32),
        _imaging("read_volume"),
        whole=True,
    ),
    Reader(
        "volume .mha", "text", lambda f: seeds.volume(f, "image.mha"), _imaging("read_volume"), whole=True
    ),
    Reader(
        "volume .mha, packed",
        "text",
        lambda f: seeds.volume(f, "packed.mha"),
        _imaging("read_volume"),
        whole=True,
    ),
    Reader(
        "volume .nrrd", "text", lambda f: seeds.volume(f, "image.nrrd"), _imaging("read_volume"), whole=True
    ),
    Reader(
        "volume .nrrd, floats",
        "text",
        lambda f: seeds.volume(f, "f.nrrd", np.float32),
        _imaging("read_volume"),
        whole=True,
    ),
    Reader("grid .mha", "text", lambda f: seeds.volume(f, "image.mha"), _imaging("read_grid")),
    Reader("labels", "gzip", seeds.labels, _imaging("read_labels"), whole=True),
    Reader("DICOM folder", "binary", seeds.dicom_slice, _dicom, whole=True, share=1.5),
    Reader("case.yaml", "yaml", seeds.case_file, _case_file, share=2),
    Reader("plan", "json", seeds.plan, _plan, _unlike),
    Reader("plan without a hash", "json", seeds.unsigned_plan, _plan, _unlike, share=2),
    Reader("achieved poses", "json", lambda f: plain(f, "report.json", ACHIEVED), _achieved),
    Reader("via poses", "yaml", lambda f: plain(f, "via.yaml", VIA), _via),
    Reader("truth", "json", seeds.truth, _truth),
    Reader("transform .tfm", "text", lambda f: seeds.transform(f, "left.tfm"), _motion),
    Reader(
        "transform .mat", "binary", lambda f: seeds.transform(f, "left.mat"), _motion, whole=True, share=0.3
    ),
    Reader("transform .h5", "binary", lambda f: seeds.transform(f, "left.h5"), _motion, share=0.3),
    Reader("mesh .stl", "binary", lambda f: seeds.pelvis(f, ".stl"), _mesh, whole=True),
    Reader("pelvis, .stl", "binary", lambda f: seeds.pelvis(f, ".stl"), _pelvis, whole=True),
    Reader("pelvis, .ply", "binary", lambda f: seeds.pelvis(f, ".ply"), _pelvis, whole=True),
    Reader("pelvis, .obj", "text", lambda f: seeds.pelvis(f, ".obj"), _pelvis, whole=True),
    Reader("pelvis, VSD .mat", "binary", seeds.vsd, _pelvis, whole=True, share=0.3),
    Reader("shape model .npz", "zip", seeds.shape_model, _shape),
    Reader(
        "fixation scheme",
        "yaml",
        lambda f: plain(f, "mine.yaml", seeds.scheme()),
        _strict("", "rafr.fixation.implants.given", "read_scheme"),
    ),
    Reader(
        "implants",
        "yaml",
        lambda f: seeds.resource(f, "implants.yaml"),
        _strict("Catalogue", "rafr.fixation.implants.catalogue"),
    ),
    Reader(
        "operating room",
        "yaml",
        lambda f: seeds.resource(f, "operating_room.yaml"),
        _strict("OperatingRoom", "rafr.room", "from_yaml"),
    ),
    Reader(
        "mobile base",
        "yaml",
        lambda f: seeds.resource(f, "mobile_base.yaml"),
        _strict("", "rafr.robot.mobile.drive", "read_drive"),
    ),
    Reader(
        "payload",
        "yaml",
        lambda f: plain(f, "payload.yaml", PAYLOAD),
        _strict("", "rafr.robot.wrist", "read_payload"),
    ),
    Reader(
        "seeds",
        "yaml",
        lambda f: plain(f, "seeds.yaml", SEEDS),
        _strict("", "rafr.segmentation.seeds", "read_seeds"),
    ),
    Reader(
        "label table", "yaml", lambda f: plain(f, "table.yaml", {25: "sacrum", 77: 11, 78: 21}), _label_table
    ),
    Reader(
        "EMG column map",
        "yaml",
        lambda f: plain(f, "map.yaml", seeds.COLUMNS),
        _strict("ColumnMap", "rafr.risk.data.columns", "from_yaml"),
    ),
    Reader("tags", "yaml", lambda f: plain(f, "tags.yaml", TAGS), _tools),
    Reader("camera", "yaml", lambda f: plain(f, "camera.yaml", CAMERA), _intrinsics, _no_camera),
    Reader("picture", "binary", seeds.picture, _grey),
    Reader("EMG table", "csv", seeds.emg_table, _emg),
    Reader("Trigno export", "csv", seeds.trigno, _trigno, share=0.4),
    Reader(
        "labelled stretches",
        "csv",
        lambda f: text(f, "intervals.csv", "start,end,label\n0,1.5,Low\n2,4,High\n"),
        _intervals,
    ),
    Reader(
        "points",
        "csv",
        lambda f: text(f, "points.csv", "name,x_mm,y_mm,z_mm\na,1,2,3\nb,4,5,6\n"),
        _strict("", "rafr.tracking.calibration.points_file", "read_points"),
    ),
    Reader("postures", "csv", lambda f: text(f, "postures.csv", NUMBER_TABLE), _postures),
    Reader("risk model", "zip", _kept_risk_model, _risk_model, share=0.3),
    Reader("tracker sequence", "text", seeds.sequence, _sequence),
    Reader("tracker, MCAP", "binary", seeds.recording, _replayed),
    Reader("recording", "binary", seeds.recording, _messages),
    Reader("recording, unclosed", "binary", _unclosed, _messages),
    Reader("recording, replay", "binary", seeds.recording, _recorded),
    Reader("muscles .osim", "text", seeds.opensim, _opensim),
    Reader("operation report", "json", seeds.report, _report, share=0.5),
    Reader("report of a run", "json", lambda f: plain(f, "report.json", ACHIEVED), _run_report),
    Reader("registration", "json", lambda f: plain(f, "registration.json", REGISTERED), _registration),
    Reader("OpenIGTLink", "binary", seeds.stream, _stream, errors=(RafrError,), names_file=False, share=2),
    Reader(
        "message: plan", "message", _plan_message, _converted("plan_from_message"), _unlike, names_file=False
    ),
    Reader("message: pose", "message", _pose_message, _converted("transform_from_pose"), names_file=False),
    Reader(
        "message: arm trajectory",
        "message",
        _arm_message,
        _converted("arm_trajectory_from_message"),
        names_file=False,
    ),
    Reader(
        "message: base trajectory",
        "message",
        _base_message,
        _converted("base_trajectory_from_message", np.zeros((4, 2))),
        names_file=False,
    ),
    Reader("message: adjustment", "message", _adjustment_message, _judged_adjustment, names_file=False),
)

"""Every reader of what comes from outside: its sound input, and what it may say of a damaged one.

A new reader is one line of `READERS`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from rafr.errors import InputError, RafrError

from . import reads, seeds
from .seeds import POSES, TURN


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


def call(where: str, *more: Any, folder: bool = False) -> Callable[[Any], Any]:
    """`module:function` of rafr, or of a type in it, given the file (`folder`: where it lies) and more.

    Imported when it is called, so that a reader's process loads what it needs and nothing else.
    """

    def read(given: Any) -> Any:
        module, _, names = where.partition(":")
        function = attrgetter(names)(importlib.import_module(f"rafr.{module}"))
        return function(given.parent if folder else given, *more)

    return read


def written(name: str, content: Any) -> Callable[[Path], Path]:
    """Writes a file: a text as it is, other data as YAML or JSON."""
    write = seeds.text if isinstance(content, str) else seeds.plain
    return lambda folder: write(folder, name, content)


def made(name: str, *arguments: Any) -> Callable[[Path], Path]:
    """A seed by its name in `seeds`."""
    return lambda folder: getattr(seeds, name)(folder, *arguments)


VOLUME = call("imaging.readers:read_volume")
MOTION = call("exchange.transform_files:read_motion")
REPORT, STRETCHES = "report.json", "start,end,label\n0,1.5,Low\n2,4,High\n"
POINTS = "name,x_mm,y_mm,z_mm\na,1,2,3\nb,4,5,6\n"


def message(name: str, make: Callable[[Path], Any], read: Any, unsound: Any = None) -> Reader:
    """What turns a message into a value; a function of `rafr.nodes.convert` by its name."""
    reading = call(f"nodes.convert:{read}") if isinstance(read, str) else read
    return Reader(f"message: {name}", "message", make, reading, unsound or _sound, names_file=False)


READERS: tuple[Reader, ...] = (
    *(
        Reader(f"volume {name}", kind, made("volume", file, dtype), VOLUME, whole=True)
        for name, kind, file, dtype in (
            (".nii", "binary", "image.nii", np.int16),
            (".nii.gz", "gzip", "image.nii.gz", np.int16),
            (".nii, floats", "binary", "f.nii", np.float32),
            (".mha", "text", "image.mha", np.int16),
            (".mha, packed", "text", "packed.mha", np.int16),
            (".nrrd", "text", "image.nrrd", np.int16),
            (".nrrd, floats", "text", "f.nrrd", np.float32),
        )
    ),
    Reader("grid .mha", "text", made("volume", "image.mha"), call("imaging.readers:read_grid")),
    Reader("labels", "gzip", seeds.labels, call("imaging.readers:read_labels"), whole=True),
    Reader(
        "DICOM folder",
        "binary",
        seeds.dicom_slice,
        call("imaging.readers:read_volume", folder=True),
        whole=True,
        share=1.5,
    ),
    Reader("case.yaml", "yaml", seeds.case_file, call("cases.case:load_case", folder=True), share=2),
    Reader("plan", "json", seeds.plan, reads.plan, reads.unlike),
    Reader("plan without a hash", "json", seeds.unsigned_plan, reads.plan, reads.unlike, share=2),
    Reader("achieved poses", "json", written(REPORT, ACHIEVED), reads.achieved),
    Reader("via poses", "yaml", written("via.yaml", VIA), call("planning.path.via:read_via")),
    Reader("truth", "json", seeds.truth, call("cases.truth:read_truth")),
    Reader("transform .tfm", "text", made("transform", "left.tfm"), MOTION),
    Reader("transform .mat", "binary", made("transform", "left.mat"), MOTION, whole=True, share=0.3),
    Reader("transform .h5", "binary", made("transform", "left.h5"), MOTION, share=0.3),
    Reader("mesh .stl", "binary", made("pelvis", ".stl"), call("geometry.mesh:read_mesh"), whole=True),
    Reader("pelvis, .stl", "binary", made("pelvis", ".stl"), reads.pelvis, whole=True),
    Reader("pelvis, .ply", "binary", made("pelvis", ".ply"), reads.pelvis, whole=True),
    Reader("pelvis, .obj", "text", made("pelvis", ".obj"), reads.pelvis, whole=True),
    Reader("pelvis, VSD .mat", "binary", seeds.vsd, reads.pelvis, whole=True, share=0.3),
    Reader("shape model .npz", "zip", seeds.shape_model, reads.shape),
    *(
        Reader(name, "yaml", make, call(where))
        for name, make, where in (
            ("fixation scheme", written("mine.yaml", seeds.scheme()), "fixation.implants.given:read_scheme"),
            ("implants", made("resource", "implants.yaml"), "fixation.implants.catalogue:Catalogue.read"),
            ("operating room", made("resource", "operating_room.yaml"), "room:OperatingRoom.from_yaml"),
            ("mobile base", made("resource", "mobile_base.yaml"), "robot.mobile.drive:read_drive"),
            ("payload", written("payload.yaml", PAYLOAD), "robot.wrist:read_payload"),
            ("seeds", written("seeds.yaml", SEEDS), "segmentation.seeds:read_seeds"),
            ("EMG column map", written("map.yaml", seeds.COLUMNS), "risk.data.columns:ColumnMap.from_yaml"),
        )
    ),
    Reader("label table", "yaml", written("table.yaml", {25: "sacrum", 77: 11, 78: 21}), reads.label_table),
    Reader("tags", "yaml", written("tags.yaml", TAGS), reads.tools),
    Reader(
        "camera",
        "yaml",
        written("camera.yaml", CAMERA),
        call("tracking.camera_model:load_intrinsics"),
        reads.no_camera,
    ),
    Reader("picture", "binary", seeds.picture, reads.grey),
    Reader("EMG table", "csv", seeds.emg_table, reads.emg),
    Reader("Trigno export", "csv", seeds.trigno, reads.trigno, share=0.4),
    Reader(
        "labelled stretches",
        "csv",
        written("intervals.csv", STRETCHES),
        call("risk.data.read:read_intervals", 10.0),
    ),
    Reader(
        "points", "csv", written("points.csv", POINTS), call("tracking.calibration.points_file:read_points")
    ),
    Reader(
        "postures",
        "csv",
        written("postures.csv", NUMBER_TABLE),
        call("control.posture_recording:read_postures", ("a", "b")),
    ),
    Reader("risk model", "zip", reads.kept_risk_model, reads.risk_model, share=0.3),
    Reader("tracker sequence", "text", seeds.sequence, reads.sequence),
    Reader("tracker, MCAP", "binary", seeds.recording, reads.replayed),
    Reader("recording", "binary", seeds.recording, reads.messages),
    Reader("recording, unclosed", "binary", reads.unclosed, reads.messages),
    Reader("recording, replay", "binary", seeds.recording, reads.recorded),
    Reader("muscles .osim", "text", seeds.opensim, reads.opensim),
    Reader(
        "operation report",
        "json",
        seeds.report,
        call("review.operation_report:operation_report", folder=True),
        share=0.5,
    ),
    Reader("report of a run", "json", written(REPORT, ACHIEVED), call("cli.replay:_report", folder=True)),
    Reader("registration", "json", written("registration.json", REGISTERED), reads.registration),
    Reader(
        "OpenIGTLink", "binary", seeds.stream, reads.stream, errors=(RafrError,), names_file=False, share=2
    ),
    message("plan", reads.plan_message, "plan_from_message", reads.unlike),
    message("pose", reads.pose_message, "transform_from_pose"),
    message("arm trajectory", reads.arm_message, "arm_trajectory_from_message"),
    message(
        "base trajectory",
        reads.base_message,
        call("nodes.convert:base_trajectory_from_message", np.zeros((4, 2))),
    ),
    message("adjustment", reads.adjustment_message, reads.judged_adjustment),
)

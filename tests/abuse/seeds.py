"""Small sound inputs, made by the code that writes them where there is one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import SimpleITK as sitk
import yaml

from rafr.assessment import ACCEPTED
from rafr.cases.case import Body, Case, SchantzPin, Traction, load_case, save_case
from rafr.cases.truth import Displacement, Truth, write_truth
from rafr.geometry import Plane, RigidTransform, TriangleMesh, write_mesh
from rafr.imaging.volume import Volume, write_volume
from rafr.planning.plan import (
    BodyPlan,
    PathPose,
    PathSummary,
    ReductionPlan,
    StraightPath,
    SymmetryPlane,
)
from rafr.review.recording import Recording, typestore

ROOT = Path(__file__).resolve().parents[2]
TURN = RigidTransform.from_rotvec([0.1, -0.2, 0.3], [12.0, -3.0, 5.0])
POSES = [TURN, TURN @ TURN, TURN.inverse()]


def volume(folder: Path, name: str, dtype: Any = np.int16) -> Path:
    array = np.arange(7 * 6 * 5).reshape(7, 6, 5).astype(dtype)
    path = folder / name
    image = Volume(
        array, np.array([10.0, -20.0, 30.0]), np.array([0.8, 0.9, 2.0]), np.diag([-1.0, -1.0, 1.0])
    )
    if name.endswith((".nii", ".nii.gz", ".gz")):
        write_volume(path, image)
    else:  # whole in one file and not packed: the bytes themselves are reached
        sitk.WriteImage(image.to_sitk(), str(path), useCompression="packed" in name)
    return path


def labels(folder: Path) -> Path:
    array = np.zeros((8, 6, 6), np.uint8)
    array[1:3], array[4:6], array[6:8] = 1, 11, 21
    write_volume(folder / "labels.nii.gz", Volume(array, np.zeros(3), np.full(3, 2.0), np.eye(3)))
    return folder / "labels.nii.gz"


def dicom_slice(folder: Path) -> Path:
    """The third of five slices."""
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for k in range(5):
        image = sitk.GetImageFromArray(np.arange(30, dtype=np.int16).reshape(1, 5, 6) + k)
        tags = {"0008|0060": "CT", "0020|000e": "1.2.3.4", "0020|000d": "1.2.3", "0008|0018": f"1.2.3.4.{k}"}
        tags |= {"0020|0013": str(k + 1), "0020|0032": f"-10\\5\\{2 * k}", "0020|0037": "1\\0\\0\\0\\1\\0"}
        for key, value in (tags | {"0028|1052": "-1024", "0028|1053": "1"}).items():
            image.SetMetaData(key, value)
        writer.SetFileName(str(folder / f"{k}.dcm"))
        writer.Execute(image)
    return folder / "2.dcm"


def case_file(folder: Path) -> Path:
    for name in ("ct.nii.gz", "labels.nii.gz", "cbct.nii.gz"):
        (folder / name).write_bytes(b"")
    pin = SchantzPin(np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.6, 0.8]))
    save_case(
        Case(
            folder,
            "abused",
            folder / "ct.nii.gz",
            folder / "labels.nii.gz",
            folder / "cbct.nii.gz",
            (Body("reference", (1, 21)), Body("left_hip", (11,))),
            "a case",
            "denis2",
            71.5,
            Traction("left", 90.0),
            ("sacrospinous",),
            (("left_hip", (pin, pin)),),
            (
                {
                    "body": "reference",
                    "head_mm": [0.0, 1.0, 2.0],
                    "tip_mm": [0.0, 50.0, 2.0],
                    "diameter_mm": 7.0,
                },
            ),
            np.eye(4, 3) * 30.0,
            TURN,
        )
    )
    return folder / "case.yaml"


def case(folder: Path) -> Case:
    """Beside the file under test, sound whatever becomes of that."""
    beside = folder / "case"
    if not (beside / "case.yaml").is_file():
        beside.mkdir()
        case_file(beside)
    return load_case(beside)


def reduction_plan() -> ReductionPlan:
    summary = PathSummary(100.0, 3.0, 0.5, 1.0, 80.0, 20.0)
    steps = [RigidTransform.from_translation((-x, 0.5 * x, 0.0)) for x in (0.0, 2.0, 4.0)]
    path = tuple(PathPose(T, 2.0, 30.0, 1.0, 50.0, (1.0, 2.0, 3.0, 0.1, 0.2, 0.3)) for T in steps)
    body = BodyPlan(
        "left_hip",
        (11,),
        steps[-1],
        1.0,
        {"mean_mm": 9.0},
        {"mean_mm": 0.0},
        path,
        summary,
        StraightPath(summary, (1.0, 2.0), (30.0, 40.0)),
    )
    plane = SymmetryPlane(Plane(np.zeros(3), np.array([1.0, 0.0, 0.0])), 1.0)
    return ReductionPlan("abused", "by hand", (body,), plane, ("left_hip",), ACCEPTED, 0.1)


def plan(folder: Path) -> Path:
    return text(folder, "plan.json", json.dumps(reduction_plan().to_json()))


def unsigned_plan(folder: Path) -> Path:
    """As written before plans said their hash: nothing but the reader protects it."""
    data = reduction_plan().to_json()
    del data["hash"]
    return text(folder, "plan.json", json.dumps(data))


def text(folder: Path, name: str, content: str) -> Path:
    (folder / name).write_text(content, encoding="utf-8")
    return folder / name


def plain(folder: Path, name: str, data: Any) -> Path:
    written = json.dumps(data) if name.endswith(".json") else yaml.safe_dump(data, sort_keys=False)
    return text(folder, name, written)


def resource(folder: Path, name: str, key: str = "") -> Path:
    """A copy of one of our own tables, without its remarks."""
    data = yaml.safe_load((ROOT / "config" / name).read_text(encoding="utf-8"))
    return plain(folder, name, data[key] if key else data)


def truth(folder: Path) -> Path:
    write_truth(
        folder / "truth.json",
        Truth(
            {"left_hip": TURN},
            {"left_hip": TURN, "reference": TURN},
            TURN,
            {"asis": np.arange(3.0)},
            "denis2",
            3,
            {"left_hip": Displacement(3.0, 5.0, 7.0)},
        ),
    )
    return folder / "truth.json"


def transform(folder: Path, name: str) -> Path:
    from rafr.exchange.transform_files import write_motion

    write_motion(folder / name, TURN)
    return folder / name


def ball(centre: tuple[float, float, float], radius: float = 60.0) -> TriangleMesh:
    import trimesh

    made = trimesh.creation.icosphere(subdivisions=2, radius=radius)
    return TriangleMesh(np.asarray(made.vertices) + centre, np.asarray(made.faces))


BONES = {"left_hip": (90.0, 0.0, 0.0), "right_hip": (-90.0, 0.0, 0.0), "sacrum": (0.0, 0.0, 0.0)}


def pelvis(folder: Path, suffix: str) -> Path:
    """Three balls; the left one is under test."""
    for name, centre in BONES.items():
        write_mesh(folder / f"{name}{suffix if name == 'left_hip' else '.stl'}", ball(centre))
    return folder / f"left_hip{suffix}"


def vsd(folder: Path) -> Path:
    from scipy.io import savemat

    names = {"left_hip": "Hip_L", "right_hip": "Hip_R", "sacrum": "Sacrum"}
    bones = np.empty(4, dtype=object)
    bones[3] = {"name": "Femur_L", "mesh": np.empty((0, 0))}  # as in some files of the collection
    for k, (name, centre) in enumerate(BONES.items()):
        mesh = ball(centre)
        bones[k] = {
            "name": names[name],
            "mesh": {"vertices": mesh.vertices * [-1.0, -1.0, 1.0], "faces": mesh.faces.astype(float) + 1},
        }
    savemat(folder / "z001.mat", {"B": bones}, do_compression=False)
    return folder / "z001.mat"


def shape_model(folder: Path) -> Path:
    meshes = [ball(BONES[name]) for name in ("right_hip", "sacrum", "left_hip")]
    offsets = np.cumsum([0, *(len(m.vertices) for m in meshes)])
    mean = np.concatenate([m.vertices for m in meshes])
    np.savez_compressed(
        folder / "shape.npz",
        mean_mm=mean,
        triangles=np.concatenate([m.faces + o for m, o in zip(meshes, offsets[:-1], strict=True)]),
        body=np.repeat([1, 2, 3], [len(m.vertices) for m in meshes]),
        modes=np.stack([mean / 100.0, mean[::-1] / 100.0]),
        mode_variance=np.array([4.0, 1.0]),
    )
    return folder / "shape.npz"


def sequence(folder: Path) -> Path:
    lines = ["ObjectType = Image", "NDims = 3", "DimSize = 1 1 4"]
    for k in range(4):
        numbers = " ".join(f"{v:.12g}" for v in POSES[k % 3].matrix.ravel())
        lines += [f"Seq_Frame{k:04d}_StylusToTrackerTransform = {numbers}"]
        lines += [f"Seq_Frame{k:04d}_StylusToTrackerTransformStatus = {'OK' if k else 'INVALID'}"]
        lines += [f"Seq_Frame{k:04d}_Timestamp = {100 + 0.1 * k}", f"Seq_Frame{k:04d}_FrameNumber = {k}"]
    return text(folder, "stylus.igs.mha", "\n".join([*lines, "ElementDataFile = LOCAL\n"]))


def recording(folder: Path, closed: bool = True) -> Path:
    """A recording of poses, times and a plan; a closed one has its index and metadata."""
    types = typestore([ROOT / "ros2_ws" / "src" / "rafr_msgs" / "msg"])
    known = types.types
    made = Recording(folder / "recording", types)
    vector, turn = known["geometry_msgs/msg/Point"], known["geometry_msgs/msg/Quaternion"]
    header, time = known["std_msgs/msg/Header"], known["builtin_interfaces/msg/Time"]
    tool, tools = known["rafr_msgs/msg/ToolPose"], known["rafr_msgs/msg/ToolPoses"]
    made.add("/rafr/tracker/raw", "rafr_msgs/msg/ToolPoses")
    for k in range(12):
        pose = known["geometry_msgs/msg/Pose"](vector(0.1 * k, 0.2, 1.0), turn(0.0, 0.6, 0.0, 0.8))
        values = {"name": "pelvis", "pose": pose, "valid": True}
        filled = {n: values.get(n, _blank(n)) for n in tool.__dataclass_fields__ if n != "__msgtype__"}
        message = {"header": header(time(100, 1000 * k), "tracker"), "tools": [tool(**filled)]}
        whole = {n: message.get(n, k) for n in tools.__dataclass_fields__ if n != "__msgtype__"}
        made.write(
            "/rafr/tracker/raw",
            10**18 + k * 10**7,
            types.serialize_cdr(tools(**whole), "rafr_msgs/msg/ToolPoses"),
        )
        if k % 4 == 3:
            made.flush()
    if closed:
        made.close()
    return next((folder / "recording").glob("*.mcap"))


def _blank(name: str) -> Any:
    return {"covariance": np.zeros(36)}.get(name, "" if name in ("reason", "status") else 0.0)


def opensim(folder: Path) -> Path:
    from tests.unit.tissue.test_tissue_muscles import MODEL

    return text(folder, "model.osim", MODEL)


def emg_table(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = [f"{k / 200:.4f},{a:.6e},{b:.6e}" for k, (a, b) in enumerate(1e-4 * rng.normal(size=(300, 2)))]
    return text(folder, "trial.csv", "\n".join(["time,left,right", *rows]) + "\n")


def trigno(folder: Path) -> Path:
    from tests.unit.risk.test_risk_data import short

    from rafr.risk.data.write import write_trigno

    write_trigno(folder / "P1_High.csv", short(seconds=1.0))
    return folder / "P1_High.csv"


COLUMNS = {
    "emg_time": "time",
    "emg_rate": 200.0,
    "emg_unit": "V",
    "emg": [{"name": "left_biceps", "column": "left"}, {"name": "right_biceps", "column": "right"}],
}


def risk_model(folder: Path) -> Path:
    from rafr.risk.features.table import WindowConfig, window_table
    from rafr.risk.learning.classifier import LoadClassifier
    from rafr.risk.lifting.session import LiftingConfig, simulate_people
    from rafr.risk.model import train
    from rafr.risk.model_file import save

    window = WindowConfig(length=2.0, step=1.0)
    people = simulate_people(3, 5, LiftingConfig(trials=1, seconds=8.0))
    table = window_table(people, window)
    classifier = LoadClassifier(table.names, "mixed", folds=2, size=3)
    save(folder / "lifting.rafr-risk", train(table, people, window, classifier, synthetic=True))
    return folder / "lifting.rafr-risk"


def scheme() -> dict[str, Any]:
    screws = [
        {
            "name": name,
            "kind": "pedicle",
            "entry_mm": [x, 0.0, 0.0],
            "tip_mm": [x, 40.0, 0.0],
            "diameter_mm": 6.5,
        }
        for name, x in (("left", 20.0), ("right", -20.0))
    ]
    rod = {"name": "rod", "screws": ["left", "right"], "points_mm": [[20.0, -5.0, 0.0], [-20.0, -5.0, 0.0]]}
    return {"name": "mine", "screws": screws, "rods": [rod], "notes": ["by hand"]}


def picture(folder: Path) -> Path:
    cv2.imwrite(str(folder / "board.png"), np.arange(400, dtype=np.uint8).reshape(20, 20))
    return folder / "board.png"


def stream(folder: Path) -> Path:
    """What PLUS sends: transforms, all tools at once, a position, and something else."""
    import struct

    import pyigtl
    from pyigtl.messages import CRC64

    parts = []
    for k, T in enumerate(POSES):
        parts.append(
            pyigtl.TransformMessage(T.matrix, device_name="StylusToTracker", timestamp=100.0 + 0.1 * k).pack()
        )
        columns = T.matrix[:3].T.astype(">f4").tobytes()
        rows = b"".join(name.ljust(20, b"\0") + b"\x01\x00" + columns for name in (b"Stylus", b"Reference"))
        place = np.array([1.0, 2.0, 3.0, 0.0, 0.6, 0.0, 0.8], ">f4").tobytes()
        for kind, body in (("TDATA", rows), ("POSITION", place), ("STATUS", b"\0" * 30)):
            head = struct.pack(">H12s20sQQQ", 1, kind.encode(), b"Tool", 100 << 32, len(body), CRC64(body))
            parts.append(head + body)
    (folder / "stream.igtl").write_bytes(b"".join(bytes(p) for p in parts))
    return folder / "stream.igtl"


def report(folder: Path) -> Path:
    from tests.unit.review.test_review_operation_report import write

    return write(folder) / "report.json"

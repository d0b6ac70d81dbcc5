"""`rafr calibrate`: JSON, tables and picture; exit code 1 for a result not to be used, 2 for bad input."""

import json

import numpy as np
import pytest

from rafr.cli.main import main
from rafr.geometry import RigidTransform

TIP = np.array([105.0, 8.0, 3.0])  # mm
DIVOTS = np.array([[0.0, 0, 0], [120, 10, 0], [20, 80, 30], [90, 60, -40]])  # mm, in the phantom
T_REFERENCE_PHANTOM = RigidTransform.from_rotvec([0.2, 0.1, -1.0], [50.0, 60.0, -20.0])
T_TRACKER_REFERENCE = RigidTransform.from_rotvec([1.0, -0.5, 0.3], [100.0, -300.0, 1500.0])
FRAMES = "0-49,50-99,100-149,150-199"
DWELL = 50


def stylus(tilt=0.6, seed=0):
    """`T_tracker_stylus` (mm): dwells of 50 frames in each divot."""
    rng = np.random.default_rng(seed)
    poses = []
    for divot in T_REFERENCE_PHANTOM.apply(DIVOTS):
        for _ in range(DWELL):
            R = RigidTransform.from_rotvec(rng.uniform(-tilt, tilt, 3)).rotation
            tip = divot + rng.normal(0, 0.1, 3)
            poses.append(T_TRACKER_REFERENCE @ RigidTransform(R, tip - R @ TIP))
    return poses


@pytest.fixture
def recording(write_sequence):
    poses = stylus()
    return str(
        write_sequence({"StylusToTracker": poses, "ReferenceToTracker": [T_TRACKER_REFERENCE] * len(poses)})
    )


@pytest.fixture
def landmarks(tmp_path):
    path = tmp_path / "landmarks.csv"
    rows = [f"#{k},{x},{y},{z}" for k, (x, y, z) in enumerate(DIVOTS, 1)]
    path.write_text("\n".join(["name,x_mm,y_mm,z_mm", *rows]))
    return str(path)


@pytest.fixture
def arm_recording(write_sequence):
    rng = np.random.default_rng(1)
    X = RigidTransform.from_rotvec([0.3, -1.2, 0.8], [40.0, -25.0, 110.0])
    Z = RigidTransform.from_rotvec([2.0, 0.4, -1.0], [-900.0, 1500.0, 1200.0])
    flange = [
        RigidTransform.from_rotvec(rng.uniform(-0.8, 0.8, 3), rng.uniform(-300, 300, 3)) for _ in range(30)
    ]
    T_tracker_base_marker = [
        RigidTransform.from_rotvec([0, 0, 0.01 * k], [0.0, 5.0 * k, 0]) for k in range(30)
    ]
    tool = [
        M @ Z.inverse() @ T @ X @ RigidTransform.from_rotvec(rng.normal(0, 2e-4, 3), rng.normal(0, 0.1, 3))
        for M, T in zip(T_tracker_base_marker, flange, strict=True)
    ]
    tracks = {"FlangeToBase": flange, "ToolToTracker": tool, "BaseMarkerToTracker": T_tracker_base_marker}
    return str(write_sequence(tracks)), X, Z


def is_png(path):
    return path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 20_000


def test_pivot_gives_json_tables_and_picture(recording, tmp_path, capsys):
    out = tmp_path / "pivot.json"
    assert (
        main(
            [
                "calibrate",
                "pivot",
                recording,
                "--frames",
                FRAMES,
                "--json",
                str(out),
                "-o",
                str(tmp_path / "p"),
            ]
        )
        == 0
    )
    data = json.loads(out.read_text(encoding="utf-8"))
    assert data["tip_mm"] == pytest.approx(TIP, abs=0.1)
    assert data["assessment"] == {"accepted": True, "reasons": []}
    assert [d["frames"] for d in data["dwells"]] == FRAMES.split(",")
    # the divots of a tool in the reference, not in the tracker
    assert data["dwells"][1]["divot_mm"] == pytest.approx(T_REFERENCE_PHANTOM.apply(DIVOTS[1]), abs=0.1)
    assert 0.1 < data["rms_mm"] < 0.25
    assert data["sd_mm"] < 0.1
    assert data["tilt_range_deg"] > 60
    assert "100-149" in capsys.readouterr().out
    assert is_png(tmp_path / "p" / "pivot.png")


def test_pivot_with_too_little_tilt_gives_exit_code_1_and_the_reason(write_sequence, capsys):
    path = write_sequence(
        {"StylusToTracker": [T_TRACKER_REFERENCE.inverse() @ T for T in stylus(tilt=0.01)[:DWELL]]}
    )
    assert main(["calibrate", "pivot", str(path), "--json", "-"]) == 1
    printed = capsys.readouterr()
    data = json.loads(printed.out)
    assert not data["assessment"]["accepted"]
    assert "turned too little" in printed.err
    assert data["weakest_turn_deg"] < 1


@pytest.mark.parametrize("tip", [[], ["--tip", "105,8,3"]], ids=["tip found", "tip given"])
def test_phantom_gives_json_tables_and_picture(tip, recording, landmarks, tmp_path, capsys):
    out = tmp_path / "phantom.json"
    options = ["--frames", FRAMES, *tip, "--targets", landmarks, "--json", str(out), "-o", str(tmp_path)]
    assert main(["calibrate", "phantom", recording, landmarks, *options]) == 0
    data = json.loads(out.read_text(encoding="utf-8"))
    assert data["fre_mm"] < 0.1
    assert data["fle_mm"] == pytest.approx(data["fre_mm"] * np.sqrt(2))  # four landmarks
    assert np.allclose(data["T_reference_phantom"], T_REFERENCE_PHANTOM.matrix, atol=0.1)
    assert list(data["landmarks"]) == ["#1", "#2", "#3", "#4"]
    assert data["targets_tre_mm"]["#2"] == pytest.approx(data["landmarks"]["#2"]["tre_mm"])
    assert (data["pivot"] is None) == bool(tip)
    assert "#3" in capsys.readouterr().out
    assert is_png(tmp_path / "phantom.png")


def test_phantom_with_a_wrong_tip_gives_exit_code_1(recording, landmarks, capsys):
    code = main(["calibrate", "phantom", recording, landmarks, "--frames", FRAMES, "--tip=-30,8,3"])
    assert code == 1
    assert "registration error" in capsys.readouterr().err


def test_hand_eye_gives_json_tables_and_picture(arm_recording, tmp_path, capsys):
    path, X, Z = arm_recording
    out = tmp_path / "hand_eye.json"
    options = ["--tool", "Tool", "--reference", "BaseMarker", "--json", str(out), "-o", str(tmp_path)]
    assert main(["calibrate", "hand-eye", path, *options]) == 0
    data = json.loads(out.read_text(encoding="utf-8"))
    assert np.allclose(data["T_flange_tool"], X.matrix, atol=0.2)
    assert np.allclose(data["T_base_marker"], Z.matrix, atol=0.2)
    assert data["sd"]["T_base_marker"]["sd_mm"] < 0.2
    assert len(data["poses"]) == 30
    assert data["rejected"] == sum(not pose["used"] for pose in data["poses"]) <= 1
    assert "T_base_marker" in capsys.readouterr().out
    assert is_png(tmp_path / "hand-eye.png")


def test_hand_eye_about_one_axis_gives_exit_code_1_and_no_transform(write_sequence, capsys):
    flange = [RigidTransform.from_rotvec([0, 0, 0.1 * k], [5.0 * k, 0, 0]) for k in range(12)]
    path = write_sequence({"FlangeToBase": flange, "ToolToTracker": flange})
    assert main(["calibrate", "hand-eye", str(path), "--json", "-"]) == 1
    printed = capsys.readouterr()
    assert list(json.loads(printed.out)) == ["assessment"]
    assert "0.0 deg about a second" in printed.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["pivot", "gone.igs.mha"], "gone.igs.mha"),
        (["pivot", "{recording}", "--frames", "0-2000"], "--frames"),
        (["pivot", "{recording}", "--tool", "Probe"], "ProbeToTracker"),
        (["pivot", "{recording}", "--json", "/nowhere/x.json"], "/nowhere"),
        (["phantom", "{recording}", "{recording}", "--frames", FRAMES], "first line"),
        (["phantom", "{recording}", "{landmarks}", "--frames", "0-9,10-19"], "2 dwells for 4 landmarks"),
        (["phantom", "{recording}", "{landmarks}", "--frames", FRAMES, "--tip", "1,2"], "--tip"),
        (["phantom", "{recording}", "{landmarks}", "--frames", FRAMES, "--tip", "1,2,nan"], "--tip"),
        (["hand-eye", "{recording}"], "--tool"),
        (["hand-eye", "{recording}", "--tool", "Stylus"], "FlangeToBase"),
    ],
)
def test_bad_input_gives_exit_code_2_and_one_line(options, words, recording, landmarks, capsys):
    filled = [o.format(recording=recording, landmarks=landmarks) for o in options]
    assert main(["calibrate", *filled]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error

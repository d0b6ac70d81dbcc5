"""Sequence files of the PLUS toolkit are read as they are, or refused with file and frame."""

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.tracking.recordings import read_recording


def poses(n=4, seed=0):
    rng = np.random.default_rng(seed)
    return [RigidTransform.from_rotvec(rng.normal(size=3), rng.normal(0, 100, 3)) for _ in range(n)]


def same(a, b, tolerance=1e-12):
    return np.allclose(a.matrix, b.matrix, atol=tolerance)


def test_what_was_written_is_read(write_sequence):
    stylus = [*poses(), None]
    recording = read_recording(write_sequence({"StylusToTracker": stylus}))
    assert len(recording) == 5
    assert recording.times == pytest.approx(100.0 + np.arange(5) / 20.0)
    assert recording.frame_numbers.tolist() == [0, 1, 2, 3, 4]
    assert recording.poses("StylusToTracker")[4] is None
    assert all(same(a, b) for a, b in zip(recording.poses("StylusToTracker"), stylus[:4], strict=False))


def test_pixels_behind_the_header_are_not_looked_at(write_sequence):
    path = write_sequence({"StylusToTracker": poses()})
    path.write_bytes(path.read_bytes() + np.random.default_rng(0).bytes(5000))
    assert len(read_recording(path)) == 4


def test_header_of_another_writer_is_read_the_same(write_sequence):
    path = write_sequence({"StylusToTracker": poses()})
    lines = path.read_text(encoding="utf-8").replace(" = ", "=").splitlines()
    path.write_text("\r\n".join(["NDims=3", f"{lines[3]}", *lines[4:], ""]), newline="")
    assert len(read_recording(path)) == 4


def test_devices_own_frame_numbers_are_kept(write_sequence):
    path = write_sequence({"StylusToTracker": poses(2)})
    path.write_text(
        path.read_text(encoding="utf-8").replace(
            "DimSize", "Seq_Frame0000_FrameNumber = 77\nSeq_Frame0001_FrameNumber = 79\nDimSize"
        )
    )
    assert read_recording(path).frame_numbers.tolist() == [77, 79]


def test_tool_in_a_reference_is_recorded_or_combined(write_sequence):
    stylus, reference = poses(seed=1), [*poses(3, seed=2), None]
    recording = read_recording(write_sequence({"StylusToTracker": stylus, "ReferenceToTracker": reference}))
    combined = recording.relative("Stylus", "Reference")
    assert combined[3] is None
    for seen, s, r in zip(combined[:3], stylus, reference, strict=False):
        assert same(r @ seen, s, 1e-9)
    direct = read_recording(write_sequence({"StylusToReference": stylus}))
    assert same(direct.relative("Stylus", "Reference")[0], stylus[0])


def test_matrix_with_few_digits_becomes_the_nearest_rotation(write_sequence):
    pose = poses(1)[0]
    path = write_sequence({"StylusToTracker": [pose, pose]})
    exact = " ".join(f"{x:.17g}" for x in pose.matrix.ravel())
    rounded = " ".join(f"{x:.3f}" for x in pose.matrix.ravel())
    path.write_text(path.read_text(encoding="utf-8").replace(exact, rounded))
    found = read_recording(path).poses("StylusToTracker")[0]
    assert same(found, pose, 2e-3)  # three digits


def test_nonsense_in_an_invalid_frame_is_nobodys_concern(write_sequence):
    path = write_sequence({"StylusToTracker": [*poses(2), None]})
    last = "Seq_Frame0002_StylusToTrackerTransform ="
    path.write_text(path.read_text(encoding="utf-8").replace(f"{last} 1 0", f"{last} nan 0"))
    assert read_recording(path).poses("StylusToTracker")[2] is None


def _edit(old, new):
    def edit(text):
        assert old in text
        return text.replace(old, new)

    return edit


BAD = {
    "empty": (lambda text: "", "MetaImage"),
    "another format": (lambda text: "solid cube", "MetaImage"),
    "truncated header": (lambda text: text[: len(text) // 2], "truncated"),
    "no frames": (lambda text: "ObjectType = Image\nDimSize = 3 3 3\nElementDataFile = LOCAL\n", "without"),
    "no size": (_edit("DimSize = 0 0 4", "Size = 4"), "DimSize"),
    "lost frame": (_edit("DimSize = 0 0 4", "DimSize = 0 0 5"), "frame 4 is missing"),
    "spare frame": (_edit("DimSize = 0 0 4", "DimSize = 0 0 3"), "4 frames"),
    "no time": (_edit("Seq_Frame0002_Timestamp", "Seq_Frame0002_Other"), "frame 2 has no Timestamp"),
    "time no number": (_edit("= 100.1", "= soon"), "Timestamp of frame 2"),
    "time not finite": (_edit("= 100.1", "= nan"), "Timestamp of frame 2"),
    "time runs back": (_edit("= 100.1", "= 99.0"), "frame 2 is stamped before frame 1"),
    "no status": (
        _edit("0003_StylusToTrackerTransformStatus", "0003_S"),
        "frame 3 has no StylusToTrackerTransformS",
    ),
    "no matrix": (
        _edit("0001_StylusToTrackerTransform =", "0001_S ="),
        "frame 1 has no StylusToTrackerTransform",
    ),
    "not 16 numbers": (
        _edit("0001_StylusToTrackerTransform =", "0001_StylusToTrackerTransform = 1"),
        "frame 1",
    ),
    "not a number": (
        _edit("0001_StylusToTrackerTransform = ", "0001_StylusToTrackerTransform = nan"),
        "frame 1",
    ),
    "reflection": (
        _edit("0001_StylusToTrackerTransform = 1 ", "0001_StylusToTrackerTransform = -1 "),
        "frame 1",
    ),
    "scaled": (
        _edit("0001_StylusToTrackerTransform = 1 ", "0001_StylusToTrackerTransform = 1.2 "),
        "frame 1",
    ),
    "no transform": (lambda text: text.replace("Transform", "Matrix"), "no transform"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_file_is_refused_naming_file_and_frame(name, write_sequence):
    edit, words = BAD[name]
    path = write_sequence({"StylusToTracker": [RigidTransform.from_translation([k, 0, 0]) for k in range(4)]})
    path.write_text(edit(path.read_text(encoding="utf-8")))
    with pytest.raises(InputError, match=words) as error:
        read_recording(path)
    assert str(path) in str(error.value)


def test_absent_file_and_unknown_transform_are_named(write_sequence, tmp_path):
    with pytest.raises(InputError, match=r"gone\.mha: cannot be read"):
        read_recording(tmp_path / "gone.mha")
    recording = read_recording(write_sequence({"StylusToTracker": poses()}))
    with pytest.raises(InputError, match=r"no transform 'ProbeToTracker'.*StylusToTracker"):
        recording.relative("Probe", "Tracker")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "n", "tools"),
    [
        ("EightLandmarkPointsTrackedForPhantomRegistration", 1000, ["Reference", "Stylus"]),
        ("WaterTankBottomTranslationTrackerBuffer-trimmed", 801, ["Probe", "Reference", "Stylus"]),
    ],
)
def test_real_recordings_are_read_whole(data_folder, name, n, tools):
    recording = read_recording(data_folder / "tracker" / f"{name}.igs.mha")
    assert len(recording) == n
    assert list(recording.poses_mm) == [f"{tool}ToTracker" for tool in tools]
    assert all(pose is not None for poses in recording.poses_mm.values() for pose in poses)

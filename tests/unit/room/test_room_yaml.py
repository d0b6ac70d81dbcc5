"""The operating room and its strict reading."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.resources import resource_path
from rafr.room import Box, Disc, OperatingRoom, side_of

TEXT = resource_path("config/operating_room.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def room():
    return OperatingRoom.from_yaml()


def case(table_pose=None):
    return SimpleNamespace(table_pose=table_pose)


def test_a_supine_patient_lies_with_head_up_the_table_and_face_to_the_ceiling(room):
    R = room.T_world_ct(case(), np.zeros(3)).rotation
    left, posterior, superior = R.T
    assert left == pytest.approx([0, -1, 0])
    assert posterior == pytest.approx([0, 0, -1])
    assert superior == pytest.approx([1, 0, 0])


def test_the_reference_centroid_lies_over_the_tables_centre(room):
    centroid = np.array([12.0, -40.0, 333.0])
    T = room.T_world_ct(case(), centroid)
    assert T.apply(centroid * 1e-3) == pytest.approx([0.0, 0.0, room.table.height + room.pelvis_height])


def test_a_given_table_pose_is_used_instead(room):
    pose = RigidTransform.from_rotvec((0.1, 0.2, 0.3), (10.0, -20.0, 150.0))
    T = room.T_world_ct(case(pose), np.zeros(3))
    assert T.translation == pytest.approx([0.01, -0.02, room.table.height + 0.15])
    assert T.rotation == pytest.approx(pose.rotation)


def test_the_tracker_looks_at_the_patient(room):
    T = room.tracker.T_world_tracker
    target = T.inverse().apply(room.tracker.looks_at)
    assert target[:2] == pytest.approx([0, 0], abs=1e-12)
    assert target[2] > 1.0
    assert T.rotation[2, 0] == pytest.approx(0.0)  # x is horizontal
    assert T.rotation[2, 1] < 0  # y points down


def test_the_parked_base_touches_nothing_wherever_the_tracker_stands(room):
    from rafr.robot.mobile import DifferentialDrive

    drive = DifferentialDrive.from_yaml()
    centres = drive.disc_centres(room.parking.pose)[0]
    for place in room.tracker_places:
        there = room.with_tracker_at(place.position)
        assert place.feet in there.obstacles
        assert min(o.distance(centres).min() for o in there.obstacles) > drive.footprint()[1]


def test_a_trackers_stand_is_where_the_tracker_was_seen(room):
    usual, other = room.tracker, room.other_tracker_places[0]
    assert usual not in room.other_tracker_places
    assert room.with_tracker_at(np.add(usual.position, 0.05)) is room
    there = room.with_tracker_at(np.add(other.position, -0.05))
    assert there.tracker == other
    assert usual in there.other_tracker_places
    elsewhere = room.with_tracker_at((3.0, -2.0, 1.8))
    assert elsewhere.tracker.feet == Disc("tracker_stand", 3.0, -2.0, usual.radius)
    assert elsewhere.tracker.feet in elsewhere.obstacles
    assert usual.feet not in elsewhere.obstacles


def test_distances_to_a_turned_box_match_a_dense_sampling():
    box = Box("b", 0.3, -0.2, 25.0, 1.2, 0.5)
    u = np.linspace(-0.5, 0.5, 401)
    grid = np.stack(np.meshgrid(u * box.length, u * box.width), axis=-1).reshape(-1, 2)
    c, s = np.cos(np.radians(25.0)), np.sin(np.radians(25.0))
    filled = grid @ np.array([[c, s], [-s, c]]) + (box.x, box.y)
    points = np.array([[1.5, 0.4], [0.3, 0.5], [-1.0, -1.0]])
    nearest = [np.linalg.norm(filled - p, axis=1).min() for p in points]
    assert box.distance(points) == pytest.approx(nearest, abs=2e-3)  # m; spacing of the sampling
    assert box.distance(np.array([[0.3, -0.2]]))[0] == pytest.approx(-0.25)


def test_distance_to_a_disc_is_negative_inside():
    assert Disc("d", 1.0, 0.0, 0.5).distance(np.array([[1.0, 0.0], [3.0, 0.0]])) == pytest.approx([-0.5, 1.5])


def test_sides_follow_the_patients_own_right_and_left():
    assert side_of(RigidTransform.from_translation((0.0, 0.2, 1.0))) == "right"
    assert side_of(RigidTransform.from_translation((0.0, -0.2, 1.0))) == "left"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("pelvis_height: 0.14", "pelvis_heigth: 0.14", "unknown key 'pelvis_heigth'; expected pelvis_height"),
        ("pelvis_height: 0.14", "", "pelvis_height is missing"),
        ("pelvis_height: 0.14", "pelvis_height: high", "pelvis_height is 'high'; expected a finite number"),
        ("pelvis_height: 0.14", "pelvis_height: .nan", "pelvis_height is nan; expected a finite number"),
        ("pelvis_height: 0.14", "pelvis_height: true", "pelvis_height is True; expected a finite number"),
        ("length: 2.0", "length: -2.0", "table: length is -2, it must be positive"),
        ("x: 1.2, y: -2.6, radius: 0.6", "x: 1.2, y: -2.6", r"discs\[0\].radius is missing"),
        ("parking:", "parked_arm_deg: 90.0\nparking:", "parked_arm_deg is 90.0; expected a list"),
        ("table: {", "table: {{", "not valid YAML"),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path, old, new, message):
    assert old in TEXT
    path = tmp_path / "room.yaml"
    path.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as caught:
        OperatingRoom.from_yaml(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_arm_waits_as_it_usually_does_unless_the_room_says_otherwise():
    usual = np.array([0.1, 0.2, 0.3])
    room = OperatingRoom.from_yaml()
    assert room.parked_arm(usual) == pytest.approx(usual)
    assert replace(room, parked_arm_deg=(90.0, 0.0, -90.0)).parked_arm(usual) == pytest.approx(
        [np.pi / 2, 0.0, -np.pi / 2]
    )
    with pytest.raises(InputError, match="parked_arm_deg: 2 angles; expected 3"):
        replace(room, parked_arm_deg=(90.0, 0.0)).parked_arm(usual)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        OperatingRoom.from_yaml(tmp_path / "none.yaml")


def test_a_missing_resource_is_named():
    with pytest.raises(InputError, match="no such resource"):
        resource_path("config/none.yaml")


def test_resources_are_found_in_an_installed_share_folder(tmp_path, monkeypatch):
    import rafr.resources as resources

    installed = tmp_path / "share" / "rafr" / "config"
    installed.mkdir(parents=True)
    (installed / "operating_room.yaml").write_text(TEXT)
    monkeypatch.setattr(resources, "__file__", str(tmp_path / "lib" / "python" / "rafr" / "resources.py"))
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    assert Path(resource_path("config/operating_room.yaml")) == installed / "operating_room.yaml"

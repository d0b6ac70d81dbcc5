"""The arm against the manufacturer's own tables, a closed form, and the shape of its meshes."""

import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.spatial.transform import Rotation

from rafr.resources import resource_path
from rafr.robot.arm import ArmModel

# DH parameters published by Universal Robots (a, d in m, alpha in rad), order of the joints
DH = {
    "ur16e": (
        (0, 0.1807, 90),
        (-0.4784, 0, 0),
        (-0.36, 0, 0),
        (0, 0.17415, 90),
        (0, 0.11985, -90),
        (0, 0.11655, 0),
    ),
    "ur10e": (
        (0, 0.1807, 90),
        (-0.6127, 0, 0),
        (-0.57155, 0, 0),
        (0, 0.17415, 90),
        (0, 0.11985, -90),
        (0, 0.11655, 0),
    ),
}


def dh_forward(rows, q):
    T = np.eye(4)
    for (a, d, alpha_deg), theta in zip(rows, q, strict=True):
        ct, st = np.cos(theta), np.sin(theta)
        ca, sa = np.cos(np.radians(alpha_deg)), np.sin(np.radians(alpha_deg))
        T = T @ np.array(
            [[ct, -st * ca, st * sa, a * ct], [st, ct * ca, -ct * sa, a * st], [0, sa, ca, d], [0, 0, 0, 1]]
        )
    return T


@pytest.mark.parametrize("name", DH)
def test_forward_kinematics_match_the_published_dh_table(name):
    arm = ArmModel.named(name)
    tool = sum(j.T_parent_joint.translation[2] for j in arm.chain if not j.moves)
    rng = np.random.default_rng(5)
    for q in rng.uniform(-np.pi, np.pi, (20, 6)):
        wanted = dh_forward(DH[name], q)
        T = arm.forward(q)
        # the tables round angles to 1e-9 rad and lengths to 1e-11 m
        assert np.abs(T.rotation - wanted[:3, :3]).max() < 1e-8
        assert np.abs(T.translation - wanted[:3, 3] - tool * wanted[:3, 2]).max() < 1e-8


@pytest.fixture(scope="module")
def robots_folder():
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("RAFR_DATA", default)) / "robots"
    if not folder.is_dir():
        pytest.skip(f"no public data at {folder} (set RAFR_DATA)")
    return folder


class _Loader(yaml.SafeLoader):
    """Reads the manufacturer's `!degrees`, keeping degrees."""


_Loader.add_constructor("!degrees", lambda loader, node: float(loader.construct_scalar(node)))


@pytest.mark.data
@pytest.mark.parametrize("name", DH)
def test_config_is_a_true_transcript_of_the_manufacturers_tables(robots_folder, name):
    def table(file):
        return yaml.load((robots_folder / "ur" / "config" / name / file).read_text(encoding="utf-8"), _Loader)

    ours = yaml.safe_load(resource_path(f"config/{name}.yaml").read_text(encoding="utf-8"))
    joints = {joint["link"].removesuffix("_link"): joint for joint in ours["joints"].values()}
    for link, values in table("default_kinematics.yaml")["kinematics"].items():
        if link != "hash":
            assert joints[link]["origin"]["xyz"] == [values[k] for k in "xyz"]
            assert joints[link]["origin"]["rpy"] == [values[k] for k in ("roll", "pitch", "yaw")]
    for joint, values in table("joint_limits.yaml")["joint_limits"].items():
        got = ours["joints"][joint]["limit"]
        theirs = [values[k] for k in ("min_position", "max_position", "max_velocity", "max_effort")]
        assert [got[k] for k in ("lower_deg", "upper_deg", "velocity_deg_s", "effort")] == theirs
    physical = table("physical_parameters.yaml")
    parameters = physical["inertia_parameters"]
    for link in ("shoulder", "upper_arm", "forearm", "wrist_1", "wrist_2", "wrist_3"):
        got = ours["links"][f"{link}_link"]["inertia"]
        assert got["mass"] == parameters[f"{link}_mass"]
        assert got["xyz"] == [parameters["center_of_mass"][f"{link}_cog"][k] for k in "xyz"]
        assert got["rpy"] == [parameters["rotation"][link][k] for k in ("roll", "pitch", "yaw")]
        tensor = parameters["tensor"][link]
        assert got["tensor"] == [tensor[k] for k in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz")]
    # the tubes lie beside the joints' frames by the manufacturer's offsets
    for link, offset in (("upper_arm", "shoulder_offset"), ("forearm", "elbow_offset")):
        tube = ours["links"][f"{link}_link"]["shapes"][1]
        assert tube["xyz"][2] == physical["offsets"][offset]


@pytest.mark.data
def test_the_franka_is_a_true_transcript_of_the_manufacturers_tables(robots_folder):
    folder = robots_folder / "franka" / "robots" / "fr3"
    theirs = {
        t: yaml.safe_load((folder / f"{t}.yaml").read_text(encoding="utf-8"))
        for t in ("kinematics", "joint_limits")
    }
    ours = yaml.safe_load(resource_path("config/fr3.yaml").read_text(encoding="utf-8"))
    poses = [(joint["origin"], f"joint{i + 1}") for i, joint in enumerate(ours["joints"].values())]
    for got, name in [*poses, (ours["flange"], "joint8")]:
        values = theirs["kinematics"][name]["kinematic"]
        assert got["xyz"] == [values[k] for k in "xyz"]
        assert got["rpy"] == [values[k] for k in ("roll", "pitch", "yaw")]
    for i, joint in enumerate(ours["joints"].values()):
        limit = theirs["joint_limits"][f"joint{i + 1}"]["limit"]
        assert {k: joint["limit"][k] for k in limit} == limit
    for i, (link, inertial) in enumerate(
        yaml.safe_load((folder / "inertials.yaml").read_text(encoding="utf-8")).items()
    ):
        got = list(ours["links"].values())[i]["inertia"]
        assert link == f"link{i}"
        assert got["mass"] == inertial["mass"]
        assert got["xyz"] == [float(v) for v in inertial["origin"]["xyz"].split()]
        assert got["tensor"] == [inertial["inertia"][k] for k in ("xx", "xy", "xz", "yy", "yz", "zz")]


@pytest.mark.data
def test_the_lbrs_ranges_and_speeds_are_a_true_transcript(robots_folder):
    path = robots_folder / "lbr" / "lbr_description" / "urdf" / "med14" / "joint_limits.yaml"
    ours = yaml.safe_load(resource_path("config/lbr_med14.yaml").read_text(encoding="utf-8"))
    for name, values in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        got = ours["joints"][f"lbr_{name}"]["limit"]
        theirs = [values[k] for k in ("lower", "upper", "velocity")]
        assert [got[k] for k in ("lower_deg", "upper_deg", "velocity_deg_s")] == theirs


def stacked(*parts):
    """Products of (axis, turn) and (axis, way) along z and y: the textbook's way to write an LBR."""
    T = np.eye(4)
    for part in parts:
        T = T @ part
    return T


def turn(axis, angle):
    T = np.eye(4)
    T[:3, :3] = Rotation.from_rotvec(angle * np.asarray(axis, dtype=float)).as_matrix()
    return T


def up(z):
    T = np.eye(4)
    T[2, 3] = z
    return T


def test_the_lbr_has_the_lengths_of_its_data_sheet():
    """Shoulder 360, elbow 420, wrist 400 and flange 126 mm apart, all axes meeting: reach 820 mm."""
    arm = ArmModel.named("lbr_med14")
    tool = up(sum(j.T_parent_joint.translation[2] for j in arm.chain[-2:]))
    y, z = (0, 1, 0), (0, 0, 1)
    for q in np.random.default_rng(5).uniform(-2.0, 2.0, (20, 7)):
        shoulder = stacked(turn(z, q[0]), up(0.36), turn(y, q[1]), turn(z, q[2]), up(0.42))
        wrist = stacked(turn(y, -q[3]), turn(z, q[4]), up(0.4), turn(y, q[5]), turn(z, q[6]), up(0.126))
        # m; the source has the shoulder at 359.5 mm
        assert np.abs(arm.forward(q).matrix - shoulder @ wrist @ tool).max() < 6e-4


def test_the_franka_matches_its_published_dh_table():
    """Craig's convention: a, d (m), alpha (rad) of joints 1 to 7, the flange 107 mm further out."""
    arm = ArmModel.named("fr3")
    h = np.pi / 2
    rows = (
        (0, 0.333, 0),
        (0, 0, -h),
        (0, 0.316, h),
        (0.0825, 0, h),
        (-0.0825, 0.384, -h),
        (0, 0, h),
        (0.088, 0, h),
    )
    tool = up(0.107 + sum(j.T_parent_joint.translation[2] for j in arm.chain[-2:]))
    for q in np.random.default_rng(6).uniform(-2.0, 2.0, (20, 7)):
        T = np.eye(4)
        for (a, d, alpha), angle in zip(rows, q, strict=True):
            along = np.eye(4)
            along[0, 3] = a
            T = stacked(T, turn((1, 0, 0), alpha), along, turn((0, 0, 1), angle), up(d))
        assert np.abs(arm.forward(q).matrix - T @ tool).max() < 1e-9

"""The arm against the manufacturer's own tables, a closed form, and the shape of its meshes."""

import os
from pathlib import Path

import numpy as np
import pytest
import yaml

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
def ur_folder():
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("RAFR_DATA", default)) / "robots" / "ur"
    if not folder.is_dir():
        pytest.skip(f"no public data at {folder} (set RAFR_DATA)")
    return folder


class _Loader(yaml.SafeLoader):
    """Reads the manufacturer's `!degrees`, keeping degrees."""


_Loader.add_constructor("!degrees", lambda loader, node: float(loader.construct_scalar(node)))


@pytest.mark.data
@pytest.mark.parametrize("name", DH)
def test_config_is_a_true_transcript_of_the_manufacturers_tables(ur_folder, name):
    def table(file):
        return yaml.load((ur_folder / "config" / name / file).read_text(), _Loader)

    ours = yaml.safe_load(resource_path(f"config/{name}.yaml").read_text())
    for link, values in table("default_kinematics.yaml")["kinematics"].items():
        if link != "hash":
            assert ours["kinematics"][link]["xyz"] == [values[k] for k in "xyz"]
            assert ours["kinematics"][link]["rpy"] == [values[k] for k in ("roll", "pitch", "yaw")]
    for joint, values in table("joint_limits.yaml")["joint_limits"].items():
        got = ours["limits"][joint]
        theirs = [values[k] for k in ("min_position", "max_position", "max_velocity", "max_effort")]
        assert [got[k] for k in ("lower_deg", "upper_deg", "velocity_deg_s", "effort")] == theirs
    physical = table("physical_parameters.yaml")
    parameters = physical["inertia_parameters"]
    for link in ("shoulder", "upper_arm", "forearm", "wrist_1", "wrist_2", "wrist_3"):
        got = ours["inertia"][link]
        assert got["mass"] == parameters[f"{link}_mass"]
        assert got["xyz"] == [parameters["center_of_mass"][f"{link}_cog"][k] for k in "xyz"]
        assert got["rpy"] == [parameters["rotation"][link][k] for k in ("roll", "pitch", "yaw")]
        tensor = parameters["tensor"][link]
        assert got["tensor"] == [tensor[k] for k in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz")]
    assert ours["offsets"]["shoulder"] == physical["offsets"]["shoulder_offset"]
    assert ours["offsets"]["elbow"] == physical["offsets"]["elbow_offset"]

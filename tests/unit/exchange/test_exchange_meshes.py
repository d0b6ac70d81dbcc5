"""Surfaces as other programs read them."""

import numpy as np
import pytest
import trimesh

from rafr.cases.meshes import body_meshes
from rafr.exchange.export import ExportOptions, export_case
from rafr.exchange.mesh_files import MESH_FORMATS


@pytest.mark.parametrize("suffix", MESH_FORMATS)
@pytest.mark.parametrize("space", ["lps", "ras"])
def test_bones_lie_in_the_patient_before_and_as_planned(tmp_path, case, plan, goals, suffix, space):
    options = ExportOptions(dicom=False, meshes=suffix, space=space, transforms=None)
    export_case(case, tmp_path / "out", options, plan, {"left_hip": goals["left_hip"]})
    flip = np.array([-1.0, -1.0, 1.0]) if space == "ras" else np.ones(3)
    meshes = body_meshes(case)
    for what in ("before", "planned", "achieved"):
        for name, body in meshes.items():
            path = tmp_path / "out" / "meshes" / what / f"{name}.{suffix}"
            moved = what != "before" and name in (goals if what == "planned" else {"left_hip": 0})
            wanted = body.mesh.transformed(goals[name]) if moved else body.mesh
            read = trimesh.load_mesh(path, process=False)
            assert np.abs(read.triangles - (wanted.vertices * flip)[wanted.faces]).max() < 2e-5
            assert read.volume == pytest.approx(wanted.volume, rel=1e-5)
            assert f"SPACE={space.upper()}".encode() in path.read_bytes()[:200]


def test_open3d_reads_them_too(tmp_path, case):
    import open3d

    for suffix in MESH_FORMATS:
        out = tmp_path / suffix
        export_case(case, out, ExportOptions(dicom=False, meshes=suffix, transforms=None))
        path = out / "meshes" / "before" / f"left_hip.{suffix}"
        read = open3d.io.read_triangle_mesh(str(path))
        mesh = body_meshes(case)["left_hip"].mesh
        corners = np.asarray(read.vertices)[np.asarray(read.triangles)]
        assert np.abs(corners - mesh.corners).max() < 2e-5


def test_a_binary_stl_does_not_look_like_a_text_one(tmp_path, case):
    export_case(case, tmp_path / "out", ExportOptions(dicom=False, transforms=None))
    content = (tmp_path / "out" / "meshes" / "before" / "reference.stl").read_bytes()
    assert not content.startswith(b"solid")
    assert len(content) == 84 + 50 * int.from_bytes(content[80:84], "little")

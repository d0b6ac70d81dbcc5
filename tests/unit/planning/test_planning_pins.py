"""Schantz pins on a simple iliac plate, and the clamp's frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from rafr.cases.case import Body, Case, SchantzPin
from rafr.cases.meshes import BodyMesh
from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.surface import Surface
from rafr.planning.pins import clamp_frame, patient_axes, propose_pins


def box(extents: tuple[float, ...], centre: tuple[float, ...]) -> TriangleMesh:
    solid = trimesh.creation.box(extents)
    for _ in range(4):
        solid = solid.subdivide()
    return TriangleMesh(np.asarray(solid.vertices) + centre, solid.faces)


def pelvis(thickness: float = 30.0) -> tuple[Case, dict[str, BodyMesh]]:
    """A block in the middle and a thick plate on the patient's left, LPS mm."""
    parts = {
        "reference": {1: box((60.0, 60.0, 90.0), (0.0, 40.0, 0.0))},
        "left": {11: box((thickness, 120.0, 140.0), (90.0, 0.0, 0.0))},
    }
    meshes = {n: BodyMesh(n, next(iter(p.values())), p) for n, p in parts.items()}
    bodies = tuple(Body(n, tuple(p)) for n, p in parts.items())
    return Case(Path(), "blocks", Path("ct"), Path("labels"), None, bodies), meshes


@pytest.fixture(scope="module")
def proposed() -> tuple[SchantzPin, SchantzPin]:
    return propose_pins(*pelvis(), "left")


def test_pins_are_parallel_and_a_clamp_apart(proposed):
    first, second = proposed
    assert first.direction == pytest.approx(second.direction)
    offset = second.entry_mm - first.entry_mm
    apart = np.linalg.norm(offset - (offset @ first.direction) * first.direction)
    assert 25.0 <= apart <= 40.0


def test_pins_run_at_least_40_mm_inside_the_bone(proposed):
    bone = Surface.of(pelvis()[1]["left"].mesh)
    for pin in proposed:
        assert pin.depth_mm >= 40.0
        along = pin.entry_mm + np.linspace(10.0, pin.depth_mm, 9)[:, None] * pin.direction
        # 3 mm of bone around the axis: the thread's own radius and a little more
        assert bone.signed_distance(along).max() < -2.9


def test_tails_stand_in_front_of_or_beside_a_supine_patient(proposed):
    for pin in proposed:
        assert pin.direction[1] > 0.0  # into the bone is backwards (LPS y)
        assert pin.tail_mm[1] < pin.entry_mm[1]


def test_pins_are_the_same_every_time(proposed):
    again = propose_pins(*pelvis(), "left")
    assert np.array_equal(again[0].entry_mm, proposed[0].entry_mm)
    assert np.array_equal(again[1].direction, proposed[1].direction)


def test_pins_follow_how_the_patient_lies_on_the_table(proposed):
    """The same pelvis in a CT with other axes, described by `table_pose`, gets the same pins."""
    case, meshes = pelvis()
    supine = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    turn = RigidTransform.from_rotvec([0.4, -0.3, 1.2], [30.0, 10.0, -50.0])
    turned = {
        n: BodyMesh(n, m.mesh.transformed(turn), {k: p.transformed(turn) for k, p in m.parts.items()})
        for n, m in meshes.items()
    }
    lying = RigidTransform(supine, np.zeros(3)) @ turn.inverse()
    case = Case(Path(), "turned", Path("ct"), Path("labels"), None, case.bodies, table_pose=lying)
    pins = propose_pins(case, turned, "left")
    for pin, wanted in zip(pins, proposed, strict=True):
        assert pin.entry_mm == pytest.approx(turn.apply(wanted.entry_mm), abs=1e-6)


def test_pins_the_case_gives_are_used_as_they_are(proposed):
    case, meshes = pelvis()
    given = (SchantzPin(np.zeros(3), np.array([0.0, 1.0, 0.0])),) * 2
    case = Case(Path(), "g", Path("ct"), Path("labels"), None, case.bodies, schantz_pins=(("left", given),))
    assert propose_pins(case, meshes, "left") == given


def test_a_splinter_has_no_place_for_pins():
    with pytest.raises(InfeasibleError, match="left"):
        propose_pins(*pelvis(thickness=1.5), "left")


def test_the_default_axes_are_those_of_a_supine_lps_image():
    axes = patient_axes(pelvis()[0])
    assert axes.anterior == pytest.approx([0.0, -1.0, 0.0])
    assert np.cross(axes.left, -axes.anterior) == pytest.approx(axes.superior)


def test_the_clamp_grips_the_pins_a_little_below_their_tails():
    direction = np.array([0.0, 1.0, 0.0])
    pins = [SchantzPin(np.array([x, 0.0, 0.0]), direction, 50.0, 200.0) for x in (10.0, 40.0)]
    T = clamp_frame(pins, grip_mm=30.0)
    assert T.translation == pytest.approx([25.0, -120.0, 0.0])
    assert T.rotation[:, 2] == pytest.approx(direction)
    assert T.rotation[:, 0] == pytest.approx([1.0, 0.0, 0.0])

"""The room round the bones: everything drawn where it is, in the scene's own axes."""

import numpy as np
import pytest
from tests.unit.review.test_review_page import Client

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.review.known import BEFORE, LIVE
from rafr.review.page import ReviewPage
from rafr.review.readout import Numbers
from rafr.review.stage import place, rotation_to
from rafr.review.theatre import DrawnCords, Surroundings
from rafr.robot.description import urdf_text
from rafr.robot.shapes import robot_shapes
from rafr.room import R_WORLD_SUPINE, OperatingRoom

CENTRE_MM = np.array([30.0, -200.0, 90.0])
T_WORLD_PELVIS = RigidTransform(R_WORLD_SUPINE, np.array([0.1, 0.05, 1.2]))


def box(centre) -> TriangleMesh:
    import trimesh

    mesh = trimesh.creation.box((20.0, 30.0, 40.0))
    return TriangleMesh(np.asarray(mesh.vertices) + centre, np.asarray(mesh.faces))


@pytest.fixture
def page():
    aside = np.array([20.0, 0.0, 0.0])
    meshes = {"reference": box(CENTRE_MM - aside), "wing": box(CENTRE_MM + aside)}
    around = Surroundings(OperatingRoom.from_yaml(), robot_shapes(urdf_text()), T_WORLD_PELVIS)
    page = ReviewPage("test", meshes, lambda decision: None, surroundings=around)
    client = Client(0)
    page._enter(client)
    page.drawn = page.visits[0].theatre
    yield page
    page.close()
    client.server.stop()


def pose_of(handle) -> RigidTransform:
    w, x, y, z = handle.wxyz
    return RigidTransform.from_quaternion_xyzw((x, y, z, w), np.asarray(handle.position))


def in_scene(page, point_in_world):
    return pose_of(page.drawn._room).apply(point_in_world)


def test_the_room_lies_round_the_bones_as_the_patient_lies_in_it(page):
    point = np.array([-50.0, 20.0, 130.0])  # LPS mm in the CT
    in_world = T_WORLD_PELVIS.apply(point * 1e-3)
    assert in_scene(page, in_world) == pytest.approx((point - CENTRE_MM) * 1e-3, abs=1e-6)
    moved = RigidTransform.from_translation((0.0, 0.02, 0.0)) @ T_WORLD_PELVIS
    page.theatre.place_patient(moved)
    assert in_scene(page, moved.apply(point * 1e-3)) == pytest.approx((point - CENTRE_MM) * 1e-3, abs=1e-6)


def test_links_are_hidden_until_they_are_known_and_then_where_they_are(page):
    link = page.drawn._links["forearm_link"]
    assert not link.visible
    T_world_link = RigidTransform.from_rotvec((0.1, 0.2, 0.3), (0.5, -0.4, 1.1))
    page.theatre.place_robot({"forearm_link": T_world_link, "no_such_link": T_world_link})
    assert link.visible
    assert np.allclose(pose_of(link).matrix, T_world_link.matrix, atol=1e-6)


def test_cords_are_recoloured_in_place_and_can_be_hidden(page):
    segments = np.arange(12.0).reshape(2, 2, 3)
    red, blue = np.zeros((2, 2, 3)), np.zeros((2, 2, 3))
    red[..., 0], blue[..., 2] = 1.0, 1.0
    page.theatre.show_cords({"muscles": DrawnCords(segments, red, 0.002)}, ("traction 5 N", np.ones(3)))
    handle = page.drawn._cords["muscles"]
    page.theatre.show_cords({"muscles": DrawnCords(segments + 1.0, blue, 0.002)})
    assert page.drawn._cords["muscles"] is handle
    assert handle.points == pytest.approx(segments + 1.0)
    assert tuple(handle.colors[0, 0]) == (0, 0, 255)
    assert page.drawn._label.text == "traction 5 N"
    page.visits[0].cords.value = False
    page.visits[0].refresh()
    assert not handle.visible


def test_pins_move_with_their_body_and_lie_along_themselves(page):
    from rafr.cases.case import SchantzPin

    direction = np.array([0.6, 0.0, 0.8])
    pin = SchantzPin(CENTRE_MM, direction, 60.0, 200.0)
    page.theatre.add_pins("wing", [pin])
    (handle,) = page.drawn._pins
    assert handle.name.startswith("/wing/")
    ends = pose_of(handle).apply(np.array([[0.0, 0.0, -0.1], [0.0, 0.0, 0.1]]))
    assert ends == pytest.approx(np.stack([-0.14 * direction, 0.06 * direction]), abs=1e-6)


def test_the_room_is_seen_with_what_is_live_and_hidden_beside_a_plan(page):
    assert page.drawn._root.visible
    page.visits[0].show(BEFORE)
    assert not page.drawn._root.visible
    page.visits[0].show(LIVE)
    assert page.drawn._root.visible


def test_one_looks_from_the_patients_feet_and_above_with_anterior_up(page):
    view = page.drawn.viewpoint("field")
    assert view.position[2] < -0.5  # LPS: towards the feet
    assert view.position[1] < -0.5  # anterior
    assert view.up == pytest.approx((0.0, -1.0, 0.0))


def test_numbers_and_legend_come_to_the_panel(page):
    page.tell(Numbers(phase="reduction", force=12.0, force_limit=300.0))
    assert "12 of 300 N" in page.visits[0].readout.content
    assert page.visits[0].legend.content == ""  # no tissue, no legend
    page.explain_cords()
    assert "simulated" in page.visits[0].legend.content


def test_noise_is_not_sent(page):
    link = page.drawn._links["forearm_link"]
    far = RigidTransform.from_translation((1.0, 0.0, 0.0))
    place(link, far, 1e-3, 1e-3)
    place(link, RigidTransform.from_translation((1.0005, 0.0, 0.0)), 1e-3, 1e-3)
    assert pose_of(link).translation == pytest.approx((1.0, 0.0, 0.0))
    turned = RigidTransform.from_rotvec((0.0, 0.0, 2e-3), (1.0, 0.0, 0.0))
    place(link, turned, 1e-3, 1e-3)
    assert pose_of(link).angle == pytest.approx(2e-3, abs=1e-6)


@pytest.mark.parametrize("direction", [(0, 0, 1), (0, 0, -1), (1, 0, 0), (0.6, -0.8, 0.0)])
def test_z_is_turned_to_any_direction(direction):
    assert rotation_to(np.array(direction, dtype=float)).rotate((0, 0, 1)) == pytest.approx(direction)


def test_a_browser_that_comes_later_sees_the_room_as_it_is(page):
    T = RigidTransform.from_rotvec((0.1, 0.2, 0.3), (0.5, -0.4, 1.1))
    page.theatre.place_robot({"forearm_link": T})
    late = Client(1)
    page._enter(late)
    theatre = page.visits[-1].theatre
    assert np.allclose(pose_of(theatre._links["forearm_link"]).matrix, T.matrix, atol=1e-6)
    page._leave(late)
    page.theatre.place_robot({"forearm_link": RigidTransform.identity()})
    assert np.allclose(pose_of(theatre._links["forearm_link"]).matrix, T.matrix, atol=1e-6)
    late.server.stop()

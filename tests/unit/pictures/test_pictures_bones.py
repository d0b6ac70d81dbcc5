import numpy as np
import pytest
import trimesh

from rafr.errors import RafrError
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.pictures.bones import VIEWS, body_colours, bounds_of, render, save_before_after
from rafr.pictures.raycast import Painted, Scene, ShadingConfig

RED, BLUE = (1.0, 0.1, 0.1), (0.1, 0.1, 1.0)
BOX = np.array([[-60.0, -60, -60], [60, 60, 60]])


def ball(centre, radius=12.0):
    solid = trimesh.creation.icosphere(subdivisions=3, radius=radius)
    return TriangleMesh(np.asarray(solid.vertices) + np.array(centre), np.asarray(solid.faces))


def place(picture, colour):
    """Mean (column, row) of the pixels of one colour, as shares of the picture; None if unseen."""
    image = picture.astype(float)
    strong, weak = (0, 2) if colour == RED else (2, 0)
    mask = (image[..., strong] > 60) & (image[..., strong] > 2.0 * image[..., weak])
    if not mask.any():
        return None
    rows, columns = np.nonzero(mask)
    return np.array([columns.mean() / mask.shape[1], rows.mean() / mask.shape[0]])


def shot(view, centre):
    return place(render([(ball(centre), RED)], view, (160, 140), bounds=BOX), RED)


LEFT, POSTERIOR, SUPERIOR = (40, 0, 0), (0, 40, 0), (0, 0, 40)


@pytest.mark.parametrize(
    ("view", "centre", "axis", "sign"),
    [
        # the patient's left is on the right of an anterior, inlet and outlet view
        ("anterior", LEFT, 0, 1),
        ("inlet", LEFT, 0, 1),
        ("outlet", LEFT, 0, 1),
        ("posterior", LEFT, 0, -1),
        ("lateral-left", POSTERIOR, 0, 1),
        ("lateral-right", POSTERIOR, 0, -1),
        *[(view, SUPERIOR, 1, -1) for view in VIEWS],
        # a caudad beam throws what lies behind upwards, a cephalad beam downwards
        ("inlet", POSTERIOR, 1, -1),
        ("outlet", POSTERIOR, 1, 1),
    ],
)
def test_every_view_shows_the_patient_the_way_a_surgeon_expects(view, centre, axis, sign):
    assert sign * (shot(view, centre)[axis] - 0.5) > 0.1


@pytest.mark.parametrize(("view", "near"), [("anterior", -1), ("posterior", 1)])
def test_the_nearer_body_hides_the_other(view, near):
    front, back = ball((0, 30 * near, 0)), ball((0, -30 * near, 0), 8.0)
    picture = render([(front, RED), (back, BLUE)], view, (120, 120), bounds=BOX)
    assert place(picture, BLUE) is None
    assert place(picture, RED) is not None


def test_a_glass_body_lets_the_one_behind_shine_through():
    front, back = ball((0, -30, 0)), ball((0, 30, 0), 8.0)
    solid = render([(front, RED), (back, BLUE)], "anterior", (120, 120), bounds=BOX)[60, 60]
    glass = render([(front, RED, 0.3), (back, BLUE)], "anterior", (120, 120), bounds=BOX)[60, 60]
    assert glass[2] > solid[2] + 40


def test_pictures_with_the_same_bounds_share_their_scale():
    one = render([(ball((-20, 0, 0)), RED)], "anterior", (200, 200), bounds=BOX)
    two = render([(ball((20, 0, 0)), RED)], "anterior", (200, 200), bounds=BOX)
    shift = place(two, RED) - place(one, RED)
    # 40 mm of a 120 mm box that fills 83 % of the width
    assert shift[0] == pytest.approx(40 / 120 * 0.83, abs=0.01)
    assert shift[1] == pytest.approx(0.0, abs=0.005)


def test_the_whole_body_is_in_the_picture():
    picture = render([(ball((300, -200, 50), 40.0), RED)], "outlet", (160, 120))
    image = picture.astype(int)
    red = (image[..., 0] > 60) & (image[..., 0] > 2 * image[..., 2])
    assert red.any()
    assert not red[[0, -1]].any()
    assert not red[:, [0, -1]].any()


def test_an_outline_is_drawn_over_what_hides_it():
    hidden = ball((0, 40, 0), 10.0)
    plain = render([(ball((0, -30, 0), 25.0), RED)], "anterior", (160, 160), bounds=BOX)
    lined = render(
        [(ball((0, -30, 0), 25.0), RED)], "anterior", (160, 160), bounds=BOX, outlines=[(hidden, BLUE)]
    )
    assert place(plain, BLUE) is None
    np.testing.assert_allclose(place(lined, BLUE), [0.5, 0.5], atol=0.01)


@pytest.mark.parametrize(
    "change",
    [
        {"occlusion_strength": 0.0},
        {"occlusion_reach_mm": 3.0},
        {"edge_darkness": 0.0},
        {"edge_step_mm": 99.0},
    ],
)
def test_every_shading_setting_is_seen(change):
    from rafr.pictures.bones import _camera

    # one ball far in front of two that touch: a depth step within a body, and a hollow
    pair = trimesh.util.concatenate(
        [trimesh.creation.icosphere(2, 12.0), trimesh.creation.icosphere(2, 12.0)]
    )
    vertices = np.asarray(pair.vertices).copy()
    vertices[: len(vertices) // 2] += [0, -40, 0]
    vertices[len(vertices) // 2 :] += [14, 0, 0]
    bodies = [Painted(TriangleMesh(vertices, np.asarray(pair.faces)), RED), Painted(ball((0, 0, 20)), BLUE)]
    camera = _camera("anterior", BOX, (100, 100))
    one = Scene(bodies).look(camera).colour
    other = Scene(bodies, ShadingConfig(**change)).look(camera).colour
    assert np.abs(one - other).max() > 0.05


def test_before_and_after_are_one_sheet_with_the_same_framing(tmp_path):
    bodies = {"reference": ball((0, 0, 0), 20.0), "left_hip": ball((40, 0, 0))}
    moved = RigidTransform.from_translation([-10.0, 0, 0])
    after = {**bodies, "left_hip": bodies["left_hip"].transformed(moved)}
    sheet = save_before_after(tmp_path / "sheet.png", bodies, after, views=("anterior",), size=(200, 160))
    assert sheet.shape[1] == 200
    before_part, after_part = sheet[:160], sheet[160:320]
    assert not np.array_equal(before_part[40:], after_part[40:])
    # the reference stands still: its left edge is at the same pixels
    assert np.array_equal(before_part[60:120, 30:60], after_part[60:120, 30:60])
    from PIL import Image

    assert np.array_equal(np.asarray(Image.open(tmp_path / "sheet.png")), sheet)


def test_colours_differ_and_the_reference_is_bone():
    colours = body_colours(["reference", "left_hip", "right_hip"])
    assert len(set(colours.values())) == 3
    assert min(colours["reference"]) > 0.7


def test_bounds_hold_all_meshes():
    bounds = bounds_of([ball((0, 0, 0)), ball((50, 0, 0))])
    np.testing.assert_allclose(bounds[:, 0], [-12, 62], atol=0.1)


def test_wrong_requests_are_refused():
    with pytest.raises(RafrError, match="no view 'sideways'"):
        render([(ball((0, 0, 0)), RED)], "sideways")
    with pytest.raises(RafrError, match="at least one mesh"):
        render([], "anterior")

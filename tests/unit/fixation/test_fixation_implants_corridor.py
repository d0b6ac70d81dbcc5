"""Corridors in bone made of boxes, where the widest way is known."""

import numpy as np
import pytest

from rafr.errors import InfeasibleError
from rafr.fixation.implants.anatomy import Anatomy, Piece
from rafr.fixation.implants.catalogue import Catalogue
from rafr.fixation.implants.implant import Screw
from rafr.fixation.implants.neural import neural_spaces
from rafr.fixation.implants.planned import Planner
from rafr.geometry import RigidTransform, TriangleMesh, merge_meshes

RADIUS = 7.3 / 2


def closed(vertices, quads, edge=4.0):
    """A mesh of quadrilaterals (counter-clockwise from outside), cut small."""
    import trimesh

    faces = [f for a, b, c, d in quads for f in ((a, b, c), (a, c, d))]
    v, f = trimesh.remesh.subdivide_to_size(np.array(vertices, dtype=float), np.array(faces), edge)
    whole = trimesh.Trimesh(v, f)
    whole.merge_vertices()
    mesh = TriangleMesh(np.asarray(whole.vertices), np.asarray(whole.faces))
    return mesh if mesh.volume > 0 else TriangleMesh(mesh.vertices, mesh.faces[:, ::-1])


def box(lower, upper):
    x, y, z = zip(lower, upper, strict=True)
    v = [(x[i], y[j], z[k]) for k in (0, 1) for j in (0, 1) for i in (0, 1)]
    return closed(v, [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)])


def pierced_box(lower, upper, hole_lower, hole_upper, axis):
    """A box with a rectangular hole right through it along `axis` (0, 1 or 2)."""
    a, b = [i for i in range(3) if i != axis]
    ring = []
    for lo, hi in ((lower, upper), (hole_lower, hole_upper)):
        ring += [(lo[a], lo[b]), (hi[a], lo[b]), (hi[a], hi[b]), (lo[a], hi[b])]
    vertices = []
    for end in (lower[axis], upper[axis]):
        for p, q in ring:
            vertex = [0.0, 0.0, 0.0]
            vertex[a], vertex[b], vertex[axis] = p, q, end
            vertices.append(vertex)
    quads = []
    for i in range(4):
        j = (i + 1) % 4
        quads += [(i, j, 8 + j, 8 + i), (4 + j, 4 + i, 12 + i, 12 + j)]
        quads += [(j, i, 4 + i, 4 + j), (8 + i, 8 + j, 12 + j, 12 + i)]
    return closed(vertices, quads)


def boxes_with_canal(front, back=40.0, cut=None):
    """A sacrum of 80 x 50 x 36 mm with a canal of 20 mm behind `front` mm of body, a hip on either side.

    Args:
        cut: x of a fracture that parts the sacrum, beside the canal.
    """
    sacrum = [pierced_box((-40, 0, -36), (40, 50, 0), (-10, front, -36), (10, back, 0), 2)]
    bodies = ["rest"]
    if cut is not None:
        sacrum = [
            pierced_box((-40, 0, -36), (cut, 50, 0), (-10, front, -36), (10, back, 0), 2),
            box((cut + 0.5, 0, -36), (40, 50, 0)),
        ]
        bodies = ["rest", "left part"]
    pieces = [Piece(f"sacrum {b}", b, "sacrum", m) for b, m in zip(bodies, sacrum, strict=True)]
    pieces.append(Piece("left", bodies[-1], "left_hip", box((41, 0, -36), (66, 50, 0))))
    pieces.append(Piece("right", "rest", "right_hip", box((-66, 0, -36), (-41, 50, 0))))
    return Anatomy(tuple(pieces), RigidTransform.identity(), "left")


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue.read()


@pytest.fixture(scope="module")
def wide(catalogue):
    return Planner(boxes_with_canal(front=22.0), catalogue)


def test_the_margin_is_half_the_bone_before_the_canal_less_the_radius(wide):
    found = wide.sacroiliac("left", 1, extended=True)

    # 22 mm of body: 11 mm to its front and to the canal; the search stops within 0.15 mm of the best
    assert found.margin_mm == pytest.approx(11.0 - RADIUS, abs=0.15)
    assert found.margins_mm["canal"] == pytest.approx(11.0 - RADIUS, abs=0.2)
    assert found.screw.points()[:, 1] == pytest.approx(np.full(len(found.screw.points()), 11.0), abs=0.5)


def test_an_extended_screw_goes_from_one_outer_face_to_short_of_the_other(wide):
    screw = wide.sacroiliac("left", 1, extended=True).screw

    assert screw.entry[0] == pytest.approx(66.0, abs=0.01)
    # 132 mm of bone, 5 mm short of the far cortex, lengths in steps of 5 mm
    assert screw.length_mm == pytest.approx(125.0)
    assert screw.tip[0] == pytest.approx(-59.0, abs=0.5)


def test_a_standard_screw_ends_about_the_midline(wide):
    screw = wide.sacroiliac("right", 1, extended=False).screw

    assert screw.entry[0] == pytest.approx(-66.0, abs=0.01)
    assert abs(screw.tip[0]) <= 5.0


def test_the_gap_of_a_joint_is_no_wall(wide):
    centres = wide.walls.all.mesh.face_centres
    on_joint = np.isin(np.abs(centres[:, 0]).round(3), (40.0, 41.0))
    inner = (centres[:, 1] > 5) & (centres[:, 1] < 45) & (centres[:, 2] > -30) & (centres[:, 2] < -5)
    assert not (on_joint & inner).any()


def test_mirror_image_sides_get_mirror_image_screws(wide):
    left = wide.sacroiliac("left", 1, extended=True).screw
    right = wide.sacroiliac("right", 1, extended=True).screw

    # single precision of the queries may part two equally good ways by a little
    assert right.entry * [-1, 1, 1] == pytest.approx(left.entry, abs=0.5)
    assert right.tip * [-1, 1, 1] == pytest.approx(left.tip, abs=0.5)


def test_too_little_bone_is_refused_and_what_is_near_is_named(catalogue):
    # 8 mm before and behind the canal: 0.35 mm beside a 7.3 mm screw
    narrow = Planner(boxes_with_canal(front=8.0, back=42.0), catalogue)

    with pytest.raises(InfeasibleError, match=r"S1 extended left: .* leaves (0|-).*1 mm is asked for"):
        narrow.sacroiliac("left", 1, extended=True)


def test_metal_that_is_there_is_kept_clear_of(wide):
    first = wide.sacroiliac("left", 1, extended=True).screw
    second = wide.sacroiliac("left", 1, extended=True, avoid=(first,)).screw

    axes = np.linalg.norm(first.points()[:, None] - second.points()[None], axis=2)
    # 1 mm of bone between them, to the error of axes taken at points
    assert axes.min() > 7.3 + 0.95


def test_the_canal_is_found_and_foramina_that_are_not_there_are_said_to_be_missing(wide):
    neural = wide.walls.neural

    assert not neural.found
    assert any("below S1" in note for note in neural.notes)
    assert neural.canal[:, 0] == pytest.approx(np.clip(neural.canal[:, 0], -10, 10), abs=1.0)
    assert neural.canal[:, 1].min() == pytest.approx(22.0, abs=1.5)


def test_foramina_give_the_levels():
    # off the grid of 1 mm, and one block into the other, as no face of bone lies on grid points
    def side(sign):
        blocks, top = [], 0.3
        for middle in (-35.3, -62.3):
            low = middle - 13.0
            x = sorted((sign * 2.3, sign * 39.3))
            hole = sorted((sign * 15.3, sign * 25.3))
            lower, upper = (x[0], 0.3, low), (x[1], 20.3, top)
            blocks.append(
                pierced_box(lower, upper, (hole[0], 0, middle - 5.0), (hole[1], 0, middle + 5.0), 1)
            )
            top = low + 1.0
        return blocks

    neural = neural_spaces(merge_meshes(side(1) + side(-1)), RigidTransform.identity())

    assert neural.found
    assert neural.levels == pytest.approx((-35.3, -62.3), abs=0.6)
    assert neural.aside == pytest.approx(20.0, abs=1.0)


@pytest.mark.parametrize("off", [-6.0, -0.7, 0.7, 6.0])
def test_an_entry_given_beside_the_cortex_does_not_change_the_margin(wide, off):
    screw = Screw("s", "si-standard", np.array([66.0 + off, 11.0, -18.0]), np.array([0.0, 11.0, -18.0]), 7.3)

    assert wide.judged(screw).margin_mm == pytest.approx(11.0 - RADIUS, abs=0.02)


def test_a_screw_that_grazes_an_edge_and_goes_on_in_air_has_no_margin(wide):
    # along (1, -1, 0) past the front edge of the left hip: 12 mm on it is 8 mm from bone and has no wall near
    screw = Screw("s", "si-standard", np.array([66.0, 0.0, -18.0]), np.array([106.0, -40.0, -18.0]), 7.3)

    assert wide.judged(screw).margin_mm < 0

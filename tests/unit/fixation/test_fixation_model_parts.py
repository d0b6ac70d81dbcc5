"""Materials and contacts of boxes of bone: what can be worked out by hand."""

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.fixation.model.bones import Piece
from rafr.fixation.model.build import _cortex
from rafr.fixation.model.contact_pairs import ContactOptions, find_contacts
from rafr.fixation.model.greys import BoneGreys
from rafr.fixation.model.laws import DENSITY_LAWS, MODULUS_LAWS
from rafr.fixation.model.materials import (
    MaterialOptions,
    bin_table,
    check_materials,
    element_moduli,
    lattice,
    modulus_of_hu,
    sort_into_bins,
)
from rafr.fixation.model.tets import Tets
from rafr.geometry import RigidTransform
from rafr.imaging.volume import Volume

NO_SHELL = MaterialOptions(shell_mm=0.0)


def brick(size, cells, origin=(0.0, 0.0, 0.0)):
    """A box of cells of six tetrahedra each (Kuhn), right-handed."""
    grid = np.stack(np.meshgrid(*(np.arange(n + 1) for n in cells), indexing="ij"), axis=-1)
    nodes = grid.reshape(-1, 3) / np.array(cells) * size + origin
    number = np.arange(len(nodes)).reshape(grid.shape[:3])
    tets = []
    for order in ((0, 1, 2), (1, 2, 0), (2, 0, 1), (1, 0, 2), (0, 2, 1), (2, 1, 0)):
        step = np.zeros(3, int)
        corners = [step.copy()]
        for axis in order:
            step[axis] = 1
            corners.append(step.copy())
        at = [
            number[tuple(slice(s, s + n) for s, n in zip(corner, cells, strict=True))] for corner in corners
        ]
        tets.append(np.stack([a.ravel() for a in at], axis=1))
    tets = np.concatenate(tets)
    wrong = Tets(nodes, tets).volumes < 0
    tets[wrong] = tets[wrong][:, [0, 2, 1, 3]]
    return Tets(nodes, tets)


def pieces_of(*described):
    """(label, bone, body, tets, pose) each, numbered as in a model."""
    pieces, first = [], 0
    for number, (label, bone, body, tets, pose) in enumerate(described):
        pieces.append(Piece(f"{body} {label}", label, body, bone, tets, pose, number, first))
        first += len(tets.elements)
    return tuple(pieces)


def shift(x, y, z):
    return RigidTransform.from_translation(np.array([x, y, z], dtype=float))


def two_blocks(gap, bones=("sacrum", "sacrum"), bodies=("reference", "fragment"), tilt=0.0):
    """Two 40 x 30 x 30 blocks, found 50 mm apart along x, reduced to a gap."""
    left = brick((40.0, 30.0, 30.0), (8, 6, 6))
    right = brick((40.0, 30.0, 30.0), (8, 6, 6), (90.0, 0.0, 0.0))
    middle = np.array([90.0, 15.0, 15.0])
    pose = shift(gap - 50.0, 0, 0) @ RigidTransform.about_point(np.array([0.0, tilt, 0.0]), middle)
    return pieces_of(
        (1, bones[0], bodies[0], left, RigidTransform.identity()),
        (2 if bones[1] == "sacrum" else 11, bones[1], bodies[1], right, pose),
    )


# -- laws and bins -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("law", "at_half", "at_one"),
    [("dalstra", 366.6, 2017.3), ("carter-hayes", 359.4, 2875.0), ("morgan", 2438.6, 6850.0)],
)
def test_modulus_laws_give_the_published_values(law, at_half, at_one):
    """At 0.5 and 1 g/cm³, worked out by hand from the formulas."""
    assert MODULUS_LAWS[law].modulus(np.array([0.5, 1.0])) == pytest.approx([at_half, at_one], rel=1e-3)
    assert MODULUS_LAWS[law].density(np.array([at_one])) == pytest.approx([1.0])


def test_density_of_water_and_of_cortex_is_plausible_by_every_law():
    for law in DENSITY_LAWS.values():
        assert 0.05 < law.density(np.array([0.0]))[0] < 0.2
        assert 1.5 < law.density(np.array([1500.0]))[0] < 2.1
        assert law.density(np.array([-1000.0]))[0] == 0.0
        assert law.hu(float(law.density(np.array([640.0]))[0])) == pytest.approx(640.0)


def test_greys_out_of_range_end_at_floor_and_ceiling():
    E = modulus_of_hu(np.array([-1000.0, 300.0, 9000.0]), NO_SHELL)
    assert E[0] == NO_SHELL.least_young
    assert NO_SHELL.least_young < E[1] < 500.0
    assert E[2] == NO_SHELL.most_young


def test_bins_keep_the_stiffness_and_hold_their_elements():
    rng = np.random.default_rng(3)
    young, volumes = rng.uniform(20.0, 17_000.0, 5000), rng.uniform(1.0, 9.0, 5000)
    bins, number = sort_into_bins(young, volumes, MaterialOptions())
    assert len(bins) == 10
    of_bin = np.array([b.young for b in bins])
    assert volumes @ of_bin[number] == pytest.approx(volumes @ young)
    for k, b in enumerate(bins):
        own = young[number == k]
        assert b.lower * (1 - 1e-9) <= own.min()
        assert own.max() <= b.upper * (1 + 1e-9)
        assert b.elements == len(own)
    assert sum(b.volume_share for b in bins) == pytest.approx(1.0)
    assert [b.poisson for b in bins] == [0.3 if b.young > 2000.0 else 0.2 for b in bins]
    assert len(bin_table(bins).splitlines()) == 11


def test_one_grey_makes_one_material():
    bins, number = sort_into_bins(np.full(7, 300.0), np.ones(7), MaterialOptions())
    assert len(bins) == 1
    assert (number == 0).all()
    assert bins[0].young == pytest.approx(300.0)


def test_an_unknown_law_is_refused_with_the_names_there_are():
    with pytest.raises(InputError, match="'dalstar'; expected dalstra, carter-hayes, morgan"):
        check_materials(MaterialOptions(modulus_law="dalstar"))
    with pytest.raises(InputError, match="none called 'wax'; expected ash"):
        check_materials(MaterialOptions(density_law="wax"))


def test_sampling_points_have_the_moments_of_a_tetrahedron():
    points = lattice(4)
    np.testing.assert_allclose(points.sum(axis=1), 1.0)
    np.testing.assert_allclose(points.mean(axis=0), 0.25)
    assert len(points) == 20
    assert points.min() > 0


# -- sampling ----------------------------------------------------------------------------------------


def scan(paint, size=(60, 40, 40), spacing=1.5):
    """A CT and labels: label 1 in the box (15..75, 15..45, 15..45) mm, HU by `paint(points)`, 0 outside."""
    grid = Volume(np.zeros(size[::-1], np.int16), np.zeros(3), np.full(3, spacing), np.eye(3))
    k, j, i = np.meshgrid(*(np.arange(n) for n in size[::-1]), indexing="ij")
    points = grid.index_to_lps(np.stack([i, j, k], axis=-1))
    inside = ((points > (15, 15, 15)) & (points < (75, 45, 45))).all(axis=-1)
    hu = np.where(inside, paint(points), 0).astype(np.int16)
    return grid.with_array(hu), grid.with_array(inside.astype(np.uint8))


def test_nothing_from_around_a_bone_leaks_into_it():
    """A CT with 0 HU outside: up to its very surface the bone has the grey it was painted with."""
    ct, labels = scan(lambda p: np.full(p.shape[:-1], 600))
    tets = brick((60.0, 30.0, 30.0), (8, 4, 4), (15.0, 15.0, 15.0))
    E = element_moduli(tets, BoneGreys.of(ct, labels, (1,), "sacrum 1").sample, None, NO_SHELL)
    np.testing.assert_allclose(E, modulus_of_hu(np.array([600.0]), NO_SHELL)[0], rtol=1e-5)


def test_metal_is_replaced_and_counted():
    def paint(points):
        return np.where(np.linalg.norm(points - (45, 30, 30), axis=-1) < 6, 3000, 500)

    ct, labels = scan(paint)
    greys = BoneGreys.of(ct, labels, (1,), "sacrum 1")
    assert greys.sample(np.array([[45.0, 30.0, 30.0]]))[0] == pytest.approx(500.0)
    assert greys.metal == pytest.approx(4 / 3 * np.pi * 6**3 / (60 * 30 * 30), rel=0.15)


def test_a_piece_without_voxels_or_all_metal_is_refused():
    ct, labels = scan(lambda p: np.full(p.shape[:-1], 3000))
    with pytest.raises(InputError, match="hip 11: no voxel carries label 11"):
        BoneGreys.of(ct, labels, (11,), "hip 11")
    with pytest.raises(InputError, match="sacrum 1: the CT shows nothing but metal"):
        BoneGreys.of(ct, labels, (1,), "sacrum 1")


def test_materials_are_sampled_where_the_ct_shows_the_piece_not_where_it_is_moved_to():
    """A bone that gets denser along x keeps that along its own x after half a turn."""
    ct, labels = scan(lambda p: 200 + 10 * p[..., 0])
    tets = brick((60.0, 30.0, 30.0), (8, 4, 4), (15.0, 15.0, 15.0))
    turned = shift(100, 0, 0) @ RigidTransform.about_point(np.array([0, 0, np.pi]), np.array([45.0, 30, 30]))
    (piece,) = pieces_of((1, "sacrum", "fragment", tets, turned))
    E = element_moduli(piece.found, BoneGreys.of(ct, labels, (1,), "s").sample, None, NO_SHELL)
    along = piece.reduced.centroids[:, 0]
    assert np.corrcoef(along, E)[0, 1] < -0.9
    expected = modulus_of_hu(200 + 10 * piece.found.centroids[:, 0], NO_SHELL)
    np.testing.assert_allclose(E, expected, rtol=0.05)


def test_every_bone_has_a_cortex_of_the_thickness_asked_for():
    """Of a box a x b x c, the shell of 1.5 mm has a known volume; inside is one cancellous bone."""
    size = np.array([40.0, 30.0, 30.0])
    (piece,) = pieces_of((1, "sacrum", "reference", brick(size, (10, 8, 8)), RigidTransform.identity()))
    options = MaterialOptions(modulus_law="uniform", shell_mm=1.5)
    cortex = _cortex(piece, (piece,), 4.0)
    E = element_moduli(piece.found, lambda p: np.zeros(len(p)), cortex.distance, options)
    volumes = piece.found.volumes
    shell = 1.0 - np.prod(size - 3.0) / np.prod(size)
    expected = shell * options.shell_young + (1 - shell) * options.cancellous_young
    assert volumes @ E / volumes.sum() == pytest.approx(expected, rel=0.1)  # 20 points an element
    deep = (np.abs(piece.found.centroids - size / 2) < size / 2 - 5.0).all(axis=1)
    np.testing.assert_allclose(E[deep], options.cancellous_young)


def test_a_fracture_face_has_no_cortex():
    pieces = two_blocks(0.5)
    options = MaterialOptions(modulus_law="uniform", shell_mm=1.5)
    for piece, face in zip(pieces, (40.0, 90.0), strict=True):  # x of the fracture, in the CT
        cortex = _cortex(piece, pieces, 4.0)
        E = element_moduli(piece.found, lambda p: np.zeros(len(p)), cortex.distance, options)
        c = piece.found.centroids
        middle = (np.abs(c[:, 1:] - 15.0) < 8.0).all(axis=1)
        at_fracture = middle & (np.abs(c[:, 0] - face) < 2.5)
        far_end = middle & (np.abs(c[:, 0] - (0.0 if face == 40.0 else 130.0)) < 2.5)
        assert E[at_fracture].max() == pytest.approx(options.cancellous_young)
        assert E[far_end].mean() > 10 * options.cancellous_young


# -- contacts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [2.0, 0.4, 0.0, -0.6])
def test_a_fracture_is_found_with_its_area_and_gap(gap):
    (pair,) = find_contacts(two_blocks(gap), ContactOptions())
    assert pair.kind == "fracture"
    assert (pair.first, pair.second) == (0, 1)
    assert pair.area == pytest.approx(900.0, rel=1e-6)
    np.testing.assert_allclose(pair.gaps, gap, atol=2e-4)
    np.testing.assert_allclose(pair.normals.mean(axis=0), (1, 0, 0), atol=0.05)
    np.testing.assert_allclose(pair.play, gap if gap > 1.0 else 0.0, atol=2e-4)
    assert pair.friction == 0.3
    np.testing.assert_allclose(pair.on_first.points[:, 0], 40.0, atol=1e-4)
    np.testing.assert_allclose(pair.on_second.points[:, 0], 40.0 + gap, atol=1e-3)


def test_contact_points_ride_on_their_own_bone():
    pieces = two_blocks(0.5)
    (pair,) = find_contacts(pieces, ContactOptions())
    n = len(pieces[0].found.elements)
    assert (pair.on_first.element < n).all()
    assert (pair.on_second.element >= n).all()
    assert (pair.faces_first[:, 0] < n).all()
    assert (pair.faces_second[:, 0] >= n).all()
    assert len(pair.faces_first) == len(pair.faces_second) == 72


def test_faces_out_of_reach_are_no_fracture():
    assert find_contacts(two_blocks(6.0), ContactOptions()) == ()


def test_a_gap_that_opens_to_one_side_can_be_closed_by_the_share_that_shall_touch():
    wedge = two_blocks(3.0, tilt=0.05)
    (as_planned,) = find_contacts(wedge, ContactOptions(fracture_reach_mm=6.0))
    (closed,) = find_contacts(
        wedge, ContactOptions(fracture_reach_mm=6.0, fracture_close=0.5, fracture_seat_mm=0.0)
    )
    assert as_planned.touching == 0.0
    assert closed.touching == pytest.approx(0.5 * closed.area, rel=0.1)
    np.testing.assert_allclose(closed.gaps, as_planned.gaps)
    open_points = closed.play > 0
    shift_mm = (as_planned.gaps - closed.play)[open_points]
    np.testing.assert_allclose(shift_mm, shift_mm[0])


def test_a_sacroiliac_joint_is_filled_by_its_cartilage():
    (pair,) = find_contacts(two_blocks(2.0, ("sacrum", "left_hip")), ContactOptions())
    assert pair.kind == "sacroiliac"
    np.testing.assert_allclose(pair.thickness, 2.0, atol=1e-3)
    assert (pair.play == 0).all()
    assert pair.friction == 0.015
    assert not pair.bonded
    (overlapping,) = find_contacts(two_blocks(-0.5, ("sacrum", "left_hip")), ContactOptions())
    np.testing.assert_allclose(overlapping.thickness, 1.0)


def test_the_disc_of_the_symphysis_pulls_unless_the_injury_tore_it():
    blocks = two_blocks(4.0, ("right_hip", "left_hip"))
    (whole,) = find_contacts(blocks, ContactOptions())
    (torn,) = find_contacts(blocks, ContactOptions(), [("fragment", "reference")])
    assert whole.kind == torn.kind == "symphysis"
    assert whole.bonded
    assert whole.shear_modulus == pytest.approx(5.0 / 2.9)
    assert not torn.bonded
    assert torn.shear_modulus == 0.0

"""The model of a whole simulated pelvis, coarsely meshed: everything is where and what it should be."""

import numpy as np
import pytest

from rafr.cases.load import open_case
from rafr.cases.simulate import simulate_case
from rafr.cases.truth import read_truth
from rafr.cases.virtual import virtual_pelvis
from rafr.errors import InputError
from rafr.fixation.fem.mesh import tet_volumes
from rafr.fixation.model import ModelOptions, build_model
from rafr.fixation.model.axes import StandingAxes
from rafr.fixation.model.loads import LoadOptions
from rafr.fixation.model.mesher import MeshOptions
from rafr.fixation.model.springs import LigamentOptions, torn_ligaments
from rafr.fixation.model.supports import SupportOptions
from rafr.fixation.model.tets import Boundary
from rafr.geometry import RigidTransform

pytestmark = pytest.mark.slow  # one simulated case and its meshes: 15 s
COARSE = MeshOptions(edge_mm=12.0, envelope_mm=1.5, energy=60.0, surface_edge_mm=7.0, volume_tolerance=0.1)


def options(**parts):
    return ModelOptions(mesh=COARSE, **parts)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fixation")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        simulate_case(virtual_pelvis(np.random.default_rng(3)), "denis2", 3, folder / "case", spacing_mm=2.5)
        yield open_case(folder / "case")


@pytest.fixture(scope="module")
def poses(case):
    truth = read_truth(case)
    return {body.name: truth.T_reduced_displaced[body.name] for body in case.moving}


@pytest.fixture(scope="module")
def model(case, poses):
    return build_model(case, poses, options())


def region(model, embedded):
    return model.mesh.region[embedded.element]


def test_every_label_is_a_region_of_the_volume_the_scan_shows(case, model):
    from rafr.cases.meshes import body_meshes

    assert model.region_names == ("reference 1", "reference 21", "left_hemipelvis 2", "left_hemipelvis 11")
    volumes = tet_volumes(model.mesh.nodes, model.mesh.elements)
    assert (volumes > 0).all()
    meshes = body_meshes(case)
    for piece in model.pieces:
        surface = meshes[piece.body].parts[piece.label]
        own = model.elements_of(piece.number)
        assert volumes[own].sum() == pytest.approx(surface.volume, rel=0.05)
        skin = Boundary.of(model.mesh.nodes, model.mesh.elements[own]).mesh
        assert skin.face_areas.sum() == pytest.approx(surface.face_areas.sum(), rel=0.1)
        placed = surface.transformed(piece.T_reduced_displaced)
        np.testing.assert_allclose(skin.centroid, placed.centroid, atol=1.5)


def test_regions_share_no_node(model):
    seen = [set(model.mesh.elements[model.elements_of(p.number)].ravel()) for p in model.pieces]
    assert sum(map(len, seen)) == len(set().union(*seen)) == len(model.mesh.nodes)


def test_moduli_do_not_depend_on_where_a_body_is_moved_to(case, poses, model):
    """Greys are read where the CT shows the bone, so another pose changes nothing of what is inside it."""
    away = poses["left_hemipelvis"].translation + np.array([25.0, 5.0, 0.0])
    moved = build_model(
        case,
        {"left_hemipelvis": RigidTransform(poses["left_hemipelvis"].rotation, away)},
        options(),
    )
    hip = model.elements_of(3)
    # the bins' means move with the sacrum's fracture faces, which are cortex when nothing is near them
    np.testing.assert_allclose(moved.young[hip], model.young[hip], rtol=0.3)
    assert np.median(np.abs(moved.young[hip] / model.young[hip] - 1.0)) < 0.02


def test_bones_face_each_other_as_in_a_pelvis(model):
    kinds = {(c.first, c.second): c for c in model.contacts}
    assert {k: c.kind for k, c in kinds.items()} == {
        (0, 1): "sacroiliac",
        (0, 2): "fracture",
        (1, 3): "symphysis",
        (2, 3): "sacroiliac",
    }
    fracture = kinds[0, 2]
    assert np.abs(np.median(fracture.gaps)) < 1.5  # the true pose; voxels of 2.5 mm
    assert fracture.area > 800.0
    assert not kinds[1, 3].bonded  # denis2 tears the pubic ligaments
    for pair in model.contacts:
        assert (region(model, pair.on_first) == pair.first).all()
        assert (region(model, pair.on_second) == pair.second).all()


def test_ligaments_run_between_the_right_bones_and_torn_ones_are_left_out(model):
    springs = model.springs
    bones = np.array([p.bone for p in model.pieces])
    start, end = bones[region(model, springs.start)], bones[region(model, springs.end)]
    assert {str(s) for s in start} == {"left_hip", "right_hip"}
    assert {str(e) for e in end} == {"sacrum"}
    assert not {"superior-pubic", "arcuate-pubic"} & set(springs.names)
    assert springs.tension_only.all()
    side = np.where(start == "left_hip", 1, -1)
    middle = model.endplate.centre[0]
    assert ((springs.start.points[:, 0] - middle) * side > 0).all()
    anterior = np.array([n == "anterior-sacroiliac" for n in springs.names])
    for s in (-1, 1):  # of all strands of one side together; 756 on average, see rafr.tissue.ligaments
        assert 400.0 < springs.stiffness[anterior & (side == s)].sum() < 1500.0
    np.testing.assert_allclose(
        springs.rest, np.linalg.norm(springs.end.points - springs.start.points, axis=1)
    )


def test_what_is_torn_can_be_said(case, poses):
    assert torn_ligaments(case, LigamentOptions(torn=())) == ()
    assert "superior-pubic" in torn_ligaments(case, LigamentOptions())
    with pytest.raises(InputError, match="'cruciate' is none of them"):
        torn_ligaments(case, LigamentOptions(torn=("cruciate",)))
    whole = build_model(case, poses, options(ligament=LigamentOptions(torn=(), torn_strain=5.0)))
    assert "superior-pubic" in whole.springs.names
    assert next(c for c in whole.contacts if c.kind == "symphysis").bonded


def test_the_patient_stands_up(model):
    axes = np.stack([model.axes.left, model.axes.back, model.axes.up])
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-9)
    assert axes[0, 0] > 0.9
    assert axes[1, 1] > 0.9
    assert axes[2, 2] > 0.9
    assert 10.0 < model.endplate.slope_deg(model.axes) < 60.0


def test_tilting_the_pelvis_forward_makes_the_endplate_steeper(model):
    straight = StandingAxes.spanned(np.array([200.0, 0, 0]), np.array([0, 0, 100.0]))
    tilted = StandingAxes.spanned(np.array([200.0, 0, 0]), np.array([0, 0, 100.0]), 15.0)
    difference = model.endplate.slope_deg(tilted) - model.endplate.slope_deg(straight)
    assert difference == pytest.approx(15.0, abs=0.5)


def test_both_cups_are_held_and_nothing_else(model):
    fixed = model.mesh.nodes[model.fixed_nodes]
    for side, cup in model.cups.items():
        assert 18.0 < cup.radius < 32.0
        assert 2000.0 < cup.area < 6000.0
        assert (cup.centre[0] - model.endplate.centre[0]) * (1 if side == "left" else -1) > 60.0
    for side, cup in model.cups.items():  # the whole socket is found: a sphere, at its own radius everywhere
        own = [p.skin.boundary.centres[cup.faces[p.number]] for p in model.pieces if p.number in cup.faces]
        offset = np.concatenate(own) - cup.centre
        np.testing.assert_allclose(np.linalg.norm(offset, axis=1), cup.radius, atol=4.0)
        assert np.linalg.norm(offset.mean(axis=0)) < 0.7 * cup.radius, side
    nearest = np.min([np.linalg.norm(fixed - c.centre, axis=1) for c in model.cups.values()], axis=0)
    assert nearest.max() < 40.0
    one = build_model_support(model, "left")
    assert (model.mesh.nodes[one][:, 0] > model.endplate.centre[0]).all()


def build_model_support(model, kind):
    from rafr.fixation.model.supports import support

    return support(model.mesh, model.pieces, model.cups, SupportOptions(kind=kind))[0]


def test_springs_under_the_cups_are_together_as_stiff_as_asked_for(model):
    from rafr.fixation.model.supports import support

    fixed, springs = support(model.mesh, model.pieces, model.cups, SupportOptions("springs", 1500.0))
    assert len(fixed) == 0
    along = springs.end.points - springs.start.points
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    total = np.einsum("s,si,sj->ij", springs.stiffness, along, along)
    np.testing.assert_allclose(total, 2 * 1500.0 * np.eye(3), atol=1e-6)
    assert (springs.end.element == -1).all()
    assert not springs.tension_only.any()


def test_the_nodes_carry_exactly_l4s_load_and_its_moment(model):
    loads = model.loads
    np.testing.assert_allclose(loads.forces.sum(axis=0), -500.0 * model.axes.up, atol=1e-6)
    arms = model.mesh.nodes[loads.nodes] - loads.point
    np.testing.assert_allclose(np.cross(arms, loads.forces).sum(axis=0), 0.0, atol=1e-4)
    forward = loads.moment @ model.axes.left
    assert forward == pytest.approx(500.0 * 20.0)  # N mm, flexing S1 forward: about the axis to the left
    bones = {
        model.pieces[r].bone for r in model.mesh.region[np.isin(model.mesh.elements, loads.nodes).any(axis=1)]
    }
    assert bones == {"sacrum"}


def test_standing_on_one_leg_is_balanced_about_that_hip(case, poses, model):
    from rafr.fixation.model.loads import GRAVITY, make_loads

    loads = make_loads(
        model.mesh,
        model.pieces,
        model.cups,
        model.endplate,
        model.axes,
        80.0,
        LoadOptions(kind="stance-left"),
    )
    arms = model.mesh.nodes[loads.nodes] - model.cups["left"].centre
    moment = np.cross(arms, loads.forces).sum(axis=0)
    assert abs(moment @ model.axes.back) < 1.0  # N mm
    joint_force = np.linalg.norm(loads.resultant) / (80.0 * GRAVITY)
    assert 1.8 < joint_force < 4.0  # of body weight: 2.3 to 3 is published


def test_measuring_points_run_from_right_to_left_over_the_top_of_the_sacrum(model):
    points = model.points
    assert points.names == ("A", "B", "C", "D", "E")
    across = (points.at.points - model.endplate.centre) @ model.axes.left
    assert (np.diff(across) > 5.0).all()
    assert abs(across[2]) < 4.0
    assert {model.pieces[r].bone for r in region(model, points.at)} == {"sacrum"}
    height = points.at.points @ model.axes.up
    top = model.pieces[0].surface.vertices @ model.axes.up
    assert (height > np.quantile(top, 0.6)).all()
    np.testing.assert_allclose(
        points.at.interpolate(model.mesh, model.mesh.nodes), points.at.points, atol=1e-6
    )


def test_the_fracture_is_measured_across(model):
    (gap,) = model.gaps
    assert (gap.first, gap.second) == (0, 2)
    assert len(gap.on_first) == 5
    apart = np.linalg.norm(gap.on_first.points - gap.on_second.points, axis=1)
    assert apart.max() < 4.5


def test_a_pose_left_wide_open_is_said_to_be(case):
    """As found the fragment is displaced: joints and fractures that do not touch are named."""
    found = build_model(case, {}, options())
    assert not any(c.kind == "fracture" and c.touching > 0.9 * c.area for c in found.contacts)
    assert any("torn" in note for note in found.notes)


def test_a_body_the_case_has_not_is_refused(case):
    with pytest.raises(InputError, match=r"has no body left_hip; expected reference, left_hemipelvis"):
        build_model(case, {"left_hip": RigidTransform.identity()}, options())


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        (
            {"support": SupportOptions(kind="femurs")},
            "none called 'femurs'; expected both, left, right, springs",
        ),
        ({"load": LoadOptions(kind="jump")}, "none called 'jump'; expected spine, stance-left, stance-right"),
        ({"load": LoadOptions(direction=(0.0, 0.0, 0.0))}, "is none; expected"),
        ({"load": LoadOptions(force_n=-1.0)}, "force_n is -1.0"),
    ],
)
def test_bad_options_are_refused_with_what_there_is(case, poses, parts, problem):
    with pytest.raises(InputError, match=problem):
        build_model(case, poses, options(**parts))


def test_a_picture_can_be_drawn(model, tmp_path):
    from rafr.fixation.model.pictures import save_model_picture

    save_model_picture(tmp_path / "model.png", model, (140, 112))
    assert (tmp_path / "model.png").stat().st_size > 20_000

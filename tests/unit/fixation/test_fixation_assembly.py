"""A scheme's implants in a model, on two blocks that a fracture parts."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.fixation.fem.blocks import block
from rafr.fixation.fem.mesh import merge
from rafr.fixation.fem.problem import Settings
from rafr.fixation.fem.statics import System, solve
from rafr.fixation.implants.catalogue import Metal
from rafr.fixation.implants.implant import Rod, Scheme, Screw
from rafr.fixation.model.contact_pairs import FRACTURE, SACROILIAC, ContactPair
from rafr.fixation.model.points import GapPoints, MeasuringPoints
from rafr.fixation.model.springs import Springs
from rafr.fixation.model.tets import Boundary
from rafr.fixation.study.assembly import fixed_pelvis
from rafr.fixation.study.compare import compare
from rafr.fixation.study.pictures import save_solved_picture
from rafr.fixation.study.results import evaluate
from rafr.fixation.study.solved import solve_scheme
from rafr.fixation.study.uncertainty import Spread, draws

BONE, LOAD_N = 1_000.0, 50.0
TITANIUM = Metal("Ti", 110_000.0, 0.3, 1050.0)
NO_METAL = Metal("bone again", BONE, 0.3, 1050.0)
SIZE = (30.0, 20.0, 20.0)
# a little off the middle: on the diagonals of the cells rounding would choose the element
SCREW = Screw("s", "si", np.array([0.5, 10.3, 10.2]), np.array([52.0, 10.3, 10.2]), 7.3, 6.0)
SHORT = Screw("short", "si", np.array([0.5, 10.3, 10.2]), np.array([20.0, 10.3, 10.2]), 7.3)


@dataclass
class Model:
    """What a PelvisModel offers to the assembly."""

    mesh: Any
    young: Any
    poisson: Any
    fixed_nodes: Any
    loads: Any
    springs: Any
    contacts: Any
    points: Any
    gaps: Any
    axes: Any
    pieces: Any = (None, None)
    region_names: Any = ("left", "right")


def on_face(mesh, x, region):
    """Points on the faces at x, one a face, by the boundary of one block."""
    chosen = np.flatnonzero(mesh.region == region)
    boundary = Boundary.of(mesh.nodes, mesh.elements[chosen], chosen)
    faces = np.flatnonzero(np.abs(boundary.centres[:, 0] - x) < 1e-6)
    at = boundary.embed(faces, np.full((len(faces), 3), 1 / 3))
    areas = np.linalg.norm(boundary.area_vectors[faces], axis=1)
    return at, areas, np.column_stack([boundary.element[faces], boundary.side[faces]])


def model(bonded=True, kind=FRACTURE):
    """Held at the left end, pressed down at the right one; the fracture is in the middle."""
    mesh = merge([block((5, 3, 3), SIZE), block((5, 3, 3), SIZE, (SIZE[0], 0, 0))])
    first, areas, faces = on_face(mesh, SIZE[0], 0)
    second, _, others = on_face(mesh, SIZE[0], 1)
    order = [np.argmin(np.linalg.norm(second.points - p, axis=1)) for p in first.points]
    n = len(first)
    pair = ContactPair(
        kind,
        0,
        1,
        faces,
        others,
        first,
        second.take(np.array(order)),
        np.tile([1.0, 0.0, 0.0], (n, 1)),
        areas,
        np.zeros(n),
        np.zeros(n),
        1_000.0,
        np.full(n, 0.01),
        400.0 if bonded else 0.0,
        0.3,
        bonded,
    )
    end = np.flatnonzero(mesh.nodes[:, 0] > 2 * SIZE[0] - 1e-6)
    forces = np.tile([0.0, 0.0, -LOAD_N / len(end)], (len(end), 1))
    return Model(
        mesh=mesh,
        young=np.full(len(mesh.elements), BONE),
        poisson=np.full(len(mesh.elements), 0.3),
        fixed_nodes=np.flatnonzero(mesh.nodes[:, 0] < 1e-6),
        loads=SimpleNamespace(nodes=end, forces=forces),
        springs=Springs.none(),
        contacts=(pair,),
        points=MeasuringPoints(("A", "B"), second.take(np.array([0, 1]))),
        gaps=(GapPoints(0, 1, first, second.take(np.array(order)), np.tile([1.0, 0.0, 0.0], (n, 1))),),
        axes=SimpleNamespace(
            left=np.array([1.0, 0.0, 0.0]), back=np.array([0.0, 1.0, 0.0]), up=np.array([0.0, 0.0, 1.0])
        ),
    )


def solved(scheme, metal=TITANIUM, **options):
    fixed = fixed_pelvis(model(**options), scheme, metal)
    solution = solve(fixed.problem, fixed.forces)
    return evaluate(fixed, solution.displacement, solution.newton, metal), solution


def test_what_is_tied_follows_every_motion_of_what_it_is_tied_to():
    other = Screw("t", "si", np.array([0.5, 4.2, 3.9]), np.array([40.0, 4.2, 3.9]), 5.0, 10.0)
    rod = Rod("rod", np.array([SCREW.head, other.head]), 5.5, ("s", "t"))
    problem = fixed_pelvis(model(), Scheme("all", (SCREW, other, rod)), TITANIUM).problem
    nodes, ties = problem.mesh.nodes, problem.ties
    assert ties.weights.sum(axis=1) == pytest.approx(1.0)
    followed = np.einsum("sk,ski->si", ties.weights, nodes[ties.masters])
    assert np.abs(followed - nodes[ties.slaves]).max() < 1e-6  # mm: so any affine motion is followed
    assert not np.isin(ties.masters[ties.weights != 0], ties.slaves).any()


@pytest.mark.slow
def test_a_screw_of_bone_changes_little():
    """It lies within bone that stays: the section is stiffer by its own, a seventh of it."""
    with_screw, _ = solved(Scheme("bone", (SCREW,)), NO_METAL)
    bare, _ = solved(Scheme("none", ()), NO_METAL)
    assert 0.85 < with_screw.mean_mm / bare.mean_mm < 1.0


@pytest.fixture(scope="module")
def titanium():
    """Result and solution of a titanium screw across faces that slide and open."""
    return solved(Scheme("metal", (SCREW,)), bonded=False)


@pytest.mark.slow
def test_titanium_across_the_fracture_keeps_it_closed(titanium):
    metal, _ = titanium
    weak, _ = solved(Scheme("weak", (SCREW,)), Metal("weak", 10.0 * BONE, 0.3, 1050.0), bonded=False)
    name = "left / right"
    assert 0.0 < metal.fracture_gap_mm[name] < 0.5 * weak.fracture_gap_mm[name]
    assert metal.mean_mm < weak.mean_mm
    assert metal.safety_factor == pytest.approx(1050.0 / metal.max_von_mises_mpa)
    assert metal.implant_von_mises_mpa == {"s": metal.max_von_mises_mpa}


@pytest.mark.slow
def test_the_fracture_presses_and_slides_but_never_pulls(titanium):
    _, solution = titanium
    (contact,) = solution.contacts
    assert (contact.pressure >= 0.0).all()
    assert contact.pressure.max() > 0.0
    friction = np.linalg.norm(contact.traction, axis=1)
    assert (friction <= 0.3 * contact.pressure + 1e-6).all()


@pytest.mark.slow
def test_the_support_bears_the_load(titanium):
    _, solution = titanium
    assert solution.reaction.sum(axis=0) == pytest.approx([0.0, 0.0, LOAD_N], abs=1e-3)


@pytest.mark.slow
def test_the_patients_right_is_on_the_left_of_the_picture(tmp_path):
    """The screw enters at the right end, which is held."""
    import matplotlib.image

    study = compare(model(), (Scheme("short", (SHORT,)),), TITANIUM)
    path = tmp_path / "short.png"
    save_solved_picture(path, study.solved["short"])
    picture = matplotlib.image.imread(path)[..., :3]
    front = picture[:, : picture.shape[1] * 2 // 5]
    coloured = np.ptp(front, axis=2) > 0.25
    bone = (front.min(axis=2) < 0.97) & ~coloured
    assert np.flatnonzero(coloured.any(axis=0)).mean() < np.flatnonzero(bone.any(axis=0)).mean()


def test_a_screw_beside_the_bone_is_refused():
    away = Screw("away", "si", np.array([0.0, 100.0, 0.0]), np.array([50.0, 100.0, 0.0]), 7.3)
    with pytest.raises(InputError, match="away lies in no bone"):
        fixed_pelvis(model(), Scheme("lost", (away,)), TITANIUM)


def test_draws_change_what_is_uncertain_for_all_schemes_alike():
    expected, drawn = draws(Spread(), 2, np.random.default_rng(0))
    assert (expected.bone, expected.screw_mm) == (1.0, 0.0)
    own = model(bonded=False, kind=SACROILIAC)
    other = drawn.of_model(own)
    assert other.young == pytest.approx(drawn.bone * own.young)
    assert other.contacts[0].modulus == pytest.approx(drawn.cartilage * own.contacts[0].modulus)
    assert other.contacts[0].friction == drawn.joint_friction != own.contacts[0].friction
    moved = [drawn.of_scheme(Scheme(name, (SCREW,))).screws[0] for name in ("first", "second")]
    assert np.array_equal(moved[0].entry, moved[1].entry)
    for end in ("entry", "tip"):
        assert 0.0 < np.linalg.norm(getattr(moved[0], end) - getattr(SCREW, end)) < 5.0
    assert expected.of_scheme(Scheme("first", (SCREW,))).screws[0].entry == pytest.approx(SCREW.entry)


@pytest.mark.slow
def test_what_was_solved_is_begun_from_and_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    drawn = draws(Spread(), 2, np.random.default_rng(0))[1]
    other = drawn.of_model(model(bonded=False)), drawn.of_scheme(Scheme("metal", (SCREW,))), TITANIUM
    afresh = solve_scheme(*other)
    again = solve_scheme(*other, Settings(most_limits=41), like=afresh)  # other settings: another key
    assert again.result.newton < 0.5 * afresh.result.newton
    assert again.displacement == pytest.approx(afresh.displacement, abs=1e-6)
    monkeypatch.setattr(System, "solve", None)  # nothing is solved any more
    assert np.array_equal(solve_scheme(*other).displacement, afresh.displacement)
    assert solve_scheme(*other).result == afresh.result
    with pytest.raises(TypeError):
        solve_scheme(*other, Settings(most_limits=42))


@pytest.mark.slow
def test_the_stiffer_scheme_is_ranked_first():
    thin = Screw("thin", "si", SCREW.entry, SCREW.tip, 3.0, 6.0)
    schemes = (Scheme("thin", (thin,)), Scheme("thick", (SCREW,)))
    study = compare(model(), schemes, TITANIUM, count=1)
    assert list(study.solved) == ["thin", "thick"]
    assert study.ranking is None  # of one draw
    assert study.drawn_mm["thick"][0] == pytest.approx(study.solved["thick"].result.mean_mm)
    assert study.drawn_mm["thick"][0] < study.drawn_mm["thin"][0]

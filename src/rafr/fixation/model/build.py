"""Build the finite element model of a patient's reduced pelvis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rafr.cases.case import Case
from rafr.cases.load import load_ct, load_labels
from rafr.cases.meshes import body_meshes
from rafr.config import check_config
from rafr.fixation.fem.mesh import TetMesh, quadratic
from rafr.fixation.model.axes import StandingAxes
from rafr.fixation.model.bones import Piece, make_pieces
from rafr.fixation.model.contact_pairs import ContactPair, find_contacts, fresh_faces
from rafr.fixation.model.endplate import Endplate, find_endplate
from rafr.fixation.model.greys import BoneGreys
from rafr.fixation.model.loads import check_load, make_loads
from rafr.fixation.model.materials import check_materials, element_moduli, sort_into_bins
from rafr.fixation.model.model import ModelOptions, PelvisModel
from rafr.fixation.model.points import MeasuringPoints, gap_points, sacral_points
from rafr.fixation.model.springs import Springs, ligament_springs, torn_ligaments
from rafr.fixation.model.supports import check_support, find_cups, support, whole_hip
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.geometry.surface import Surface
from rafr.imaging.volume import Volume
from rafr.planning.plan import ReductionPlan
from rafr.progress import Progress, part_of, silent
from rafr.tissue.ligaments import TORN

_LEAST_JOINT_MM2 = 400.0  # sacroiliac joints of adults have 1500 mm²
_LEAST_TOUCH = 0.2
_MUCH_METAL = 0.001


def planned_poses(plan: ReductionPlan) -> dict[str, RigidTransform]:
    """`T_reduced_displaced` (mm) of every body that a plan moves."""
    return {body.name: body.T_reduced_displaced for body in plan.bodies}


def build_model(
    case: Case,
    poses: Mapping[str, RigidTransform],
    options: ModelOptions | None = None,
    progress: Progress = silent,
) -> PelvisModel:
    """The finite element model of a reduced pelvis.

    Args:
        case: opened (`rafr.cases.load.open_case`).
        poses: `T_reduced_displaced` (LPS mm) of moving bodies, planned (`planned_poses`) or achieved; bodies
            left out stay where the CT shows them.
        options: defaults are the case report's.

    Raises:
        InputError: the case, a pose, an option or a bone that cannot be used, saying which and why.
    """
    options = options or ModelOptions()
    check_config(options, "fixation model")
    check_materials(options.material)
    check_support(options.support)
    check_load(options.load)
    torn_ligaments(case, options.ligament)
    progress(0.0, "surfaces of the bones")
    meshes = body_meshes(case)
    pieces = make_pieces(case, meshes, poses, options.mesh, part_of(progress, 0.02, 0.6))
    mesh = _mesh_of(pieces)
    axes = StandingAxes.of(whole_hip(pieces, "left"), whole_hip(pieces, "right"), options.load.tilt_deg)
    endplate, cups = find_endplate(pieces, axes), find_cups(pieces)
    progress(0.62, "joints and fracture faces")
    contacts = find_contacts(pieces, options.contact, _torn_symphyses(case, options))
    progress(0.7, "ligaments")
    ligaments, torn = ligament_springs(case, meshes, pieces, poses, options.ligament)
    fixed, held = support(mesh, pieces, cups, options.support)
    loads = make_loads(mesh, pieces, cups, endplate, axes, case.patient_mass_kg, options.load)
    progress(0.75, "materials")
    young, remarks = _moduli(case, pieces, options, part_of(progress, 0.75, 0.98))
    bins, number = sort_into_bins(young, _volumes(pieces), options.material)
    points = sacral_points(pieces, endplate, axes)
    progress(1.0, "model ready")
    return PelvisModel(
        case.id,
        mesh,
        pieces,
        np.array([b.young for b in bins])[number],
        np.array([b.poisson for b in bins])[number],
        number,
        bins,
        fixed,
        loads,
        Springs.joined([ligaments, held]),
        contacts,
        points,
        gap_points(contacts),
        axes,
        endplate,
        cups,
        (
            *remarks,
            *_kind_note(case, options),
            *torn,
            *_joint_notes(contacts, pieces),
            _spine_note(endplate, axes),
            _points_note(points, mesh, pieces),
        ),
    )


def _mesh_of(pieces: Sequence[Piece]) -> TetMesh:
    offsets = np.cumsum([0, *(len(p.found.nodes) for p in pieces)])[:-1]
    tets = np.concatenate([p.found.elements + o for p, o in zip(pieces, offsets, strict=True)])
    region = np.repeat([p.number for p in pieces], [len(p.found.elements) for p in pieces])
    return quadratic(np.concatenate([p.reduced.nodes for p in pieces]), tets, region)


def _volumes(pieces: Sequence[Piece]) -> FloatArray:
    return np.concatenate([p.found.volumes for p in pieces])


def _torn_symphyses(case: Case, options: ModelOptions) -> tuple[tuple[str, str], ...]:
    """Pairs of bodies between which a symphysis would be torn: all, where the injury tears its ligaments."""
    if "superior-pubic" not in torn_ligaments(case, options.ligament):
        return ()
    names = [b.name for b in case.bodies]
    return tuple((a, b) for a in names for b in names if a != b)


# -- materials ---------------------------------------------------------------------------------------


def _moduli(
    case: Case, pieces: Sequence[Piece], options: ModelOptions, progress: Progress
) -> tuple[FloatArray, tuple[str, ...]]:
    """Young's modulus of every element, sampled where the CT shows each piece; remarks on the CT."""
    ct, labels = load_ct(case), load_labels(case)
    young, remarks = [], []
    for k, piece in enumerate(pieces):
        progress(k / len(pieces), f"material of {piece.name}")
        greys = BoneGreys.of(ct, labels, (piece.label,), piece.name)
        cortex = _cortex(piece, pieces, options.contact.fracture_reach_mm)
        young.append(
            element_moduli(
                piece.found, greys.sample, None if cortex is None else cortex.distance, options.material
            )
        )
        if greys.metal > _MUCH_METAL:
            remarks.append(
                f"{piece.name}: {100 * greys.metal:.1f} % of it is metal, replaced by bone beside it"
            )
    if _bone_alone(ct, labels):
        remarks.append("the CT shows bone alone: nothing outside the labels was read")
    return np.concatenate(young), tuple(remarks)


def _cortex(piece: Piece, pieces: Sequence[Piece], reach_mm: float) -> Surface | None:
    """The piece's surface in the CT's frame without what the fracture made."""
    from rafr.geometry import TriangleMesh

    old = ~fresh_faces(piece, pieces, reach_mm)
    if not old.any():
        return None
    surface = piece.surface
    vertices = piece.T_reduced_displaced.inverse().apply(surface.vertices)
    return Surface.of(TriangleMesh(vertices, surface.faces[old]))


def _bone_alone(ct: Volume, labels: Volume) -> bool:
    """True where (nearly) everything outside the labels is exactly one value."""
    outside = ct.array[labels.array == 0][::101]
    return bool(len(outside)) and float((outside == 0).mean()) > 0.95


# -- remarks -----------------------------------------------------------------------------------------


def _kind_note(case: Case, options: ModelOptions) -> tuple[str, ...]:
    if options.ligament.torn is None and case.torn_ligaments is None and case.fracture not in TORN:
        return ("no kind of fracture is given: every ligament from one body to another is taken as torn",)
    return ()


def _joint_notes(contacts: Sequence[ContactPair], pieces: Sequence[Piece]) -> list[str]:
    notes = []
    for c in contacts:
        a, b = pieces[c.first].name, pieces[c.second].name
        low, mid, high = np.quantile(c.gaps, (0.05, 0.5, 0.95))
        notes.append(
            f"{c.kind} {a} - {b}: {c.area:.0f} mm², gap {low:.1f} / {mid:.1f} / {high:.1f} mm (5, 50, 95 %),"
            f" {c.touching:.0f} mm² touching" + (", bonded" if c.bonded else "")
        )
        if (
            c.kind == "sacroiliac"
            and c.area < _LEAST_JOINT_MM2
            and pieces[c.first].body != pieces[c.second].body
        ):
            notes.append(f"little joint between {a} and {b}: the reduced pose leaves it open")
    return notes


def _spine_note(endplate: Endplate, axes: StandingAxes) -> str:
    return (
        f"S1's endplate: {2 * endplate.half_width:.0f} x {2 * endplate.half_depth:.0f} mm, sacral slope"
        f" {endplate.slope_deg(axes):.0f}°; L4 and L5 are not modelled"
    )


def _points_note(points: MeasuringPoints, mesh: TetMesh, pieces: Sequence[Piece]) -> str:
    on = [pieces[r].name for r in mesh.region[points.at.element]]
    return "; ".join(
        f"{', '.join(n for n, where in zip(points.names, on, strict=True) if where == name)} on {name}"
        for name in dict.fromkeys(on)
    )

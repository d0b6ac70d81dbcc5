"""Making a whole case folder with known truth from an intact pelvis."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rafr.cases.case import TRUTH_FILE, Case, Traction, load_case, save_case
from rafr.cases.folder import new_folder
from rafr.cases.fracture import FracturedPelvis, Solids, fracture_pelvis, push_out
from rafr.cases.pelvis import IntactPelvis
from rafr.cases.reference_marker import place_reference_marker
from rafr.cases.synthetic_ct import CtConfig, draw_ct, draw_labels
from rafr.cases.truth import Displacement, Truth, write_truth
from rafr.errors import InputError
from rafr.geometry import RigidTransform, TriangleMesh, merge_meshes
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.cbct import CbctConfig, simulate_cbct
from rafr.imaging.fiducials import FIDUCIALS_MM
from rafr.imaging.volume import Volume, write_volume
from rafr.progress import Progress, part_of, silent

_GRAVITY = 9.81
_TRACTION_SHARE = 1.0 / 7.0  # of body weight, the usual skeletal traction
_SPACING_RANGE_MM = (0.4, 3.0)


def simulate_case(
    pelvis: IntactPelvis,
    kind: str,
    seed: int,
    out: Path | str,
    *,
    spacing_mm: float = 0.9,
    progress: Progress = silent,
) -> Case:
    """Break a pelvis and write what the hospital would have: CT, labels, CBCT; and the truth.

    The folder appears complete or not at all.

    Args:
        pelvis: intact, LPS mm.
        kind: one of `rafr.cases.case.FRACTURE_KINDS`.
        seed: everything random follows from it.
        out: the case folder to make; must not exist, or be empty.
        spacing_mm: voxel size of the CT; the CBCT's is at least 1 mm.

    Raises:
        InputError: an unknown kind, a voxel size out of range, or `out` already there.
    """
    out = Path(out)
    if not _SPACING_RANGE_MM[0] <= spacing_mm <= _SPACING_RANGE_MM[1]:
        expected = f"{_SPACING_RANGE_MM[0]:g} to {_SPACING_RANGE_MM[1]:g} mm"
        raise InputError("spacing", f"{spacing_mm:g} mm is no usable voxel size", expected)
    if seed < 0:
        raise InputError("seed", f"{seed} is negative", "0 or more")
    with new_folder(out) as folder:
        _write(pelvis, kind, seed, out.resolve().name, folder, spacing_mm, progress)
    return load_case(out)


def broken_labels(
    pelvis: IntactPelvis, kind: str, seed: int, spacing_mm: float = 0.9
) -> tuple[FracturedPelvis, Volume]:
    """The fracture that `simulate_case` would make of the same arguments, and its label image alone."""
    body_rng, break_rng, _, _ = _streams(seed)
    fractured = _broken(pelvis, kind, body_rng, break_rng, spacing_mm)
    return fractured, draw_labels(fractured, CtConfig(spacing_mm=spacing_mm))


def _streams(seed: int) -> list[np.random.Generator]:
    """One stream per purpose (lying, breaking, image, CBCT): a finer image has the same fracture."""
    return [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(4)]


def _broken(
    pelvis: IntactPelvis,
    kind: str,
    body_rng: np.random.Generator,
    break_rng: np.random.Generator,
    spacing_mm: float,
) -> FracturedPelvis:
    lying = pelvis.transformed(_scanner_pose(pelvis, body_rng))
    return fracture_pelvis(lying, kind, break_rng, solid_mm=float(np.clip(spacing_mm, 1.0, 1.5)))


def _write(
    pelvis: IntactPelvis,
    kind: str,
    seed: int,
    name: str,
    folder: Path,
    spacing_mm: float,
    progress: Progress,
) -> None:
    body_rng, break_rng, image_rng, cbct_rng = _streams(seed)
    progress(0.0, "breaking the pelvis")
    fractured = _broken(pelvis, kind, body_rng, break_rng, spacing_mm)
    ct, labels = draw_ct(fractured, image_rng, CtConfig(spacing_mm=spacing_mm), part_of(progress, 0.3, 0.6))
    progress(0.6, "writing CT and labels")
    write_volume(folder / "ct.nii.gz", ct)
    write_volume(folder / "labels.nii.gz", labels)
    progress(0.8, "simulating the CBCT")
    T_cbct_ct = _cbct_poses(fractured, cbct_rng)
    T_ct_marker = _marker(fractured)
    T_cbct_marker = T_cbct_ct["reference"] @ T_ct_marker
    cbct = simulate_cbct(
        ct,
        labels,
        fractured.bodies,
        T_cbct_ct,
        fiducials_cbct_mm=T_cbct_marker.apply(FIDUCIALS_MM),
        pins_cbct_mm=_tracker_pins(fractured, T_cbct_ct, T_cbct_marker),
        rng=cbct_rng,
        config=CbctConfig(spacing_mm=max(1.0, spacing_mm)),
    )
    progress(0.95, "writing the CBCT")
    write_volume(folder / "cbct.nii.gz", cbct)
    write_truth(folder / TRUTH_FILE, _truth(fractured, seed, T_cbct_ct, T_cbct_marker))
    save_case(_case(fractured, name, seed, folder, body_rng))
    progress(1.0, "done")


def _scanner_pose(pelvis: IntactPelvis, rng: np.random.Generator) -> RigidTransform:
    """How the patient happens to lie in the scanner: a few degrees and some centimetres off."""
    centre = pelvis.sacrum.centroid
    turn = RigidTransform.about_point(np.deg2rad(rng.normal(0.0, 3.0, 3).clip(-7, 7)), centre)
    return RigidTransform.from_translation(rng.uniform(-40.0, 40.0, 3) - centre) @ turn


def _cbct_poses(fractured: FracturedPelvis, rng: np.random.Generator) -> dict[str, RigidTransform]:
    """`T_cbct_ct` of every body: the patient lies otherwise, the fragments slipped a little."""
    centre = fractured.pelvis.sacrum.centroid
    axis = rng.standard_normal(3)
    angle = np.deg2rad(rng.uniform(5.0, 18.0))
    turn = RigidTransform.about_point(angle * axis / np.linalg.norm(axis), centre)
    patient = RigidTransform.from_translation(rng.uniform(-45.0, 45.0, 3)) @ turn
    solids = Solids.of(fractured.pelvis, fractured.solids, fractured.pieces)
    placed = [(fractured.bodies[0], RigidTransform.identity())]
    poses = {fractured.bodies[0].name: patient}
    for body in fractured.bodies[1:]:
        displaced = fractured.pose(body.name)
        middle = displaced.apply(solids.body_points(body.labels).mean(axis=0))
        slip = RigidTransform.about_point(np.deg2rad(rng.normal(0.0, 0.7, 3)), middle)
        slip = RigidTransform.from_translation(rng.normal(0.0, 1.0, 3)) @ slip
        # where the slip would push bone into bone, the fragment gives way or stays
        now = push_out(solids, body, slip @ displaced, placed) or displaced
        placed.append((body, now))
        poses[body.name] = patient @ now @ displaced.inverse()
    return poses


def _body_mesh(fractured: FracturedPelvis, labels: tuple[int, ...]) -> TriangleMesh:
    """The uncut bones a body has its pieces from; enough to say where it is."""
    bones = {p.bone for p in fractured.pieces if p.label in labels and p.label % 10 == 1}
    bones = bones or {p.bone for p in fractured.pieces if p.label in labels}
    return merge_meshes([fractured.pelvis.bones[b] for b in sorted(bones)])


def _marker(fractured: FracturedPelvis) -> RigidTransform:
    """`T_ct_marker` of the reference tool."""
    everything = merge_meshes(
        [_body_mesh(fractured, b.labels).transformed(fractured.pose(b.name)) for b in fractured.bodies]
    )
    return place_reference_marker(_body_mesh(fractured, fractured.bodies[0].labels), everything)


def _tracker_pins(
    fractured: FracturedPelvis, T_cbct_ct: dict[str, RigidTransform], T_cbct_marker: RigidTransform
) -> list[tuple[FloatArray, FloatArray]]:
    """The bone pins that carry the tools: from 25 mm inside the foremost bone out to the tool."""
    pins = []
    for body in fractured.bodies:
        surface = fractured.pose(body.name).apply(_body_mesh(fractured, body.labels).vertices)
        surface = T_cbct_ct[body.name].apply(surface)
        # where the body has a hip bone this is the crest near the ASIS, the usual place for such pins
        upper = surface[surface[:, 2] > np.percentile(surface[:, 2], 55)]
        entry = upper[np.argmin(upper[:, 1])]
        if body is fractured.bodies[0]:
            out = T_cbct_marker.translation
        else:
            out = entry + np.array([0.0, -80.0, 15.0])
        inward = (entry - out) / np.linalg.norm(entry - out)
        pins.append((entry + 25.0 * inward, out + 20.0 * inward))
    return pins


def _truth(
    fractured: FracturedPelvis,
    seed: int,
    T_cbct_ct: dict[str, RigidTransform],
    T_cbct_marker: RigidTransform,
) -> Truth:
    displacement = {}
    for body in fractured.bodies[1:]:
        pose = fractured.pose(body.name)
        points = _body_mesh(fractured, body.labels).vertices
        moved = np.linalg.norm(pose.apply(points) - points, axis=1)
        angle = float(np.rad2deg(pose.angle))
        displacement[body.name] = Displacement(float(moved.mean()), float(moved.max()), angle)
    return Truth(
        T_reduced_displaced={n: T.inverse() for n, T in fractured.T_displaced_reduced.items()},
        T_cbct_ct=T_cbct_ct,
        T_cbct_marker=T_cbct_marker,
        landmarks_mm=fractured.anatomy.landmarks(),
        fracture=fractured.kind,
        seed=seed,
        displacement=displacement,
    )


def _case(fractured: FracturedPelvis, name: str, seed: int, folder: Path, rng: np.random.Generator) -> Case:
    mass = float(np.round(np.clip(rng.normal(72.0, 12.0), 45.0, 110.0), 1))
    side = fractured.traction_side
    force = round(_TRACTION_SHARE * mass * _GRAVITY, 1)
    moving = ", ".join(b.name.replace("_", " ") for b in fractured.bodies[1:])
    return Case(
        folder=folder,
        id=name,
        ct=folder / "ct.nii.gz",
        labels=folder / "labels.nii.gz",
        cbct=folder / "cbct.nii.gz",
        bodies=fractured.bodies,
        description=f"Simulated {fractured.kind} fracture, seed {seed}; displaced: {moving}",
        fracture=fractured.kind,
        patient_mass_kg=mass,
        traction=Traction(side, force) if side else None,
        fiducials_mm=FIDUCIALS_MM,
    )

"""A patient scanned twice: the CT that is registered and the CBCT it is registered to, with the truth.

What is registered is not the CT that the image is made from but a second scan of the same patient: another
grid, coarser, blurred, with noise of its own. In the image the fragments have slipped apart a little, soft
tissue has moved beside the bones, and lengths are off by some tenths of a percent, as a scanner's geometry
has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter, zoom

from rafr.cases.bodies import propose_bodies
from rafr.cases.case import Body
from rafr.cases.fracture import fracture_pelvis
from rafr.cases.load import load_ct, load_labels, open_case
from rafr.cases.meshes import body_meshes
from rafr.cases.pengwin import is_pengwin_folder, read_pengwin
from rafr.cases.synthetic_ct import CtConfig, draw_ct
from rafr.cases.virtual import virtual_pelvis
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.imaging.cbct import field_of_view, simulate_cbct
from rafr.imaging.meshing import mesh_from_labels
from rafr.imaging.resample import resample
from rafr.imaging.volume import Volume
from rafr.registration.field_of_view import sample
from rafr.registration.swapped import mirrored_scan

_TURN_DEG, _SHIFT_MM = 40.0, 60.0
_SLIP_MM, _SLIP_DEG = 2.0, 0.7
SCAN_MM, _SCAN_BLUR_MM, _SCAN_NOISE_HU = (0.9, 0.9, 1.25), 0.5, 20.0
_TISSUE_MM, _TISSUE_HU = 5.0, 40.0
_SCALE = 1e-3  # standard deviation


@dataclass(frozen=True, slots=True, eq=False)
class Patient:
    """CT, labels and bodies; surfaces in the CT's LPS mm."""

    name: str
    ct: Volume
    labels: Volume
    bodies: tuple[Body, ...]
    meshes: Mapping[str, TriangleMesh]

    @property
    def centre(self) -> np.ndarray:
        return np.asarray(np.mean([m.centroid for m in self.meshes.values()], axis=0))


def read_patient(folder: Path) -> Patient:
    if is_pengwin_folder(folder):
        found = read_pengwin(folder)
        bodies = propose_bodies(found.labels)
        meshes = {b.name: mesh_from_labels(found.labels, b.labels) for b in bodies}
        return Patient(folder.name, found.ct, found.labels, bodies, meshes)
    case = open_case(folder)
    meshes = {name: b.mesh for name, b in body_meshes(case).items()}
    return Patient(case.id, load_ct(case), load_labels(case), case.bodies, meshes)


def virtual_patient(kind: str, seed: int, spacing_mm: float) -> Patient:
    """A parametric pelvis, broken and displaced, and its CT.

    Args:
        kind: one of `rafr.cases.case.FRACTURE_KINDS`.
    """
    rng = np.random.default_rng(seed)
    fractured = fracture_pelvis(virtual_pelvis(rng), kind, rng, solid_mm=max(1.0, spacing_mm))
    ct, labels = draw_ct(fractured, rng, CtConfig(spacing_mm=spacing_mm))
    meshes = {b.name: mesh_from_labels(labels, b.labels) for b in fractured.bodies}
    return Patient(f"{kind}-{seed}", ct, labels, fractured.bodies, meshes)


def scanned(
    original: Patient, rng: np.random.Generator, spacing_mm: tuple[float, float, float] = SCAN_MM
) -> Patient:
    """A second scan of the same patient: on a turned, coarser grid, blurred, with its own noise."""
    turn = RigidTransform.about_point(np.deg2rad(rng.uniform(-4.0, 4.0, 3)), original.centre)
    spacing = np.array(spacing_mm)
    extent = original.ct.spacing * original.ct.size
    middle = original.ct.index_to_lps((np.array(original.ct.size) - 1) / 2.0)
    size = np.ceil(extent / spacing).astype(int)
    origin = middle - turn.rotation @ (0.5 * (size - 1) * spacing)
    grid = Volume(np.zeros(size[::-1], np.uint8), origin, spacing, turn.rotation)
    here = RigidTransform.identity()
    blurred = gaussian_filter(original.ct.array.astype(np.float32), _SCAN_BLUR_MM / original.ct.spacing[::-1])
    ct = resample(original.ct.with_array(blurred), grid, here, outside=float(blurred.min()))
    ct = ct.with_array((ct.array + rng.normal(0.0, _SCAN_NOISE_HU, ct.array.shape)).astype(np.float32))
    labels = resample(original.labels, grid, here, outside=0.0, nearest=True)
    labels = labels.with_array(labels.array.astype(np.uint8))
    meshes = {b.name: mesh_from_labels(labels, b.labels) for b in original.bodies}
    return Patient(original.name, ct, labels, original.bodies, meshes)


def tissue_moved(patient: Patient, rng: np.random.Generator) -> Volume:
    """The CT with its soft tissue pushed about smoothly beside the bones."""
    bone = patient.labels.array > 0
    near = maximum_filter(bone, size=3)
    tissue = patient.ct.array.astype(np.float32)
    tissue[near] = _TISSUE_HU
    shape = np.array(tissue.shape)
    coarse = rng.normal(0.0, _TISSUE_MM, (3, 6, 6, 6))
    where = np.indices(tissue.shape, dtype=np.float32)
    for axis in range(3):
        push = zoom(coarse[axis], shape / 6.0, order=1, grid_mode=True, mode="nearest")
        where[axis] += push / patient.ct.spacing[2 - axis]
    moved = map_coordinates(tissue, where, order=1, mode="nearest")
    return patient.ct.with_array(np.where(near, patient.ct.array, moved).astype(np.float32))


def true_poses(patient: Patient, rng: np.random.Generator) -> dict[str, RigidTransform]:
    """`T_cbct_ct`: evenly up to the largest turn and shift; moving bodies slip away from the reference."""
    whole = random_motion(rng, _SHIFT_MM, _TURN_DEG, patient.centre)
    reference = patient.bodies[0].name
    poses = {reference: whole}
    for body in patient.bodies[1:]:
        mesh = patient.meshes[body.name]
        away = mesh.centroid - patient.meshes[reference].centroid
        slip = RigidTransform.from_translation(rng.uniform(0.0, _SLIP_MM) * away / np.linalg.norm(away))
        poses[body.name] = whole @ slip @ random_motion(rng, 0.0, _SLIP_DEG, mesh.centroid)
    return poses


def random_motion(
    rng: np.random.Generator, shift_mm: float, turn_deg: float, centre: np.ndarray
) -> RigidTransform:
    """A turn about `centre` and a shift, each evenly up to its bound, about and along any axis."""
    axis, way = (v / np.linalg.norm(v) for v in rng.normal(size=(2, 3)))
    turn = RigidTransform.about_point(np.deg2rad(rng.uniform(0.0, turn_deg)) * axis, centre)
    return RigidTransform.from_translation(rng.uniform(0.0, shift_mm) * way) @ turn


def image_of(patient: Patient, truth: Mapping[str, RigidTransform], rng: np.random.Generator) -> Volume:
    """With a pin in every body, as in the operating room."""
    pins = []
    for body in patient.bodies:
        surface = truth[body.name].apply(patient.meshes[body.name].vertices)
        entry = surface[surface[:, 1].argmin()]
        pins.append((entry + np.array([0.0, 25.0, 0.0]), entry - np.array([0.0, 90.0, 0.0])))
    cbct = simulate_cbct(
        tissue_moved(patient, rng),
        patient.labels,
        patient.bodies,
        truth,
        fiducials_cbct_mm=np.zeros((0, 3)),
        pins_cbct_mm=pins,
        rng=rng,
    )
    scale = 1.0 + rng.normal(0.0, _SCALE)
    middle = cbct.index_to_lps((np.array(cbct.size) - 1) / 2.0)
    return replace(cbct, origin=middle + scale * (cbct.origin - middle), spacing=scale * cbct.spacing)


def mirrored(patient: Patient) -> Patient:
    """The same scan with left and right swapped."""
    ct, labels, meshes = mirrored_scan(patient.ct, patient.labels, patient.meshes)
    return replace(patient, ct=ct, labels=labels, meshes=meshes)


def error_mm(T: RigidTransform, true: RigidTransform, mesh: TriangleMesh) -> tuple[float, float]:
    """Mean and 99th percentile over the surface, mm."""
    gap = np.linalg.norm(T.apply(mesh.vertices) - true.apply(mesh.vertices), axis=1)
    return float(gap.mean()), float(np.quantile(gap, 0.99))


def in_view(cbct: Volume, true: RigidTransform, mesh: TriangleMesh) -> float:
    """Share of a body's surface that lies within the image."""
    inside = field_of_view(cbct)
    inside = inside.with_array(inside.array.astype(np.float32))
    return float((sample(inside, true.apply(mesh.vertices[::7]), outside=0.0) > 0.5).mean())

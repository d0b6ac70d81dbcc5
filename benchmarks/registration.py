"""CT-to-CBCT registration from unseen starts against the truth; wrong patients; itk-elastix beside it.

python benchmarks/registration.py CASE... --json FILE [--images N] [--seed S] [--elastix]

CASE is a case folder or the folder of a PENGWIN patient: CT and labels are all that is used. Of each, N CBCTs
are simulated, the patient turned by up to 40° and shifted by up to 60 mm, the fragments slipped apart a
little, the soft tissue moved by some millimetres beside the bones, lengths off by some tenths of a percent as
a scanner's geometry has it. What is registered to them is not that CT
but a second scan of it: another grid, coarser, blurred, with noise of its own. Then the CT of the next case,
and the own one mirrored, are registered to the first image: both must be refused. The file is written after
every image. `--elastix` (pip install itk-elastix) registers the same bodies to the same images, started
within 5 mm and 5° of the truth, for it has no global search.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter, map_coordinates, maximum_filter, zoom

from rafr import __version__
from rafr.cases.bodies import propose_bodies
from rafr.cases.case import Body
from rafr.cases.load import load_ct, load_labels, open_case
from rafr.cases.meshes import body_meshes
from rafr.cases.pengwin import is_pengwin_folder, read_pengwin
from rafr.cli.output import progress_bar
from rafr.errors import RafrError
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.imaging.cbct import simulate_cbct
from rafr.imaging.meshing import mesh_from_labels
from rafr.imaging.resample import resample
from rafr.imaging.volume import Volume
from rafr.registration.register import register_bodies
from rafr.registration.swapped import mirrored_scan

_TURN_DEG, _SHIFT_MM = 40.0, 60.0
_SLIP_MM, _SLIP_DEG = 2.0, 0.7
_NEAR_MM, _NEAR_DEG = 5.0, 5.0
_SCAN_MM, _SCAN_BLUR_MM, _SCAN_NOISE_HU = (0.9, 0.9, 1.25), 0.5, 20.0
_TISSUE_MM, _TISSUE_HU = 5.0, 40.0
_SCALE = 1e-3  # standard deviation
_GOOD_MM = 1.0  # mean error up to which a registration counts as a success
_LEAST_IN_VIEW = 0.25
_QUANTILES = (0.5, 0.95, 0.99, 1.0)


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


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cases", metavar="CASE", nargs="+", type=Path)
    parser.add_argument("--json", metavar="FILE", type=Path, required=True)
    parser.add_argument("--images", metavar="N", type=int, default=2, help="CBCTs per case (default 2)")
    parser.add_argument("--seed", metavar="S", type=int, default=0)
    parser.add_argument("--elastix", action="store_true")
    args = parser.parse_args()
    try:
        report = run(args)
    except RafrError as error:
        print(f"rafr: {error}", file=sys.stderr)
        return 2
    print(json.dumps(report["statistics"], indent=2))
    return 0


def run(args: argparse.Namespace) -> dict[str, Any]:
    report: dict[str, Any] = {"version": __version__, "statistics": {}, "rows": [], "wrong": []}
    previous: tuple[Patient, Volume] | None = None
    with progress_bar("registration") as progress:
        for k, folder in enumerate(args.cases):
            original = read_patient(folder)
            patient = scanned(original, np.random.default_rng([args.seed, k]))
            for image in range(args.images):
                progress((k + image / args.images) / len(args.cases), f"{patient.name}, image {image + 1}")
                rng = np.random.default_rng([args.seed, k, image])
                truth = true_poses(patient, rng)
                cbct = image_of(original, truth, rng)
                report["rows"] += registered(patient, cbct, truth, image, args.elastix and image == 0, rng)
                if image == 0:
                    report["wrong"] += refused(patient, cbct, previous)
                    previous = patient, cbct
                report["statistics"] = statistics(report)
                args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report


def read_patient(folder: Path) -> Patient:
    if is_pengwin_folder(folder):
        found = read_pengwin(folder)
        bodies = propose_bodies(found.labels)
        meshes = {b.name: mesh_from_labels(found.labels, b.labels) for b in bodies}
        return Patient(folder.name, found.ct, found.labels, bodies, meshes)
    case = open_case(folder)
    meshes = {name: b.mesh for name, b in body_meshes(case).items()}
    return Patient(case.id, load_ct(case), load_labels(case), case.bodies, meshes)


def scanned(original: Patient, rng: np.random.Generator) -> Patient:
    """A second scan of the same patient: on a turned, coarser grid, blurred, with its own noise."""
    turn = RigidTransform.about_point(np.deg2rad(rng.uniform(-4.0, 4.0, 3)), original.centre)
    spacing = np.array(_SCAN_MM)
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
    whole = _motion(rng, _SHIFT_MM, _TURN_DEG, patient.centre)
    reference = patient.bodies[0].name
    poses = {reference: whole}
    for body in patient.bodies[1:]:
        mesh = patient.meshes[body.name]
        away = mesh.centroid - patient.meshes[reference].centroid
        slip = RigidTransform.from_translation(rng.uniform(0.0, _SLIP_MM) * away / np.linalg.norm(away))
        poses[body.name] = whole @ slip @ _motion(rng, 0.0, _SLIP_DEG, mesh.centroid)
    return poses


def _motion(rng: np.random.Generator, shift_mm: float, turn_deg: float, centre: np.ndarray) -> RigidTransform:
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


def registered(
    patient: Patient,
    cbct: Volume,
    truth: Mapping[str, RigidTransform],
    image: int,
    elastix: bool,
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """A row per body."""
    found = register_bodies(patient.ct, patient.labels, patient.bodies, patient.meshes, cbct)
    rows = []
    for body in found.bodies:
        mesh = patient.meshes[body.name]
        true = truth[body.name]
        mean, p99 = error_mm(body.T_cbct_ct, true, mesh)
        row = {
            "case": patient.name,
            "image": image,
            "body": body.name,
            "reference": body.name == patient.bodies[0].name,
            "shift_mm": float(np.linalg.norm(true.apply(patient.centre) - patient.centre)),
            "turn_deg": float(np.degrees(true.angle)),
            "in_view": _in_view(cbct, true, mesh),
            "accepted": found.assessment.accepted,
            "reasons": found.assessment.reasons,
            "tre_mm": mean,
            "tre_p99_mm": p99,
            "tre_estimate_mm": body.tre_estimate_mm,
            "seconds": found.seconds / len(found.bodies),
        }
        if elastix:
            began = time.perf_counter()
            near = _motion(rng, _NEAR_MM, _NEAR_DEG, true.apply(mesh.centroid)) @ true
            beside = _elastix(patient, body.name, cbct, near)
            row["elastix_tre_mm"], row["elastix_tre_p99_mm"] = error_mm(beside, true, mesh)
            row["elastix_seconds"] = time.perf_counter() - began
        rows.append(row)
    return rows


def refused(patient: Patient, cbct: Volume, other: tuple[Patient, Volume] | None) -> list[dict[str, Any]]:
    """What becomes of a CT that does not belong to the image: mirrored, and another patient's."""
    trials = [("mirrored", mirrored(patient), cbct)]
    if other is not None and other[0].name.split("-")[0] != patient.name.split("-")[0]:
        trials.append(("another patient", patient, other[1]))
    rows = []
    for kind, given, image in trials:
        found = register_bodies(given.ct, given.labels, given.bodies, given.meshes, image)
        rows.append(
            {
                "case": patient.name,
                "kind": kind,
                "accepted": found.assessment.accepted,
                "reasons": found.assessment.reasons,
                "seconds": found.seconds,
            }
        )
    return rows


def mirrored(patient: Patient) -> Patient:
    """The same scan with left and right swapped."""
    ct, labels, meshes = mirrored_scan(patient.ct, patient.labels, patient.meshes)
    return replace(patient, ct=ct, labels=labels, meshes=meshes)


def error_mm(T: RigidTransform, true: RigidTransform, mesh: TriangleMesh) -> tuple[float, float]:
    """Mean and 99th percentile over the surface, mm."""
    gap = np.linalg.norm(T.apply(mesh.vertices) - true.apply(mesh.vertices), axis=1)
    return float(gap.mean()), float(np.quantile(gap, 0.99))


def _in_view(cbct: Volume, true: RigidTransform, mesh: TriangleMesh) -> float:
    from rafr.imaging.cbct import field_of_view
    from rafr.registration.field_of_view import sample

    inside = field_of_view(cbct)
    inside = inside.with_array(inside.array.astype(np.float32))
    return float((sample(inside, true.apply(mesh.vertices[::7]), outside=0.0) > 0.5).mean())


def _elastix(patient: Patient, body: str, cbct: Volume, start: RigidTransform) -> RigidTransform:
    """`T_cbct_ct` by elastix: fixed is the body and some mm about it; mutual information, several levels."""
    import itk

    values = next(b.labels for b in patient.bodies if b.name == body)
    index = np.argwhere(np.isin(patient.labels.array, values))
    low, high = np.maximum(index.min(axis=0) - 10, 0), index.max(axis=0) + 11
    window = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    mask = binary_dilation(np.isin(patient.labels.array[window], values), iterations=6)

    def as_itk(array: np.ndarray, origin: np.ndarray, like: Volume) -> Any:
        image = itk.image_from_array(np.ascontiguousarray(array))
        image.SetOrigin(origin.tolist())
        image.SetSpacing(like.spacing.tolist())
        image.SetDirection(itk.matrix_from_array(like.direction))
        return image

    origin = patient.ct.index_to_lps(low[::-1])
    fixed = as_itk(patient.ct.array[window].astype(np.float32), origin, patient.ct)
    region = as_itk(mask.astype(np.uint8), origin, patient.ct)
    moving = as_itk(np.maximum(cbct.array, -1024).astype(np.float32), cbct.origin, cbct)
    # the moving image is laid where the start would have it: elastix then begins at the identity
    placed = start.inverse()
    moving.SetOrigin(placed.apply(cbct.origin).tolist())
    moving.SetDirection(itk.matrix_from_array(placed.rotation @ cbct.direction))
    parameters = itk.ParameterObject.New()
    parameters.AddParameterMap(itk.ParameterObject.GetDefaultParameterMap("rigid", 3))
    parameters.SetParameter(0, "AutomaticTransformInitialization", "false")
    parameters.SetParameter(0, "MaximumNumberOfIterations", "500")
    parameters.SetParameter(0, "NumberOfSpatialSamples", "4000")
    parameters.SetParameter(0, "ImageSampler", "RandomSparseMask")
    parameters.SetParameter(0, "WriteResultImage", "false")
    method = itk.ElastixRegistrationMethod.New(fixed, moving)
    method.SetFixedMask(region)
    method.SetParameterObject(parameters)
    method.SetLogToConsole(False)
    method.UpdateLargestPossibleRegion()
    result = method.GetTransformParameterObject().GetParameterMap(0)
    angles = [float(v) for v in result["TransformParameters"]]
    centre = np.array([float(v) for v in result["CenterOfRotationPoint"]])
    # Euler3DTransform: Rz Rx Ry about the centre
    from scipy.spatial.transform import Rotation

    rotation = Rotation.from_euler("ZXY", [angles[2], angles[0], angles[1]]).as_matrix()
    moved = RigidTransform(rotation, centre + np.array(angles[3:]) - rotation @ centre)
    return start @ moved


def statistics(report: Mapping[str, Any]) -> dict[str, Any]:
    rows = report["rows"]
    images = sorted({(r["case"], r["image"]) for r in rows})
    by_image = [[r for r in rows if (r["case"], r["image"]) == key] for key in images]
    feasible = [group for group in by_image if min(r["in_view"] for r in group) >= _LEAST_IN_VIEW]
    accepted = [group for group in by_image if group[0]["accepted"]]
    good = [group for group in accepted if max(r["tre_mm"] for r in group) <= _GOOD_MM]
    kept = [r for group in accepted for r in group]
    found: dict[str, Any] = {
        "images": len(images),
        "feasible": len(feasible),
        "accepted_of_feasible": _share([g[0]["accepted"] for g in feasible]),
        "success_of_accepted": len(good) / max(len(accepted), 1),
        "seconds_per_body": _quantiles([r["seconds"] for r in rows]),
    }
    for name, reference in (("reference", True), ("fragment", False)):
        chosen = [r for r in kept if r["reference"] == reference]
        found[name] = _accuracy(chosen, "") | {"elastix": _accuracy(chosen, "elastix_")}
    for kind in sorted({r["kind"] for r in report["wrong"]}):
        verdicts = [not r["accepted"] for r in report["wrong"] if r["kind"] == kind]
        found[f"refused, {kind}"] = {"n": len(verdicts), "share": _share(verdicts)}
    return found


def _accuracy(rows: Sequence[Mapping[str, Any]], prefix: str) -> dict[str, Any]:
    rows = [r for r in rows if f"{prefix}tre_mm" in r]
    if not rows:
        return {}
    found = {
        "n": len(rows),
        "tre_mm_mean": _mean([r[f"{prefix}tre_mm"] for r in rows]),
        "tre_mm": _quantiles([r[f"{prefix}tre_mm"] for r in rows]),
        "tre_p99_mm": _quantiles([r[f"{prefix}tre_p99_mm"] for r in rows]),
        "seconds": _quantiles([r[f"{prefix}seconds"] for r in rows]),
    }
    if not prefix:
        found["error_over_estimate"] = _quantiles([r["tre_mm"] / r["tre_estimate_mm"] for r in rows])
    return found


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 3)


def _share(values: Sequence[bool]) -> float:
    return round(float(np.mean(values)), 4) if values else 0.0


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    return {f"q{round(100 * q)}": round(float(np.quantile(values, q)), 3) for q in _QUANTILES}


if __name__ == "__main__":
    sys.exit(main())

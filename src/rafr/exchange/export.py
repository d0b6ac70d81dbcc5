"""Write a case, its plan and what was achieved for other programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rafr.cases.case import CASE_FILE, Case
from rafr.cases.folder import new_folder, refuse_existing
from rafr.errors import InputError
from rafr.exchange.mesh_files import write_surface
from rafr.exchange.transform_files import write_motion
from rafr.geometry import RigidTransform
from rafr.progress import Progress, part_of, silent

if TYPE_CHECKING:
    from rafr.planning.plan import ReductionPlan

INDEX = "export.json"
Motions = Mapping[str, RigidTransform]


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What is written.

    Attributes:
        dicom: labels and motions as DICOM, and the CT where it did not come from DICOM.
        meshes: format of the surfaces, or None for none.   space: of the surfaces, lps or ras.
        transforms: format of the motions for 3D Slicer, or None for none.
        series: folder of the CT's DICOM series where the case does not know it.
    """

    dicom: bool = True
    meshes: str | None = "stl"
    space: str = "lps"
    transforms: str | None = "tfm"
    series: Path | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """What was written: names relative to the folder, with bytes; and, of DICOM, the UIDs others ask for."""

    files: dict[str, int]
    dicom: dict[str, str] = field(default_factory=dict)


def export_case(
    case: Case,
    out: Path,
    options: ExportOptions,
    plan: ReductionPlan | None = None,
    achieved: Motions | None = None,
    progress: Progress = silent,
) -> Export:
    """Write the folder `out`, whole or not at all.

    Args:
        plan: whose targets are the planned motions; without one the case is exported as the CT shows it.
        achieved: `T_achieved_displaced`, mm, by body.

    Raises:
        InputError: `out` is not empty, a series that is not the case's, or images that cannot be used.
    """
    refuse_existing(out)
    _check_names(case)
    motions: dict[str, Motions] = {}
    if plan is not None:
        motions["planned"] = {b.name: b.T_reduced_displaced for b in plan.bodies}
    if achieved is not None:
        motions["achieved"] = achieved
    uids: dict[str, str] = {}
    with new_folder(out) as folder:
        try:
            if options.dicom:
                uids = _write_dicom(
                    folder / "dicom", case, motions, options.series, part_of(progress, 0.0, 0.6)
                )
            if options.meshes is not None:
                _write_meshes(folder / "meshes", case, motions, options, part_of(progress, 0.6, 1.0))
            if options.transforms is not None:
                _write_transforms(folder / "transforms", motions, options.transforms)
            files = {
                str(p.relative_to(folder)): p.stat().st_size for p in sorted(folder.rglob("*")) if p.is_file()
            }
            _write_index(folder / INDEX, case, plan, motions, uids)
        except OSError as error:
            raise InputError(
                out, f"cannot be written ({error.strerror})", "a disk with room for it"
            ) from None
    progress(1.0, "exported")
    return Export(files, uids)


def _check_names(case: Case) -> None:
    """Bodies give files their names."""
    for body in case.bodies:
        if body.name == ".." or Path(body.name).name != body.name or "\\" in body.name:
            raise InputError(
                case.folder / CASE_FILE, f"body {body.name!r} cannot name a file", "no slash in it"
            )


def _write_dicom(
    folder: Path, case: Case, motions: Mapping[str, Motions], series: Path | None, progress: Progress
) -> dict[str, str]:
    from rafr.cases.load import load_ct, load_labels
    from rafr.exchange.ct_series import read_series, write_series
    from rafr.exchange.identifiers import new_uid
    from rafr.exchange.segmentation import segment_labels, write_segmentation
    from rafr.exchange.spatial_registration import Motion, write_registration

    folder.mkdir()
    source = series or case.dicom
    ct, labels = load_ct(case), load_labels(case)
    if source is not None:
        slices = read_series(source, ct)
    else:
        (folder / "ct").mkdir()
        slices = write_series(folder / "ct", case.id, ct, part_of(progress, 0.1, 0.6))
    progress(0.6, "labels as DICOM")
    segmentation = write_segmentation(folder / "labels.dcm", case, labels, slices)
    values = segment_labels(labels)
    segments = {b.name: tuple(values.index(label) + 1 for label in b.labels) for b in case.bodies}
    registrations, number = new_uid(), 0
    for what, poses in motions.items():
        for body, T in poses.items():
            number += 1
            path = folder / f"{body}_{what}.dcm"
            motion = Motion(body, segments[body], T, what)
            write_registration(path, motion, slices, segmentation, registrations, number)
    return {
        "study": str(slices[0].StudyInstanceUID),
        "ct_series": str(slices[0].SeriesInstanceUID),
        "frame_of_reference": str(slices[0].FrameOfReferenceUID),
        "labels_series": str(segmentation.SeriesInstanceUID),
        **({"motions_series": registrations} if number else {}),
    }


def _write_meshes(
    folder: Path, case: Case, motions: Mapping[str, Motions], options: ExportOptions, progress: Progress
) -> None:
    from rafr.cases.meshes import body_meshes

    meshes = body_meshes(case, part_of(progress, 0.0, 0.5))
    for what, poses in {"before": {}, **motions}.items():
        (folder / what).mkdir(parents=True)
        for name, body in meshes.items():
            mesh = body.mesh.transformed(poses[name]) if name in poses else body.mesh
            write_surface(folder / what / f"{name}.{options.meshes}", mesh, options.space)


def _write_transforms(folder: Path, motions: Mapping[str, Motions], suffix: str) -> None:
    for what, poses in motions.items():
        (folder / what).mkdir(parents=True)
        for name, T in poses.items():
            write_motion(folder / what / f"{name}.{suffix}", T)


def _write_index(
    path: Path,
    case: Case,
    plan: ReductionPlan | None,
    motions: Mapping[str, Motions],
    uids: Mapping[str, str],
) -> None:
    """What the folder holds, for programs: motions as rafr means them (LPS mm, from displaced)."""
    index: dict[str, Any] = {
        "case": case.id,
        "plan_hash": None if plan is None else plan.hash,
        "bodies": {b.name: list(b.labels) for b in case.bodies},
        "dicom": dict(uids),
    }
    for what, key in (("planned", "T_reduced_displaced"), ("achieved", "T_achieved_displaced")):
        if what in motions:
            index[key] = {name: T.tolist() for name, T in motions[what].items()}
    path.write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")

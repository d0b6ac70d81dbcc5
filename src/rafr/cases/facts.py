"""What a case holds, in numbers a surgeon can check at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rafr.cases.case import Case
from rafr.cases.meshes import BodyMesh
from rafr.imaging.segmentation import bone_of, label_counts
from rafr.imaging.volume import Volume


def case_facts(case: Case, ct: Volume, labels: Volume, meshes: Mapping[str, BodyMesh]) -> dict[str, Any]:
    """Facts of a case as JSON data: images, labelled pieces, bodies (mm, mm³, HU).

    Args:
        ct, labels: the case's images.
        meshes: surfaces of the bodies (`rafr.cases.meshes.body_meshes`).
    """
    return {
        "case": case.id,
        "folder": str(case.folder),
        "description": case.description,
        "fracture": case.fracture,
        "patient_mass_kg": float(case.patient_mass_kg),
        "ct": {**_grid(ct), "hu_min": float(ct.array.min()), "hu_max": float(ct.array.max())},
        "cbct": str(case.cbct) if case.cbct is not None else None,
        "labels": _pieces(labels),
        "bodies": {body.name: _body(body.labels, meshes[body.name]) for body in case.bodies},
        "traction_n": None if case.traction is None else float(case.traction.force_n),
        "schantz_pins": {name: len(pins) for name, pins in case.schantz_pins},
    }


def _grid(volume: Volume) -> dict[str, Any]:
    return {
        "size": list(volume.size),
        "spacing_mm": [round(float(s), 4) for s in volume.spacing],
        "origin_mm": [round(float(o), 3) for o in volume.origin],
        "direction": np.round(volume.direction, 6).tolist(),
    }


def _pieces(labels: Volume) -> dict[str, dict[str, Any]]:
    counts = label_counts(labels.array)
    voxel = float(np.prod(labels.spacing))
    return {
        str(value): {"bone": bone_of(int(value)), "volume_mm3": round(float(counts[value]) * voxel, 1)}
        for value in np.flatnonzero(counts)
        if value > 0
    }


def _body(labels: tuple[int, ...], body: BodyMesh) -> dict[str, Any]:
    extent = np.ptp(body.mesh.vertices, axis=0)
    return {
        "labels": list(labels),
        "volume_mm3": round(body.mesh.volume, 1),
        "size_mm": [round(float(e), 1) for e in extent],
        "centroid_mm": [round(float(c), 2) for c in body.mesh.centroid],
        "triangles": len(body.mesh.faces),
    }

"""Put the patient together: tissue, traction and contacts of every fragment of a case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from rafr.cases.case import Case
from rafr.geometry import merge_meshes
from rafr.simulation.arrangement import Arrangement
from rafr.simulation.bones import Bones
from rafr.simulation.config import PlantConfig
from rafr.simulation.engine import Engine
from rafr.simulation.fragment import Fragment
from rafr.simulation.holding import HoldingDevice
from rafr.tissue.contact import ContactModel, ContactParams, build_contact
from rafr.tissue.landmarks import hip_centre
from rafr.tissue.model import body_side, build_tissue
from rafr.tissue.traction import TractionDevice
from rafr.units import METRES_PER_MM, to_mm

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh

_HIP_LABELS = {"left": range(11, 21), "right": range(21, 31)}


def build_bones(arrangement: Arrangement, engine: Engine) -> Bones:
    """The bones of a case on an engine, at rest where they stand at the start."""
    case, meshes, truth = arrangement.case, arrangement.meshes, arrangement.truth
    config, inertias, fragments = arrangement.config, arrangement.inertias, {}
    reduced = truth.T_reduced_displaced if truth is not None else None
    for body in case.moving:
        found = to_mm(arrangement.starts[body.name])
        tissue = build_tissue(case, meshes, body.name, reduced, config.tissue, found)
        fragments[body.name] = Fragment(body.name, inertias[body.name], tissue)
    traction = _hang_traction(case, meshes, fragments, config)
    contacts = _contacts(case, meshes, config.contact)
    reference = arrangement.reference
    holding = HoldingDevice(config.holding, inertias[reference].mass)
    return Bones(engine, reference, inertias, fragments, contacts, traction, holding)


def _hang_traction(
    case: Case, meshes: Mapping[str, BodyMesh], fragments: dict[str, Fragment], config: PlantConfig
) -> TractionDevice | None:
    """Traction on the leg of the case's side (else the first fragment's); None without that hip."""
    side = (
        case.traction.side if case.traction else body_side(meshes, case.moving[0].name, case.reference.name)
    )
    owners = [
        (m.name, part)
        for m in meshes.values()
        for label, part in m.parts.items()
        if label in _HIP_LABELS[side]
    ]
    if not owners:
        return None
    centre = hip_centre(merge_meshes([part for _, part in owners]), side)
    owner = min(owners, key=lambda o: float(np.linalg.norm(o[1].vertices - centre, axis=1).min()))[0]
    centroid = meshes[owner].mesh.centroid
    posture = config.tissue.posture
    device = TractionDevice(centre * METRES_PER_MM, side, centroid * METRES_PER_MM, config.traction, posture)
    if owner in fragments:
        fragments[owner].traction = device
    return device


def _contacts(
    case: Case, meshes: Mapping[str, BodyMesh], params: ContactParams
) -> list[tuple[str, str, ContactModel]]:
    """Contact of every moving body with the reference and with the moving bodies after it."""
    moving = [b.name for b in case.moving]
    return [
        (name, other, build_contact(meshes[name].mesh, meshes[other].mesh, params))
        for i, name in enumerate(moving)
        for other in (case.reference.name, *moving[i + 1 :])
    ]

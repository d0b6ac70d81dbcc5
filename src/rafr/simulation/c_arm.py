"""The C-arm: one turn round the patient as the plant has it now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.progress import Progress, silent
from rafr.room import R_WORLD_SUPINE
from rafr.simulation.live import LivePlant
from rafr.simulation.markers import Markers, steel_pins_mm
from rafr.units import to_mm

if TYPE_CHECKING:
    from rafr.imaging.volume import Volume

_TURN_DEG = 6.0
_SHIFT_M = 0.03


@dataclass(frozen=True, slots=True, eq=False)
class Exposure:
    """Everything a CBCT of one moment shows; may be sent to another process.

    Attributes:
        T_cbct_ct: mm, per body.   fiducials_mm: (n, 3) in the CBCT.
        pins_mm: ends of steel pins in the CBCT.   seed: of grey scale, noise and streaks.
    """

    case_folder: Path
    T_cbct_ct: Mapping[str, RigidTransform]
    fiducials_mm: FloatArray
    pins_mm: tuple[tuple[FloatArray, FloatArray], ...]
    seed: tuple[int, ...]


def expose(plant: LivePlant, markers: Markers, case_folder: Path, seed: int, number: int) -> Exposure:
    """Freeze what the C-arm will see; its own place in the room is drawn by `seed` and `number`."""
    rng = np.random.default_rng([seed, 5, number])
    centroid = plant.arrangement.inertias[markers.reference].centroid
    centre = plant.world_from_ct(markers.reference).apply(centroid)
    turn = np.radians(_TURN_DEG) * rng.uniform(-1, 1, 3)
    shift = _SHIFT_M * rng.uniform(-1, 1, 3)
    upright = RigidTransform(R_WORLD_SUPINE.T.copy(), -R_WORLD_SUPINE.T @ centre)
    T_cbct_world = RigidTransform.from_rotvec(turn, shift) @ upright
    poses = {body: to_mm(T_cbct_world @ plant.world_from_ct(body)) for body in markers.T_ct_marker}
    marker = poses[markers.reference] @ to_mm(markers.T_ct_marker[markers.reference])
    pins = tuple((poses[b].apply(p), poses[b].apply(q)) for b, p, q in steel_pins_mm(plant, markers))
    return Exposure(case_folder, poses, marker.apply(markers.fiducials_mm), pins, (seed, 6, number))


def write_cbct(exposure: Exposure, path: Path, progress: Progress = silent) -> None:
    """Simulate the volume and write it (never half-written)."""
    from rafr.imaging.volume import write_volume

    progress(0.1, "simulating the CBCT")
    volume = take_cbct(exposure)
    progress(0.9, "writing the CBCT")
    write_volume(path, volume)
    progress(1.0, "done")


def take_cbct(exposure: Exposure) -> Volume:
    """Simulate the volume."""
    from rafr.cases.load import load_ct, load_labels, open_case
    from rafr.imaging.cbct import simulate_cbct

    case = open_case(exposure.case_folder)
    return simulate_cbct(
        load_ct(case),
        load_labels(case),
        case.bodies,
        exposure.T_cbct_ct,
        fiducials_cbct_mm=exposure.fiducials_mm,
        pins_cbct_mm=exposure.pins_mm,
        rng=np.random.default_rng(exposure.seed),
    )

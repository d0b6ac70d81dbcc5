"""CT to CBCT of virtual patients from unseen starts, beside itk-elastix on the same images."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from rafr.bench.measure import Goal, Measure, Of, Samples, Setting, Trial
from rafr.bench.peers import elastix
from rafr.bench.peers.known import ELASTIX
from rafr.bench.scans import error_mm, image_of, scanned, true_poses, virtual_patient
from rafr.progress import Progress
from rafr.registration.register import register_bodies

_KINDS = ("denis2", "si-dislocation", "vertical-shear", "open-book", "crescent")
_SPACING_MM, _SCAN_MM = 1.8, (1.5, 1.5, 2.0)

ERROR = Measure(
    "registration.error",
    "mean distance from the truth over a bone's surface",
    "mm",
    ELASTIX,
    Goal(Of.VALUE, 0.95, 0.5),
)
SECONDS = Measure(
    "registration.time", "wall time of a bone's registration", "s", ELASTIX, Goal(Of.RATIO, 0.5, 1.0)
)


def run(setting: Setting, progress: Progress) -> Mapping[str, Samples]:
    """A sample is a bone in an image; elastix starts within 5 mm and 5° of the truth, ours from nothing. In a
    quick run elastix has the reference bone only.
    """
    seeds, beside = setting.seeds(1, 3), ELASTIX.found
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    if beside:
        elastix.load()
    for at, seed in enumerate(seeds):
        progress(at / len(seeds), f"{ERROR.name}, patient {seed}")
        original = virtual_patient(_KINDS[seed % len(_KINDS)], seed, _SPACING_MM)
        rng = np.random.default_rng([seed, 1])
        patient, truth = scanned(original, rng, _SCAN_MM), true_poses(original, rng)
        cbct = image_of(original, truth, rng)
        found = register_bodies(patient.ct, patient.labels, patient.bodies, patient.meshes, cbct)
        for k, body in enumerate(found.bodies):
            mesh, true = patient.meshes[body.name], truth[body.name]
            ours.append((error_mm(body.T_cbct_ct, true, mesh)[0], found.seconds / len(found.bodies)))
            if beside and (k == 0 or not setting.quick):
                start = elastix.start_near(true, mesh.centroid, rng)
                clock = time.perf_counter()
                placed = elastix.register(patient, body.name, cbct, start)
                theirs.append((error_mm(placed, true, mesh)[0], time.perf_counter() - clock))
    rows, peers = np.array(ours), np.array(theirs) if beside else None
    return {
        measure.name: Samples(rows[:, k], seeds, None if peers is None else peers[:, k])
        for k, measure in enumerate((ERROR, SECONDS))
    }


TRIALS = (Trial((ERROR, SECONDS), run),)

"""CT to CBCT: where every body of a case lies in the operating room's image.

1. Reduce the CBCT to bone (`field_of_view`).
2. Find all bones together anywhere in it (`coarse`), then refine by surface profiles (`edges`).
3. Refine every body by itself: bodies have moved relative to each other since the CT.
4. Repeat from disturbed starts and with other samples; estimate the error (`uncertainty`).
5. Judge (`judge`); where edges lie not quite on the surface, try the mirror image too (`swapped`).
"""

from __future__ import annotations

import functools
import operator
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rafr.assessment import ACCEPTED, Assessment
from rafr.cases.case import Body, Case
from rafr.errors import InfeasibleError, InputError
from rafr.geometry import TriangleMesh
from rafr.imaging.volume import Volume
from rafr.progress import Progress, part_of, silent
from rafr.registration.bodies import (
    RegisteredBody,
    RegistrationConfig,
    Scene,
    not_found,
    register_body,
    start_together,
)
from rafr.registration.field_of_view import bone_map
from rafr.registration.judge import judge_contact
from rafr.registration.result import RegistrationResult
from rafr.registration.swapped import judge_side


def register_case(
    case: Case,
    cbct: Volume | None = None,
    *,
    bodies: tuple[str, ...] | None = None,
    seed: int = 0,
    config: RegistrationConfig | None = None,
    progress: Progress = silent,
) -> RegistrationResult:
    """Register every body of a case to a CBCT.

    Args:
        cbct: the image; the case's own `cbct` file if left out.
        bodies: names to report; all if left out.
        seed: of the surface samples and disturbed starts.

    Raises:
        InputError: no CBCT, an image that cannot be used, or an unknown body.
    """
    from rafr.cases.load import load_ct, load_labels
    from rafr.cases.meshes import body_meshes

    _check_names(case, bodies)
    volume = cbct if cbct is not None else load_cbct(case)
    progress(0.0, "reading CT and surfaces")
    ct, labels = load_ct(case), load_labels(case)
    meshes = {name: b.mesh for name, b in body_meshes(case, part_of(progress, 0.0, 0.2)).items()}
    return register_bodies(
        ct,
        labels,
        case.bodies,
        meshes,
        volume,
        wanted=bodies,
        seed=seed,
        config=config,
        progress=part_of(progress, 0.2, 1.0),
    )


def register_bodies(
    ct: Volume,
    labels: Volume,
    bodies: tuple[Body, ...],
    meshes: Mapping[str, TriangleMesh],
    cbct: Volume,
    *,
    wanted: tuple[str, ...] | None = None,
    seed: int = 0,
    config: RegistrationConfig | None = None,
    progress: Progress = silent,
) -> RegistrationResult:
    """As `register_case`, on images in memory; `labels` on the CT's grid, meshes in CT LPS mm."""
    started = time.perf_counter()
    config = config or RegistrationConfig()
    rng = np.random.default_rng(seed)
    names = wanted or tuple(b.name for b in bodies)
    cbct = _finite(cbct)
    try:
        bone = bone_map(cbct)
        scene = Scene(ct, labels, {b.name: b.labels for b in bodies}, meshes, cbct, bone, config)
        start = start_together(scene, rng, part_of(progress, 0.05, 0.5))
    except InfeasibleError as error:
        failed = tuple(not_found(name) for name in names)
        return RegistrationResult(failed, Assessment(False, error.reasons), time.perf_counter() - started)
    found: list[RegisteredBody] = []
    for n, name in enumerate(names):
        progress(0.5 + 0.4 * n / len(names), f"registering {name}")
        found.append(register_body(scene, name, start, rng))
    assessment = functools.reduce(operator.and_, (body.assessment for body in found), ACCEPTED)
    if assessment.accepted:
        progress(0.9, "judging")
        poses = {body.pose.name: body.pose.T_cbct_ct for body in found}
        worst = max(found, key=lambda body: body.quality.residual_mm if body.quality else 0.0)
        assessment = judge_contact(dict(meshes), poses, config.judge, rng) & judge_side(scene, worst, rng)
    progress(1.0, "registered")
    poses_found = tuple(body.pose for body in found)
    return RegistrationResult(poses_found, assessment, time.perf_counter() - started)


def _check_names(case: Case, names: tuple[str, ...] | None) -> None:
    known = [b.name for b in case.bodies]
    for name in names or ():
        if name not in known:
            raise InputError(case.folder, f"no body {name!r}", f"one of {', '.join(known)}")


def load_cbct(case: Case, path: Path | None = None) -> Volume:
    """Read a CBCT: the file given, or the case's own.

    Raises:
        InputError: there is none, or it cannot be used.
    """
    from rafr.imaging.readers import read_volume

    chosen = path or case.cbct
    if chosen is None:
        raise InputError(case.folder, "the case has no CBCT", "key cbct in case.yaml, or --cbct FILE")
    return read_volume(chosen)


def _finite(cbct: Volume) -> Volume:
    """Voxels that are no number become the lowest value: they are outside the field of view."""
    finite = np.isfinite(cbct.array)
    if finite.all():
        return cbct
    lowest = cbct.array[finite].min() if finite.any() else 0.0
    return cbct.with_array(np.where(finite, cbct.array, lowest))

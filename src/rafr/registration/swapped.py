"""Left and right of an image swapped, or the wrong side of a patient: then the mirror image fits better.

A pelvis is nearly its own mirror image, so a mirrored CT can be registered, with bone edges half a millimetre
off. Whether that is the wrong side or a poor image is told by trying the mirror image as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from rafr.assessment import ACCEPTED, Assessment
from rafr.errors import InfeasibleError
from rafr.geometry import Plane, TriangleMesh
from rafr.imaging.volume import Volume
from rafr.progress import silent
from rafr.registration.bodies import RegisteredBody, Scene, register_body, start_together


def judge_side(scene: Scene, body: RegisteredBody, rng: np.random.Generator) -> Assessment:
    """Refuses a body that fits worse than its mirror image; where its edges lie close nothing is tried."""
    quality, limits = body.quality, scene.config.judge
    if quality is None or quality.residual_mm <= limits.sure_residual_mm:
        return ACCEPTED
    mirrored = mirror_image(scene)
    try:
        other = register_body(mirrored, body.pose.name, start_together(mirrored, rng, silent), rng).quality
    except InfeasibleError:
        return ACCEPTED
    if other is None or other.residual_mm >= quality.residual_mm or other.found <= quality.found:
        return ACCEPTED
    reason = (
        f"{body.pose.name}: the mirror image of the CT fits better ({other.residual_mm:.2f} mm against "
        f"{quality.residual_mm:.2f} mm): are left and right swapped in one of the images?"
    )
    return Assessment(False, (reason,))


def mirror_image(scene: Scene) -> Scene:
    """The same with the CT reflected in the middle plane of its grid."""
    ct, labels, meshes = mirrored_scan(scene.ct, scene.labels, scene.meshes)
    return replace(scene, ct=ct, labels=labels, meshes=meshes)


def mirrored_scan(
    ct: Volume, labels: Volume, meshes: Mapping[str, TriangleMesh]
) -> tuple[Volume, Volume, dict[str, TriangleMesh]]:
    """CT, labels on its grid, and surfaces (LPS mm) with left and right swapped, on the same grid."""
    middle = ct.index_to_lps((np.array(ct.size) - 1) / 2.0)
    plane = Plane(middle, ct.direction[:, 0])
    reflected = {name: plane.reflect_mesh(mesh) for name, mesh in meshes.items()}
    return _reversed(ct), _reversed(labels), reflected


def _reversed(volume: Volume) -> Volume:
    return volume.with_array(np.ascontiguousarray(volume.array[:, :, ::-1]))

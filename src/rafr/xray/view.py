"""Where source and detector stand: the four standard views of the pelvis."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from rafr.config import option
from rafr.errors import RafrError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.metrics import beams
from rafr.planning.pins import PatientAxes

VIEWS = ("ap", "inlet", "outlet", "lateral")


@dataclass(frozen=True, slots=True)
class Device:
    """An X-ray tube and the detector opposite, perpendicular to the central ray."""

    source_detector_mm: float = option(1200.0, "focus to detector", unit="mm", lower=500.0, upper=3000.0)
    source_patient_mm: float = option(
        970.0, "focus to the middle of the pelvis", unit="mm", lower=300.0, upper=2500.0
    )
    detector_mm: float = option(430.0, "the square detector's side", unit="mm", lower=50.0, upper=600.0)
    pixels: int = option(512, "along a side", lower=16, upper=4096)

    @property
    def magnification(self) -> float:
        """Of what lies at the middle of the pelvis."""
        return self.source_detector_mm / self.source_patient_mm


DEVICES = {
    "radiograph": Device(),
    "c-arm": Device(source_detector_mm=1100.0, source_patient_mm=700.0, detector_mm=300.0),
}
"""A fixed tube with a 43 cm detector, which shows a whole pelvis; a mobile C-arm with a 30 cm one. Both leave
room for half a pelvis and its soft tissue between its middle and the detector, from the side too."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A point source and the pixels it is seen by; LPS mm.

    Attributes:
        name: one of `VIEWS`.
        source: (3,).
        corner: (3,) centre of pixel (0, 0), the upper left one.
        right, down: (3,) from one pixel's centre to the next.
        width, height: pixels.
        magnification: of what lies in the plane that was centred.
        letters: what is on the picture's left and on its right.
    """

    name: str
    source: FloatArray
    corner: FloatArray
    right: FloatArray
    down: FloatArray
    width: int
    height: int
    magnification: float
    letters: tuple[str, str]

    @property
    def rays(self) -> FloatArray:
        """(3, 3); `rays @ (u, v, 1)` leads from the source to the pixel at column u, row v."""
        return np.column_stack([self.right, self.down, self.corner - self.source])

    @property
    def pixel_mm(self) -> float:
        """Side of a pixel, seen in the plane that was centred."""
        return float(np.linalg.norm(self.right)) / self.magnification

    def moved(self, T: RigidTransform) -> View:
        """The same source and detector in other coordinates (`T_other_these`, mm)."""
        return replace(
            self,
            source=T.apply(self.source),
            corner=T.apply(self.corner),
            right=T.rotate(self.right),
            down=T.rotate(self.down),
        )

    def pixels_of(self, points_mm: ArrayLike) -> FloatArray:
        """(..., 2) column and row at which points (..., 3) appear.

        Raises:
            RafrError: a point is not in front of the source.
        """
        homogeneous = (np.asarray(points_mm, dtype=float) - self.source) @ np.linalg.inv(self.rays).T
        if not (homogeneous[..., 2] > 1e-6).all():
            raise RafrError(f"{self.name} view: something lies level with the X-ray source or behind it")
        pixels: FloatArray = homogeneous[..., :2] / homogeneous[..., 2:]
        return pixels


def standard_view(name: str, axes: PatientAxes, centre_mm: FloatArray, device: Device) -> View:
    """AP, inlet, outlet (tilts of `rafr.planning.metrics.beams`) or left lateral, centred on a point (3,).

    AP, inlet and outlet show the patient as met face to face: right on the picture's left. The lateral has
    the left hip next to the detector; it is seen from the source.

    Raises:
        RafrError: no such view.
    """
    directions = {**beams(axes), "lateral": axes.left}
    if name not in directions:
        raise RafrError(f"no view {name!r}; there are {', '.join(VIEWS)}")
    forward = directions[name]
    up = axes.superior - (axes.superior @ forward) * forward
    up = up / np.linalg.norm(up)
    step = device.detector_mm / device.pixels
    right, down = step * np.cross(forward, up), -step * up
    source = centre_mm - device.source_patient_mm * forward
    middle = 0.5 * (device.pixels - 1)
    corner = source + device.source_detector_mm * forward - middle * (right + down)
    letters = ("P", "A") if name == "lateral" else ("R", "L")
    return View(
        name, source, corner, right, down, device.pixels, device.pixels, device.magnification, letters
    )

"""Radiographs that follow the bones: prepared once per case, then many pictures a second.

Everything is done by `rafr.xray`. Here the CT is cut to the patient and made no finer than live pictures
need, tissue is projected once for every view and given up, and only what moves is projected for a picture.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from rafr.cases.case import Case
from rafr.cases.load import load_ct, load_labels
from rafr.cases.meshes import body_meshes
from rafr.errors import RafrError
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.imaging.resample import crop_to, resample
from rafr.imaging.volume import Volume
from rafr.pictures.lettering import Image
from rafr.planning.pins import patient_axes
from rafr.progress import Progress, part_of, silent
from rafr.xray.displacement import (
    FractureEdge,
    SeenDisplacement,
    fracture_edges,
    matta_on_views,
    seen_displacement,
)
from rafr.xray.of_case import pins_of_case
from rafr.xray.patient import XrayPatient
from rafr.xray.picture import Tone, caption_of, picture, sheet, verdict_of
from rafr.xray.projector import FloatImage, project
from rafr.xray.radiograph import Fluoroscope
from rafr.xray.rods import Rod, screws_of
from rafr.xray.series import State
from rafr.xray.view import DEVICES, VIEWS, Device, View, standard_view

PIXELS = (256, 512)
"""Sides of pictures of bodies that move, which come quickly, and of bodies that rest."""
MOST_VOXELS = 30_000_000
"""Of the CT as it is projected: 0.9 to 1.3 mm a voxel for a pelvis, about a pixel of the finer pictures."""
_AIR_HU = -500.0
_LOOK_EVERY = 4  # voxels, when looking for the patient in the CT


@dataclass(frozen=True, slots=True, eq=False)
class _Station:
    """One view at one size, ready.

    Attributes:
        before: attenuation with all bodies as the CT shows them.
    """

    view: View
    fluoroscope: Fluoroscope
    before: FloatImage
    tone: Tone


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """What displacement is measured from: `T_reduced_displaced` (mm) by body, and edges placed so."""

    reduced: Mapping[str, RigidTransform]
    edges: Sequence[FractureEdge]


class LiveRadiographs:
    """AP, inlet, outlet and lateral radiographs of a case with its bodies at any poses.

    Any thread may call any method; one picture is made at a time. What takes seconds is done by `prepare`,
    best in a thread of its own, else by the first picture.

    Args:
        case: its pins are in the pictures, its screws where asked for.
        ct: the case's CT where it has been read already.
        device: source, detector and its side; the number of its pixels is not used.
        pins: propose Schantz pins where the case gives none.
        pixels: sides of pictures of moving and of resting bodies.
    """

    def __init__(
        self,
        case: Case,
        *,
        ct: Volume | None = None,
        device: Device = DEVICES["radiograph"],
        pins: bool = False,
        pixels: tuple[int, int] = PIXELS,
    ) -> None:
        self._case, self._ct, self._device, self._pins = case, ct, device, pins
        self._pixels = pixels
        self._making, self._exposing = threading.Lock(), threading.Lock()
        self._stations: dict[tuple[str, bool], _Station] = {}  # by view and whether for moving bodies
        self._screws: dict[str, tuple[Rod, ...]] = {}
        self._meshes: dict[str, TriangleMesh] = {}
        self._measured = _Measured({}, ())
        self._ready = False

    @property
    def ready(self) -> bool:
        """Whether pictures come at once."""
        return self._ready

    def prepare(self, progress: Progress = silent) -> None:
        """Read the case and project what stands still in every view; nothing where that was done before.

        Raises:
            InputError: the case's images or a screw cannot be used.
        """
        with self._making:
            if self._ready:
                return
            progress(0.0, "reading the CT")
            patient = self._patient(part_of(progress, 0.0, 0.5))
            axes = patient_axes(self._case)
            for number, name in enumerate(VIEWS):
                progress(0.5 + 0.5 * number / len(VIEWS), f"{name} view")
                coarse, fine = (
                    standard_view(name, axes, patient.middle_mm, replace(self._device, pixels=pixels))
                    for pixels in self._pixels
                )
                tissue = _tissue_of(patient, fine)
                for moving, view in ((True, coarse), (False, fine)):
                    smaller = cv2.resize(tissue, (view.width, view.height), interpolation=cv2.INTER_AREA)
                    standing = np.asarray(smaller, dtype=np.float32)
                    self._stations[name, moving] = _station(patient, view, standing)
            self._ct = None  # stations keep the bodies alone
            self._ready = True
            progress(1.0, "radiographs ready")

    def measure_from(self, reduced: Mapping[str, RigidTransform]) -> None:
        """From now on measure and grade the displacement between fracture edges, as `rafr xray` does.

        Takes a second or so.

        Args:
            reduced: `T_reduced_displaced` (mm) of the moving bodies, a plan's; empty: measure nothing.
        """
        self.prepare()
        edges = fracture_edges(self._meshes, reduced) if reduced else ()
        self._measured = _Measured(dict(reduced), edges)

    def picture(
        self,
        view: str,
        poses: Mapping[str, RigidTransform],
        *,
        moving: bool = False,
        name: str = "now",
        screws: bool = False,
        measured: bool = True,
    ) -> Image:
        """(height, width, 3): a radiograph with side letters, scale, displacement and Matta's grade.

        Args:
            view: ap, inlet, outlet or lateral.
            poses: `T_current_displaced` (mm); bodies without one stand where the CT shows them.
            moving: a smaller picture, which comes sooner.
            name: of the state shown, for the caption.   screws: show the case's.
            measured: False for the plan's own poses, from which displacement is measured.

        Raises:
            RafrError: no such view.
        """
        station = self._station(view, moving)
        metal = State(name, poses, self._screws if screws else {}).metal
        with self._exposing:
            attenuation = station.fluoroscope.expose(poses, metal)
        return self._drawn(attenuation, view, poses, name, moving, measured)

    def before_and_now(
        self,
        view: str,
        poses: Mapping[str, RigidTransform],
        *,
        moving: bool = False,
        name: str = "now",
        screws: bool = False,
        measured: bool = True,
    ) -> Image:
        """(height, 2 width, 3): the radiograph as the CT shows the bodies, and `picture` beside it."""
        station = self._station(view, moving)
        before = self._drawn(station.before, view, {}, "before", moving, measured=True)
        now = self.picture(view, poses, moving=moving, name=name, screws=screws, measured=measured)
        return sheet([[before, now]])

    def matta(self, poses: Mapping[str, RigidTransform]) -> dict[str, Any]:
        """`grade`, `max_mm`, `views_mm` on AP, inlet and outlet; None each where nothing is measured."""
        return matta_on_views(self._seen(poses, moving=False))

    def _station(self, view: str, moving: bool) -> _Station:
        if view not in VIEWS:
            raise RafrError(f"no view {view!r}; there are {', '.join(VIEWS)}")
        self.prepare()
        return self._stations[view, moving]

    def _patient(self, progress: Progress) -> XrayPatient:
        case = self._case
        self._screws = screws_of(case)
        ct, labels = _bounded(load_ct(case) if self._ct is None else self._ct, load_labels(case))
        progress(0.4, "surfaces")
        meshes = body_meshes(case)
        rods = pins_of_case(case, meshes, propose=self._pins)
        self._meshes = {name: body.mesh for name, body in meshes.items()}
        progress(0.6, "attenuation of the CT")
        return XrayPatient.of_ct(ct, labels, case.bodies, rods)

    def _drawn(
        self,
        attenuation: FloatImage,
        view: str,
        poses: Mapping[str, RigidTransform],
        name: str,
        moving: bool,
        measured: bool,
    ) -> Image:
        station = self._station(view, moving)
        seen = self._seen(poses, moving) if measured else {}
        lines = [caption_of(view, name, seen.get(view)), verdict_of(matta_on_views(seen))]
        caption = "\n".join(line for line in lines if line)
        return picture(attenuation, station.tone, station.view, caption, seen.get(view))

    def _seen(self, poses: Mapping[str, RigidTransform], moving: bool) -> dict[str, SeenDisplacement | None]:
        """The largest displacement by view; pixels are those of moving or of resting bodies' pictures."""
        known = self._measured
        return {
            name: seen_displacement(known.edges, poses, known.reduced, self._station(name, moving).view)
            for name in VIEWS
        }


def _tissue_of(patient: XrayPatient, view: View) -> FloatImage:
    if patient.tissue is None:
        return np.zeros((view.height, view.width), np.float32)
    return project(patient.tissue.at(view.pixel_mm), view)


def _station(patient: XrayPatient, view: View, tissue: FloatImage) -> _Station:
    """Ready for pictures, without the volume of tissue."""
    fluoroscope = Fluoroscope(replace(patient, tissue=None), view, tissue)
    before = fluoroscope.expose({})
    return _Station(view, fluoroscope, before, Tone.of(before, patient.tissue is not None))


def _bounded(ct: Volume, labels: Volume) -> tuple[Volume, Volume]:
    """CT and labels cut to the patient and of at most `MOST_VOXELS` voxels, thick slices kept as they are."""
    every = (slice(None, None, _LOOK_EVERY),) * 3
    hu = ct.array[every]
    # of a CT of bone alone, which has 0 HU beside it, that is the bones
    there = ((hu > _AIR_HU) & (hu != 0)) | (labels.array[every] > 0)
    found = [np.flatnonzero(there.any(axis=tuple(b for b in range(3) if b != a))) for a in (2, 1, 0)]
    ends = ct.index_to_lps(_LOOK_EVERY * np.array([[f[0], f[-1]] for f in found]).T)
    part, window = crop_to(ct, ends, (_LOOK_EVERY + 1) * float(ct.spacing.max()))
    part_labels = part.with_array(labels.array[window])
    spacing = part.spacing
    while np.prod(_size(part, spacing).astype(float)) > MOST_VOXELS:
        spacing = np.maximum(spacing, 1.02 * spacing.min())
    if np.array_equal(spacing, part.spacing):
        return part, part_labels
    shape = tuple(int(n) for n in _size(part, spacing)[::-1])
    grid = Volume(np.broadcast_to(np.uint8(0), shape), part.origin, spacing, part.direction)
    still = RigidTransform.identity()
    coarse = resample(part, grid, still, outside=float(part.array.min()))
    return coarse, resample(part_labels, grid, still, outside=0.0, nearest=True)


def _size(volume: Volume, spacing: np.ndarray) -> np.ndarray:
    """Voxels along (i, j, k) that another spacing leaves; none lies beyond the last of the volume's."""
    size: np.ndarray = ((np.array(volume.size) - 1) * volume.spacing / spacing + 1e-6).astype(int) + 1
    return size

"""One view of a patient whose bodies move: what stands still is projected once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rafr.geometry import RigidTransform
from rafr.xray.patient import XrayPatient, moved_by
from rafr.xray.projector import FloatImage, Window, project, project_window
from rafr.xray.rods import Rod, project_rod
from rafr.xray.view import View


class Fluoroscope:
    """Pictures of one view, one after the other. Not for several threads at once.

    Args:
        patient: tissue, bodies, metal.
        view: its pixels decide how fine a grid is projected (`Absorber.at`).
        tissue: the patient's tissue in this view where it was projected before; `patient.tissue` is not
            read then and may be None.
    """

    def __init__(self, patient: XrayPatient, view: View, tissue: FloatImage | None = None) -> None:
        self.view = view
        self._patient = patient
        self._tissue = tissue
        self._shadows: dict[str, tuple[RigidTransform, list[Window]]] = {}

    def expose(self, poses: Mapping[str, RigidTransform], metal: Sequence[Rod] = ()) -> FloatImage:
        """(height, width) attenuation, −ln(I/I₀), of every ray (Beer–Lambert).

        Args:
            poses: `T_current_displaced` (mm) of bodies that moved. Only those that moved since the last
                picture are projected again, each with its own metal.
            metal: more of it, where it is now, reference body's CT.
        """
        if self._tissue is None:
            self._tissue = self._project_tissue()
        picture = self._tissue.copy()
        for name in self._patient.bodies:
            for window in self._shadow(name, moved_by(poses, name)):
                window.add_to(picture)
        for rod in metal:
            project_rod(rod, self.view, self._patient.kev).add_to(picture)
        return picture

    def _project_tissue(self) -> FloatImage:
        tissue = self._patient.tissue
        if tissue is None:
            return np.zeros((self.view.height, self.view.width), np.float32)
        return project(tissue.at(self.view.pixel_mm), self.view)

    def _shadow(self, name: str, pose: RigidTransform) -> list[Window]:
        known = self._shadows.get(name)
        if known is not None and np.array_equal(known[0].matrix, pose.matrix):
            return known[1]
        view = self.view.moved(pose.inverse())
        body = self._patient.bodies[name].at(self.view.pixel_mm)
        windows = [project_window(body, view)]
        windows += [project_rod(rod, view, self._patient.kev) for rod in self._patient.rods.get(name, ())]
        self._shadows[name] = (pose, windows)
        return windows


def transmitted(attenuation: FloatImage) -> FloatImage:
    """Share of the photons that reach the detector."""
    share: FloatImage = np.exp(-attenuation)
    return share

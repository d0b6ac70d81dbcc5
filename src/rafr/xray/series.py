"""Radiographs of one patient in several states and views: taken, measured and laid side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rafr.geometry import RigidTransform
from rafr.pictures.lettering import Image
from rafr.progress import Progress, silent
from rafr.xray.displacement import FractureEdge, SeenDisplacement, matta_on_views, seen_displacement
from rafr.xray.patient import XrayPatient, moved_by
from rafr.xray.picture import Tone, caption_of, picture, sheet, verdict_of
from rafr.xray.projector import FloatImage
from rafr.xray.radiograph import Fluoroscope
from rafr.xray.rods import Rod
from rafr.xray.view import View


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """How the bodies stand.

    Attributes:
        name: before, planned, achieved, …
        poses: `T_current_displaced` (mm) of those that moved.
        screws: metal by the body that carries it, in that body's CT coordinates; in this state only.
        is_target: the poses are those displacement is measured from, so that nothing is left to measure.
    """

    name: str
    poses: Mapping[str, RigidTransform]
    screws: Mapping[str, Sequence[Rod]]
    is_target: bool = False

    @property
    def metal(self) -> list[Rod]:
        """The screws where they are now."""
        return [rod.moved(moved_by(self.poses, body)) for body, rods in self.screws.items() for rod in rods]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """All radiographs, by state and view.

    Attributes:
        views: by name.   states: in the order they are shown.
        attenuation: (height, width), −ln(I/I₀), by (state, view).
        seen: the largest displacement between fracture edges, by (state, view); None: not measured.
        soft_tissue: whether the CT showed any.
    """

    views: Mapping[str, View]
    states: tuple[State, ...]
    attenuation: Mapping[tuple[str, str], FloatImage]
    seen: Mapping[tuple[str, str], SeenDisplacement | None]
    soft_tissue: bool

    def matta(self, state: str) -> dict[str, Any]:
        """`grade`, `max_mm` and `views_mm` of a state; see `matta_on_views`."""
        return matta_on_views({view: self.seen[state, view] for view in self.views})

    def pictures(self) -> dict[str, Image]:
        """By view, the states side by side, all in the tone of the first."""
        return {view: sheet([self._row(view)]) for view in self.views}

    def sheet(self) -> Image:
        """Every view (down) in every state (across)."""
        return sheet([self._row(view) for view in self.views])

    def _row(self, name: str) -> list[Image]:
        view = self.views[name]
        tone = Tone.of(self.attenuation[self.states[0].name, name], self.soft_tissue)
        return [
            picture(
                self.attenuation[state.name, name],
                tone,
                view,
                self._caption(state, name),
                self.seen[state.name, name],
            )
            for state in self.states
        ]

    def _caption(self, state: State, view: str) -> str:
        lines = [
            caption_of(view, state.name, self.seen[state.name, view]),
            verdict_of(self.matta(state.name)),
        ]
        if state.is_target:
            lines = [caption_of(view, state.name, None)]
        return "\n".join(line for line in lines if line)


def take_series(
    patient: XrayPatient,
    views: Sequence[View],
    states: Sequence[State],
    edges: Sequence[FractureEdge] = (),
    reduced: Mapping[str, RigidTransform] | None = None,
    progress: Progress = silent,
) -> Series:
    """Take every view of every state and measure it.

    Args:
        edges: see `fracture_edges`; none: nothing is measured.
        reduced: `T_reduced_displaced` (mm), the poses displacement is measured from.
    """
    attenuation, seen = {}, {}
    for number, view in enumerate(views):
        progress(number / len(views), f"{view.name} view")
        fluoroscope = Fluoroscope(patient, view)
        for state in states:
            key = state.name, view.name
            attenuation[key] = fluoroscope.expose(state.poses, state.metal)
            measured = () if state.is_target else edges
            seen[key] = seen_displacement(measured, state.poses, reduced or {}, view)
    progress(1.0, "pictures taken")
    return Series({v.name: v for v in views}, tuple(states), attenuation, seen, patient.tissue is not None)

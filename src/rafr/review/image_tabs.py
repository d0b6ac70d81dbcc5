"""Slices and radiographs of the state that one browser shows, drawn in the background."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rafr.errors import RafrError
from rafr.geometry import RigidTransform
from rafr.review.attempts import attempted
from rafr.review.desk import Desk
from rafr.review.known import Known
from rafr.review.latest import Latest
from rafr.review.slices import CT, PLANES
from rafr.review.stage import on_person

_VIEWS = ("AP", "inlet", "outlet", "lateral")  # of rafr.xray.view, as they are written
_STEP_MM = 0.5
_QUALITY = 88  # of JPEG

Poses = Mapping[str, RigidTransform]


class _Drawn:
    """A picture in the panel, and what to say while there is none."""

    def __init__(self, gui: Any) -> None:
        self.note = gui.add_markdown("")
        self._gui = gui
        self._handle: Any = None

    def show(self, picture: np.ndarray[Any, Any]) -> None:
        self.note.content = ""
        if self._handle is None:
            self._handle = self._gui.add_image(picture, format="jpeg", jpeg_quality=_QUALITY)
        else:
            self._handle.image = picture


class SliceTab:
    """A slice of CT or CBCT with the contours of the bones where they are in the state shown."""

    def __init__(self, gui: Any, desk: Desk, work: Latest, changed: Callable[[], None]) -> None:
        self._desk, self._work = desk, work
        self.plane = gui.add_button_group("plane", PLANES)
        self.image = gui.add_dropdown("image", (CT,), initial_value=CT)
        self.position = gui.add_slider("position, mm", min=-1.0, max=1.0, step=_STEP_MM, initial_value=0.0)
        gui.add_markdown("The image is as it was taken; contours are where the bones are in the state shown.")
        self._container = gui.add_folder("slice")
        with self._container:
            self._drawn = _Drawn(gui)
        self._ranged = ""
        self.plane.on_click(attempted(lambda _: changed()))
        for handle in (self.image, self.position):
            on_person(handle, changed)

    def refresh(self, poses: Poses) -> None:
        if self._desk.slices_or_none is None:
            self._drawn.note.content = "Reading the images …"
        self._work.ask("slice", lambda: self._draw(dict(poses)))

    def _draw(self, poses: Poses) -> None:
        try:
            viewer = self._desk.slices()
            plane = self.plane.value
            if viewer.images != tuple(self.image.options):
                self.image.options = viewer.images
            if plane != self._ranged:
                lower, upper = viewer.range_mm(plane)
                self._ranged = plane
                self.position.min, self.position.max = round(lower, 1), round(upper, 1)
                self.position.value = round(0.5 * (lower + upper), 1)
            picture = viewer.picture(plane, float(self.position.value), poses, self.image.value)
        except RafrError as error:
            self._drawn.note.content = f"**{error}**"
            return
        with self._container:
            self._drawn.show(picture)


class RadiographTab:
    """Radiographs as the CT shows the bones and, beside them, in the state shown."""

    def __init__(self, gui: Any, known: Known, desk: Desk, work: Latest, changed: Callable[[], None]) -> None:
        self._known, self._desk, self._work = known, desk, work
        self.view = gui.add_button_group("view", _VIEWS)
        self._container = gui.add_folder("before, and as shown")
        with self._container:
            self._drawn = _Drawn(gui)
        self.view.on_click(attempted(lambda _: changed()))

    def refresh(self, poses: Poses, name: str, *, moving: bool, planned: bool) -> None:
        """Draw in the background.

        Args:
            name: of the state.   moving: more pictures will follow at once.
            planned: these are the plan's own poses, from which displacement is measured.
        """
        drawn = dict(poses)
        self._work.ask("radiograph", lambda: self._draw(drawn, name, moving, planned))

    def _draw(self, poses: Poses, name: str, moving: bool, planned: bool) -> None:
        try:
            radiographs = self._desk.radiographs(self._known.plan, self._tell)
            view = self.view.value.lower()
            picture = radiographs.before_and_now(view, poses, moving=moving, name=name, measured=not planned)
        except RafrError as error:
            self._drawn.note.content = f"**{error}**"
            return
        with self._container:
            self._drawn.show(picture)

    def _tell(self, fraction: float, text: str = "") -> None:
        self._drawn.note.content = f"Preparing radiographs: {100 * fraction:.0f} %, {text}"

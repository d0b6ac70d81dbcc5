"""The operating room round the bones on the review page: table, robot, pins and cords, as they are now.

The scene is drawn round the patient: its axes are those of the CT (LPS, m), its origin is the middle of the
bones, and the room lies round them where patient and tracker say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rafr.cases.case import Case, SchantzPin
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.review.stage import Viewpoint, place, rotation_to, wxyz
from rafr.robot.shapes import Shape, robot_shapes
from rafr.room import OperatingRoom
from rafr.units import METRES_PER_MM

_TABLE, _STEEL = (104, 130, 146), (200, 205, 212)
_TABLE_OPACITY = 0.45  # seen from below, the bones must still be seen
# from where one looks, and at what: m from the middle of the bones, axes of `world`, y towards the robot
_VIEWPOINTS = {
    "field": ((-0.78, -0.08, 1.10), (0.0, 0.06, 0.07)),  # over the patient's feet, down on pelvis and clamp
    "room": ((-3.6, -2.6, 2.7), (-0.35, 0.35, -0.15)),
}
ROOM_BUTTONS = tuple(_VIEWPOINTS)
_GAMMA = 2.2  # the browser takes the colours of lines for linear ones
_ROOM_MOVED = (5e-4, 5e-4)  # m, rad: less is the tracker's noise
_LINK_MOVED = (1e-4, 1e-4)


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """What is round the bones.

    Attributes:
        T_world_pelvis: m, where the patient was meant to lie; until it is measured.
        robot_side: of the table, in `world`: +1 the patient's right, -1 the left.
    """

    room: OperatingRoom
    shapes: tuple[Shape, ...]
    T_world_pelvis: RigidTransform
    robot_side: float = 1.0


def surroundings_of(
    case: Case, meshes: Mapping[str, TriangleMesh], room: OperatingRoom, urdf: str
) -> Surroundings:
    """The room as planned; the robot will come to the side of the bones that move (`meshes`: LPS mm)."""
    T_world_ct = room.T_world_ct(case, meshes[case.reference.name].centroid)
    to_right = sum(T_world_ct.apply(meshes[b.name].centroid * METRES_PER_MM)[1] for b in case.moving)
    return Surroundings(room, robot_shapes(urdf), T_world_ct, 1.0 if to_right >= 0 else -1.0)


@dataclass(frozen=True, slots=True, eq=False)
class DrawnCords:
    """A list of lines as it is drawn.

    Attributes:
        segments: (n, 2, 3) m, reference body's CT frame.   colours: (n, 2, 3) 0..1.   thickness: m.
    """

    segments: FloatArray
    colours: FloatArray
    thickness: float


class Theatre:
    """Draws the surroundings; hidden until `show`."""

    def __init__(self, scene: Any, centre_mm: FloatArray, surroundings: Surroundings) -> None:
        """`scene`: of one browser.   `centre_mm` (3,): its origin, LPS mm."""
        self._scene = scene
        self._centre_mm, self._surroundings = centre_mm, surroundings
        self._root = self._scene.add_frame("/theatre", show_axes=False, visible=False)
        self._room = self._scene.add_frame("/theatre/room", show_axes=False)
        self._pelvis = self._scene.add_frame("/theatre/pelvis", show_axes=False)
        self._pelvis.position = -centre_mm * METRES_PER_MM
        self._cords: dict[str, Any] = {}
        self._label: Any = None
        self._pins: list[Any] = []
        self._cords_wanted = True
        self._add_table(surroundings.room)
        self._links = self._add_robot(surroundings.shapes)
        self.place_patient(surroundings.T_world_pelvis)

    def viewpoint(self, name: str) -> Viewpoint:
        """One of `ROOM_BUTTONS`: the surgical field, or the whole room."""
        R = self._T_scene_world.rotation
        towards = np.array([1.0, self._surroundings.robot_side, 1.0])
        position, look_at = (R @ (towards * point) for point in np.array(_VIEWPOINTS[name]))
        return Viewpoint(position, look_at, R[:, 2])

    def show(self, visible: bool) -> None:
        self._root.visible = visible
        for pin in self._pins:
            pin.visible = visible

    def want_cords(self, wanted: bool) -> None:
        """Whether the cords are to be seen."""
        self._cords_wanted = wanted
        for handle in (*self._cords.values(), *([self._label] if self._label is not None else [])):
            handle.visible = wanted

    def place_patient(self, T_world_pelvis: RigidTransform) -> None:
        """The reference body's CT frame (m) in the room."""
        origin = RigidTransform.from_translation(-self._centre_mm * METRES_PER_MM)
        self._T_scene_world = origin @ T_world_pelvis.inverse()
        place(self._room, self._T_scene_world, *_ROOM_MOVED)

    def place_robot(self, T_world_links: Mapping[str, RigidTransform]) -> None:
        """Every link of the robot, m."""
        for name, T in T_world_links.items():
            if name in self._links:
                self._links[name].visible = True
                place(self._links[name], T, *_LINK_MOVED)

    def add_pins(self, body: str, pins: Iterable[SchantzPin]) -> None:
        """Schantz pins in a body: they move with it."""
        for k, pin in enumerate(pins):
            tip = pin.entry_mm + pin.depth_mm * pin.direction
            self._pins.append(
                self._scene.add_cylinder(
                    f"/{body}/pin{k}",
                    0.5 * pin.diameter_mm * METRES_PER_MM,
                    pin.length_mm * METRES_PER_MM,
                    _STEEL,
                    position=(0.5 * (tip + pin.tail_mm) - self._centre_mm) * METRES_PER_MM,
                    wxyz=wxyz(rotation_to(pin.direction)),
                    visible=self._root.visible,
                )
            )

    def remove_pins(self, body: str) -> None:
        """Take the pins of a body away."""
        for pin in [p for p in self._pins if p.name.startswith(f"/{body}/pin")]:
            self._pins.remove(pin)
            pin.remove()

    def show_cords(
        self, cords: Mapping[str, DrawnCords], label: tuple[str, FloatArray] | None = None
    ) -> None:
        """Draw cords by kind, and a text at a place (m, reference body's CT frame)."""
        for kind, cord in cords.items():
            self._show_lines(kind, cord)
        if label is not None:
            self._show_label(*label)

    def _show_lines(self, kind: str, cord: DrawnCords) -> None:
        points = cord.segments.astype(np.float32)
        colours = np.round(255 * cord.colours**_GAMMA).astype(np.uint8)
        handle = self._cords.get(kind)
        if handle is not None and handle.points.shape == points.shape:
            handle.points, handle.colors = points, colours
            return
        self._cords[kind] = self._scene.add_line_segments(
            f"/theatre/pelvis/{kind}",
            points,
            colours,
            thickness=cord.thickness,
            visible=self._cords_wanted,
        )

    def _show_label(self, text: str, at: FloatArray) -> None:
        if self._label is None:
            self._label = self._scene.add_label(
                "/theatre/pelvis/label", text, anchor="center-left", visible=self._cords_wanted
            )
        self._label.text = text
        place(self._label, RigidTransform.from_translation(at), 2e-3, 1.0)

    def _add_table(self, room: OperatingRoom) -> None:
        table, scene = room.table, self._scene
        top = (table.length, table.width, table.thickness)
        scene.add_box(
            "/theatre/room/table",
            _TABLE,
            top,
            opacity=_TABLE_OPACITY,
            position=(0.0, 0.0, table.height - 0.5 * table.thickness),
        )
        scene.add_grid(
            "/theatre/room/floor",
            6.0,
            6.0,
            cell_color=(70, 76, 84),
            section_color=(90, 97, 106),
            shadow_opacity=0.0,
        )

    def _add_robot(self, shapes: Iterable[Shape]) -> dict[str, Any]:
        """A frame per link, hidden until it is known where it stands."""
        links: dict[str, Any] = {}
        for k, shape in enumerate(shapes):
            name = f"/theatre/room/robot/{shape.link}"
            if shape.link not in links:
                links[shape.link] = self._scene.add_frame(name, show_axes=False, visible=False)
            self._add_shape(f"{name}/{k}", shape)
        return links

    def _add_shape(self, name: str, shape: Shape) -> None:
        colour = tuple(round(255 * c) for c in shape.colour)
        pose = {"position": shape.T_link_shape.translation, "wxyz": wxyz(shape.T_link_shape)}
        if shape.kind == "box":
            self._scene.add_box(name, colour, shape.size, **pose)
        elif shape.kind == "cylinder":
            self._scene.add_cylinder(name, *shape.size, colour, **pose)
        else:
            self._scene.add_icosphere(name, *shape.size, colour, **pose)

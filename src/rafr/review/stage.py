"""The room in which the review page shows bones: server, lights, camera, letters for the sides."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.pictures.bones import beam
from rafr.review.attempts import attempted, log_in_one_line
from rafr.units import METRES_PER_MM

_FIELD_OF_VIEW = np.radians(30.0)  # vertical; narrow, so that near bones do not look large
_FILLED = 0.72  # share of the picture's height and width that the bones take
ASPECT = 1.1  # width by height of what the panel leaves of a small window
_LETTERS = {"R": (-1, 0, 0), "L": (1, 0, 0), "H": (0, 0, 1), "F": (0, 0, -1), "A": (0, -1, 0), "P": (0, 1, 0)}
_GAP = 12.0  # mm between bones and letters
_LETTER_SIZE = 0.013  # m
# button -> view of rafr.pictures.bones
VIEW_BUTTONS = {"AP": "anterior", "inlet": "inlet", "outlet": "outlet", "PA": "posterior"}
SIDE_BUTTONS = {"from the right": "lateral-right", "from the left": "lateral-left"}


def serve(title: str) -> Any:
    """A viser server on this machine only, lit for bones; browsers come to it through the gate."""
    import viser

    # viser announces itself under a second address, which would only confuse
    with contextlib.redirect_stdout(io.StringIO()):
        server = viser.ViserServer(host="127.0.0.1", port=_free_port(), label=title, verbose=False)
    log_in_one_line()
    server.scene.set_up_direction("+z")
    _light(server)
    server.gui.configure_theme(
        dark_mode=True, show_logo=False, show_share_button=False, control_width="large"
    )
    server.gui.set_panel_label(title)
    return server


def _light(server: Any) -> None:
    """The default lights wash bones out."""
    scene = server.scene
    scene.configure_default_lights(False)
    scene.configure_environment_map(None)
    scene.add_light_hemisphere("/sky", sky_color=(255, 250, 240), ground_color=(90, 90, 105), intensity=1.3)
    # from all sides, so that no view is dark; unequal, so that shapes show
    scene.add_light_directional("/front", intensity=1.6, position=(0.5, -1.0, 0.8))
    scene.add_light_directional("/back", intensity=1.2, position=(-0.5, 1.0, 0.6))
    scene.add_light_directional("/left", intensity=0.8, position=(1.0, -0.2, 0.5))
    scene.add_light_directional("/right", intensity=0.8, position=(-1.0, -0.2, 0.5))


def add_letters(scene: Any, half: FloatArray) -> None:
    """Right, left, head, foot, anterior, posterior of the patient, around a box centred at the origin.

    Args:
        half: (3,) half of the box's edges, LPS mm.
    """
    for letter, axis in _LETTERS.items():
        at = np.array(axis) * (half + _GAP)
        scene.add_label(
            f"/letter/{letter}",
            letter,
            position=tuple(at * METRES_PER_MM),
            font_size_mode="scene",
            font_scene_height=_LETTER_SIZE,
            anchor="center-center",
            depth_test=True,  # bones hide the letter on their far side
        )


def camera_position(view: str, half: FloatArray, aspect: float = ASPECT) -> FloatArray:
    """(3,) m, LPS: from where a box centred at the origin fills the picture, seen in a clinical view.

    Args:
        half: (3,) half of the box's edges, mm.   aspect: width by height of the picture.
    """
    direction = beam(view)
    right = np.cross(direction, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    up = np.cross(right, direction)
    width, height, depth = (float(np.abs(axis) @ half) for axis in (right, up, direction))
    distance = max(height, width / aspect) / (_FILLED * np.tan(_FIELD_OF_VIEW / 2)) + depth
    position: FloatArray = -direction * distance * METRES_PER_MM
    return position


@dataclass(frozen=True, slots=True, eq=False)
class Viewpoint:
    """From where one looks, at what, and what is up there; (3,) each, m, axes of the scene (LPS)."""

    position: FloatArray
    look_at: FloatArray
    up: FloatArray


def clinical(view: str, half: FloatArray, aspect: float = ASPECT) -> Viewpoint:
    """A clinical view of a box centred at the origin, the patient's head up."""
    return Viewpoint(camera_position(view, half, aspect), np.zeros(3), np.array([0.0, 0.0, 1.0]))


def set_first_camera(server: Any, viewpoint: Viewpoint) -> None:
    """What a browser shows that has just come."""
    camera = server.initial_camera
    camera.fov = float(_FIELD_OF_VIEW)
    camera.up = tuple(viewpoint.up)
    camera.position = tuple(viewpoint.position)
    camera.look_at = tuple(viewpoint.look_at)


def turn_camera(client: Any, viewpoint: Viewpoint) -> None:
    """Show one browser another view."""
    camera = client.camera
    camera.up_direction = viewpoint.up
    camera.position = viewpoint.position
    camera.look_at = viewpoint.look_at


def on_person(handle: Any, action: Callable[[], None]) -> None:
    """Call back when a person changes a value; viser tells of the program's own changes, too."""
    handle.on_update(attempted(lambda event: action() if event.client_id is not None else None))


def place(handle: Any, T: RigidTransform, least: float = 0.0, least_angle: float = 0.0) -> None:
    """Move something in the scene (m), unless by less than `least` m and `least_angle` rad."""
    turn = wxyz(T)
    moved = np.linalg.norm(T.translation - handle.position) > least
    # half the angle between two unit quaternions has their scalar product as cosine
    if moved or 2 * np.arccos(min(1.0, abs(float(np.dot(turn, handle.wxyz))))) > least_angle:
        handle.wxyz, handle.position = turn, T.translation


def wxyz(T: RigidTransform) -> tuple[float, float, float, float]:
    """The rotation as the scene's quaternion."""
    x, y, z, w = T.quaternion_xyzw
    return (w, x, y, z)


def rotation_to(direction: FloatArray) -> RigidTransform:
    """Turns z to a unit vector (3,)."""
    aside = np.eye(3)[int(np.argmin(np.abs(direction)))]
    x = np.cross(aside, direction)
    x /= np.linalg.norm(x)
    return RigidTransform(np.column_stack([x, np.cross(direction, x), direction]), np.zeros(3))


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

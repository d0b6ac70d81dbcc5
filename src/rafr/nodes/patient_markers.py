"""Table, bones, targets and Schantz pins as markers; a mesh is written once and named by its file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from geometry_msgs.msg import Vector3
from visualization_msgs.msg import Marker

from rafr.cases.case import SchantzPin
from rafr.geometry import RigidTransform, TriangleMesh, write_mesh
from rafr.nodes.markers import colour, marker
from rafr.pictures.bones import body_colours
from rafr.review.stage import rotation_to
from rafr.room import Table
from rafr.units import METRES_PER_MM

_GHOST = colour((0.35, 0.8, 0.5), 0.35)
_TABLE = colour((0.41, 0.51, 0.57), 0.45)
_STEEL = (0.78, 0.80, 0.83)
_FAINT = 0.35  # a bone that is not seen now
_WHOLE = Vector3(x=1.0, y=1.0, z=1.0)


def table_marker(table: Table) -> Marker:
    """The table top, translucent: seen from below, the bones must still be seen."""
    T = RigidTransform.from_translation((0.0, 0.0, table.height - 0.5 * table.thickness))
    size = Vector3(x=table.length, y=table.width, z=table.thickness)
    return marker("world", "table", 0, Marker.CUBE, T, scale=size, color=_TABLE)


class BoneMarkers:
    """Bones in frame `pelvis`, the reference body first."""

    def __init__(self, meshes: Mapping[str, TriangleMesh]) -> None:
        """`meshes` as the CT shows them, LPS mm."""
        self._folder = Path(tempfile.mkdtemp(prefix="rafr-view-"))
        self._numbers = {name: number for number, name in enumerate(meshes)}
        self._colours = body_colours(list(meshes))
        self._files = {name: self._write(name, mesh) for name, mesh in meshes.items()}

    def close(self) -> None:
        """Remove the files."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def number(self, name: str) -> int:
        """The number of a body's markers."""
        return self._numbers[name]

    def bone(self, name: str, T_current_displaced: RigidTransform, seen: bool = True) -> Marker:
        """Where it is (m); translucent when that was long ago."""
        painted = colour(self._colours[name], 1.0 if seen else _FAINT)
        made = self._mesh("bones", name, T_current_displaced)
        made.color = painted
        return made

    def ghost(self, name: str, T_reduced_displaced: RigidTransform) -> Marker:
        """Where it shall be (m)."""
        made = self._mesh("targets", name, T_reduced_displaced)
        made.color = _GHOST
        return made

    def pins(
        self, name: str, pins: Iterable[SchantzPin], T_current_displaced: RigidTransform
    ) -> Iterator[Marker]:
        """Pins move with their bone (m)."""
        for k, pin in enumerate(pins):
            tip = pin.entry_mm + pin.depth_mm * pin.direction
            middle = RigidTransform.from_translation(0.5 * METRES_PER_MM * (tip + pin.tail_mm))
            T = T_current_displaced @ middle @ rotation_to(pin.direction)
            thick = pin.diameter_mm * METRES_PER_MM
            size = Vector3(x=thick, y=thick, z=pin.length_mm * METRES_PER_MM)
            style = {"scale": size, "color": colour(_STEEL)}
            yield marker("pelvis", "pins", 10 * self._numbers[name] + k, Marker.CYLINDER, T, **style)

    def _mesh(self, namespace: str, name: str, T: RigidTransform) -> Marker:
        made = marker("pelvis", namespace, self._numbers[name], Marker.MESH_RESOURCE, T, scale=_WHOLE)
        made.mesh_resource = self._files[name]
        return made

    def _write(self, name: str, mesh: TriangleMesh) -> str:
        path = self._folder / f"{name}.stl"
        write_mesh(path, mesh.scaled(METRES_PER_MM))
        return f"file://{path}"

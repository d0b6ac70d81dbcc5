"""Surfaces for other programs: STL, OBJ or PLY in mm, the axes named in the file as 3D Slicer does."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rafr.geometry import TriangleMesh

MESH_FORMATS = ("stl", "obj", "ply")
SPACES = ("lps", "ras")
_STL_HEADER_BYTES = 80


def write_surface(path: Path, mesh: TriangleMesh, space: str) -> None:
    """Write a surface by suffix; the file says `SPACE=LPS` or `SPACE=RAS`.

    3D Slicer (its model storage node) looks for these words in the header of STL files and in the comments of
    OBJ and PLY files, and turns LPS into its own RAS. From LPS to RAS is half a turn about z: faces stay
    outward.

    Args:
        mesh: LPS mm.
        space: of the file, lps or ras.
    """
    import trimesh
    from trimesh.exchange import obj, ply, stl

    flip = np.array([-1.0, -1.0, 1.0]) if space == "ras" else np.ones(3)
    surface = trimesh.Trimesh(mesh.vertices * flip, mesh.faces, process=False)
    note = f"rafr. SPACE={space.upper()}"
    if path.suffix == ".stl":
        content = note.encode().ljust(_STL_HEADER_BYTES) + stl.export_stl(surface)[_STL_HEADER_BYTES:]
    elif path.suffix == ".obj":
        content = obj.export_obj(surface, include_normals=False, include_color=False, header=note).encode()
    else:
        first, rest = ply.export_ply(surface).split(b"\nformat", 1)
        magic, end = (b"\nformat" + rest).split(b"\n", 2)[1:]
        content = first + b"\n" + magic + b"\ncomment " + note.encode() + b"\n" + end
    path.write_bytes(content)

"""Meshes of quadratic tetrahedra."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]
EDGES = ((0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3))  # of nodes 4..9; as C3D10 of CalculiX and VTK


@dataclass(frozen=True, slots=True, eq=False)
class TetMesh:
    """Straight or curved ten-node tetrahedra.

    Attributes:
        nodes: (n, 3) mm.
        elements: (m, 10) indices of nodes: four corners, right-handed, then the middles of `EDGES`.
        region: (m,) what an element belongs to, counted from 0; its meaning is the maker's.
    """

    nodes: FloatArray
    elements: IntArray
    region: IntArray

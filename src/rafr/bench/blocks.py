"""Problems of bone and titanium for the finite element core and CalculiX alike.

Linear: a cube of bone, cancellous within cortical, with a titanium rod, N^3 cells of six Tet10, clamped and
sheared.
Contact: two such cubes, N^3 / 2 cells each and not matching, pressed together and sheared with friction 0.3.
Bar, bar-contact: the same with columns of N x N x 10 N cells, which fill a factorisation far less: where a
direct solver does best.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rafr.fixation.fem.blocks import block
from rafr.fixation.fem.constraints import fix
from rafr.fixation.fem.contact import ContactPair, Layer
from rafr.fixation.fem.loads import traction
from rafr.fixation.fem.mesh import Faces, FloatArray, TetMesh, boundary_faces, merge
from rafr.fixation.fem.problem import Problem

SIDE = 50.0  # mm
KINDS = ("linear", "contact", "bar", "bar-contact")
CANCELLOUS, CORTICAL, TITANIUM = 100.0, 17_000.0, 110_000.0  # MPa


def make(kind: str, n: int) -> tuple[Problem, FloatArray]:
    """The problem and the forces (nodes, 3) N; `kind` is one of KINDS, `n` the cells along an edge."""
    tall = 10 if kind.startswith("bar") else 1
    return contact(n, tall) if kind.endswith("contact") else linear(n, tall)


def linear(n: int, tall: int) -> tuple[Problem, FloatArray]:
    mesh = block((n, n, tall * n), (SIDE, SIDE, tall * SIDE))
    top = _at(mesh, boundary_faces(mesh), tall * SIDE)
    forces = traction(mesh, top.nodes, np.array([0.2, 0.0, -0.1]) / tall)
    return Problem(mesh, bone(mesh, tall), np.full(len(mesh.elements), 0.3), _clamped(mesh)), forces


def contact(n: int, tall: int) -> tuple[Problem, FloatArray]:
    half = tall * SIDE / 2
    fine = max(2, n + n // 8)
    mesh = merge(
        [
            block((n, n, tall * n // 2), (SIDE, SIDE, half)),
            block((fine, fine, tall * n // 2), (SIDE, SIDE, half), (0, 0, half)),
        ]
    )
    faces = boundary_faces(mesh)
    between = _at(mesh, faces, half)
    upper = mesh.region[between.element] == 1
    pair = ContactPair(between[upper], between[~upper], Layer(2000.0, 0.3))
    forces = traction(mesh, _at(mesh, faces, 2 * half).nodes, np.array([0.1 / tall, 0.0, -1.0]))
    poisson = np.full(len(mesh.elements), 0.3)
    return Problem(mesh, bone(mesh, tall), poisson, _clamped(mesh), contacts=(pair,)), forces


def bone(mesh: TetMesh, tall: int) -> FloatArray:
    """Cancellous within cortical, with a rod: across a cube, along a column."""
    centre = mesh.nodes[mesh.elements[:, :4]].mean(axis=1) - SIDE / 2
    across = [1, 2] if tall == 1 else [0, 1]
    shell = centre if tall == 1 else centre[:, :2]
    young = np.where((np.abs(shell) > 0.42 * SIDE).any(axis=1), CORTICAL, CANCELLOUS)
    return np.where(np.linalg.norm(centre[:, across], axis=1) < 0.08 * SIDE, TITANIUM, young)


def _clamped(mesh: TetMesh) -> Any:
    return fix(np.flatnonzero(mesh.nodes[:, 2] == 0).astype(np.int32))


def _at(mesh: TetMesh, faces: Faces, height: float) -> Faces:
    there = np.abs(mesh.nodes[faces.nodes][:, :, 2] - height) < 1e-9
    return faces[np.asarray(there.all(axis=1))]

"""Blocks of tetrahedra, for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np

from rafr.fixation.fem.mesh import FloatArray, TetMesh, quadratic, require_valid


def block(
    divisions: tuple[int, int, int], size: Sequence[float], origin: Sequence[float] = (0, 0, 0)
) -> TetMesh:
    """A box of `size` mm from `origin`, six tetrahedra in every cell."""
    return grid(*(o + np.linspace(0.0, s, n + 1) for n, s, o in zip(divisions, size, origin, strict=True)))


def grid(x: FloatArray, y: FloatArray, z: FloatArray) -> TetMesh:
    """A box with planes at rising x, y and z, mm; every cell is cut along its diagonal (Kuhn)."""
    places = np.stack(np.meshgrid(x, y, z, indexing="ij"), axis=-1).reshape(-1, 3)
    number = np.arange(len(places)).reshape(len(x), len(y), len(z))
    stride = np.array([len(y) * len(z), len(z), 1])
    first = number[:-1, :-1, :-1].ravel()
    tets = []
    for axes in permutations(range(3)):
        steps = np.concatenate([[0], np.cumsum(stride[list(axes)])])
        tets.append(first[:, None] + steps)
    return quadratic(places, np.concatenate(tets).astype(np.int32))


def mapped(mesh: TetMesh, where: Callable[[FloatArray], FloatArray]) -> TetMesh:
    """Nodes moved to `where(nodes)`; sides become curved.

    Raises:
        InputError: when that turns elements inside out.
    """
    moved = replace(mesh, nodes=where(mesh.nodes))
    require_valid(moved)
    return moved

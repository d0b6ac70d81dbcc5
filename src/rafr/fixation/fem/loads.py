"""Nodal forces (n, 3), N, from tractions on faces and from forces and moments that several nodes share."""

from __future__ import annotations

import numpy as np

from rafr.errors import InputError
from rafr.fixation.fem.mesh import FloatArray, IntArray, TetMesh
from rafr.fixation.fem.shapes import tri6, tri6_gradients, triangle_rule


def face_points(
    nodes: FloatArray, faces: IntArray, degree: int = 4
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Integration points of six-node faces (f, 6).

    Returns:
        places (f, q, 3) mm, unit normals (f, q, 3), areas (f, q) mm², shape weights (q, 6).
    """
    points, weights = triangle_rule(degree)
    N, dN = tri6(points), tri6_gradients(points)
    corners = nodes[faces]
    at = np.einsum("qa,fai->fqi", N, corners)
    tangents = np.einsum("fai,qaj->fqij", corners, dN)
    normal = np.cross(tangents[..., 0], tangents[..., 1])
    size = np.linalg.norm(normal, axis=-1)
    return at, normal / size[..., None], size * weights, N


def traction(mesh: TetMesh, faces: IntArray, vector: FloatArray) -> FloatArray:
    """Of a uniform traction (3,) MPa on faces (f, 6)."""
    _, _, area, N = face_points(mesh.nodes, faces)
    forces = np.zeros_like(mesh.nodes)
    np.add.at(forces, faces, np.einsum("fq,qa,i->fai", area, N, np.asarray(vector, dtype=float)))
    return forces


def pressure(mesh: TetMesh, faces: IntArray, value: float) -> FloatArray:
    """Of a uniform pressure, MPa, against the outward normals of faces (f, 6)."""
    _, normal, area, N = face_points(mesh.nodes, faces)
    forces = np.zeros_like(mesh.nodes)
    np.add.at(forces, faces, -value * np.einsum("fq,qa,fqi->fai", area, N, normal))
    return forces


def share(mesh: TetMesh, nodes: IntArray, weights: FloatArray) -> FloatArray:
    """Shares (k,) that sum to 1 from any weights, such as the nodes' areas."""
    weights = np.broadcast_to(np.asarray(weights, dtype=float), (len(nodes),))
    if not len(nodes) or (weights < 0).any() or weights.sum() <= 0:
        raise InputError("load", "no nodes, or weights that sum to nothing", "positive weights")
    result: FloatArray = weights / weights.sum()
    return result


def distribute(
    mesh: TetMesh,
    nodes: IntArray,
    force: FloatArray,
    moment: FloatArray = (0.0, 0.0, 0.0),  # type: ignore[assignment]
    about: FloatArray | None = None,
    weights: FloatArray | float = 1.0,
) -> FloatArray:
    """A force (3,) N and a moment (3,) N mm at a point, carried by nodes (k,) without stiffening them.

    Every node gets w_i (F + (J^-1 M) x r_i), r_i from the weighted centre, M moved there: the distributing
    coupling (RBE3) of the finite element codes.

    Args:
        about: (3,) mm where the force acts; the nodes' centre when left out.
        weights: (k,) or one.

    Raises:
        InputError: a moment on nodes that lie in a line.
    """
    w = share(mesh, nodes, weights)  # type: ignore[arg-type]
    centre = w @ mesh.nodes[nodes]
    arm = mesh.nodes[nodes] - centre
    force = np.asarray(force, dtype=float)
    total = np.asarray(moment, dtype=float)
    if about is not None:
        total = total + np.cross(np.asarray(about) - centre, force)
    carried = w[:, None] * force
    if np.abs(total).max() > 0:
        spread = np.einsum("k,ki,kj->ij", w, arm, arm)
        inertia = np.trace(spread) * np.eye(3) - spread
        if np.linalg.cond(inertia) > 1e10:
            raise InputError("load", f"a moment on {len(nodes)} nodes in a line", "nodes that span a plane")
        carried += w[:, None] * np.cross(np.linalg.solve(inertia, total), arm)
    forces = np.zeros_like(mesh.nodes)
    np.add.at(forces, nodes, carried)
    return forces

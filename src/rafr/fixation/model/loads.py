"""What presses on the pelvis: the spine's load on S1, or standing on one leg."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rafr.config import option
from rafr.errors import InputError
from rafr.fixation.fem.mesh import TetMesh
from rafr.fixation.model.axes import StandingAxes
from rafr.fixation.model.bones import Piece
from rafr.fixation.model.endplate import Endplate
from rafr.fixation.model.supports import Cup, edge_number
from rafr.fixation.model.tets import IntArray
from rafr.geometry.rigid_transform import FloatArray

LOADS = ("spine", "stance-left", "stance-right")
GRAVITY = 9.81
_LEG_SHARE = 1.0 / 6.0  # of body weight (Pauwels 1935; McLeish & Charnley 1970, J Biomech 3:191)
_ABDUCTOR_DEG = (
    21.0  # of the abductors' pull from the vertical, in the frontal plane (McLeish & Charnley 1970)
)
_WING_SHARE = 0.12  # of the hip bone's outer faces, the highest: where the abductors arise


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """The load. Sources: docs/fixation_model.md."""

    kind: str = "spine"
    """`spine`: `force_n` through L4. `stance-left`, `stance-right`: on that leg; hold that acetabulum."""
    force_n: float = option(500.0, "on L4", unit="N", lower=0.0, upper=10_000.0)
    direction: tuple[float, float, float] | None = None
    """(left, back, up) of the standing patient; None: straight down."""
    tilt_deg: float = option(
        0.0,
        "anterior tilt of the standing pelvis beyond the anatomical position",
        unit="deg",
        lower=-45.0,
        upper=45.0,
    )
    forward_mm: float = option(
        20.0, "L4's load acts this far in front of S1's endplate", unit="mm", lower=-100.0, upper=100.0
    )
    height_mm: float = option(
        75.0, "and this far above it: L4's upper endplate", unit="mm", lower=0.0, upper=300.0
    )


@dataclass(frozen=True, slots=True, eq=False)
class Loads:
    """Forces on nodes.

    Attributes:
        nodes: (k,).   forces: (k, 3) N, LPS.
        resultant: (3,) N.   point: (3,) mm on the line of action of the spine's load.
        moment: (3,) N mm of the spine's load about the middle of S1's endplate.
    """

    nodes: IntArray
    forces: FloatArray
    resultant: FloatArray
    point: FloatArray
    moment: FloatArray


def check_load(options: LoadOptions) -> None:
    """Raise InputError for a kind of load there is not, or a direction without length."""
    if options.kind not in LOADS:
        raise InputError("load", f"there is none called {options.kind!r}", ", ".join(LOADS))
    if options.direction is not None:
        length = float(np.linalg.norm(options.direction))
        if len(options.direction) != 3 or not np.isfinite(length) or length == 0:
            raise InputError("load, direction", f"{options.direction} is none", "(left, back, up), not all 0")


def make_loads(
    mesh: TetMesh,
    pieces: Sequence[Piece],
    cups: dict[str, Cup],
    endplate: Endplate,
    axes: StandingAxes,
    mass_kg: float,
    options: LoadOptions,
) -> Loads:
    """Nodal forces of a load.

    L4 and L5 are not modelled: what stands on S1's endplate is the force and moment that they pass on, as a
    traction that varies linearly over it.

    Raises:
        InputError: an endplate without faces.
    """
    point = endplate.centre - options.forward_mm * axes.back + options.height_mm * axes.up
    if options.kind == "spine":
        force = options.force_n * _direction(options, axes)
        return _sum([_on_endplate(mesh, pieces, endplate, force, point)], force, point, endplate)
    stance = options.kind.removeprefix("stance-")
    return _stance(mesh, pieces, cups, endplate, axes, mass_kg * GRAVITY, stance, point)


def _direction(options: LoadOptions, axes: StandingAxes) -> FloatArray:
    if options.direction is None:
        return -axes.up
    given = np.array(options.direction, dtype=float)
    direction: FloatArray = np.stack([axes.left, axes.back, axes.up], axis=1) @ given / np.linalg.norm(given)
    return direction


@dataclass(frozen=True, slots=True, eq=False)
class _Patch:
    """Faces that share a load: their middle nodes (n,), places (n, 3) and the area (n,) each stands for."""

    nodes: IntArray
    points: FloatArray
    areas: FloatArray

    @staticmethod
    def of(mesh: TetMesh, chosen: Sequence[tuple[Piece, IntArray]]) -> _Patch:
        """A constant traction on a quadratic face acts on its three middle nodes alone, a third each."""
        nodes, areas = [], []
        for piece, faces in chosen:
            boundary = piece.skin.boundary
            elements, local = mesh.elements[boundary.element[faces]], boundary.local[faces]
            area = np.linalg.norm(boundary.area_vectors[faces], axis=1)
            for i, j in ((0, 1), (1, 2), (2, 0)):
                edge = 4 + edge_number(local[:, i], local[:, j])
                nodes.append(np.take_along_axis(elements, edge[:, None], axis=1)[:, 0])
                areas.append(area / 3.0)
        unique, number = np.unique(np.concatenate(nodes), return_inverse=True)
        return _Patch(
            unique.astype(np.int64),
            mesh.nodes[unique],
            np.bincount(number.ravel(), np.concatenate(areas)).astype(float),
        )

    def carry(self, force: FloatArray, point: FloatArray) -> FloatArray:
        """(n, 3) N on the nodes: together a force (3,) at a point (3,); traction linear over the patch."""
        share = self.areas / self.areas.sum()
        arm = self.points - share @ self.points
        moment = np.cross(point - share @ self.points, force)
        inertia = np.einsum(
            "n,nij->ij",
            share,
            (arm**2).sum(axis=1)[:, None, None] * np.eye(3) - arm[:, :, None] * arm[:, None, :],
        )
        turn = np.linalg.solve(inertia, moment)
        forces: FloatArray = share[:, None] * (force + np.cross(turn, arm))
        return forces


def _on_endplate(
    mesh: TetMesh, pieces: Sequence[Piece], endplate: Endplate, force: FloatArray, point: FloatArray
) -> tuple[IntArray, FloatArray]:
    chosen = []
    for p in pieces:
        if p.bone == "sacrum":
            vectors = p.skin.boundary.area_vectors
            normals = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
            faces = np.flatnonzero(endplate.inside(p.skin.boundary.centres, normals))
            if len(faces):
                chosen.append((p, faces))
    if sum(len(f) for _, f in chosen) < 3:
        raise InputError("sacrum", "S1's endplate has fewer than three faces", "a finer mesh")
    patch = _Patch.of(mesh, chosen)
    return patch.nodes, patch.carry(force, point)


def _stance(
    mesh: TetMesh,
    pieces: Sequence[Piece],
    cups: dict[str, Cup],
    endplate: Endplate,
    axes: StandingAxes,
    weight: float,
    stance: str,
    point: FloatArray,
) -> Loads:
    """Standing on one leg: trunk on S1, the other leg hangs at its acetabulum, abductors hold the balance.

    The abductors' pull follows from moments in the frontal plane about the loaded hip.
    """
    other = "right" if stance == "left" else "left"
    hip = cups[stance].centre
    trunk, leg = -(1.0 - 2.0 * _LEG_SHARE) * weight * axes.up, -_LEG_SHARE * weight * axes.up
    hanging = _Patch.of(
        mesh, [(p, cups[other].faces[p.number]) for p in pieces if p.number in cups[other].faces]
    )
    wing = _Patch.of(mesh, _wing(pieces, stance, axes))
    at = wing.areas @ wing.points / wing.areas.sum()
    outward = axes.left if stance == "left" else -axes.left
    angle = np.radians(_ABDUCTOR_DEG)
    pull = -np.cos(angle) * axes.up + np.sin(angle) * outward
    tipping = np.cross(point - hip, trunk) + np.cross(cups[other].centre - hip, leg)
    force = float(-(tipping @ axes.back) / (np.cross(at - hip, pull) @ axes.back)) * pull
    parts = [
        _on_endplate(mesh, pieces, endplate, trunk, point),
        (hanging.nodes, hanging.carry(leg, cups[other].centre)),
        (wing.nodes, wing.carry(force, at)),
    ]
    return _sum(parts, trunk, point, endplate)


def _wing(pieces: Sequence[Piece], side: str, axes: StandingAxes) -> list[tuple[Piece, IntArray]]:
    """The upper outer faces of an iliac wing."""
    own = [p for p in pieces if p.bone == f"{side}_hip"]
    outward = axes.left if side == "left" else -axes.left
    looks = {p.number: p.skin.boundary.area_vectors @ outward > 0 for p in own}
    heights = {p.number: p.skin.boundary.centres @ axes.up for p in own}
    level = np.quantile(np.concatenate([heights[p.number][looks[p.number]] for p in own]), 1.0 - _WING_SHARE)
    chosen = [(p, np.flatnonzero(looks[p.number] & (heights[p.number] >= level))) for p in own]
    return [(p, faces) for p, faces in chosen if len(faces)]


def _sum(
    parts: Sequence[tuple[IntArray, FloatArray]], spine: FloatArray, point: FloatArray, endplate: Endplate
) -> Loads:
    nodes, number = np.unique(np.concatenate([n for n, _ in parts]), return_inverse=True)
    forces = np.zeros((len(nodes), 3))
    np.add.at(forces, number.ravel(), np.concatenate([f for _, f in parts]))
    return Loads(nodes, forces, forces.sum(axis=0), point, np.cross(point - endplate.centre, spine))

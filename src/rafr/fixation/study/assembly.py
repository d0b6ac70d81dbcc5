"""The finite element problem of a pelvis with one scheme's implants.

Screws are bonded to bone: their wall follows the bone elements it lies in. Where a screw crosses a gap or
stands out of the bone, it is free. Bone is not cut out where the screw is: it adds less than 2 % of the
metal's modulus there. A rod follows the head of the screw it is clamped to, rotations included.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rafr.errors import InputError
from rafr.fixation.fem.constraints import Ties, fix, join_ties
from rafr.fixation.fem.contact import Interface, relative_motion, tangents
from rafr.fixation.fem.locate import Located, Locator
from rafr.fixation.fem.mesh import TetMesh, merge
from rafr.fixation.fem.problem import Problem
from rafr.fixation.fem.springs import Springs, bars
from rafr.fixation.implants.catalogue import Metal
from rafr.fixation.implants.implant import Rod, Scheme, Screw
from rafr.fixation.implants.mesh import ImplantMesh, implant_mesh
from rafr.fixation.model.contact_pairs import ContactPair
from rafr.fixation.model.model import PelvisModel
from rafr.fixation.model.springs import Springs as Ligaments
from rafr.fixation.model.tets import Embedded
from rafr.geometry.rigid_transform import FloatArray

_IN_BONE_MM = 0.3  # a wall's node this far outside the bone's elements is still in it: facets cut curves
_FEWEST_TIED = 12
_CLAMPED = 1.0  # diameters from its head within which a screw's nodes carry the rod


@dataclass(frozen=True, slots=True, eq=False)
class FixedPelvis:
    """A pelvis with a scheme's implants, ready to be solved.

    Attributes:
        problem: bone first, then the implants; regions go on from the bone's.
        forces: (n, 3) N.
        implants: (m,) whether an element is metal.
        tied: nodes bonded to bone, by implant.
    """

    model: PelvisModel
    scheme: Scheme
    problem: Problem
    forces: FloatArray
    implants: NDArray[np.bool_]
    tied: dict[str, int]


def fixed_pelvis(model: PelvisModel, scheme: Scheme, metal: Metal) -> FixedPelvis:
    """The problem of one scheme.

    Raises:
        InputError: a screw that is in no bone.
    """
    parts = {implant.name: implant_mesh(implant) for implant in scheme.implants}
    mesh = merge([model.mesh, *(part.mesh for part in parts.values())])
    metallic = np.arange(len(mesh.elements)) >= len(model.mesh.elements)
    young = np.concatenate([model.young, np.full(int(metallic.sum()), metal.young_mpa)])
    poisson = np.concatenate([model.poisson, np.full(int(metallic.sum()), metal.poisson)])
    ties, tied = _ties(model, scheme, parts, mesh)
    bonded = [pair for pair in model.contacts if pair.bonded]
    problem = Problem(
        mesh,
        young,
        poisson,
        fix(model.fixed_nodes.astype(np.int32)),
        ties,
        (*_ligaments(mesh, model.springs), *(_bond(mesh, pair) for pair in bonded)),
        tuple(_interface(mesh, pair) for pair in model.contacts if not pair.bonded),
    )
    forces = np.zeros_like(mesh.nodes)
    np.add.at(forces, model.loads.nodes, model.loads.forces)
    return FixedPelvis(model, scheme, problem, forces, metallic, tied)


def _ties(
    model: PelvisModel, scheme: Scheme, parts: dict[str, ImplantMesh], mesh: TetMesh
) -> tuple[Ties | None, dict[str, int]]:
    first, starts = len(model.mesh.nodes), {}
    for name, part in parts.items():
        starts[name] = first
        first += len(part.mesh.nodes)
    bone = Locator(mesh, np.arange(len(mesh.elements)) < len(model.mesh.elements))
    ties, tied = [], {}
    for implant in scheme.implants:
        part, start = parts[implant.name], starts[implant.name]
        if isinstance(implant, Rod):
            screws = {s.name: s for s in scheme.screws}
            for name, nodes in part.holds.items():
                ties.append(_clamped(mesh, screws[name], parts[name], starts[name], start + nodes))
            continue
        found = bone.locate(mesh.nodes[start + part.wall], np.inf)
        inside = found.outside <= _IN_BONE_MM
        tied[implant.name] = int(inside.sum())
        if inside.sum() < _FEWEST_TIED:
            raise InputError(
                f"scheme {scheme.name}", f"{implant.name} lies in no bone", "screws that bone holds"
            )
        slaves = (start + part.wall[inside]).astype(np.int32)
        ties.append(Ties(slaves, found.nodes[inside], found.weights[inside]))
    return (join_ties(*ties) if ties else None), tied


def _clamped(mesh: TetMesh, screw: Screw, part: ImplantMesh, start: int, slaves: NDArray[np.int64]) -> Ties:
    """Nodes of a rod that follow the affine motion of the screw's end, fitted by least squares."""
    depth = (part.mesh.nodes - screw.head) @ screw.direction
    end = np.setdiff1d(np.flatnonzero(depth < _CLAMPED * screw.diameter_mm), part.wall)
    masters = start + end
    centre = mesh.nodes[masters].mean(axis=0)
    own = np.column_stack([np.ones(len(masters)), mesh.nodes[masters] - centre])
    wanted = np.column_stack([np.ones(len(slaves)), mesh.nodes[slaves] - centre])
    weights = wanted @ np.linalg.pinv(own)
    return Ties(slaves.astype(np.int32), np.tile(masters.astype(np.int32), (len(slaves), 1)), weights)


def _located(mesh: TetMesh, at: Embedded) -> Located:
    return Located(at.element.astype(np.int32), mesh.elements[at.element], at.shape, np.zeros(len(at)))


def _ligaments(mesh: TetMesh, springs: Ligaments) -> list[Springs]:
    """Linear beyond their toe: fibres pull from half of it on, as the tangent of the law does."""
    found = []
    for on_mesh in (True, False):
        chosen = np.flatnonzero((springs.end.element >= 0) == on_mesh)
        if not len(chosen):
            continue
        start, end = springs.start.take(chosen), springs.end.take(chosen)
        made = bars(
            mesh,
            _located(mesh, start),
            _located(mesh, end) if on_mesh else end.points,
            springs.stiffness[chosen],
        )
        length = np.linalg.norm(end.points - start.points, axis=1)
        only = springs.tension_only[chosen]
        slack = springs.rest[chosen] + np.where(only, 0.5 * springs.toe[chosen], 0.0) - length
        found.append(replace(made, slack=slack, tension_only=only))
    return found


def _difference(mesh: TetMesh, pair: ContactPair) -> tuple[NDArray[np.int32], FloatArray]:
    """Nodes (q, 20) and weights of first minus second."""
    first, second = mesh.elements[pair.on_first.element], mesh.elements[pair.on_second.element]
    return np.hstack([first, second]), np.hstack([pair.on_first.shape, -pair.on_second.shape])


def _interface(mesh: TetMesh, pair: ContactPair) -> Interface:
    nodes, weights = _difference(mesh, pair)
    stiffness = pair.modulus / pair.thickness
    return Interface(
        stiffness,
        stiffness,
        pair.friction,
        pair.on_first.points,
        pair.normals,
        tangents(pair.normals),
        pair.areas,
        pair.play,
        pair.faces_first[:, 0].astype(np.int32),
        relative_motion(nodes, weights, pair.normals, mesh.nodes.size),
    )


def _bond(mesh: TetMesh, pair: ContactPair) -> Springs:
    """A layer that holds both ways: three springs a point."""
    nodes, weights = _difference(mesh, pair)
    frames = np.concatenate([pair.normals[:, None], tangents(pair.normals)], axis=1)
    per_mm = pair.areas / pair.thickness
    stiffness = np.concatenate([pair.modulus * per_mm, *[pair.shear_modulus * per_mm] * 2])
    directions = np.concatenate([frames[:, k] for k in range(3)])
    coefficients = np.tile(weights, (3, 1))[..., None] * directions[:, None]
    kept = stiffness > 0
    count = int(kept.sum())
    return Springs(
        np.tile(nodes, (3, 1))[kept].astype(np.int32),
        coefficients[kept],
        stiffness[kept],
        np.zeros(count),
        np.zeros(count, dtype=bool),
    )

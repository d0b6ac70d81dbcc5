"""One scheme on one model, solved: from the cache where the same was solved before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rafr.content import content_key
from rafr.fixation.fem.locate import Locator
from rafr.fixation.fem.problem import Settings
from rafr.fixation.fem.statics import System
from rafr.fixation.implants.catalogue import Metal
from rafr.fixation.implants.implant import Scheme
from rafr.fixation.model import PelvisModel
from rafr.fixation.study.assembly import FixedPelvis, fixed_pelvis
from rafr.fixation.study.results import SchemeResult, evaluate
from rafr.geometry.rigid_transform import FloatArray
from rafr.npz_cache import cached_file, read_cached, write_cached
from rafr.progress import Progress, part_of, silent

_RECIPE = "1"  # changed whenever the same problem has another solution
_MOST_FILES = 400  # of some 1 MB


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """Attributes: displacement: (n, 3) mm of `fixed.problem.mesh`."""

    fixed: FixedPelvis
    result: SchemeResult
    displacement: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Equilibrium:
    displacement: FloatArray
    newton: int


def solve_scheme(
    model: PelvisModel,
    scheme: Scheme,
    metal: Metal,
    settings: Settings | None = None,
    like: Solved | None = None,
    progress: Progress = silent,
) -> Solved:
    """One scheme on one model.

    Args:
        like: the same scheme on a model with the same bones, to begin from.

    Raises:
        InputError, InfeasibleError: as `fixed_pelvis` and `System.solve`.
    """
    settings = settings or Settings()
    fixed = fixed_pelvis(model, scheme, metal)
    path = cached_file("fixation", content_key(_RECIPE, fixed.problem, fixed.forces, settings))
    found = read_cached(path, lambda stored: _stored(stored, fixed))
    if found is None:
        found = _solved(fixed, settings, like, progress)
        write_cached(
            path, _MOST_FILES, displacement=found.displacement, newton=np.array(found.newton, dtype=np.int64)
        )
    progress(1.0, f"{scheme.name} solved")
    return Solved(fixed, evaluate(fixed, found.displacement, found.newton, metal), found.displacement)


def _stored(arrays: Mapping[str, NDArray[Any]], fixed: FixedPelvis) -> _Equilibrium:
    displacement = arrays["displacement"]
    if displacement.shape != fixed.problem.mesh.nodes.shape or not np.isfinite(displacement).all():
        raise ValueError("damaged")
    return _Equilibrium(displacement, int(arrays["newton"]))


def _solved(fixed: FixedPelvis, settings: Settings, like: Solved | None, progress: Progress) -> _Equilibrium:
    system = System(fixed.problem, settings, part_of(progress, 0.0, 0.2))
    start = None if like is None else _moved(like, fixed)
    solution = system.solve(fixed.forces, part_of(progress, 0.2, 1.0), start)
    return _Equilibrium(solution.displacement, solution.newton)


def _moved(like: Solved, fixed: FixedPelvis) -> FloatArray:
    """(n, 3) mm: the bones as in `like`, its implants' displacements at the nodes of these."""
    bone = len(fixed.model.mesh.nodes)
    old = like.fixed.problem.mesh
    start = np.zeros_like(fixed.problem.mesh.nodes)
    start[:bone] = like.displacement[:bone]
    mesh, first = fixed.problem.mesh, len(fixed.model.pieces)
    for region in range(first, first + len(fixed.scheme.implants)):
        nodes = np.unique(mesh.elements[mesh.region == region])
        found = Locator(old, old.region == region).locate(mesh.nodes[nodes], np.inf)
        start[nodes] = (found.weights[..., None] * like.displacement[found.nodes]).sum(axis=1)
    return start

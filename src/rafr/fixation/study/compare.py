"""Schemes compared on one patient: as expected, under uncertainty, and under other supports and loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rafr.cases.case import Case
from rafr.errors import InfeasibleError
from rafr.fixation.fem.statics import System
from rafr.fixation.implants.catalogue import Metal
from rafr.fixation.implants.implant import Scheme
from rafr.fixation.model import ModelOptions, PelvisModel, build_model
from rafr.fixation.study.assembly import FixedPelvis, fixed_pelvis
from rafr.fixation.study.ranking import Ranking, rank
from rafr.fixation.study.results import SchemeResult, evaluate
from rafr.fixation.study.uncertainty import Draw, Spread, draws
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.progress import Progress, part_of, silent

RELEVANT_MM = 0.05  # of sinking: a tenth of what the case report found


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """Attributes: displacement: (n, 3) mm of `fixed.problem.mesh`."""

    fixed: FixedPelvis
    result: SchemeResult
    displacement: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """Attributes:
    solved: by scheme, as expected.
    ranking: over the draws; None where there are fewer than two schemes or draws.
    drawn_mm: mean sinking of A to E by scheme, one value a draw.
    draw_elements: of the mesh that draws are computed on.
    failed: draws that found no equilibrium, and why.
    """

    solved: dict[str, Solved]
    ranking: Ranking | None
    drawn_mm: dict[str, list[float]]
    draw_elements: int
    failed: tuple[str, ...]


def solve_scheme(model: PelvisModel, scheme: Scheme, metal: Metal, progress: Progress = silent) -> Solved:
    """One scheme on one model.

    Raises:
        InputError, InfeasibleError: as `fixed_pelvis` and `System.solve`.
    """
    fixed = fixed_pelvis(model, scheme, metal)
    solution = System(fixed.problem, progress=part_of(progress, 0.0, 0.3)).solve(
        fixed.forces, part_of(progress, 0.3, 1.0)
    )
    progress(1.0, f"{scheme.name} solved")
    return Solved(fixed, evaluate(fixed, solution, metal), solution.displacement)


def compare(
    model: PelvisModel,
    schemes: Sequence[Scheme],
    metal: Metal,
    *,
    coarse: PelvisModel | None = None,
    count: int = 0,
    spread: Spread | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Study:
    """All schemes as expected on `model`, and `count` draws of what is uncertain on `coarse`.

    A draw that finds no equilibrium under one scheme (a fragment slides away) counts for none and is named.

    Raises:
        InputError, InfeasibleError: of the expected solutions.
    """
    share = 1.0 if count < 1 else 0.5
    solved = {}
    for k, scheme in enumerate(schemes):
        part = part_of(progress, share * k / len(schemes), share * (k + 1) / len(schemes))
        solved[scheme.name] = solve_scheme(model, scheme, metal, part)
    drawn: dict[str, list[float]] = {scheme.name: [] for scheme in schemes}
    failed: list[str] = []
    chosen = draws(spread or Spread(), count, np.random.default_rng(seed)) if count > 0 else []
    own = coarse or model
    for k, draw in enumerate(chosen):
        progress(share + (1.0 - share) * k / len(chosen), f"draw {k + 1} of {len(chosen)}")
        try:
            values = _drawn(own, schemes, metal, draw)
        except InfeasibleError as error:
            failed.append(f"draw {k + 1}: {'; '.join(error.reasons)}")
            continue
        for name, value in values.items():
            drawn[name].append(value)
    enough = len(schemes) > 1 and len(next(iter(drawn.values()))) > 1
    ranking = rank(drawn, RELEVANT_MM) if enough else None
    progress(1.0, "schemes compared")
    return Study(solved, ranking, drawn, len(own.mesh.elements), tuple(failed))


def _drawn(model: PelvisModel, schemes: Sequence[Scheme], metal: Metal, draw: Draw) -> dict[str, float]:
    patient = draw.of_model(model)
    return {s.name: solve_scheme(patient, draw.of_scheme(s), metal).result.mean_mm for s in schemes}


def sensitivity(
    case: Case,
    poses: Mapping[str, RigidTransform],
    scheme: Scheme,
    metal: Metal,
    options: ModelOptions,
    progress: Progress = silent,
) -> dict[str, SchemeResult]:
    """One scheme under other supports and loads than the default ones, by what was changed."""
    support, load = options.support, options.load
    changes = {
        "as chosen": options,
        "left acetabulum alone": replace(options, support=replace(support, kind="left")),
        "right acetabulum alone": replace(options, support=replace(support, kind="right")),
        "load in line with S1": replace(options, load=replace(load, forward_mm=0.0)),
        "pelvis tilted by 15°": replace(options, load=replace(load, tilt_deg=load.tilt_deg + 15.0)),
    }
    found = {}
    for k, (name, changed) in enumerate(changes.items()):
        part = part_of(progress, k / len(changes), (k + 1) / len(changes))
        model = build_model(case, poses, changed, part_of(part, 0.0, 0.4))
        found[name] = solve_scheme(model, scheme, metal, part_of(part, 0.4, 1.0)).result
    return found

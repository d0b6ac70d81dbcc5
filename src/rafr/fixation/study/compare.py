"""Schemes compared on one patient: as expected, under uncertainty, and under other supports and loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rafr.assessment import Assessment
from rafr.cases.case import Case
from rafr.errors import InfeasibleError
from rafr.fixation.fem.problem import Settings
from rafr.fixation.implants.catalogue import Metal
from rafr.fixation.implants.implant import Scheme
from rafr.fixation.model import ModelOptions, PelvisModel, build_model
from rafr.fixation.study.ranking import Ranking, influences, rank
from rafr.fixation.study.results import SchemeResult
from rafr.fixation.study.solved import Solved, solve_scheme
from rafr.fixation.study.uncertainty import Draw, Spread, draws
from rafr.geometry import RigidTransform
from rafr.progress import Progress, part_of, silent

RELEVANT_MM = 0.05  # of sinking: a tenth of what the case report found
_MOST_FAILED = 0.5  # of the draws
_OF_DRAWS = Settings(contact_tolerance=1e-4)  # changes sinking by less than a thousandth of RELEVANT_MM


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """Attributes:
    solved: by scheme, as expected.
    ranking: over the draws; None where there are fewer than two schemes or draws.
    drawn: the draws that found an equilibrium under every scheme.
    drawn_mm: mean sinking of A to E by scheme, one value for each of them.
    draw_elements: of the mesh that draws are computed on.
    failed: draws that found no equilibrium, and why.
    """

    solved: dict[str, Solved]
    ranking: Ranking | None
    drawn: tuple[Draw, ...]
    drawn_mm: dict[str, list[float]]
    draw_elements: int
    failed: tuple[str, ...]

    @property
    def influences(self) -> dict[str, dict[str, float]]:
        """Rank correlation over the draws of every input with sinking and with the lead of the best."""
        if self.ranking is None:
            return {}
        inputs = {name: [draw.inputs[name] for draw in self.drawn] for name in self.drawn[0].inputs}
        best, second = (np.array(self.drawn_mm[name]) for name in self.ranking.order[:2])
        first, other = self.ranking.order[:2]
        return {
            f"sinking under {first}": influences(inputs, best),
            f"{other} more than {first}": influences(inputs, second - best),
        }

    @property
    def assessment(self) -> Assessment:
        """Whether anything can be recommended, and what speaks against it."""
        results = {name: solved.result for name, solved in self.solved.items()}
        yields = [name for name, result in results.items() if result.safety_factor < 1.0]
        reasons = [f"{name}: metal beyond its yield strength" for name in yields]
        reasons += self.failed
        tried = len(self.drawn) + len(self.failed)
        unsure = len(self.failed) > _MOST_FAILED * tried
        return Assessment(len(yields) < len(results) and not unsure, tuple(reasons))


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
    share = 1.0 if count < 1 else 0.3
    solved = {}
    for k, scheme in enumerate(schemes):
        part = part_of(progress, share * k / len(schemes), share * (k + 1) / len(schemes))
        solved[scheme.name] = solve_scheme(model, scheme, metal, progress=part)
    chosen = draws(spread or Spread(), count, np.random.default_rng(seed)) if count > 0 else []
    own = coarse or model
    drawn, values, failed = _drawn(own, schemes, metal, chosen, part_of(progress, share, 1.0))
    enough = len(schemes) > 1 and len(drawn) > 1
    ranking = rank(values, RELEVANT_MM) if enough else None
    progress(1.0, "schemes compared")
    return Study(solved, ranking, drawn, values, len(own.mesh.elements), failed)


def _drawn(
    model: PelvisModel, schemes: Sequence[Scheme], metal: Metal, chosen: Sequence[Draw], progress: Progress
) -> tuple[tuple[Draw, ...], dict[str, list[float]], tuple[str, ...]]:
    """Draws that found an equilibrium, mean sinking (mm) of each by scheme, and why the others did not."""
    kept, failed = [], []
    values: dict[str, list[float]] = {scheme.name: [] for scheme in schemes}
    first: dict[str, Solved] = {}  # all draws begin from it, so that a draw does not depend on the others
    for k, draw in enumerate(chosen):
        patient = draw.of_model(model)
        try:
            row = []
            for j, scheme in enumerate(schemes):
                progress(
                    (k + j / len(schemes)) / len(chosen), f"draw {k + 1} of {len(chosen)}: {scheme.name}"
                )
                placed = draw.of_scheme(scheme)
                solved = solve_scheme(patient, placed, metal, _OF_DRAWS, like=first.get(scheme.name))
                first.setdefault(scheme.name, solved)
                row.append(solved.result.mean_mm)
        except InfeasibleError as error:
            failed.append(f"draw {k + 1}: {'; '.join(error.reasons)}")
            continue
        kept.append(draw)
        for scheme, value in zip(schemes, row, strict=True):
            values[scheme.name].append(value)
    return tuple(kept), values, tuple(failed)


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
        found[name] = solve_scheme(model, scheme, metal, progress=part_of(part, 0.4, 1.0)).result
    return found

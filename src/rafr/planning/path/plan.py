"""Plan the path of one body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from rafr.assessment import ACCEPTED, Assessment
from rafr.config import check_config
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.path.chart import Chart
from rafr.planning.path.config import PathConfig
from rafr.planning.path.load import LoadModel, Loads, Pull, effort, work
from rafr.planning.path.refine import refine
from rafr.planning.path.rule import ClearanceRule
from rafr.planning.path.search import search
from rafr.planning.path.seeds import ladder
from rafr.planning.path.surroundings import Surroundings
from rafr.planning.plan import PathPose, PathSummary, StraightPath

_SAME_N = 0.05  # peak forces this near count as equal; then the effort decides


@dataclass(frozen=True, slots=True)
class PlannedPath:
    """A path from start to target, both exact, beside the straight one.

    Attributes:
        summary: what the path costs, its tension following the body.
        straight: what the straight one would, by the same model but with traction as prescribed all along.
        found_by: who found it, per stretch between given poses: straight, lifted, search or refinement.
    """

    poses: tuple[PathPose, ...]
    summary: PathSummary
    straight: StraightPath
    found_by: tuple[str, ...]
    assessment: Assessment


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """A candidate: poses (n, 6) in the chart and what they cost."""

    x: FloatArray
    loads: Loads
    found_by: str
    clearance: FloatArray
    """(n,) mm, to the surfaces themselves."""
    excess: float
    """mm by which it breaks the clearance rule; 0: it is clear."""
    effort: float
    """J, `load.effort`."""

    @property
    def cost(self) -> tuple[float, float, float]:
        """Clear before anything, then the peak force (N), then effort (J)."""
        return self.excess, float(np.round(self.loads.force.max() / _SAME_N) * _SAME_N), self.effort


def plan_path(
    name: str,
    mesh: TriangleMesh,
    obstacles: Sequence[TriangleMesh],
    start: RigidTransform,
    target: RigidTransform,
    pull: Pull,
    via: Sequence[RigidTransform] = (),
    config: PathConfig | None = None,
) -> PlannedPath:
    """The path of least peak force that keeps clear of bone; no worse than the straight one if that does.

    Args:
        name: of the body, for the assessment.
        mesh: the body as the CT shows it, LPS mm.
        obstacles: bones that stand still, LPS mm.
        start, target: poses of the body in mm; the path begins and ends exactly there.
        pull: soft tissue, and the traction prescribed.
        via: poses in mm that a surgeon wants passed, exactly and in this order.

    Raises:
        InputError: a tunable lies outside its bounds.
    """
    config = config or PathConfig()
    check_config(config, "path")
    fixed = [start, *via, target]
    chart = Chart.of(mesh, start)
    given = np.stack([chart.coordinates(T) for T in fixed])
    around = Surroundings.of(mesh, obstacles, chart, given, config)
    rule = ClearanceRule.of(given[[0, -1]], around.exact_clearance(given[[0, -1]]), config)

    line = _spaced(given[[0, -1]], around, config)
    model = LoadModel.of(pull, around, given)
    ways = [_best_way(model, rule, given[k : k + 2], config) for k in range(len(given) - 1)]

    whole = _joined(ways, model, rule)
    straight = _way(line, model.with_steady_traction(), rule, "straight")
    given_at = dict(zip(np.cumsum([0, *(len(w.x) - 1 for w in ways)]), fixed, strict=True))
    poses = _poses(whole, given_at, chart, pull.cord is not None)
    summary = _summary(whole, chart)
    return PlannedPath(
        poses,
        summary,
        StraightPath(
            _summary(straight, chart),
            tuple(straight.clearance.tolist()),
            tuple(straight.loads.force.tolist()),
        ),
        tuple(way.found_by for way in ways),
        _judge(name, whole, summary, rule, config),
    )


def _best_way(model: LoadModel, rule: ClearanceRule, ends: FloatArray, config: PathConfig) -> _Way:
    """Between two given poses (2, 6): the best of what seeds, search and refinement find."""
    around, floor = model.around, float(model(ends).force.max())
    seeds = ladder(around, ends, config.lifts_mm)
    best = _way(_spaced(ends, around, config), model, rule, "straight")
    if (-best.clearance[[0, -1]] > rule.allowed(ends)).any():
        return best  # a pose given lies in bone: no way there is clear
    if (
        best.excess > 0.0 or best.loads.force.max() > floor + _SAME_N
    ):  # no path can be below what its ends bear
        best = min([best, *_searched(model, rule, ends, seeds, config)], key=lambda way: way.cost)
    for seed in seeds:
        x = _spaced(seed, around, config)
        if best.excess > 0.0 or model(x).force.max() < best.loads.force.max():
            best = min(best, _way(x, model, rule, "lifted"), key=lambda way: way.cost)
    # where nothing moves or nothing pulls there is nothing to refine
    for _ in range(config.refinements if best.loads.force.max() > _SAME_N and best.effort > 0.0 else 0):
        x = _spaced(refine(model, best.x, config), around, config)
        refined = _way(x, model, rule, "refinement")
        if refined.cost >= best.cost:
            break
        best = refined
    return best


def _searched(
    model: LoadModel, rule: ClearanceRule, ends: FloatArray, seeds: list[FloatArray], config: PathConfig
) -> list[_Way]:
    """What the search finds with some clearance in reserve, for grids are not exact; else with none."""
    ways: list[_Way] = []
    for reserve in (config.reserve_mm, 0.0):
        searching = replace(rule, slack=max(rule.slack - reserve, 0.0))
        found = search(model, searching, ends, seeds, config)
        if found is not None:
            ways.append(_way(_spaced(found, model.around, config), model, rule, "search"))
            if ways[-1].excess <= 0.0:
                break
    return ways


def _way(x: FloatArray, model: LoadModel, rule: ClearanceRule, found_by: str) -> _Way:
    clearance, loads = model.around.exact_clearance(x), model(x)
    excess = float(rule.excess(x, clearance).max())
    return _Way(x, loads, found_by, clearance, excess, effort(x, loads, model.around.chart))


def _spaced(x: FloatArray, around: Surroundings, config: PathConfig) -> FloatArray:
    """Poses (n, 6) along a polyline at equal steps of the body's fastest corner, both ends exact."""
    pieces = [a + (b - a) * np.linspace(0.0, 1.0, 30)[:, None] for a, b in pairwise(x)]
    fine = np.concatenate(pieces)
    rotation, translation = around.chart.poses(fine)
    moved = around.box @ rotation.transpose(0, 2, 1) + translation[:, None]
    steps = np.linalg.norm(np.diff(moved, axis=0), axis=2).max(axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    n = int(np.clip(np.ceil(along[-1] / config.step_mm) + 1, *config.poses))
    even = np.linspace(0.0, along[-1], n)
    rows = np.stack([np.interp(even, along, column) for column in fine.T], axis=1)
    rows[0], rows[-1] = x[0], x[-1]
    return rows


def _joined(ways: Sequence[_Way], model: LoadModel, rule: ClearanceRule) -> _Way:
    """Stretches one after the other, judged as a whole."""
    x = np.concatenate([ways[0].x[:1], *(way.x[1:] for way in ways)])
    return ways[0] if len(ways) == 1 else _way(x, model, rule, "")


def _poses(
    way: _Way, fixed: Mapping[int, RigidTransform], chart: Chart, pulled: bool
) -> tuple[PathPose, ...]:
    """`fixed`: poses given, by their place, which are not to change in the last digit either."""
    loads = way.loads
    columns = (
        loads.force.tolist(),
        loads.torque.tolist(),
        loads.tension.tolist() if pulled else [None] * len(way.x),
        map(tuple, loads.total.tolist()),
    )
    rows = zip(chart.transforms(way.x), way.clearance.tolist(), *columns, strict=True)
    return tuple(PathPose(fixed.get(k, T), *row) for k, (T, *row) in enumerate(rows))


def _summary(way: _Way, chart: Chart) -> PathSummary:
    def most(wrench: FloatArray) -> float:
        return float(np.linalg.norm(wrench[:, :3], axis=1).max())

    loads = way.loads
    return PathSummary(
        peak_force_n=float(loads.force.max()),
        peak_torque_nm=float(loads.torque.max()),
        work_j=work(way.x, loads, chart),
        min_clearance_mm=float(way.clearance.min()),
        peak_tissue_n=most(loads.tissue),
        peak_contact_n=most(loads.contact),
    )


def _judge(name: str, way: _Way, summary: PathSummary, rule: ClearanceRule, config: PathConfig) -> Assessment:
    """Refuses a path that is not clear of bone, or more than the arm may hold."""
    reasons = []
    if way.excess > 0.0:
        worst = int(rule.excess(way.x, way.clearance).argmax())
        depth, allowed = max(0.0, -float(way.clearance[worst])), float(rule.allowed(way.x)[worst])
        reasons.append(
            f"{name}: every path found runs {depth:.1f} mm into other bone (allowed there {allowed:.1f} mm)"
        )
    if summary.peak_force_n > config.force_limit:
        reasons.append(
            f"{name}: {summary.peak_force_n:.0f} N on the way, the limit is {config.force_limit:.0f} N"
        )
    if summary.peak_torque_nm > config.torque_limit:
        reasons.append(
            f"{name}: {summary.peak_torque_nm:.0f} N·m on the way, the limit is {config.torque_limit:.0f} N·m"
        )
    return Assessment(False, tuple(reasons)) if reasons else ACCEPTED

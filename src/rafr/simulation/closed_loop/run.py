"""One reduction in the closed loop, from its request to its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from rafr.control.arm import ArmControlConfig
from rafr.geometry.residual import residual
from rafr.simulation.closed_loop.loop import ClosedLoop, require
from rafr.simulation.closed_loop.outcome import HELD, OUT_OF_TIME, REDUCED, Recorder, ReductionRun, judged
from rafr.simulation.closed_loop.start import Start
from rafr.simulation.config import PlantConfig
from rafr.simulation.faults import FaultConfig
from rafr.units import to_metres

Hook = Callable[[ClosedLoop, float], None]
"""Called before each tick of the reduction with the time since its request, s."""


def run_reduction(
    start: Start,
    faults: Sequence[str] = (),
    *,
    control: ArmControlConfig | None = None,
    reality: PlantConfig | None = None,
    when: FaultConfig | None = None,
    hooks: Sequence[Hook] = (),
    longest: float = 120.0,
    after: float = 1.0,
) -> ReductionRun:
    """Reduce one fragment.

    Args:
        faults: names (`rafr.simulation.faults.FAULTS`) of what happens while the arm reduces.
        control: of the arm controller.   reality: the plant, where it is not what the plan takes it for.
        when: how long after the request faults come.
        hooks: called at every tick of the reduction.
        longest: s simulated until it is given up.   after: s to watch once it has ended.

    Raises:
        InfeasibleError: the reduction was refused before it began.
    """
    loop = gripped(start, control=control, reality=reality)
    loop.inject(faults, when or FaultConfig())
    return reduce(loop, hooks=hooks, longest=longest, after=after)


def gripped(
    start: Start, *, control: ArmControlConfig | None = None, reality: PlantConfig | None = None
) -> ClosedLoop:
    """A loop ready to reduce: the fragment held, its trajectory made. Arguments as of `run_reduction`."""
    loop = ClosedLoop(start, control or ArmControlConfig(), replace(reality or PlantConfig(), arm=start.arm))
    loop.grip()
    return loop


def reduce(
    loop: ClosedLoop, *, hooks: Sequence[Hook] = (), longest: float = 120.0, after: float = 1.0
) -> ReductionRun:
    """Reduce what a loop has gripped; once per loop. Arguments as of `run_reduction`."""
    start = loop.start
    require(loop.controller.request_reduction(start.body, loop.trajectory, loop.approved_hash))
    points, target = loop.surface[start.body], to_metres(start.plan.body(start.body).T_reduced_displaced)
    recorder, begin = Recorder(start.body, points, target), loop.now
    outcome, reason, end = OUT_OF_TIME, "", begin + longest
    ended: float | None = None
    while loop.now < (end if ended is None else ended + after):
        for hook in hooks:
            hook(loop, loop.now - begin)
        command = loop.tick(faulty=True)
        recorder.add(loop.now - begin, command, loop.plant)
        if command.finished is not None and ended is None:
            outcome, ended = (REDUCED if command.finished.success else HELD), loop.now
            reason = command.finished.message
    pose, truth = loop.plant.truth().poses[start.body], loop.plant.arrangement.truth
    return judged(
        outcome,
        reason,
        None if loop.fault_t is None else loop.fault_t - begin,
        recorder.series(),
        residual(pose, target, points),
        None if truth is None else residual(pose, to_metres(truth.T_reduced_displaced[start.body]), points),
        (ended or loop.now) - begin,
    )

"""The drill's guidance against the truth: a simulated hand drills every pin of a case, registered for real.

python benchmarks/drill.py CASE... --json FILE [--seeds N]

Per case and seed the patient is laid on the table, a CBCT is simulated and registered, and the hand of
`rafr sim --drill` drills for the pins of every fragment. Every frame of the tracker goes through the gate to
the guidance that `drill/guidance` carries. The truth is the simulator's: where drill and bone are, and what
drill it is (its calibration has the errors that config/implants.yaml states). Errors within one run are of
one registration and one calibration: the runs are what is independent.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rafr import __version__
from rafr.cases.case import Case
from rafr.cases.load import open_case
from rafr.cli.output import check_json_target, progress_bar, write_json
from rafr.errors import RafrError
from rafr.fixation.implants.catalogue import Catalogue
from rafr.fixation.implants.drilling import Drilling, Readout
from rafr.fixation.implants.guidance import guide
from rafr.fixation.implants.implant import Screw
from rafr.geometry import RigidTransform
from rafr.nodes import work
from rafr.registration import chain
from rafr.registration.live import Sighting
from rafr.registration.targets import tracked_error
from rafr.simulation.arm_line import TICK
from rafr.simulation.c_arm import expose, write_cbct
from rafr.simulation.drill import DrillingHand
from rafr.simulation.live import LivePlant
from rafr.simulation.room import SensorSuite, open_room
from rafr.tracking.average import ToolHistory
from rafr.tracking.gating import ToolGate, ToolSample
from rafr.tracking.tools import REFERENCE_TOOL, fragment_tool
from rafr.units import METRES_PER_MM, to_metres

_BEFORE = 1.0  # s of tracking before and while the CBCT is taken
_QUANTILES = {"median": 0.5, "p95": 0.95, "largest": 1.0}


class Room:
    """Plant, sensors and the tracker's gate; time goes on by asking for frames."""

    def __init__(self, case: Case, seed: int) -> None:
        self.case, self.seed, self.now = case, seed, 0.0
        self.plant: LivePlant
        self.sensors: SensorSuite
        self.plant, self.sensors = open_room(case, seed, "ur16e", drill=True)
        assert self.sensors.hand is not None
        self.hand: DrillingHand = self.sensors.hand
        self._gate = ToolGate()
        # the truth at every tick, for frames are exposed before they are delivered
        self.T_ct_drill: dict[int, RigidTransform | None] = {}

    def frames(self) -> Iterator[tuple[float, dict[str, RigidTransform]]]:
        """One tick: (stamp, valid tools) of every frame delivered."""
        self.plant.step(10)
        self.now += TICK
        self.hand.pass_time(TICK)
        self.T_ct_drill[round(self.now / TICK)] = self.hand.T_ct_drill
        for item in self.sensors.tracker_frames(self.now, self.plant):
            frame = item.frame
            samples = [
                ToolSample(t.name, frame.stamp, frame.number, t.T_tracker_marker, t.error)
                for t in frame.tools
            ]
            states = self._gate.update(samples, self.now)
            found = {n: s.T_tracker_tool for n, s in states.items() if s.T_tracker_tool is not None}
            yield frame.stamp, found

    def truth(self, stamp: float) -> RigidTransform | None:
        return self.T_ct_drill[round(stamp / TICK)]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cases", metavar="CASE", nargs="+", type=Path)
    parser.add_argument("--json", metavar="FILE", type=Path, required=True)
    parser.add_argument("--seeds", metavar="N", type=int, default=2, help="per case (default 2)")
    args = parser.parse_args()
    runs: list[dict[str, Any]] = []
    try:
        check_json_target(args.json)
        with progress_bar("drill") as progress:
            for k, folder in enumerate(args.cases):
                case = open_case(folder)
                for seed in range(args.seeds):
                    progress((k + seed / args.seeds) / len(args.cases), f"{case.id}, seed {seed}")
                    runs.append(run(case, seed))
                    write_json(args.json, report(runs))
    except RafrError as error:
        print(f"drill: {error}", file=sys.stderr)
        return 2
    for name, value in report(runs)["statistics"].items():
        print(f"{name}: {value}")
    return 0


def run(case: Case, seed: int) -> dict[str, Any]:
    """Errors of every frame with guidance, m and rad, and what was said of the others."""
    room = Room(case, seed)
    T_marker_ct, errors = registered(room)
    drilling = Drilling(case, room.plant.arrangement.plan_pins, lambda text: None)
    pins = {b.name: room.plant.arrangement.plan_pins(b.name) for b in case.moving}
    rows: list[tuple[float, ...]] = []
    silent: dict[str, int] = {}
    wrong = 0
    for body in pins:
        room.hand.begin(body, room.plant.arrangement.hand_pins(body).pins)
        while room.hand.body:
            for stamp, tools in room.frames():
                readout = drilling.look(Sighting(tools, T_marker_ct, None, errors))
                T_ct_drill = room.truth(stamp)
                if readout.guidance is None or T_ct_drill is None or room.hand.body != body:
                    silent[readout.text] = silent.get(readout.text, 0) + 1
                    continue
                if readout.body != body:
                    wrong += 1
                    continue
                number = int(readout.target.removeprefix("pin ")) - 1
                p = pins[body][number]
                screw = Screw(readout.target, "pin", p.entry_mm, p.entry_mm + p.depth_mm * p.direction, 5.0)
                rows.append(compared(readout, guide(screw, T_ct_drill, room.hand.tool)))
    names = ("off_axis", "angle", "depth", "off_axis_sd", "angle_sd", "depth_sd")
    return {
        "case": case.id,
        "seed": seed,
        "frames": len(rows),
        "nearest_in_another_bone": wrong,
        "without_guidance": silent,
        "stated_registration_mm": {b: round(e / METRES_PER_MM, 3) for b, e in errors.items()},
        "rows": {n: np.round(column, 7).tolist() for n, column in zip(names, np.array(rows).T, strict=True)},
    }


def compared(said: Readout, true: Any) -> tuple[float, ...]:
    now = said.guidance
    assert now is not None
    return (
        now.off_axis - true.off_axis,
        now.angle - true.angle,
        now.depth - true.depth,
        now.off_axis_sd,
        now.angle_sd,
        now.depth_sd,
    )


def registered(room: Room) -> tuple[dict[str, RigidTransform], dict[str, float]]:
    """`T_marker_ct` (m) of all bodies and their stated errors (m), as the registration node finds them."""
    history = ToolHistory()
    while room.now < _BEFORE:
        for stamp, tools in room.frames():
            history.add(stamp, tools)
    case, reference = room.case, room.case.reference.name
    with tempfile.TemporaryDirectory(prefix="rafr-drill-") as folder:
        path = Path(folder) / "cbct.nii.gz"
        write_cbct(expose(room.plant, room.sensors.markers, case.folder, room.seed, 0), path)
        result, fiducials = work.register(str(case.folder), str(path), (), room.seed)
    moving = [fragment_tool(b.name) for b in case.moving]
    seen = history.mean(_BEFORE - 0.1, [REFERENCE_TOOL, *moving])
    T_cbct_marker = to_metres(fiducials.T_cbct_marker)
    mounts, errors = {}, {}
    meshes = room.plant.arrangement.meshes
    for body in case.bodies:
        found = result.body(body.name)
        T_cbct_ct = to_metres(found.T_cbct_ct)
        if body.name == reference:
            mounts[body.name] = chain.marker_from_ct(T_cbct_marker, T_cbct_ct)
        else:
            tool = seen[fragment_tool(body.name)]
            mounts[body.name] = chain.fragment_marker_from_ct(
                tool, seen[REFERENCE_TOOL], T_cbct_marker, T_cbct_ct
            )
        error_mm = tracked_error(found, fiducials, meshes[body.name].mesh.vertices)
        errors[body.name] = error_mm * METRES_PER_MM
    return mounts, errors


def report(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Quantiles of absolute errors over all frames, and shares within one and two stated deviations."""
    statistics: dict[str, Any] = {
        "runs": len(runs),
        "frames": sum(r["frames"] for r in runs),
        "nearest in another bone": sum(r["nearest_in_another_bone"] for r in runs),
    }
    for name, unit, factor in (("off_axis", "mm", 1e3), ("depth", "mm", 1e3), ("angle", "deg", 180 / np.pi)):
        each = [np.abs(r["rows"][name]) for r in runs]
        every = np.concatenate(each)
        sd = np.concatenate([r["rows"][f"{name}_sd"] for r in runs])
        numbers = {q: round(float(factor * np.quantile(every, p)), 3) for q, p in _QUANTILES.items()}
        numbers |= {f"within {k} sd": round(float((every <= k * sd).mean()), 3) for k in (1, 2)}
        numbers["stated sd"] = round(float(factor * np.median(sd)), 3)
        numbers["worst run's rms"] = round(float(factor * max(np.sqrt((e**2).mean()) for e in each)), 3)
        statistics[f"{name}, {unit}"] = numbers
    catalogue = Catalogue.read().drill
    return {
        "version": __version__,
        "drill": {"tip_sd_m": catalogue.tip_sd, "axis_sd_rad": catalogue.axis_sd},
        "statistics": statistics,
        "runs": runs,
    }


if __name__ == "__main__":
    sys.exit(main())

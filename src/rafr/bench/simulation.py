"""The embedded plant beside the bare engine on the same model and commands."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from rafr.bench.measure import Better, Goal, Measure, Of, Samples, Setting, Trial
from rafr.bench.patients import displaced_hip
from rafr.bench.peers.bare_mujoco import STEPS, Bare
from rafr.bench.peers.known import MUJOCO
from rafr.progress import Progress
from rafr.room import OperatingRoom
from rafr.simulation.arrangement import Arrangement, arrange
from rafr.simulation.compare import Script, docked_room, play, write_script
from rafr.simulation.embedded import EmbeddedPlant
from rafr.simulation.engine import TIME_STEP

SPEED = Measure(
    "simulation.speed",
    "simulated seconds per second of processor, one fragment",
    "s/s",
    MUJOCO,
    Goal(Of.RATIO, 0.5, 0.7),
    Better.HIGHER,
)


def run(setting: Setting, progress: Progress) -> Mapping[str, Samples]:
    """A sample is one play of a script of 5.5 s; the two take turns."""
    rounds = 2 if setting.quick else 7
    hip = displaced_hip(setting.seed, traction=True)

    def arranged(room: OperatingRoom) -> Arrangement:
        return arrange(hip.case, hip.meshes, room, None, setting.seed)

    first = arranged(OperatingRoom.from_yaml())
    arrangement = arranged(docked_room(EmbeddedPlant(first), first.room, hip.body))
    script = write_script(arrangement, hip.body)
    simulated = len(script.joints) * STEPS * TIME_STEP
    plant = EmbeddedPlant(arrangement)
    bare = Bare(plant, script, hip.body)
    _grip(plant, script)
    seconds = []
    for k in range(rounds):
        progress(k / rounds, f"{SPEED.name}, round {k + 1}")
        theirs = bare.play()
        seconds.append((_played(plant, script), theirs))
    ours, theirs = simulated / np.array(seconds).T
    return {SPEED.name: Samples(ours, (setting.seed,), theirs)}


def _grip(plant: EmbeddedPlant, script: Script) -> None:
    """Clamped and pulled as in `compare.play`."""
    plant.settle()
    play(plant, replace(script, joints=script.joints[:1]))


def _played(plant: EmbeddedPlant, script: Script) -> float:
    """Processor seconds of the script."""
    began = time.process_time()
    for q in script.joints:
        plant.command_joints(q)
        plant.step(STEPS)
    return time.process_time() - began


TRIALS = (Trial((SPEED,), run),)

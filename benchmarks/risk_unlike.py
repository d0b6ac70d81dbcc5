"""When a model of lifting load keeps silent: new people at the same task, and signals of something else.

python benchmarks/risk_unlike.py [--walk FOLDER] [--json FILE]

The model is trained on ten virtual people (synthetic, seed 0). It judges four new ones (seed 100) as they
are, with other boxes and with what goes wrong in a laboratory, and the assistants of the simulated operating
room; with --walk a model of EMG alone judges four leg muscles of a real walker (data set emg_walk) as if they
were an arm's.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from rafr import __version__
from rafr.errors import RafrError
from rafr.resources import resource_path
from rafr.risk.data.columns import ColumnMap
from rafr.risk.data.read import read_recording, reference_level
from rafr.risk.data.recording import Interval, Recording
from rafr.risk.features.table import WindowConfig, window_table
from rafr.risk.learning.abstention import UNDECIDED, UNLIKE
from rafr.risk.learning.classifier import LoadClassifier
from rafr.risk.lifting.session import LiftingConfig, simulate_people
from rafr.risk.model import RiskModel, train
from rafr.risk.physiology import MuscleConfig
from rafr.simulation.assistant import INERTIAL_CHANNELS, LIFTING_CHANNELS, AssistantConfig, AssistantSensors

LEG = ("vastus_medialis", "tibialis_anterior", "gastrocnemius_medialis", "biceps_femoris")
TRAIN_SEED, NEW_SEED, NEW = 0, 100, 4


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--walk", metavar="FOLDER", type=Path)
    parser.add_argument("--json", metavar="FILE", type=Path)
    args = parser.parse_args()
    known = simulate_people(10, TRAIN_SEED)
    new = simulate_people(NEW, NEW_SEED)
    model = trained(known)
    try:
        rows = [judged(name, model, recordings) for name, recordings in others(new).items()]
        if args.walk:
            deaf = trained([without_imu(r) for r in known])
            rows.append(judged("EMG alone: new people", deaf, [without_imu(r) for r in new]))
            rows.append(judged("EMG alone: a real walker's leg", deaf, [walker(args.walk, new[0])]))
    except RafrError as error:
        print(f"rafr: {error}", file=sys.stderr)
        return 2
    if args.json:
        report = {"version": __version__, "train_seed": TRAIN_SEED, "new_seed": NEW_SEED, "rows": rows}
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


def trained(recordings: Sequence[Recording]) -> RiskModel:
    table = window_table(recordings)
    return train(table, recordings, WindowConfig(), LoadClassifier(table.names), synthetic=True)


def others(new: Sequence[Recording]) -> dict[str, list[Recording]]:
    """Recordings by what is the matter with them."""
    rng = np.random.default_rng(0)
    turned = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])  # by 90 degrees about the limb
    swapped = [new[0].emg_names.index(partner(n)) for n in new[0].emg_names]
    boxes = LiftingConfig(low_load=0.5, high_load=30.0)
    return {
        "new people": list(new),
        "boxes of 0.5 and 30 kg": simulate_people(NEW, NEW_SEED, boxes),
        "biceps' and deltoids' electrodes swapped": [replace(r, emg=r.emg[swapped]) for r in new],
        "EMG ten times too large": [replace(r, emg=10.0 * r.emg) for r in new],
        "inertial sensors turned by 90 degrees": [
            replace(
                r, acc=np.einsum("ij,sjn->sin", turned, r.acc), gyro=np.einsum("ij,sjn->sin", turned, r.gyro)
            )
            for r in new
        ],
        "white noise of 20 uV for EMG": [replace(r, emg=2e-5 * rng.normal(size=r.emg.shape)) for r in new],
        "assistants of the simulated operating room": [assistant(k, new[0]) for k in range(NEW)],
    }


def partner(name: str) -> str:
    side, muscle = name.split("_")
    return f"{side}_{'deltoid' if muscle == 'biceps' else 'biceps'}"


def assistant(seed: int, like: Recording) -> Recording:
    """A minute of somebody who lifts a leg now and then, channels in the order of `like`; without a label."""
    worn = AssistantSensors(AssistantConfig(), np.random.default_rng(seed))
    blocks = [worn.read(0.1) for _ in range(600)]
    volts, moved = (np.concatenate([block[k][1] for block in blocks], axis=1) for k in (0, 1))
    emg = volts[[LIFTING_CHANNELS.index(n) for n in like.emg_names]]
    axes = [
        [[INERTIAL_CHANNELS.index(f"{n}/{kind}_{a}") for a in "xyz"] for n in like.imu_names]
        for kind in ("acc", "gyro")
    ]
    acc, gyro = (moved[np.array(columns)] for columns in axes)
    reference = np.full(len(emg), MuscleConfig().mvc_rms)
    return replace(
        like, emg=emg, acc=acc, gyro=gyro, intervals=(Interval(0.0, 60.0, ""),), reference=reference
    )


def walker(folder: Path, like: Recording) -> Recording:
    """Four muscles under the names of the arms', at their rate; relative to the loudest half second."""
    (file,) = sorted(folder.glob("*raw_emg.csv"))
    whole = read_recording(file, ColumnMap.from_yaml(resource_path("config/risk/emg_walk.yaml")))
    emg = whole.emg[[whole.emg_names.index(n) for n in LEG]]
    emg = resample_poly(emg, round(like.emg_rate), round(whole.emg_rate), axis=1)
    seconds = emg.shape[1] / like.emg_rate
    walk = replace(without_imu(like), emg=emg, intervals=(Interval(0.0, seconds, ""),))
    return replace(walk, reference=reference_level(walk))


def without_imu(recording: Recording) -> Recording:
    empty = np.empty((0, 3, 0))
    return replace(recording, imu_names=(), acc=empty, gyro=empty, imu_rate=0.0)


def judged(name: str, model: RiskModel, recordings: Sequence[Recording]) -> dict[str, Any]:
    """Shares of windows by what the model says; accuracy where it answers and a label is true."""
    table = window_table(recordings)
    verdicts = model.judge(table.features)
    shares = {
        k: n / len(table) for k, n in Counter(v.reason if v.abstained else "" for v in verdicts).items()
    }
    right = [
        (v.probability > 0.5) == (label == model.schema.classes[1])
        for v, label in zip(verdicts, table.label, strict=True)
        if label and not v.abstained
    ]
    row = {"set": name, "windows": len(table), "unlike": shares.get(UNLIKE, 0.0)}
    row |= {"undecided": shares.get(UNDECIDED, 0.0), "answered": shares.get("", 0.0)}
    row["accuracy_where_it_answers"] = float(np.mean(right)) if right else None
    print(json.dumps(row), flush=True)
    return row


if __name__ == "__main__":
    sys.exit(main())

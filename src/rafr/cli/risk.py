"""`rafr risk simulate | train | evaluate | monitor`: how heavy people lift, from EMG and IMU."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rafr.cli import risk_evaluate
from rafr.cli.main import EXIT_DONE, EXIT_NOT_ACCEPTABLE
from rafr.cli.output import add_json_option, check_json_target, made_folder, progress_bar, write_json
from rafr.cli.risk_data import (
    SYNTHETIC_MARK,
    add_data_options,
    add_synthetic_options,
    classifier_of,
    is_synthetic,
    lifting_config,
    read_data,
)
from rafr.errors import InputError

_SYNTHETIC_TEXT = """\
SYNTHETIC. These recordings are of virtual people (rafr risk simulate, {subjects} people, seed {seed}):
{trials} trials of {low:g} kg (Low) and of {high:g} kg (High) each, {seconds:g} s long, and maximum
contractions (MVC). No person was measured.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    actions: Any = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    simulate = actions.add_parser("simulate", help="recordings of virtual people who lift boxes")
    simulate.add_argument("-o", "--out", required=True, metavar="DIR", help="write CSV files there")
    add_synthetic_options(simulate)
    train = actions.add_parser("train", help="a model of recordings")
    add_data_options(train)
    train.add_argument(
        "-o", "--out", required=True, metavar="MODEL", help="file to write, e.g. lifting.rafr-risk"
    )
    risk_evaluate.add_least_option(train)
    evaluate = actions.add_parser("evaluate", help="how well people are judged whom the model has not seen")
    risk_evaluate.configure(evaluate)
    monitor = actions.add_parser(
        "monitor", help="replay a recording through a model, one line of JSON per event"
    )
    monitor.add_argument("model", metavar="MODEL", help="of `rafr risk train`")
    monitor.add_argument(
        "files", nargs="+", metavar="CSV", help="recordings; P<n>_MVC.csv gives their reference"
    )
    monitor.add_argument(
        "--columns", metavar="MAP.yaml", help="where tables that are not Delsys' keep their signals"
    )
    for action in (simulate, train, evaluate, monitor):
        add_json_option(action)


def run(args: argparse.Namespace) -> int:
    check_json_target(args.json)
    actions: dict[str, Callable[[argparse.Namespace], int]] = {
        "simulate": _simulate,
        "train": _train,
        "evaluate": risk_evaluate.run,
        "monitor": _monitor,
    }
    return actions[args.action](args)


def _simulate(args: argparse.Namespace) -> int:
    from rafr.risk.data.write import file_name, write_trigno
    from rafr.risk.lifting.session import simulate_sessions

    config = lifting_config(args)
    folder = made_folder(args.out)
    if any(folder.glob("P*_*.csv")):
        raise InputError(folder, "holds recordings already", "a new or empty folder")
    written: list[str] = []
    facts = {"subjects": args.subjects, "seed": args.seed, "trials": config.trials, "seconds": config.seconds}
    text = _SYNTHETIC_TEXT.format(**facts, low=config.low_load, high=config.high_load)
    (folder / SYNTHETIC_MARK).write_text(text, encoding="utf-8")
    with progress_bar("lifting") as progress:
        for k, (mvc, trials) in enumerate(simulate_sessions(args.subjects, args.seed, config)):
            progress(k / args.subjects, f"person {k + 1} of {args.subjects}")
            for recording in (mvc, *trials):
                written.append(file_name(recording))
                write_trigno(folder / written[-1], recording)
    data = {
        "synthetic": True,
        **facts,
        "low_kg": config.low_load,
        "high_kg": config.high_load,
        "files": written,
    }
    if args.json is not None:
        write_json(args.json, data)
    if args.json != "-":
        print(f"{len(written)} recordings of {args.subjects} virtual people (synthetic): {folder}")
    return EXIT_DONE


def _train(args: argparse.Namespace) -> int:
    from rafr.risk.learning.measures import measures
    from rafr.risk.learning.validation import target_of
    from rafr.risk.model import train
    from rafr.risk.model_file import save

    out = Path(args.out)
    if not out.parent.is_dir() or out.is_dir():
        raise InputError(out, "cannot be a file there", "a file in an existing folder")
    with progress_bar("training") as progress:
        data = read_data(args, progress)
        progress(0.9, "training")
        model = train(
            data.table,
            data.recordings,
            data.window,
            classifier_of(args, data.table),
            synthetic=data.synthetic,
        )
    held_out = {view: measures(target_of(data.table), p) for view, p in model.classifier.held_out_.items()}
    last = list(held_out)[-1]
    assessment = risk_evaluate.assess(held_out[last]["balanced_accuracy"], args.least)
    if assessment["accepted"]:
        save(out, model)
    result = {
        "model": str(out) if assessment["accepted"] else None,
        "schema": asdict(model.schema),
        "held_out_people": held_out,
        "assessment": assessment,
    }
    if args.json is not None:
        write_json(args.json, result)
    if args.json != "-":
        made = "virtual people (synthetic)" if data.synthetic else "people"
        print(f"{len(data.table)} windows of {model.schema.subjects} {made}")
        for view, values in held_out.items():
            print(f"  {view}: balanced accuracy on people left out in turn {values['balanced_accuracy']:.3f}")
        print(f"saved: {out}" if assessment["accepted"] else f"not saved: {'; '.join(assessment['reasons'])}")
    return EXIT_DONE if assessment["accepted"] else EXIT_NOT_ACCEPTABLE


def _monitor(args: argparse.Namespace) -> int:
    from rafr.risk.data.columns import ColumnMap
    from rafr.risk.data.read import read_recordings
    from rafr.risk.model_file import load
    from rafr.risk.monitor import replay

    model = load(args.model)
    columns = None if args.columns is None else ColumnMap.from_yaml(args.columns)
    recordings = read_recordings(args.files, columns)
    events: list[dict[str, Any]] = []
    judged = False
    for recording in recordings:
        for event in replay(model, recording):
            events.append({"subject": recording.subject, "trial": recording.trial, **asdict(event)})
            judged = judged or event.kind in ("heavy", "light")
            if args.json != "-":
                print(json.dumps(events[-1], allow_nan=False), flush=True)
    synthetic = model.schema.synthetic or is_synthetic(False, args.files)
    reasons = [] if judged else ["the model abstained from first to last"]
    result = {
        "model": args.model,
        "synthetic": synthetic,
        "events": events,
        "assessment": {"accepted": judged, "reasons": reasons},
    }
    if args.json is not None:
        write_json(args.json, result)
    return EXIT_DONE if judged else EXIT_NOT_ACCEPTABLE

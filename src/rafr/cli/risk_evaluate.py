"""`rafr risk evaluate`: random split beside people left out, and the study's own pipeline."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rafr.cli.main import EXIT_DONE, EXIT_NOT_ACCEPTABLE
from rafr.cli.output import made_folder, progress_bar, write_json
from rafr.cli.risk_data import Data, add_data_options, classifier_of, read_data
from rafr.errors import InputError
from rafr.progress import part_of

if TYPE_CHECKING:
    from rafr.risk.study.pipeline import Fitted

_LEFT_OUT = ("leave_one_subject_out", "leave_one_block_out")


def configure(parser: argparse.ArgumentParser) -> None:
    add_data_options(parser)
    parser.add_argument(
        "--blocks",
        type=int,
        default=5,
        metavar="N",
        help="of time, left out where there is one person (default: 5)",
    )
    parser.add_argument(
        "--importance", action="store_true", help="permutation importance on the people left out"
    )
    parser.add_argument("--study", action="store_true", help="the two-person study's pipeline beside ours")
    parser.add_argument("-o", "--out", metavar="DIR", help="save pictures there")
    add_least_option(parser)


def add_least_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--least",
        type=float,
        default=0.6,
        metavar="SHARE",
        help="acceptable balanced accuracy on people left out (default: %(default)g)",
    )


def assess(balanced_accuracy: float, least: float) -> dict[str, Any]:
    """Whether a model is worth having."""
    good = balanced_accuracy >= least
    reason = f"balanced accuracy {balanced_accuracy:.3f} on what was left out, at least {least:g} wanted"
    return {"accepted": good, "reasons": [] if good else [reason]}


def run(args: argparse.Namespace) -> int:
    from rafr.risk.learning.importance import PermutationImportance
    from rafr.risk.learning.validation import evaluate

    if args.blocks < 2:
        raise InputError("--blocks", f"{args.blocks}", "2 or more")
    begin = time.monotonic()
    folder = None if args.out is None else made_folder(args.out)
    with progress_bar("lifting risk") as progress:
        data = read_data(args, part_of(progress, 0.0, 0.2))
        importance = PermutationImportance(data.table, seed=args.seed) if args.importance else None
        result: dict[str, Any] = evaluate(
            data.table,
            classifier_of(args, data.table),
            args.blocks,
            progress=part_of(progress, 0.2, 0.9),
            look=None if importance is None else importance.look,
        )
        sources = list(result)
        study = _study(data) if args.study else []
    best = result[sources[-1]]
    left_out = next(best[name] for name in _LEFT_OUT if best[name] is not None)
    result |= {
        "synthetic": data.synthetic,
        "subjects": len(set(data.table.subject)),
        "windows": len(data.table),
        "window": {"length_s": args.window, "step_s": args.step},
        "model": {"kind": args.model, "fusion": args.fusion},
        "relative_to_maximum_contraction": bool(len(data.recordings[0].reference)),
        "seed": args.seed,
        "assessment": assess(left_out["balanced_accuracy"], args.least),
    }
    if importance is not None:
        result["importance"] = importance.result()
    if study:
        result["study"] = _study_data(study)
    if folder is not None:
        _save(folder, data, {s: result[s] for s in sources}, study)
    result["seconds"] = round(time.monotonic() - begin, 1)
    if args.json is not None:
        write_json(args.json, result)
    if args.json != "-":
        _show(result, sources, folder)
    return EXIT_DONE if result["assessment"]["accepted"] else EXIT_NOT_ACCEPTABLE


def _study(data: Data) -> list[Fitted]:
    from rafr.risk.study.pipeline import emg_windows, imu_windows, run_study

    fitted = run_study(emg_windows(data.recordings), "emg")
    if data.recordings[0].imu_names:
        fitted += run_study(imu_windows(data.recordings), "imu")
    return fitted


def _study_data(study: list[Fitted]) -> dict[str, Any]:
    from rafr.risk.study.published import OTHERS, STUDY

    ours: dict[str, Any] = {}
    for fitted in study:
        ours.setdefault(fitted.source, {})[fitted.name] = fitted.result
    return {**ours, "published": STUDY, "others": list(OTHERS)}


def _save(folder: Path, data: Data, views: dict[str, Any], study: list[Fitted]) -> None:
    from rafr.risk.pictures import save_people

    what = "synthetic, no person was measured" if data.synthetic else f"{len(data.recordings)} recordings"
    save_people(folder / "people.png", views, what)
    if not study:
        return
    from rafr.risk.study import pictures
    from rafr.risk.study.pipeline import emg_windows, imu_windows

    windows = {"emg": emg_windows(data.recordings)}
    if data.recordings[0].imu_names:
        windows["imu"] = imu_windows(data.recordings)
    title = f"The study's pipeline ({what})"
    pictures.save_roc(folder / "study_roc.png", study, title)
    pictures.save_confusion(folder / "study_confusion.png", study, title)
    pictures.save_components(folder / "study_components.png", windows, title)
    for fitted in study:
        if fitted.name == "random_forest":
            path = folder / f"study_tree_{fitted.source}.png"
            pictures.save_tree(path, fitted, windows[fitted.source].names, title)


def _show(result: dict[str, Any], sources: list[str], folder: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table

    terminal = Console()
    left = next(name for name in _LEFT_OUT if result[sources[0]][name] is not None)
    people = "virtual people (synthetic)" if result["synthetic"] else "people"
    table = Table(title=f"{result['subjects']} {people}, {result['windows']} windows: balanced accuracy")
    for title in ("", "random split", left.replace("_", " "), "worst", "AUC", "Brier"):
        table.add_column(title, justify="right" if title else "left")
    for source in sources:
        at_random, honest = result[source]["random_split"], result[source][left]
        values = (
            at_random["balanced_accuracy"],
            *(honest[k] for k in ("balanced_accuracy", "worst", "roc_auc", "brier")),
        )
        table.add_row(source, *("–" if v is None else f"{v:.3f}" for v in values))
    terminal.print(table)
    guard = result[sources[-1]][left]["abstention"]
    said = guard["accuracy_where_it_answers"]
    terminal.print(
        f"abstains on {100 * guard['abstained']:.0f} % of the windows"
        + ("" if said is None else f", right in {100 * said:.0f} % of the others")
    )
    if "study" in result:
        _show_study(terminal, result["study"])
    for group, values in list(result.get("importance", {}).items())[:6]:
        terminal.print(f"shuffling {group} costs {values['drop']:.3f} ± {values['standard_error']:.3f}")
    for reason in result["assessment"]["reasons"]:
        terminal.print(reason, style="bold", markup=False)
    if folder is not None:
        terminal.print(f"pictures: {folder}", markup=False)


def _show_study(terminal: Any, study: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(title="the two-person study's pipeline: accuracy")
    for title in ("", "study", "ours, random split", "ours, people left out"):
        table.add_column(title, justify="right" if title else "left")
    for source in ("emg", "imu"):
        for name, values in study.get(source, {}).items():
            published = study["published"].get(source, {}).get(name, {}).get("accuracy")
            out = values["leave_one_subject_out"]
            cells = (published, values["random_split"]["accuracy"], None if out is None else out["accuracy"])
            table.add_row(
                f"{source} {name.replace('_', ' ')}", *("–" if c is None else f"{c:.2f}" for c in cells)
            )
    terminal.print(table)

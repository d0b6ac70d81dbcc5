"""`rafr case segment CT -o LABELS`: bones and fragments of a CT."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rafr.cli.output import check_json_target, progress_bar, write_json
from rafr.errors import InputError
from rafr.progress import part_of

if TYPE_CHECKING:
    from rafr.imaging.volume import Volume
    from rafr.segmentation.segmenter import Segmentation

_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".mha")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ct", metavar="CT", help="image, DICOM folder, or the folder of a PENGWIN patient")
    parser.add_argument(
        "-o", "--out", metavar="LABELS", required=True, help="label image to write (.nii.gz, …)"
    )
    parser.add_argument(
        "--method",
        metavar="NAME",
        default="classical",
        help="classical (default), import, totalsegmentator, nnunet, or a plugin's",
    )
    parser.add_argument("--seeds", metavar="FILE", help="points by label (YAML or JSON): segment from these")
    parser.add_argument("--labels", metavar="FILE", help="import: the other tool's label image")
    parser.add_argument(
        "--table",
        metavar="NAME",
        help="import, nnunet: pengwin (default), totalsegmentator, totalsegmentator-v1, or a YAML/JSON file",
    )
    parser.add_argument("--model", metavar="DIR", help="nnunet: folder of the trained model")
    parser.add_argument("--device", metavar="NAME", help="totalsegmentator, nnunet: cpu (default), gpu, cuda")


def run(args: argparse.Namespace) -> int:
    from rafr.segmentation.label_table import read_table
    from rafr.segmentation.registry import make_segmenter
    from rafr.segmentation.seeds import check_seeds, read_seeds

    out = Path(args.out)
    _check_targets(args, out)
    table = read_table(args.table) if args.table else None
    options = {"labels": args.labels, "table": table, "model": args.model, "device": args.device}
    segmenter = make_segmenter(args.method, options)
    seeds = read_seeds(args.seeds) if args.seeds else None
    with progress_bar("case segment") as progress:
        progress(0.0, "reading the CT")
        ct = _read(Path(args.ct))
        try:
            if seeds is not None:
                check_seeds(seeds, ct)
            # what a plugin prints must not mix with JSON on standard output
            with redirect_stdout(sys.stderr):
                result = segmenter.segment(ct, seeds, part_of(progress, 0.15, 0.85))
            if not result.labels.array.any():
                raise InputError("the CT", "no bone of the pelvis is found in it", "a CT of the pelvis")
        except InputError as error:
            raise _named(error, args) from None
        progress(0.85, "writing")
        written = _write(args, ct, result)
    facts = _facts(ct, result, args.method, written)
    if args.json:
        write_json(args.json, facts)
    _print(args, facts)
    return 0 if facts["assessment"]["accepted"] else 1


def _check_targets(args: argparse.Namespace, out: Path) -> None:
    check_json_target(args.json)
    stem = _stem(out)
    if not stem:
        raise InputError(out, "is no image rafr writes", f"a name ending in {', '.join(_SUFFIXES)}")
    if not out.parent.is_dir():
        raise InputError(out, f"the folder {out.parent} does not exist", "a file in an existing folder")
    if not os.access(out.parent, os.W_OK):
        raise InputError(out, f"the folder {out.parent} cannot be written", "a folder that can be written")
    targets = _targets(out)
    for target in targets.values():
        if target.is_dir():
            raise InputError(target, "is a folder", "the name of a file")
    inputs = {"the CT": args.ct, "--labels": args.labels, "--table": args.table}
    if "seeds" in targets and not _same(args.seeds, targets["seeds"]):
        inputs["--seeds"] = args.seeds
    for target in targets.values():
        for name, source in inputs.items():
            if _same(source, target):
                raise InputError(target, f"is {name} itself", "another name for the labels")
        if args.json and Path(args.json).absolute() == target.absolute():
            raise InputError("--json", f"{args.json} is written by this command already", "another name")


def _stem(out: Path) -> str:
    """The name without its suffix; empty where rafr writes no such image."""
    fits = [s for s in _SUFFIXES if out.name.lower().endswith(s)]
    return out.name[: -max(map(len, fits))] if fits else ""


def _targets(out: Path) -> dict[str, Path]:
    """Everything the command may write, by what it is."""
    stem = _stem(out)
    beside = {"picture": f"{stem}.png", "seeds": f"{stem}.seeds.yaml"}
    return {"labels": out, **{k: out.with_name(n) for k, n in beside.items()}}


def _same(source: str | None, target: Path) -> bool:
    return source is not None and target.exists() and Path(source).exists() and target.samefile(source)


def _read(path: Path) -> Volume:
    from rafr.cases.pengwin import is_pengwin_folder, read_pengwin
    from rafr.imaging.readers import read_volume

    return read_pengwin(path).ct if is_pengwin_folder(path) else read_volume(path)


def _named(error: InputError, args: argparse.Namespace) -> InputError:
    """The error with the file it is about."""
    files = {"the CT": args.ct, "seeds": args.seeds}
    source = files.get(error.source)
    return error if source is None else InputError(source, error.problem, error.expected)


def _write(args: argparse.Namespace, ct: Volume, result: Segmentation) -> dict[str, str]:
    """Labels, picture and seeds beside each other, all of them or none; their paths."""
    from rafr.imaging.readers import quiet_stderr, reason
    from rafr.imaging.volume import write_volume
    from rafr.segmentation.picture import save_overlay
    from rafr.segmentation.seeds import write_seeds

    targets = _targets(Path(args.out))
    if result.seeds is None:
        del targets["seeds"]
    try:
        with _together(targets) as made:
            with quiet_stderr():
                write_volume(made["labels"], result.labels)
            save_overlay(made["picture"], ct, result.labels, f"{Path(args.ct).name}: {args.method}")
            # a person's own file stays as it is
            if result.seeds is not None and not _same(args.seeds, targets["seeds"]):
                write_seeds(made["seeds"], result.seeds)
    except (OSError, RuntimeError) as error:
        raise InputError(
            args.out, f"cannot be written ({reason(error)})", "a folder that can be written"
        ) from None
    return {name: str(path) for name, path in targets.items()}


@contextmanager
def _together(targets: dict[str, Path]) -> Iterator[dict[str, Path]]:
    """Paths in a temporary folder beside the targets; what is there at the end moves to the targets."""
    folder = next(iter(targets.values())).parent
    with tempfile.TemporaryDirectory(prefix=".segment-", dir=folder) as temporary:
        made = {name: Path(temporary) / path.name for name, path in targets.items()}
        yield made
        for name, path in targets.items():
            if made[name].exists():
                made[name].replace(path)


def _facts(ct: Volume, result: Segmentation, method: str, written: dict[str, str]) -> dict[str, Any]:
    import numpy as np

    from rafr.imaging.segmentation import BONES, bone_of

    voxel = float(np.prod(ct.spacing))
    counts = np.bincount(result.labels.array.ravel())
    labels = {
        str(v): {"bone": bone_of(int(v)), "volume_mm3": round(float(counts[v]) * voxel, 1)}
        for v in np.flatnonzero(counts)
        if v > 0
    }
    missing = [b for b in BONES if b not in {entry["bone"] for entry in labels.values()}]
    reasons = [*result.notes, *(f"no {b.replace('_', ' ')} is found" for b in missing)]
    return {
        "method": method,
        **written,
        "label_values": labels,
        "assessment": {"accepted": not missing, "reasons": reasons},
    }


def _print(args: argparse.Namespace, facts: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(file=sys.stderr if args.json == "-" else sys.stdout, highlight=False, soft_wrap=True)
    table = Table("label", "bone", "volume", box=None, pad_edge=False)
    for value, entry in facts["label_values"].items():
        table.add_row(value, entry["bone"].replace("_", " "), f"{entry['volume_mm3'] / 1000:.1f} cm³")
    console.print(table)
    for note in facts["assessment"]["reasons"]:
        console.print(f"  · {note}", markup=False)
    if "seeds" in facts:
        console.print(f"edit {facts['seeds']} and segment again with --seeds to correct it", markup=False)
    console.print(f"labels: {facts['labels']}\npicture: {facts['picture']}", markup=False)

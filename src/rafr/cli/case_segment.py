"""`rafr case segment CT -o LABELS`: bones and fragments of a CT."""

from __future__ import annotations

import argparse
import sys
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
    from rafr.segmentation.seeds import read_seeds

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
            result = segmenter.segment(ct, seeds, part_of(progress, 0.15, 0.85))
        except InputError as error:
            raise _named(error, args) from None
        progress(0.85, "writing")
        written = _write(out, ct, result, title=f"{Path(args.ct).name}: {args.method}")
    facts = _facts(ct, result, args.method, written)
    if args.json:
        write_json(args.json, facts)
    _print(args, facts)
    return 0 if facts["assessment"]["accepted"] else 1


def _check_targets(args: argparse.Namespace, out: Path) -> None:
    check_json_target(args.json)
    if not out.name.lower().endswith(_SUFFIXES):
        raise InputError(out, "is no image rafr writes", f"a name ending in {', '.join(_SUFFIXES)}")
    if not out.parent.is_dir():
        raise InputError(out, f"the folder {out.parent} does not exist", "a file in an existing folder")
    if out.is_dir():
        raise InputError(out, "is a folder", "the name of a file")
    if Path(args.ct).exists() and out.exists() and out.samefile(args.ct):
        raise InputError(out, "is the CT itself", "another name for the labels")


def _read(path: Path) -> Volume:
    from rafr.cases.pengwin import is_pengwin_folder, read_pengwin
    from rafr.imaging.readers import read_volume

    return read_pengwin(path).ct if is_pengwin_folder(path) else read_volume(path)


def _named(error: InputError, args: argparse.Namespace) -> InputError:
    """The error with the file it is about."""
    files = {"the CT": args.ct, "seeds": args.seeds}
    source = files.get(error.source)
    return error if source is None else InputError(source, error.problem, error.expected)


def _write(out: Path, ct: Volume, result: Segmentation, title: str) -> dict[str, str]:
    """Labels, picture and seeds beside each other; their paths."""
    from rafr.imaging.readers import reason
    from rafr.imaging.volume import write_volume
    from rafr.segmentation.picture import save_overlay
    from rafr.segmentation.seeds import write_seeds

    stem = next(out.name[: -len(s)] for s in reversed(_SUFFIXES) if out.name.lower().endswith(s))
    picture, seeds = out.with_name(f"{stem}.png"), out.with_name(f"{stem}.seeds.yaml")
    if not result.labels.array.any():
        raise InputError("the CT", "no bone of the pelvis is found in it", "a CT of the pelvis")
    written = {"labels": str(out), "picture": str(picture)}
    try:
        write_volume(out, result.labels)
        save_overlay(picture, ct, result.labels, title)
        if result.seeds is not None:
            write_seeds(seeds, result.seeds)
            written["seeds"] = str(seeds)
    except (OSError, RuntimeError) as error:
        raise InputError(
            out, f"cannot be written ({reason(error)})", "a folder that can be written"
        ) from None
    return written


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

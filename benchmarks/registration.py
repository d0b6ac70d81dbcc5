"""CT-to-CBCT registration from unseen starts against the truth; wrong patients; itk-elastix beside it.

python benchmarks/registration.py CASE... --json FILE [--images N] [--seed S] [--elastix]

CASE is a case folder or the folder of a PENGWIN patient: CT and labels are all that is used. Of each, N CBCTs
are simulated, the patient turned by up to 40° and shifted by up to 60 mm, the fragments slipped apart a
little, the soft tissue moved by some millimetres beside the bones, lengths off by some tenths of a percent as
a scanner's geometry has it. What is registered to them is not that CT
but a second scan of it: another grid, coarser, blurred, with noise of its own. Then the CT of the next case,
and the own one mirrored, are registered to the first image: both must be refused. The file is written after
every image. `--elastix` (pip install itk-elastix) registers the same bodies to the same images, started
within 5 mm and 5° of the truth, for it has no global search.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rafr import __version__
from rafr.bench.peers import elastix
from rafr.bench.scans import (
    Patient,
    error_mm,
    image_of,
    in_view,
    mirrored,
    read_patient,
    scanned,
    true_poses,
)
from rafr.cli.output import progress_bar
from rafr.errors import RafrError
from rafr.geometry import RigidTransform
from rafr.imaging.volume import Volume
from rafr.registration.register import register_bodies

_GOOD_MM = 1.0  # mean error up to which a registration counts as a success
_LEAST_IN_VIEW = 0.25
_QUANTILES = (0.5, 0.95, 0.99, 1.0)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cases", metavar="CASE", nargs="+", type=Path)
    parser.add_argument("--json", metavar="FILE", type=Path, required=True)
    parser.add_argument("--images", metavar="N", type=int, default=2, help="CBCTs per case (default 2)")
    parser.add_argument("--seed", metavar="S", type=int, default=0)
    parser.add_argument("--elastix", action="store_true")
    args = parser.parse_args()
    try:
        report = run(args)
    except RafrError as error:
        print(f"rafr: {error}", file=sys.stderr)
        return 2
    print(json.dumps(report["statistics"], indent=2))
    return 0


def run(args: argparse.Namespace) -> dict[str, Any]:
    report: dict[str, Any] = {"version": __version__, "statistics": {}, "rows": [], "wrong": []}
    previous: tuple[Patient, Volume] | None = None
    with progress_bar("registration") as progress:
        for k, folder in enumerate(args.cases):
            original = read_patient(folder)
            patient = scanned(original, np.random.default_rng([args.seed, k]))
            for image in range(args.images):
                progress((k + image / args.images) / len(args.cases), f"{patient.name}, image {image + 1}")
                rng = np.random.default_rng([args.seed, k, image])
                truth = true_poses(patient, rng)
                cbct = image_of(original, truth, rng)
                report["rows"] += registered(patient, cbct, truth, image, args.elastix and image == 0, rng)
                if image == 0:
                    report["wrong"] += refused(patient, cbct, previous)
                    previous = patient, cbct
                report["statistics"] = statistics(report)
                args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report


def registered(
    patient: Patient,
    cbct: Volume,
    truth: Mapping[str, RigidTransform],
    image: int,
    beside_elastix: bool,
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """A row per body."""
    found = register_bodies(patient.ct, patient.labels, patient.bodies, patient.meshes, cbct)
    rows = []
    for body in found.bodies:
        mesh = patient.meshes[body.name]
        true = truth[body.name]
        mean, p99 = error_mm(body.T_cbct_ct, true, mesh)
        row = {
            "case": patient.name,
            "image": image,
            "body": body.name,
            "reference": body.name == patient.bodies[0].name,
            "shift_mm": float(np.linalg.norm(true.apply(patient.centre) - patient.centre)),
            "turn_deg": float(np.degrees(true.angle)),
            "in_view": in_view(cbct, true, mesh),
            "accepted": found.assessment.accepted,
            "reasons": found.assessment.reasons,
            "tre_mm": mean,
            "tre_p99_mm": p99,
            "tre_estimate_mm": body.tre_estimate_mm,
            "seconds": found.seconds / len(found.bodies),
        }
        if beside_elastix:
            began = time.perf_counter()
            near = elastix.start_near(true, mesh.centroid, rng)
            beside = elastix.register(patient, body.name, cbct, near)
            row["elastix_tre_mm"], row["elastix_tre_p99_mm"] = error_mm(beside, true, mesh)
            row["elastix_seconds"] = time.perf_counter() - began
        rows.append(row)
    return rows


def refused(patient: Patient, cbct: Volume, other: tuple[Patient, Volume] | None) -> list[dict[str, Any]]:
    """What becomes of a CT that does not belong to the image: mirrored, and another patient's."""
    trials = [("mirrored", mirrored(patient), cbct)]
    if other is not None and other[0].name.split("-")[0] != patient.name.split("-")[0]:
        trials.append(("another patient", patient, other[1]))
    rows = []
    for kind, given, image in trials:
        found = register_bodies(given.ct, given.labels, given.bodies, given.meshes, image)
        rows.append(
            {
                "case": patient.name,
                "kind": kind,
                "accepted": found.assessment.accepted,
                "reasons": found.assessment.reasons,
                "seconds": found.seconds,
            }
        )
    return rows


def statistics(report: Mapping[str, Any]) -> dict[str, Any]:
    rows = report["rows"]
    images = sorted({(r["case"], r["image"]) for r in rows})
    by_image = [[r for r in rows if (r["case"], r["image"]) == key] for key in images]
    feasible = [group for group in by_image if min(r["in_view"] for r in group) >= _LEAST_IN_VIEW]
    accepted = [group for group in by_image if group[0]["accepted"]]
    good = [group for group in accepted if max(r["tre_mm"] for r in group) <= _GOOD_MM]
    kept = [r for group in accepted for r in group]
    found: dict[str, Any] = {
        "images": len(images),
        "feasible": len(feasible),
        "accepted_of_feasible": _share([g[0]["accepted"] for g in feasible]),
        "success_of_accepted": len(good) / max(len(accepted), 1),
        "seconds_per_body": _quantiles([r["seconds"] for r in rows]),
    }
    for name, reference in (("reference", True), ("fragment", False)):
        chosen = [r for r in kept if r["reference"] == reference]
        found[name] = _accuracy(chosen, "") | {"elastix": _accuracy(chosen, "elastix_")}
    for kind in sorted({r["kind"] for r in report["wrong"]}):
        verdicts = [not r["accepted"] for r in report["wrong"] if r["kind"] == kind]
        found[f"refused, {kind}"] = {"n": len(verdicts), "share": _share(verdicts)}
    return found


def _accuracy(rows: Sequence[Mapping[str, Any]], prefix: str) -> dict[str, Any]:
    rows = [r for r in rows if f"{prefix}tre_mm" in r]
    if not rows:
        return {}
    found = {
        "n": len(rows),
        "tre_mm_mean": _mean([r[f"{prefix}tre_mm"] for r in rows]),
        "tre_mm": _quantiles([r[f"{prefix}tre_mm"] for r in rows]),
        "tre_p99_mm": _quantiles([r[f"{prefix}tre_p99_mm"] for r in rows]),
        "seconds": _quantiles([r[f"{prefix}seconds"] for r in rows]),
    }
    if not prefix:
        found["error_over_estimate"] = _quantiles([r["tre_mm"] / r["tre_estimate_mm"] for r in rows])
    return found


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 3)


def _share(values: Sequence[bool]) -> float:
    return round(float(np.mean(values)), 4) if values else 0.0


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    return {f"q{round(100 * q)}": round(float(np.quantile(values, q)), 3) for q in _QUANTILES}


if __name__ == "__main__":
    sys.exit(main())

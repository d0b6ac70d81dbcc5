"""Planned paths beside straight ones over simulated cases: peak force, clearance, seconds.

python benchmarks/paths.py CASE... [--json FILE] [--growth]

Every CASE is a folder with `truth.json` (`rafr case simulate`), whose true target both paths are given: the
target search has no part in it. The straight path moves the centroid straight and turns the body the shortest
way; its load comes from the same model, its traction is as prescribed all along.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from rafr import __version__
from rafr.bench.reductions import Way, ways_to
from rafr.cases.case import Case, load_case
from rafr.cases.meshes import BodyMesh, body_meshes
from rafr.cases.truth import read_truth
from rafr.cli.output import progress_bar
from rafr.errors import RafrError
from rafr.geometry import TriangleMesh
from rafr.planning.path import PathConfig

_QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
_SAME = 1.02  # a peak this near to that of the ends is as low as any path's


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", metavar="CASE", nargs="+", help="case folders with truth.json")
    parser.add_argument("--json", metavar="FILE", help="write every path and the statistics")
    parser.add_argument(
        "--growth", action="store_true", help="the first case with 1, 4 and 16 times the triangles"
    )
    args = parser.parse_args()
    try:
        report = growth(args.cases[0]) if args.growth else compare(args.cases, args.json)
    except RafrError as error:
        print(f"rafr: {error}", file=sys.stderr)
        return 2
    _write(args.json, report)
    print(json.dumps({k: v for k, v in report.items() if k != "paths"}, indent=2))
    return 0


def compare(folders: Sequence[str], json_file: str | None = None) -> dict[str, Any]:
    """Every moving body of every case; the file is written after each, so a long run may be broken off."""
    report: dict[str, Any] = {"version": __version__, "statistics": {}, "paths": []}
    with progress_bar("paths") as progress:
        for k, folder in enumerate(folders):
            progress(k / len(folders), folder)
            case = load_case(folder)
            report["paths"] += planned(case, body_meshes(case))
            report["statistics"] = statistics(report["paths"])
            _write(json_file, report)
    return report


def planned(case: Case, meshes: Mapping[str, BodyMesh]) -> list[dict[str, Any]]:
    """The bodies of a case one after the other, each among those already reduced and those that wait."""
    ways = ways_to(case, meshes, read_truth(case).T_reduced_displaced)
    facts = {"case": case.id, "fracture": case.fracture}
    return [facts | {"body": name} | measured(way) for name, way in ways.items()]


def measured(way: Way) -> dict[str, Any]:
    path = way.planned
    return {
        "planned": asdict(path.summary),
        "straight": asdict(path.straight.summary),
        "ends_force_n": max(path.poses[0].force_n, path.poses[-1].force_n),
        "ends_clearance_mm": [path.poses[0].clearance_mm, path.poses[-1].clearance_mm],
        "traction_n": [pose.traction_n for pose in path.poses],
        "poses": len(path.poses),
        "found_by": path.found_by,
        "accepted": path.assessment.accepted,
        "reasons": path.assessment.reasons,
        "triangles": way.triangles,
        "seconds": way.seconds,
        "cpu_seconds": way.cpu_seconds,
    }


def statistics(paths: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    def both(key: str) -> tuple[np.ndarray, np.ndarray]:
        return tuple(np.array([p[which][key] for p in paths]) for which in ("planned", "straight"))  # type: ignore[return-value]

    limit = PathConfig().force_limit
    force, straight = both("peak_force_n")
    tissue, straight_tissue = both("peak_tissue_n")
    gap, straight_gap = both("min_clearance_mm")
    ends = np.array([p["ends_force_n"] for p in paths])
    scraping = both("peak_contact_n")[1] > 0.0
    return {
        "n": len(paths),
        "accepted": float(np.mean([p["accepted"] for p in paths])),
        "peak_force_n": {"planned": _quantiles(force), "straight": _quantiles(straight)},
        "peak_force_ratio": _quantiles(force / straight),
        "peak_force_ratio_where_straight_scrapes_bone": {"n": int(scraping.sum())}
        | _quantiles((force / straight)[scraping]),
        "peak_force_ratio_least_possible": _quantiles(ends / straight),
        "as_low_as_the_ends": float(np.mean(force <= _SAME * ends)),
        "peak_tissue_force_ratio": _quantiles(tissue / straight_tissue),
        "peak_force_over_straight_tissue_without_traction": _quantiles(force / straight_tissue),
        "work_ratio": _quantiles(np.divide(*both("work_j"))),
        "above_limit": {"planned": _share(force > limit), "straight": _share(straight > limit)},
        "min_clearance_mm": {"planned": _quantiles(gap), "straight": _quantiles(straight_gap)},
        "seconds": _quantiles(np.array([p["seconds"] for p in paths])),
        "cpu_seconds": _quantiles(np.array([p["cpu_seconds"] for p in paths])),
    }


def growth(folder: str) -> dict[str, Any]:
    """One case with its triangles split into 4 and 16."""
    case = load_case(folder)
    meshes = body_meshes(case)
    rows = []
    for _ in range(3):
        row = planned(case, meshes)[0]
        rows.append({key: row[key] for key in ("triangles", "seconds", "cpu_seconds")})
        meshes = {
            name: BodyMesh(name, _split(b.mesh), {k: _split(m) for k, m in b.parts.items()})
            for name, b in meshes.items()
        }
    return {"version": __version__, "case": case.id, "growth": rows}


def _write(file: str | None, report: dict[str, Any]) -> None:
    if file:
        Path(file).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def _split(mesh: TriangleMesh) -> TriangleMesh:
    return TriangleMesh(*trimesh.remesh.subdivide(mesh.vertices, mesh.faces))


def _share(mask: np.ndarray) -> float:
    return float(np.mean(mask))


def _quantiles(values: np.ndarray) -> dict[str, float]:
    if not len(values):
        return {}
    return {f"q{int(100 * q)}": float(np.round(np.quantile(values, q), 4)) for q in _QUANTILES}


if __name__ == "__main__":
    sys.exit(main())

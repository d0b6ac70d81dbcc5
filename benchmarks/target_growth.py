"""How the time of a target search grows with the triangles of the bones.

python benchmarks/target_growth.py FOLDER -o DIR

FOLDER is a broken pelvis as `benchmarks/targets.py` keeps it (`cases/<name>`). Its surfaces are thinned and
subdivided; times are also given as ratios to the surfaces as meshed. Writes `growth.json`, `growth.png`.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from target_cases import open_trial, true_targets

from rafr.cases.meshes import BodyMesh
from rafr.cli.output import progress_bar, write_json
from rafr.errors import RafrError
from rafr.geometry import TriangleMesh, merge_meshes
from rafr.planning.metrics import pose_error
from rafr.planning.target.targets import plan_targets

_SHARES = (1.0, 0.125, 0.25, 0.5, 4.0, 16.0)  # of the triangles as meshed; those first


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    args = parser.parse_args()
    try:
        rows = measured(args.folder)
    except RafrError as error:
        print(f"rafr: {error}", file=sys.stderr)
        return 2
    args.out.mkdir(parents=True, exist_ok=True)
    write_json(args.out / "growth.json", {"case": args.folder.name, "rows": rows})
    draw(args.out / "growth.png", rows)
    for row in rows:
        print(row)
    return 0


def measured(folder: Path) -> list[dict[str, float]]:
    """One row per density of the surfaces, the sparsest first."""
    case, meshes = open_trial(folder)
    truth = true_targets(folder)
    rows: list[dict[str, float]] = []
    with progress_bar("growth") as progress:
        for k, share in enumerate(_SHARES):
            progress(k / len(_SHARES), f"{share:g} of the triangles")
            other = {n: remeshed(m, share) for n, m in meshes.items()}
            began = time.perf_counter()
            found = plan_targets(case, other)
            seconds = time.perf_counter() - began
            worst = max(
                pose_error(b.T_reduced_displaced, truth[b.name], meshes[b.name].mesh)["mean_mm"]
                for b in found.bodies
            )
            triangles = float(sum(len(m.mesh.faces) for m in other.values()))
            first = rows[0]["seconds"] if rows else seconds
            rows.append(
                {"triangles": triangles, "seconds": seconds, "ratio": seconds / first, "error_mm": worst}
            )
    return sorted(rows, key=lambda row: row["triangles"])


def remeshed(body: BodyMesh, share: float) -> BodyMesh:
    """The body with this share of its triangles; more than all by halving edges, which keeps the shape."""
    parts = {label: _remeshed(mesh, share) for label, mesh in body.parts.items()}
    return BodyMesh(body.name, merge_meshes(list(parts.values())), parts)


def _remeshed(mesh: TriangleMesh, share: float) -> TriangleMesh:
    made = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    if share < 1.0:
        return _thinned(mesh, max(200, round(share * len(mesh.faces))))
    for _ in range(round(np.log2(share) / 2)):
        made = made.subdivide()
    return TriangleMesh(np.asarray(made.vertices), np.asarray(made.faces))


def _thinned(mesh: TriangleMesh, triangles: int) -> TriangleMesh:
    import open3d

    o3d: Any = open3d
    made = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(mesh.vertices.copy()),
        o3d.utility.Vector3iVector(mesh.faces.astype(np.int32)),
    ).simplify_quadric_decimation(triangles)
    return TriangleMesh(np.asarray(made.vertices), np.asarray(made.triangles))


def draw(path: Path, rows: list[dict[str, float]]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 3.8), layout="constrained")
    axis = figure.subplots()
    axis.loglog([r["triangles"] for r in rows], [r["seconds"] for r in rows], "o-")
    axis.set(xlabel="triangles", ylabel="time of the target search (s)")
    axis.grid(True, which="both", alpha=0.3)
    FigureCanvasAgg(figure).print_png(path)


if __name__ == "__main__":
    sys.exit(main())

"""Slices and live radiographs of the review page: how long they take.

python benchmarks/review.py CASE... --json FILE [--frames N] [--large]

Of every case: milliseconds for a slice with contours on the CT (and, where the case has one, on its CBCT,
taken to lie as the CT: where it lies costs no time), seconds and memory to prepare radiographs, and
radiographs a second with the first moving body moved from picture to picture. Everything is said per second
of processor time and of the clock, since other work may share the cores; one thread does it all. `--large`
first resamples the CT to 512 x 512 x 400 voxels and divides triangles until there are 200 000. Memory is the
whole process's, with what the benchmark itself holds.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from rafr.cases.case import Case, save_case
from rafr.cases.load import load_ct, load_labels, open_case
from rafr.cases.meshes import body_meshes
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.imaging.readers import read_volume
from rafr.imaging.resample import resample
from rafr.imaging.volume import Volume, write_volume
from rafr.review.live_radiographs import LiveRadiographs
from rafr.review.slices import CBCT, CT, PLANES, SliceViewer
from rafr.xray.view import VIEWS

_LARGE = (512, 512, 400)
_TRIANGLES = 200_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", metavar="CASE", nargs="+", type=Path)
    parser.add_argument("--json", metavar="FILE", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--large", action="store_true")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for folder in args.cases:
            case = open_case(folder)
            if args.large:
                case = _enlarged(case, Path(scratch) / case.id)
            results[case.id] = _measure(case, args.frames, args.large)
            print(case.id, json.dumps(results[case.id], indent=1))
    args.json.write_text(json.dumps(results, indent=1) + "\n")


def _measure(case: Case, frames: int, large: bool) -> dict[str, Any]:
    meshes = {name: body.mesh for name, body in body_meshes(case).items()}
    while large and sum(len(mesh.faces) for mesh in meshes.values()) < _TRIANGLES:
        meshes = {name: _divided(mesh) for name, mesh in meshes.items()}
    ct = load_ct(case)
    found: dict[str, Any] = {"voxels": list(ct.size), "triangles": sum(len(m.faces) for m in meshes.values())}
    found["slices"] = _slices(case, ct, meshes, frames)
    found["radiographs"] = _radiographs(case, ct, frames)
    return found


def _slices(case: Case, ct: Volume, meshes: dict[str, TriangleMesh], frames: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    viewer, found["viewer"] = _timed(lambda: SliceViewer(ct, meshes))
    images = [CT]
    if case.cbct is not None:
        cbct, as_in_ct = read_volume(case.cbct), dict.fromkeys(meshes, RigidTransform.identity())
        viewer, found["cbct"] = _timed(lambda: viewer.with_cbct(cbct, as_in_ct))
        images.append(CBCT)
    body = case.moving[0].name
    for image in images:
        for plane in PLANES:
            low, high = viewer.range_mm(plane)
            positions = np.linspace(0.8 * low + 0.2 * high, 0.2 * low + 0.8 * high, frames)
            viewer.picture(plane, float(positions[0]), {}, image)
            found[f"{image} {plane}, ms"] = _per_frame(
                [
                    partial(viewer.picture, plane, float(p), {body: _pose(k)}, image)
                    for k, p in enumerate(positions)
                ]
            )
    return found


def _radiographs(case: Case, ct: Volume, frames: int) -> dict[str, Any]:
    live = LiveRadiographs(case, ct=ct)
    _, prepared = _timed(live.prepare)
    found: dict[str, Any] = {"prepare": prepared, "resident_mb": _resident_mb(), "peak_mb": _peak_mb()}
    body = case.moving[0].name
    reduced = {b.name: _pose(20) for b in case.moving}
    _, found["measure_from"] = _timed(lambda: live.measure_from(reduced))
    for moving in (True, False):
        for view in VIEWS:
            height = live.picture(view, {}, moving=moving).shape[0]
            ms = _per_frame(
                [partial(live.picture, view, {body: _pose(k)}, moving=moving) for k in range(1, frames + 1)]
            )
            found[f"{view} {height}, per s"] = {key: round(1e3 / value, 1) for key, value in ms.items()}
    return found


def _pose(k: int) -> RigidTransform:
    return RigidTransform.from_rotvec([0.002 * k, 0.0, 0.0], [0.3 * k, 0.0, 0.2 * k])


def _timed(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    wall, cpu = time.perf_counter(), time.process_time()
    made = work()
    seconds = time.process_time() - cpu, time.perf_counter() - wall
    return made, {"cpu_s": round(seconds[0], 2), "wall_s": round(seconds[1], 2)}


def _per_frame(work: list[Callable[[], Any]]) -> dict[str, float]:
    """Milliseconds: mean of the processor's, mean and longest of the clock's."""
    cpu, clock = time.process_time(), []
    for frame in work:
        wall = time.perf_counter()
        frame()
        clock.append(1e3 * (time.perf_counter() - wall))
    spent = 1e3 * (time.process_time() - cpu) / len(work)
    return {"cpu": round(spent, 2), "wall": round(float(np.mean(clock)), 2), "slowest": round(max(clock), 2)}


def _enlarged(case: Case, folder: Path) -> Case:
    """The same patient on a grid of 512 x 512 x 400 voxels."""
    folder.mkdir()
    ct, labels = load_ct(case), load_labels(case)
    spacing = (np.array(ct.size) - 1) * ct.spacing / (np.array(_LARGE) - 1)
    grid = Volume(np.broadcast_to(np.uint8(0), _LARGE[::-1]), ct.origin, spacing, ct.direction)
    for name, volume in (("ct", ct), ("labels", labels)):
        still = RigidTransform.identity()
        made = resample(volume, grid, still, outside=0.0, nearest=name == "labels")
        write_volume(folder / f"{name}.nii.gz", made)
    large = replace(case, folder=folder, ct=folder / "ct.nii.gz", labels=folder / "labels.nii.gz")
    save_case(large)
    return large


def _divided(mesh: TriangleMesh) -> TriangleMesh:
    import trimesh

    return TriangleMesh(*trimesh.remesh.subdivide(mesh.vertices, mesh.faces))


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 1e6)


def _peak_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)


if __name__ == "__main__":
    main()

"""Radiographs per second, and their agreement with RTK's Joseph projector.

python benchmarks/xray.py CASE... --json FILE [--frames N] [--threads 1 2] [--rtk]

Of every case and standard view: a frame projected wholly anew, and frames in which the first moving body has
moved, at 512 and 256 pixels a side. Rates are said per second of wall clock and, since other work may share
the cores, per second of processor time. What coarser voxels cost a small picture is said too: its
difference from the same picture made of the CT's own voxels. `--rtk` (pip install itk-rtk) projects the CT's
attenuation with RTK along the same rays, one thread each; a rim of one voxel is set to air for both, whose
borders differ.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from rafr.cases.case import Case
from rafr.cases.load import load_ct, load_labels, open_case
from rafr.geometry import RigidTransform
from rafr.imaging.volume import Volume
from rafr.planning.pins import patient_axes
from rafr.xray.attenuation import attenuation_of_hu
from rafr.xray.patient import XrayPatient
from rafr.xray.projector import Absorber, FloatImage, project
from rafr.xray.radiograph import Fluoroscope
from rafr.xray.view import DEVICES, VIEWS, View, standard_view

_SIZES = (512, 256)
_SEEN = 0.3  # attenuation from which on relative differences are taken


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", metavar="CASE", nargs="+", type=Path)
    parser.add_argument("--json", metavar="FILE", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--rtk", action="store_true")
    args = parser.parse_args()
    results: dict[str, Any] = {}
    for folder in args.cases:
        case = open_case(folder)
        results[case.id] = _measure(case, args.threads, args.frames)
        if args.rtk:
            results[case.id]["rtk"] = _against_rtk(case)
        args.json.write_text(json.dumps(results, indent=1) + "\n")
        print(case.id, json.dumps(results[case.id], indent=1))


def _measure(case: Case, threads: list[int], frames: int) -> dict[str, Any]:
    ct, labels = load_ct(case), load_labels(case)
    started = time.process_time()
    patient = XrayPatient.of_ct(ct, labels, case.bodies)
    found: dict[str, Any] = {
        "voxels": list(ct.size),
        "spacing_mm": float(ct.spacing.mean()),
        "take_apart_cpu_s": time.process_time() - started,
        "coarser": {name: _coarser(case, patient, name) for name in VIEWS},
    }
    for count in threads:
        cv2.setNumThreads(count)
        for size in _SIZES:
            found[f"{size}, {count} thread(s)"] = {n: _rates(case, patient, n, size, frames) for n in VIEWS}
    return found


def _view(case: Case, patient: XrayPatient, name: str, pixels: int) -> View:
    device = replace(DEVICES["radiograph"], pixels=pixels)
    return standard_view(name, patient_axes(case), patient.middle_mm, device)


def _rates(case: Case, patient: XrayPatient, name: str, size: int, frames: int) -> dict[str, float]:
    view, body = _view(case, patient, name, size), case.moving[0].name
    Fluoroscope(patient, view).expose({})  # the orders and steps it needs are made once
    rates = {}
    for what, scope in (("anew", None), ("moved", Fluoroscope(patient, view))):
        if scope is not None:
            scope.expose({})
        wall, cpu = time.perf_counter(), time.process_time()
        for k in range(frames):
            pose = RigidTransform.from_rotvec([0.002 * k, 0.0, 0.0], [0.3 * k + 0.3, 0.0, 0.2 * k])
            (scope or Fluoroscope(patient, view)).expose({body: pose})
        rates[f"{what}_per_s"] = frames / (time.perf_counter() - wall)
        rates[f"{what}_per_cpu_s"] = frames / (time.process_time() - cpu)
    return {key: round(value, 2) for key, value in rates.items()}


def _coarser(case: Case, patient: XrayPatient, name: str) -> dict[str, float]:
    """What a 256-pixel picture made of coarser voxels differs from one made of the CT's own."""
    view = _view(case, patient, name, 256)
    live = Fluoroscope(patient, view).expose({})
    exact = sum(project(a, view) for a in (patient.tissue, *patient.bodies.values()) if a is not None)
    return _difference(live, np.asarray(exact))


def _difference(found: FloatImage, expected: FloatImage) -> dict[str, float]:
    error, seen = found - expected, expected > _SEEN
    return {
        "rays": int(seen.sum()),
        "largest_attenuation": float(expected.max()),
        "mean": float(error[seen].mean()),
        "rms": float(np.sqrt(np.mean(error[seen] ** 2))),
        "relative_rms": float(np.sqrt(np.mean((error[seen] / expected[seen]) ** 2))),
        "max": float(np.abs(error).max()),
    }


def _against_rtk(case: Case) -> dict[str, Any]:
    ct = load_ct(case)
    attenuation = attenuation_of_hu(ct.array)
    for axis in range(3):
        np.moveaxis(attenuation, axis, 0)[[0, -1]] = 0.0
    volume = ct.with_array(attenuation)
    centre = volume.index_to_lps(0.5 * (np.array(volume.size) - 1))
    found = {}
    cv2.setNumThreads(1)
    for name in VIEWS:
        view = standard_view(name, patient_axes(case), centre, DEVICES["radiograph"])
        absorber = Absorber(volume)
        project(absorber, view)
        started = time.process_time()
        ours = project(absorber, view)
        cpu = time.process_time() - started
        theirs, their_cpu = _rtk(volume, view)
        found[name] = {**_difference(ours, theirs), "cpu_s": cpu, "rtk_cpu_s": their_cpu}
    return found


def _rtk(volume: Volume, view: View) -> tuple[FloatImage, float]:
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
    import itk
    from itk import RTK

    kind = itk.Image[itk.F, 3]
    image = itk.image_from_array(volume.array)
    image.SetOrigin(volume.origin.tolist())
    image.SetSpacing(volume.spacing.tolist())
    image.SetDirection(itk.matrix_from_array(volume.direction))
    step = float(np.linalg.norm(view.right))
    point, vector = itk.Point[itk.D, 3], itk.Vector[itk.D, 3]
    geometry = RTK.ThreeDCircularProjectionGeometry.New()
    geometry.AddProjection(
        point(view.source.tolist()),
        point(view.corner.tolist()),
        vector((view.right / step).tolist()),
        vector((view.down / step).tolist()),
    )
    empty = itk.image_from_array(np.zeros((1, view.height, view.width), np.float32))
    empty.SetSpacing([step, step, 1.0])
    projector = RTK.JosephForwardProjectionImageFilter[kind, kind].New()
    projector.SetInput(0, empty)
    projector.SetInput(1, image)
    projector.SetGeometry(geometry)
    started = time.process_time()
    projector.Update()
    return itk.array_from_image(projector.GetOutput())[0], time.process_time() - started


if __name__ == "__main__":
    main()

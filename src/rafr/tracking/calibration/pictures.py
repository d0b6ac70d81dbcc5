"""Pictures of calibrations (PNG): where the residuals are, and whether the tool was turned enough."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rafr.files import written_whole
from rafr.geometry.rigid_transform import FloatArray
from rafr.tracking.calibration.hand_eye import HandEyeCalibration
from rafr.tracking.calibration.phantom import PhantomRegistration
from rafr.tracking.calibration.pivot_result import PivotCalibration

_RINGS_DEG = (15.0, 30.0, 45.0, 60.0)
_ARROW = 20.0  # residuals are drawn this much longer


def save_pivot_picture(path: Path, result: PivotCalibration) -> None:
    """The tip's distance from its divot frame by frame, and where the shaft pointed."""
    figure, over_time, sky = _figure(_verdict("pivot", result.assessment.accepted), 2)
    for dwell in result.dwells:
        distance = np.linalg.norm(dwell.residuals_mm, axis=1)
        (drawn,) = over_time.plot(dwell.used, distance, ".", markersize=3, label=dwell.label)
        over_time.plot(dwell.rejected, np.zeros(len(dwell.rejected)), "|", color=drawn.get_color())
        sky.plot(*_tilts_deg(dwell.shafts).T, ".", markersize=3, color=drawn.get_color())
    over_time.set(
        title=f"tip to divot: rms {result.rms_mm:.2f} mm (| rejected)",
        xlabel="frame",
        ylabel="mm",
        ylim=(0, None),
    )
    over_time.legend(frameon=False, ncols=2, fontsize=7)
    _draw_rings(sky)
    sky.set(title="directions of the shaft (deg from the mean of the dwell)", aspect="equal")
    _save(figure, path)


def save_phantom_picture(path: Path, result: PhantomRegistration) -> None:
    """Errors per landmark, and residuals as arrows on the phantom."""
    figure, bars = _figure(_verdict("phantom", result.assessment.accepted), 1)
    x = np.arange(len(result.landmarks))
    residuals = np.array([mark.residual_mm for mark in result.landmarks])
    left_out = [np.nan if m.leave_one_out_mm is None else m.leave_one_out_mm for m in result.landmarks]
    heights = {
        "residual": np.linalg.norm(residuals, axis=1),
        "left out": np.array(left_out),
        "TRE predicted": np.array([m.tre_mm for m in result.landmarks]),
    }
    for k, (label, height) in enumerate(heights.items()):
        bars.bar(x + 0.27 * (k - 1), height, 0.25, label=label)
    bars.set_xticks(x, [mark.name for mark in result.landmarks])
    bars.set(title=f"FRE {result.fre_mm:.2f} mm, FLE {result.fle_mm:.2f} mm", ylabel="mm")
    bars.legend(frameon=False)
    inverse = result.T_reference_phantom.inverse()
    drawn = np.array([inverse.apply(m.measured_mm) - m.residual_mm for m in result.landmarks])
    solid = figure.add_subplot(1, 2, 2, projection="3d")
    solid.scatter(*drawn.T, color="0.4")
    solid.quiver(*drawn.T, *(_ARROW * residuals.T), color="tab:blue")
    for mark, place in zip(result.landmarks, drawn, strict=True):
        solid.text(*place, f"  {mark.name}", fontsize=8)
    solid.set(title=f"residuals, {_ARROW:.0f} times", xlabel="x (mm)", ylabel="y (mm)", zlabel="z (mm)")
    solid.set_aspect("equal")
    solid.locator_params(nbins=4)
    _save(figure, path)


def save_hand_eye_picture(path: Path, result: HandEyeCalibration) -> None:
    """Residuals per pose, and how the flange was turned."""
    figure, poses, turns = _figure(_verdict("hand-eye", result.assessment.accepted), 2)
    frames, out = result.pairs.frames, ~result.used
    degrees = poses.twinx()
    poses.plot(frames, result.shift_mm, "o", color="tab:blue", markersize=4)
    degrees.plot(frames, result.turn_deg, "^", color="tab:orange", markersize=4)
    poses.plot(frames[out], result.shift_mm[out], "x", color="tab:red", markersize=9)
    poses.set(xlabel="frame", ylabel="shift (mm, circles)", yscale="log")
    poses.set_title(f"rms {result.rms_mm:.2f} mm, {result.rms_deg:.3f} deg; {out.sum()} rejected (x)")
    degrees.set(ylabel="turn (deg, triangles)", yscale="log")
    axes = np.degrees(result.pairs.turns())
    turns.plot(axes[:, 0], axes[:, 1], "o", color="tab:blue")
    turns.plot(axes[:, 0], axes[:, 2], "+", color="tab:blue")
    turns.set(title="turns of the flange from their mean (deg)", aspect="equal")
    turns.set(xlabel="about x", ylabel="about y (circles), z (crosses)")
    _save(figure, path)


def _tilts_deg(directions: FloatArray) -> FloatArray:
    """(n, 2) directions (n, 3) on a flat sky around their mean: the distance from the middle is the angle."""
    centre = directions.mean(axis=0) / np.linalg.norm(directions.mean(axis=0))
    _, _, axes = np.linalg.svd(centre[None])
    across = directions @ axes[1:].T
    angle = np.degrees(np.arccos(np.clip(directions @ centre, -1.0, 1.0)))
    length = np.maximum(np.linalg.norm(across, axis=1), 1e-12)
    flat: FloatArray = across * (angle / length)[:, None]
    return flat


def _draw_rings(axis: Any) -> None:
    turn = np.linspace(0.0, 2.0 * np.pi, 100)
    for ring in _RINGS_DEG:
        axis.plot(ring * np.cos(turn), ring * np.sin(turn), color="0.8", linewidth=0.7, zorder=0)
        axis.annotate(f"{ring:.0f}", (0.0, ring), color="0.5", fontsize=7)


def _verdict(what: str, accepted: bool) -> str:
    return f"{what} calibration: {'accepted' if accepted else 'NOT accepted'}"


def _figure(title: str, plots: int) -> tuple[Any, ...]:
    """A figure for two plots side by side, and the first `plots` of them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 4.8), layout="constrained")
    figure.suptitle(title)
    return figure, *(figure.add_subplot(1, 2, k + 1) for k in range(plots))


def _save(figure: Any, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with written_whole(path) as temporary:
        FigureCanvasAgg(figure).print_png(temporary)

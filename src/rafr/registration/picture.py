"""CBCT and CT before and after registration: outlines of the bones on slices, and a checkerboard of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rafr.files import written_whole
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.volume import Volume
from rafr.registration.field_of_view import field_of_view, sample

# Okabe & Ito 2008, told apart with every common colour vision
_COLOURS = ("#F0E442", "#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#D55E00")
# name, axis across the page to the right, axis up the page (LPS); radiological: patient's right on the left
_VIEWS = (
    ("axial", (1.0, 0.0, 0.0), (0.0, -1.0, 0.0)),
    ("coronal", (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
    ("sagittal", (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
)
_PIXEL_MM = 0.8
_Frame = tuple[float, float, float, float]  # left, right, lower and upper edge, mm
_SQUARE_MM = 24.0
_WINDOW_HU, _TISSUE_HU = (-150.0, 1000.0), 40.0


def save_overlay(
    path: Path,
    cbct: Volume,
    meshes: Mapping[str, TriangleMesh],
    T_cbct_ct: Mapping[str, RigidTransform],
    title: str,
) -> None:
    """Write a PNG: above, the bones as the CT's own coordinates put them; below, as registered.

    The slices pass through the middle of the last body's surface (the fragment) where it is registered.
    """
    names, extent = list(T_cbct_ct), _extent(cbct)
    centre = T_cbct_ct[names[-1]].apply(meshes[names[-1]].centroid)
    window = np.percentile(cbct.array[field_of_view(cbct)][::50], [2.0, 99.7])

    def draw(axis: Any, view: Any, poses: Mapping[str, RigidTransform]) -> None:
        _draw_slice(axis, cbct, view, centre, extent, window)
        for n, name in enumerate(names):
            _draw_outline(axis, meshes[name].transformed(poses[name]), view, centre, _COLOURS[n % 6])

    _save_before_and_after(path, T_cbct_ct, draw, names, title)


def save_checkerboard(
    path: Path,
    cbct: Volume,
    ct: Volume,
    labels: Volume,
    bodies: Mapping[str, tuple[int, ...]],
    meshes: Mapping[str, TriangleMesh],
    T_cbct_ct: Mapping[str, RigidTransform],
    title: str,
) -> None:
    """Write a PNG whose squares show CBCT and CT in turn: above as the CT lies, below as registered.

    Where a bone's edge runs on from square to square it is registered. Slices through the last body's middle.

    Args:
        labels: on the CT's grid.   bodies: label values by name, the reference first; it carries the tissue.
    """
    last, extent = list(T_cbct_ct)[-1], _extent(cbct)
    centre = T_cbct_ct[last].apply(meshes[last].centroid)

    def draw(axis: Any, view: Any, poses: Mapping[str, RigidTransform]) -> None:
        points, frame = _plane(view, centre, extent)
        known = _ct_as_placed(points, ct, labels, bodies, poses)
        seen = _matched(sample(cbct, points, outside=float(cbct.array.min())), known)
        across, up = (np.arange(n) * _PIXEL_MM // _SQUARE_MM for n in known.shape[::-1])
        mixed = np.where((across[None, :] + up[:, None]) % 2 == 0, seen, known)
        _show(axis, mixed, view, frame, _WINDOW_HU)

    _save_before_and_after(path, T_cbct_ct, draw, [], title)


def _save_before_and_after(
    path: Path,
    T_cbct_ct: Mapping[str, RigidTransform],
    draw: Callable[[Any, Any, Mapping[str, RigidTransform]], None],
    names: list[str],
    title: str,
) -> None:
    """Every view twice: above with the bodies as the CT's own coordinates put them, below as registered."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    unmoved = dict.fromkeys(T_cbct_ct, RigidTransform.identity())
    figure, axes = plt.subplots(2, 3, figsize=(13.5, 8.6), facecolor="#14161a")
    for row, (caption, poses) in enumerate((("before", unmoved), ("registered", dict(T_cbct_ct)))):
        for axis, view in zip(axes[row], _VIEWS, strict=True):
            draw(axis, view, poses)
            axis.set_title(f"{caption}, {view[0]}", color="w", fontsize=10)
    _legend(figure, names, title)
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=110, facecolor=figure.get_facecolor(), format="png")
    plt.close(figure)


def _ct_as_placed(
    points: FloatArray,
    ct: Volume,
    labels: Volume,
    bodies: Mapping[str, tuple[int, ...]],
    poses: Mapping[str, RigidTransform],
) -> FloatArray:
    """HU at points (m, n, 3) of the CBCT, every body of the CT at its pose, tissue with the first."""
    image: FloatArray = np.full(points.shape[:2], -1000.0)
    for k, name in enumerate(poses):
        there = poses[name].inverse().apply(points.reshape(-1, 3)).reshape(points.shape)
        value = sample(ct, there, outside=-1000.0)
        index = np.rint(labels.lps_to_index(there)).astype(int)
        last = np.array(labels.size) - 1
        known = ((index >= 0) & (index <= last)).all(axis=-1)
        i, j, n = np.moveaxis(np.clip(index, 0, last), -1, 0)
        label = np.where(known, labels.array[n, j, i], 0)
        own = np.isin(label, bodies[name])
        if k == 0:  # where a body has moved away there is tissue now
            image = np.where(label == 0, value, _TISSUE_HU)
        image = np.where(own, value, image)
    return image


def _matched(seen: FloatArray, known: FloatArray) -> FloatArray:
    """The CBCT's grey values as HU: gain and offset that fit the CT on this slice."""
    use = (known > -500.0) & (seen > np.quantile(seen, 0.05))
    if use.sum() < 100:
        return seen
    low, high = (np.quantile(known[use], q) for q in (0.5, 0.98))
    dark, bright = (np.quantile(seen[use], q) for q in (0.5, 0.98))
    return np.asarray(low + (seen - dark) * (high - low) / max(bright - dark, 1e-6))


def _extent(cbct: Volume) -> FloatArray:
    """(2, 3) lower and upper corner of the volume, LPS mm."""
    last = np.array(cbct.size) - 1
    corners = np.array([[i, j, k] for i in (0, last[0]) for j in (0, last[1]) for k in (0, last[2])])
    lps = cbct.index_to_lps(corners)
    return np.stack([lps.min(axis=0), lps.max(axis=0)])


def _plane(view: Any, centre: FloatArray, extent: FloatArray) -> tuple[FloatArray, _Frame]:
    """Points (m, n, 3) of the plane through `centre`; its edges left, right, below, above along the view."""
    right, up = np.array(view[1]), np.array(view[2])
    (left, r1), (down, u1) = (np.sort(extent @ direction) for direction in (right, up))
    across, above = np.arange(left, r1, _PIXEL_MM), np.arange(down, u1, _PIXEL_MM)
    rest = centre - (centre @ right) * right - (centre @ up) * up
    points = rest + across[None, :, None] * right + above[:, None, None] * up
    return points, (float(left), float(r1), float(down), float(u1))


def _draw_slice(
    axis: Any, cbct: Volume, view: Any, centre: FloatArray, extent: FloatArray, window: FloatArray
) -> None:
    """Grey values on the plane through `centre`; the axes' units are mm of LPS along the view's axes."""
    points, frame = _plane(view, centre, extent)
    image = sample(cbct, points, outside=float(window[0]))
    _show(axis, image, view, frame, (float(window[0]), float(window[1])))


def _show(
    axis: Any,
    image: FloatArray,
    view: Any,
    frame: tuple[float, float, float, float],
    window: tuple[float, float],
) -> None:
    axis.imshow(image, cmap="gray", vmin=window[0], vmax=window[1], origin="lower", extent=frame)
    axis.set_xlim(*frame[:2])
    axis.set_ylim(*frame[2:])
    axis.set_axis_off()
    low, high = ("R", "L") if view[1] == (1.0, 0.0, 0.0) else ("A", "P")
    for x, letter in ((0.03, low), (0.97, high)):
        axis.text(x, 0.5, letter, color="w", transform=axis.transAxes, ha="center", fontsize=9)


def _draw_outline(axis: Any, mesh: TriangleMesh, view: Any, centre: FloatArray, colour: str) -> None:
    """The mesh's cut with the view's plane."""
    import trimesh
    from matplotlib.collections import LineCollection

    right, up = np.array(view[1]), np.array(view[2])
    surface = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    segments = trimesh.intersections.mesh_plane(surface, np.cross(right, up), centre)
    lines = np.stack([segments @ right, segments @ up], axis=-1)
    axis.add_collection(LineCollection(list(lines), colors=colour, linewidths=0.9))


def _legend(figure: Any, names: list[str], title: str) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=_COLOURS[n % 6], label=name) for n, name in enumerate(names)]
    figure.suptitle(title, color="w", fontsize=11, x=0.02, ha="left")
    if handles:
        figure.legend(handles=handles, loc="upper right", ncols=len(names), labelcolor="w", frameon=False)
    figure.subplots_adjust(left=0.01, right=0.99, top=0.92, bottom=0.01, wspace=0.02, hspace=0.08)

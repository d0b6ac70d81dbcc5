"""Shaded orthographic pictures of meshes by ray casting on the CPU: no display, no GL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rafr.geometry import TriangleMesh
from rafr.geometry.rigid_transform import FloatArray

_MISS = np.uint32(0xFFFFFFFF)  # what Open3D reports for a ray that hits nothing


@dataclass(frozen=True, slots=True)
class ShadingConfig:
    """How surfaces look.

    Attributes:
        occlusion_rays: rays per vertex for ambient occlusion; more is smoother and slower.
        occlusion_reach_mm: surfaces nearer than this darken each other.
        occlusion_strength: 0 (none) .. 1 (hidden corners become black).
        edge_darkness: 0 .. 1, how dark the line between two surfaces at different depths is.
        edge_step_mm: a depth step between neighbouring pixels that counts as such a line.
    """

    occlusion_rays: int = 24
    occlusion_reach_mm: float = 30.0
    occlusion_strength: float = 0.75
    edge_darkness: float = 0.55
    edge_step_mm: float = 6.0


class Painted(NamedTuple):
    """A mesh, its colour (r, g, b in 0..1), the same all over or (n, 3) per vertex, and its opacity."""

    mesh: TriangleMesh
    colour: tuple[float, float, float] | FloatArray
    alpha: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """Parallel rays through the pixels of a (height, width) picture.

    Attributes:
        centre: (3,) point shown in the middle of the picture, LPS mm.
        right, up, forward: (3,) unit vectors; `forward` is the beam's direction.
        mm_per_pixel: side of a pixel.
        width, height: pixels.
    """

    centre: FloatArray
    right: FloatArray
    up: FloatArray
    forward: FloatArray
    mm_per_pixel: float
    width: int
    height: int

    def supersampled(self, factor: int) -> Camera:
        return Camera(
            self.centre,
            self.right,
            self.up,
            self.forward,
            self.mm_per_pixel / factor,
            self.width * factor,
            self.height * factor,
        )

    def rays(self, start_mm: float) -> NDArray[np.float32]:
        """(height, width, 6) origins, `start_mm` before the centre plane, and directions."""
        across = (np.arange(self.width) - 0.5 * (self.width - 1)) * self.mm_per_pixel
        down = (np.arange(self.height) - 0.5 * (self.height - 1)) * self.mm_per_pixel
        rays = np.empty((self.height, self.width, 6), dtype=np.float32)
        rays[..., 3:] = self.forward
        start = self.centre - start_mm * self.forward
        rays[..., :3] = start + across[None, :, None] * self.right - down[:, None, None] * self.up
        return rays

    def project(self, points: FloatArray) -> FloatArray:
        """Pixel coordinates (n, 2), (column, row), of points (n, 3)."""
        relative = (np.asarray(points, dtype=float) - self.centre) / self.mm_per_pixel
        column = relative @ self.right + 0.5 * (self.width - 1)
        row = -(relative @ self.up) + 0.5 * (self.height - 1)
        return np.stack([column, row], axis=-1)


class Layer(NamedTuple):
    """What a camera sees of some meshes: (h, w, 3) colours and (h, w) depths in mm, inf where nothing."""

    colour: FloatArray
    depth: FloatArray


class Scene:
    """Meshes prepared for ray casting; build once, look at it from many sides."""

    def __init__(self, bodies: Sequence[Painted], config: ShadingConfig | None = None) -> None:
        self.config = config or ShadingConfig()
        self._meshes = [b.mesh for b in bodies if len(b.mesh.faces)]
        self._colours = [
            np.broadcast_to(np.asarray(b.colour, dtype=float), b.mesh.vertices.shape)
            for b in bodies
            if len(b.mesh.faces)
        ]
        self._caster = _caster(self._meshes)
        self._normals = [m.vertex_normals for m in self._meshes]
        self._light = [self._openness(m, n) for m, n in zip(self._meshes, self._normals, strict=True)]

    def look(self, camera: Camera) -> Layer:
        """Shaded picture of the scene."""
        start = 2000.0
        hit = _cast(self._caster, camera.rays(start))
        seen = hit["geometry_ids"] != _MISS
        normal, openness = np.zeros((*seen.shape, 3)), np.zeros(seen.shape)
        colour = np.zeros((*seen.shape, 3))
        for index, mesh in enumerate(self._meshes):
            here = hit["geometry_ids"] == index
            corners = mesh.faces[hit["primitive_ids"][here]]
            u, v = hit["primitive_uvs"][here].T
            weights = np.stack([1 - u - v, u, v], axis=1)
            normal[here] = np.einsum("nc,ncj->nj", weights, self._normals[index][corners])
            openness[here] = np.einsum("nc,nc->n", weights, self._light[index][corners])
            colour[here] = np.einsum("nc,ncj->nj", weights, self._colours[index][corners])
        depth = np.where(seen, hit["t_hit"] - start, np.inf)
        light = _illumination(normal, camera) * openness * self._edges(depth, hit["geometry_ids"])
        return Layer(colour * light[..., None] + _highlight(normal, camera)[..., None], depth)

    def _openness(self, mesh: TriangleMesh, normals: FloatArray) -> FloatArray:
        """Ambient light per vertex (n,): 1 in the open, less in hollows (hemisphere sampling)."""
        directions = _hemisphere(self.config.occlusion_rays)
        tangent = _any_tangent(normals)
        frame = np.stack([tangent, np.cross(normals, tangent), normals], axis=1)
        rays = np.empty((len(normals), len(directions), 6), dtype=np.float32)
        rays[..., :3] = (mesh.vertices + 0.4 * normals)[:, None]
        rays[..., 3:] = np.einsum("kd,ndj->nkj", directions, frame)
        blocked = _blocked(self._caster, rays, self.config.occlusion_reach_mm)
        openness: FloatArray = 1.0 - self.config.occlusion_strength * blocked.mean(axis=1)
        return openness

    def _edges(self, depth: FloatArray, bodies: NDArray[np.uint32]) -> FloatArray:
        """(h, w) 1, or less along a step in depth, so that overlapping bones stand apart."""
        factor = np.ones(depth.shape)
        finite = np.where(np.isfinite(depth), depth, 1e4)
        for axis in (0, 1):
            for shift in (1, -1):
                behind = finite - np.roll(finite, shift, axis=axis)
                other = bodies != np.roll(bodies, shift, axis=axis)
                step = (behind > self.config.edge_step_mm) | (other & (behind > 0))
                factor[step] = 1.0 - self.config.edge_darkness
        return factor


def silhouette_lines(mesh: TriangleMesh, camera: Camera, step_mm: float = 8.0) -> NDArray[np.bool_]:
    """(h, w) pixels on the outline of a mesh and on its inner depth steps, seen alone."""
    hit = _cast(_caster([mesh]), camera.rays(2000.0))
    depth = np.where(hit["geometry_ids"] != _MISS, hit["t_hit"], 1e4)
    line = np.zeros(depth.shape, dtype=bool)
    for axis in (0, 1):
        line |= np.abs(depth - np.roll(depth, 1, axis=axis)) > step_mm
    return line


def _caster(meshes: Sequence[TriangleMesh]) -> Any:
    import open3d

    o3d: Any = open3d
    scene = o3d.t.geometry.RaycastingScene()
    for mesh in meshes:
        scene.add_triangles(
            o3d.core.Tensor(mesh.vertices.astype(np.float32)),
            o3d.core.Tensor(mesh.faces.astype(np.uint32)),
        )
    return scene


def _cast(scene: Any, rays: NDArray[np.float32]) -> dict[str, Any]:
    import open3d

    o3d: Any = open3d
    found = scene.cast_rays(o3d.core.Tensor(rays))
    return {name: found[name].numpy() for name in ("t_hit", "geometry_ids", "primitive_ids", "primitive_uvs")}


def _blocked(scene: Any, rays: NDArray[np.float32], reach: float) -> NDArray[np.bool_]:
    import open3d

    o3d: Any = open3d
    blocked: NDArray[np.bool_] = scene.test_occlusions(o3d.core.Tensor(rays), tfar=reach).numpy()
    return blocked


def _illumination(normal: FloatArray, camera: Camera) -> FloatArray:
    """Headlight, a key light from above left, and a sky that is brighter above; (h, w)."""
    head = np.clip(-(normal @ camera.forward), 0.0, 1.0)
    key_direction = -0.6 * camera.right + 0.7 * camera.up - 0.9 * camera.forward
    key = np.clip(normal @ (key_direction / np.linalg.norm(key_direction)), 0.0, 1.0)
    sky = 0.5 + 0.5 * (normal @ camera.up)
    light: FloatArray = 0.16 + 0.34 * head + 0.46 * key + 0.14 * sky
    return light


def _highlight(normal: FloatArray, camera: Camera) -> FloatArray:
    """A faint gloss (Blinn–Phong), (h, w)."""
    half = -0.3 * camera.right + 0.35 * camera.up - camera.forward
    gloss: FloatArray = 0.10 * np.clip(normal @ (half / np.linalg.norm(half)), 0.0, 1.0) ** 24
    return gloss


def _hemisphere(n: int) -> FloatArray:
    """`n` cosine-weighted directions (n, 3) about +z on a Fibonacci spiral."""
    i = np.arange(n) + 0.5
    radius = np.sqrt(i / n)
    angle = np.pi * (1 + np.sqrt(5.0)) * i
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), np.sqrt(1 - radius**2)], axis=1)


def _any_tangent(normals: FloatArray) -> FloatArray:
    """Unit vectors (n, 3) at right angles to `normals`."""
    axis = np.where(np.abs(normals[:, :1]) < 0.8, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    tangent = np.cross(normals, axis)
    unit: FloatArray = tangent / np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-12)
    return unit

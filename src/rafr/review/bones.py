"""The bones on the review page, the targets as ghosts, and the planned ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.pictures.bones import body_colours, bounds_of
from rafr.planning.plan import ReductionPlan
from rafr.review.stage import place
from rafr.units import METRES_PER_MM

_GHOST = (130, 255, 170)
_MOVED, _TURNED = 5e-5, 1e-4  # m, rad: less is the tracker's noise


class BoneScene:
    """Bones round the scene's origin, which is the middle of all of them.

    Attributes:
        scene: of one browser.
        meshes: the reference first, LPS mm in the CT.
        centre, half: (3,) LPS mm, middle and half of the edges of the box around the bones.
        bodies, targets: handles by body.
    """

    def __init__(self, scene: Any, meshes: Mapping[str, TriangleMesh]) -> None:
        """`meshes`: the reference first, LPS mm in the CT."""
        self.scene, self.meshes = scene, dict(meshes)
        lower, upper = bounds_of(list(meshes.values()))
        self.centre, self.half = 0.5 * (lower + upper), 0.5 * (upper - lower)
        colours = body_colours(list(meshes))
        self.bodies = {name: self._add(name, mesh, colours[name]) for name, mesh in meshes.items()}
        self.targets: dict[str, Any] = {}
        self._coloured: dict[str, Any] = {}
        self._at: dict[str, RigidTransform] = {}

    def on_stage(self, point: FloatArray) -> FloatArray:
        """(3,) m in the scene of a point (3,) LPS mm."""
        return np.asarray((point - self.centre) * METRES_PER_MM)

    def move(self, T_current_displaced: Mapping[str, RigidTransform]) -> None:
        """Place bodies, mm."""
        self._at |= T_current_displaced
        for name, T in T_current_displaced.items():
            self._place(self.bodies[name], T)
            if name in self._coloured:
                self._place(self._coloured[name], T)

    def move_target(self, name: str, T: RigidTransform) -> None:
        """Place one ghost, mm."""
        if name in self.targets:
            self._place(self.targets[name], T)

    def colour(self, shares: Mapping[str, FloatArray], strip: Any) -> None:
        """Show bodies with the colours of `strip` in place of their plain one.

        Args:
            shares: (n,) 0..1, where every vertex of a body lies on the strip.   strip: (k, 3) uint8.
        """
        for name, share in shares.items():
            self._coloured[name] = self.scene.add_mesh_trimesh(
                f"/coloured/{name}",
                self._painted(name, share, strip),
                cast_shadow=False,
                receive_shadow=False,
            )
            self._place(self._coloured[name], self._at.get(name, RigidTransform.identity()))
            self.bodies[name].visible = False

    def _painted(self, name: str, share: FloatArray, strip: Any) -> Any:
        """A mesh with a strip of colours as its texture, dull as bone."""
        import trimesh
        from PIL import Image

        mesh = self.meshes[name]
        at = np.column_stack([(share * (len(strip) - 1) + 0.5) / len(strip), np.full(len(share), 0.5)])
        dull = trimesh.visual.material.PBRMaterial(
            baseColorTexture=Image.fromarray(strip[None]), metallicFactor=0.0, roughnessFactor=1.0
        )
        return trimesh.Trimesh(
            self.on_stage(mesh.vertices),
            mesh.faces,
            vertex_normals=mesh.vertex_normals,
            visual=trimesh.visual.TextureVisuals(uv=at, material=dull),
            process=False,
        )

    def uncolour(self) -> None:
        """Plain again."""
        for name in list(self._coloured):
            self._coloured.pop(name).remove()
            self.bodies[name].visible = True

    def show_plan(self, plan: ReductionPlan) -> None:
        """Ghosts at the targets, and the way of each body's centroid."""
        ghost = tuple(c / 255 for c in _GHOST)
        for body in plan.bodies:
            handle = self._add(f"target/{body.name}", self.meshes[body.name], ghost, opacity=0.3)
            self._place(handle, body.T_reduced_displaced)
            self.targets[body.name] = handle
            self._add_path(plan, body.name)

    def _add_path(self, plan: ReductionPlan, name: str) -> None:
        centroid = self.meshes[name].centroid
        way = np.array([p.T_path_displaced.apply(centroid) for p in plan.body(name).path])
        points = (way - self.centre) * METRES_PER_MM
        segments = np.stack([points[:-1], points[1:]], axis=1).astype(np.float32)
        if len(segments):
            self.scene.add_line_segments(f"/path/{name}", segments, _GHOST, thickness=0.0015)

    def _add(
        self, name: str, mesh: TriangleMesh, colour: tuple[float, ...], opacity: float | None = None
    ) -> Any:
        return self.scene.add_mesh_simple(
            f"/{name}",
            ((mesh.vertices - self.centre) * METRES_PER_MM).astype(np.float32),
            mesh.faces.astype(np.uint32),
            color=tuple(round(255 * c) for c in colour),
            opacity=opacity,
            cast_shadow=False,
            receive_shadow=False,
        )

    def _place(self, handle: Any, T: RigidTransform) -> None:
        shift = (T.apply(self.centre) - self.centre) * METRES_PER_MM
        place(handle, RigidTransform(T.rotation, shift), _MOVED, _TURNED)

"""The embedded plant beside the bare engine on the same model, in one run: wall time per simulated second.

python benchmarks/plant.py CASE [--seed N]

The bare engine is MuJoCo alone with the same robot, bones and joints, where everything rafr computes is
MuJoCo's own: cables as spatial tendons with springs, bone contact between signed distance fields of the same
meshes, pins as a weld, joint drives as position actuators. Both go through the same commands.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

import numpy as np

from rafr.cli.output import progress_bar
from rafr.errors import RafrError
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.simulation.arrangement import Arrangement, arrange_case
from rafr.simulation.compare import Script, docked_room, play, write_script
from rafr.simulation.embedded import EmbeddedPlant
from rafr.simulation.embedded.world import BASE_JOINTS, build_world, support_base
from rafr.simulation.engine import CLAMP, TIME_STEP, bone
from rafr.tissue.cables import Rider, TissueModel
from rafr.units import METRES_PER_MM

_ROUNDS = 5
_STEPS = 10  # per command
_DRIVE = 2e4  # N m/rad
_CABLE = 3e3  # N/m, of the order of a ligament; speed does not depend on it
_SDF_ROUNDS = 10  # iterations and starts of MuJoCo's search for contacts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", metavar="CASE", help="case folder")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    args = parser.parse_args()
    try:
        result = side_by_side(args.case, args.seed)
    except RafrError as error:
        print(f"rafr: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result, indent=2))
    return 0


def side_by_side(folder: str, seed: int) -> dict[str, float]:
    """Medians over rounds that take turns, so that a busy machine slows both alike."""
    first = arrange_case(folder, seed, "ur16e")
    body = first.case.moving[0].name
    arrangement = arrange_case(first.case, seed, "ur16e", docked_room(EmbeddedPlant(first), first.room, body))
    script = write_script(arrangement, body)
    plant, bare = Ours(arrangement, script, body), Bare(arrangement, script, body)
    seconds: dict[str, list[float]] = {"plant": [], "bare": []}
    with progress_bar("rounds") as progress:
        for k in range(_ROUNDS):
            progress(k / _ROUNDS, "")
            seconds["bare"].append(bare.play())
            seconds["plant"].append(plant.play())
    ours, theirs = (float(np.median(seconds[name])) for name in ("plant", "bare"))
    return {
        "simulated_s": len(script.joints) * _STEPS * TIME_STEP,
        "plant_s": ours,
        "bare_engine_s": theirs,
        "plant_times_real_time": len(script.joints) * _STEPS * TIME_STEP / ours,
        "plant_to_bare_speed": theirs / ours,
        "cables": bare.cables,
        "bare_contacts_mean": float(np.mean(bare.contacts)),
        "bare_end_mm_from_plant": 1e3 * float(np.linalg.norm(bare.place() - plant.place())),
    }


class Ours:
    """The plant, clamped and pulled as in `compare.play`."""

    def __init__(self, arrangement: Arrangement, script: Script, body: str) -> None:
        self._plant, self._script, self._body = EmbeddedPlant(arrangement), script, body
        self._plant.settle()
        play(self._plant, Script(body, script.joints[:1]))

    def play(self) -> float:
        """Wall seconds of the script."""
        began = time.perf_counter()
        for q in self._script.joints:
            self._plant.command_joints(q)
            self._plant.step(_STEPS)
        return time.perf_counter() - began

    def place(self) -> FloatArray:
        """Where the moved bone's centroid is, m."""
        centroid = self._plant.arrangement.inertias[self._body].centroid
        return self._plant.world_from_ct(self._body).apply(centroid)


class Bare:
    """MuJoCo alone."""

    def __init__(self, arrangement: Arrangement, script: Script, body: str) -> None:
        import mujoco

        self._mujoco, self._script = mujoco, script
        spec = build_world(arrangement.urdf, arrangement.inertias, arrangement.poses)
        spec.option.disableflags = 0
        spec.option.sdf_iterations = spec.option.sdf_initpoints = _SDF_ROUNDS
        for geom in spec.geoms:
            geom.contype = geom.conaffinity = 0  # as in the plant, the robot touches nothing
        for name, mesh in arrangement.meshes.items():
            self._add_surface(spec, name, mesh.mesh, arrangement.inertias[name].centroid)
        plant = EmbeddedPlant(arrangement)
        tissues = {name: fragment.tissue for name, fragment in plant.bones.fragments.items()}
        self.cables = sum(self._add_cables(spec, arrangement, n, tissue) for n, tissue in tissues.items())
        for one, T_one_world, other in (
            (CLAMP, plant.world_from(CLAMP).inverse(), body),
            ("world", RigidTransform.identity(), arrangement.reference),
        ):
            centre = RigidTransform.from_translation(arrangement.inertias[other].centroid)
            self._weld(spec, one, bone(other), T_one_world @ arrangement.poses[other] @ centre)
        self._bone = bone(body)
        joints = [j.name for j in spec.joints if j.name.endswith("_joint")]
        for joint in joints:
            spec.add_actuator(
                trntype=mujoco.mjtTrn.mjTRN_JOINT,
                target=joint,
                gainprm=[_DRIVE] + [0] * 9,
                biastype=mujoco.mjtBias.mjBIAS_AFFINE,
                biasprm=[0, -_DRIVE, -_DRIVE / 20] + [0] * 7,
            )
        self._model: Any = spec.compile()
        support_base(self._model)
        self._data: Any = mujoco.MjData(self._model)
        addresses = [int(self._model.joint(n).qposadr[0]) for n in joints]
        self._data.qpos[addresses] = self._data.ctrl[:] = arrangement.parked_arm
        base = [int(self._model.joint(n).qposadr[0]) for n in BASE_JOINTS]
        self._data.qpos[base] = self._model.qpos_spring[base] = arrangement.parking
        mujoco.mj_forward(self._model, self._data)
        self.contacts: list[int] = []

    def play(self) -> float:
        """Wall seconds of the script."""
        model, data, mujoco = self._model, self._data, self._mujoco
        began = time.perf_counter()
        for q in self._script.joints:
            data.ctrl[:] = q
            mujoco.mj_step(model, data, _STEPS)
            self.contacts.append(int(data.ncon))
        assert np.isfinite(data.qpos).all()
        return time.perf_counter() - began

    def _add_surface(self, spec: Any, name: str, mesh: TriangleMesh, centroid: FloatArray) -> None:
        vertices = mesh.vertices * METRES_PER_MM - centroid
        spec.add_mesh(name=name, uservert=vertices.ravel(), userface=mesh.faces.ravel())
        spec.body(bone(name)).add_geom(
            type=self._mujoco.mjtGeom.mjGEOM_SDF,
            meshname=name,
            contype=1,
            conaffinity=1,
            friction=[0.3, 0, 0],
        )

    def _add_cables(self, spec: Any, arrangement: Arrangement, name: str, tissue: TissueModel) -> int:
        """Every cable as a spring from its rest length on; what rides on the leg rides on the bone."""
        reference = arrangement.reference
        homes = {Rider.GROUND: reference, Rider.BODY: name, Rider.LEG: name}
        for i, cable in enumerate(tissue.cables):
            tendon = spec.add_tendon(
                name=f"{name}_{i}",
                stiffness=[_CABLE, 0, 0],
                springlength=[0.0, cable.rest],
                damping=[20.0, 0, 0],
            )
            for k, (point, rider) in enumerate(zip(cable.points, cable.riders, strict=True)):
                home = homes[rider]
                site = f"{name}_{i}_{k}"
                spec.body(bone(home)).add_site(name=site, pos=point - arrangement.inertias[home].centroid)
                tendon.wrap_site(site)
        return len(tissue.cables)

    def _weld(self, spec: Any, one: str, other: str, T_one_other: RigidTransform) -> None:
        x, y, z, w = T_one_other.quaternion_xyzw
        data = [0.0, 0.0, 0.0, *T_one_other.translation, w, x, y, z, 1.0, 0.0]
        kind, objects = self._mujoco.mjtEq.mjEQ_WELD, self._mujoco.mjtObj.mjOBJ_BODY
        spec.add_equality(type=kind, objtype=objects, name1=one, name2=other, data=data)

    def place(self) -> FloatArray:
        """Where the moved bone's centroid is, m."""
        found: FloatArray = self._data.body(self._bone).xpos.copy()
        return found


if __name__ == "__main__":
    sys.exit(main())

"""The radiographs of a case: before, as planned, as achieved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rafr.cases.case import Case
from rafr.cases.load import load_ct, load_labels
from rafr.cases.meshes import BodyMesh, body_meshes
from rafr.geometry import RigidTransform
from rafr.planning.pins import patient_axes, propose_pins
from rafr.planning.plan import ReductionPlan
from rafr.progress import Progress, part_of, silent
from rafr.xray.attenuation import EFFECTIVE_KEV
from rafr.xray.displacement import fracture_edges
from rafr.xray.patient import XrayPatient, pins_of
from rafr.xray.rods import Rod, screws_of
from rafr.xray.series import Series, State, take_series
from rafr.xray.view import DEVICES, VIEWS, Device, standard_view


def series_of_case(
    case: Case,
    plan: ReductionPlan | None = None,
    achieved: Mapping[str, RigidTransform] | None = None,
    *,
    views: Sequence[str] = VIEWS,
    device: Device = DEVICES["radiograph"],
    kev: float = EFFECTIVE_KEV,
    pins: bool = False,
    progress: Progress = silent,
) -> Series:
    """Take a case's radiographs.

    Args:
        plan: for the state as planned, from which displacement is measured; None: nothing is measured.
        achieved: `T_current_displaced` (mm) of the bodies now; None: not known.
        kev: effective energy, 40 to 100.   pins: propose Schantz pins where the case gives none.

    Raises:
        InputError: a screw of the case is none, or `kev` is out of bounds.
    """
    screws = screws_of(case)
    reduced = {} if plan is None else {b.name: b.T_reduced_displaced for b in plan.bodies}
    meshes = body_meshes(case) if plan is not None or pins else {}
    rods = pins_of_case(case, meshes, propose=pins)
    progress(0.1, "attenuation of the CT")
    patient = XrayPatient.of_ct(load_ct(case), load_labels(case), case.bodies, rods, kev)
    axes = patient_axes(case)
    seen_from = [standard_view(name, axes, patient.middle_mm, device) for name in views]
    edges = fracture_edges({n: m.mesh for n, m in meshes.items()}, reduced) if reduced else ()
    states = _states(plan, reduced, achieved, screws)
    return take_series(patient, seen_from, states, edges, reduced, part_of(progress, 0.3, 1.0))


def _states(
    plan: ReductionPlan | None,
    reduced: Mapping[str, RigidTransform],
    achieved: Mapping[str, RigidTransform] | None,
    screws: Mapping[str, Sequence[Rod]],
) -> list[State]:
    states = [State("before", {}, {})]
    if plan is not None:
        states.append(State("planned", reduced, screws, is_target=True))
    if achieved is not None:
        states.append(State("achieved", achieved, screws))
    return states


def pins_of_case(case: Case, meshes: Mapping[str, BodyMesh], *, propose: bool) -> dict[str, tuple[Rod, ...]]:
    """Schantz pins by body: the case's own, and for moving bodies without any those proposed, if wished."""
    pins = pins_of(case)
    for body in case.moving if propose else ():
        if body.name not in pins:
            pins[body.name] = tuple(Rod.of_pin(p) for p in propose_pins(case, meshes, body.name))
    return pins

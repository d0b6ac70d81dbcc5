"""Step g: how far every body stands from the plan, by the second CBCT's registration alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rafr.geometry import RigidTransform
from rafr.geometry.residual import Residual, residual
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.plan import ReductionPlan
from rafr.units import to_metres


@dataclass(frozen=True, slots=True)
class Check:
    """Attributes:
    notes: a line per body that was found, for the record.
    failed: why the reduction does not count as done; empty where it does.
    """

    notes: tuple[str, ...]
    failed: tuple[str, ...]

    @property
    def message(self) -> str:
        return "; ".join(self.failed or self.notes)


def check_reduction(
    plan: ReductionPlan,
    reference: str,
    T_cbct_ct: Mapping[str, RigidTransform],
    surfaces: Mapping[str, FloatArray],
    most: Residual,
) -> Check:
    """Compare the bodies of a plan with where they were found.

    Args:
        reference: the body that stays with the table.
        T_cbct_ct: m, of every body that was found.
        surfaces: (n, 3) points of every body in its CT frame, m.
        most: what may be left.
    """
    fixed = T_cbct_ct.get(reference)
    notes, failed = [], []
    for name in plan.order:
        found = T_cbct_ct.get(name)
        if fixed is None or found is None:
            failed.append(f"{name} was not found in the CBCT")
            continue
        target = to_metres(plan.body(name).T_reduced_displaced)
        left = residual(fixed.inverse() @ found, target, surfaces[name])
        notes.append(f"xray_check: {name} {left} from the plan")
        if left.distance > most.distance or left.angle > most.angle:
            failed.append(f"{name} stands {left} from the plan")
    return Check(tuple(notes), tuple(failed))

"""What became of one patient, in numbers that can be told together with others'."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rafr.campaign.patients import Patient, TissueFactors
from rafr.errors import InputError
from rafr.foreign import read_json

GOAL_MM, GOAL_DEG = 1.0, 1.0  # of a campaign's mean residual
GOAL_P95_MM = 2.0  # of the 95th percentile over its patients
REDUCED, HELD, REFUSED, FAILED = OUTCOMES = ("reduced", "held", "refused", "failed")


@dataclass(frozen=True, slots=True)
class BodyResult:
    """One fragment; distances are means over its surface, None where not known.

    Attributes:
        residual_mm, residual_deg: to where it belongs.   p95_mm, max_mm: of that over the surface.
        matta, matta_mm: grade, and the largest displacement on the graded views.
        to_plan_mm, to_plan_deg: to where the plan wanted it.
        plan_mm, plan_deg: the plan's own error.   registered_mm: that of its registration.
        expected_mm: what the plan expected its error to be.
    """

    name: str
    displaced_mm: float | None = None
    displaced_deg: float | None = None
    residual_mm: float | None = None
    residual_deg: float | None = None
    p95_mm: float | None = None
    max_mm: float | None = None
    matta: str | None = None
    matta_mm: float | None = None
    to_plan_mm: float | None = None
    to_plan_deg: float | None = None
    plan_mm: float | None = None
    plan_deg: float | None = None
    expected_mm: float | None = None
    registered_mm: float | None = None


@dataclass(frozen=True, slots=True)
class PatientResult:
    """One patient.

    Attributes:
        outcome: `reduced`; `held`: the arm stopped on its way and kept the fragment; `refused`: registration,
            planner or trajectory would not do it, before anything moved; `failed`: a defect, or no time left.
        stage: where it ended.   reason: why, if not reduced.
        remarks: of planner and docking, though they accepted.
        peak_force_n: true, at the clamp, while a fragment was held.   force_limit_n: of the controller.
        duration_s: simulated.   seconds: of computing, by stage.
    """

    patient: Patient
    outcome: str
    stage: str = ""
    reason: str = ""
    remarks: tuple[str, ...] = ()
    bodies: tuple[BodyResult, ...] = ()
    mass_kg: float | None = None
    peak_force_n: float | None = None
    measured_force_n: float | None = None
    force_limit_n: float | None = None
    peak_torque_nm: float | None = None
    fiducial_error_mm: float | None = None
    duration_s: float | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    wall_s: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)

    def worst(self, quantity: str) -> float | None:
        """The largest of a quantity of `BodyResult` over the bodies; None where it is not known of all."""
        values = [getattr(body, quantity) for body in self.bodies]
        return None if not values or None in values else float(max(values))

    @property
    def held_force_n(self) -> float | None:
        """The largest true force; None where no fragment was moved."""
        return None if self.force_limit_n is None else self.peak_force_n

    @property
    def grade(self) -> str | None:
        """Matta's grade of the worst body; None unless every body is reduced."""
        if self.outcome != REDUCED or any(body.matta is None for body in self.bodies) or not self.bodies:
            return None
        return max(self.bodies, key=lambda body: body.matta_mm or 0.0).matta

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> PatientResult:
        """Raises KeyError, TypeError or ValueError where it is no such result."""
        patient = dict(data["patient"])
        patient["tissue"] = TissueFactors(**patient["tissue"])
        bodies = tuple(BodyResult(**body) for body in data["bodies"])
        remarks = tuple(data.get("remarks", ()))
        result = PatientResult(
            **{**data, "patient": Patient(**patient), "bodies": bodies, "remarks": remarks}
        )
        if result.outcome not in OUTCOMES:
            raise ValueError(f"outcome {result.outcome!r}")
        return result


def read_result(path: Path) -> PatientResult:
    """Raises InputError where the file is none of a campaign's."""
    data = read_json(path, "a patient of a campaign")
    try:
        return PatientResult.from_json(data)
    except (KeyError, TypeError, ValueError) as error:
        problem = f"is no result ({type(error).__name__}: {error})"
        raise InputError(path, problem, "a patient as this version of `rafr campaign` writes it") from None


def result_of_report(
    patient: Patient,
    report: dict[str, Any],
    outcome: str,
    stage: str = "",
    reason: str = "",
    seconds: dict[str, float] | None = None,
    remarks: tuple[str, ...] = (),
) -> PatientResult:
    """From a run's `report.json`, whichever way it was run; `remarks` beside those of the plan."""
    bodies = tuple(_body(name, report) for name in report["bodies"])
    plan = report["plan"] or {"reasons": ()}
    return PatientResult(
        patient=patient,
        outcome=outcome,
        stage=stage,
        reason=reason,
        remarks=tuple(plan["reasons"]) + remarks,
        bodies=bodies,
        mass_kg=report["patient"]["mass_kg"],
        peak_force_n=report["peak_true_force_n"],
        measured_force_n=report["peak_force_n"],
        force_limit_n=report["force_limit_n"],
        peak_torque_nm=report["peak_torque_nm"],
        fiducial_error_mm=report["registration"].get("fiducial_error_mm"),
        duration_s=report["duration_s"],
        seconds={name: round(value, 2) for name, value in (seconds or {}).items()},
        versions=report["versions"],
    )


def _body(name: str, report: dict[str, Any]) -> BodyResult:
    body = report["bodies"][name]
    registered = report["registration"].get("bodies", {}).get(name, {})
    planned = (report["plan"] or {"bodies": {}})["bodies"].get(name, {})
    residual, plan = body["residual_mm"] or {}, body["plan_error"] or {"mm": None, "deg": None}
    return BodyResult(
        name=name,
        displaced_mm=(body["displaced"]["mm"] or {}).get("mean"),
        displaced_deg=body["displaced"]["deg"],
        residual_mm=residual.get("mean"),
        residual_deg=body["residual_deg"],
        p95_mm=residual.get("p95"),
        max_mm=residual.get("max"),
        matta=body["matta"]["grade"],
        matta_mm=body["matta"]["max_mm"],
        to_plan_mm=(body["residual_to_plan_mm"] or {}).get("mean"),
        to_plan_deg=body["residual_to_plan_deg"],
        plan_mm=(plan["mm"] or {}).get("mean"),
        plan_deg=plan["deg"],
        expected_mm=planned.get("expected_error_mm"),
        registered_mm=registered.get("error_mm"),
    )

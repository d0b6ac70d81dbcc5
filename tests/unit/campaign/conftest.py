"""Results without an operation."""

import pytest

from rafr.campaign.patients import CampaignConfig, draw_patient
from rafr.campaign.result import BodyResult, PatientResult


@pytest.fixture(scope="session")
def config():
    return CampaignConfig(fractures=("denis2", "rami"))


@pytest.fixture(scope="session")
def reduced(config):
    """A reduced patient: number, residual in mm and degrees, largest displacement, force."""

    def make(number, mm=0.5, deg=0.4, matta_mm=1.0, force=100.0):
        grade = "excellent" if matta_mm <= 4.0 else "good"
        body = BodyResult(
            name="left_hemipelvis",
            displaced_mm=15.0,
            displaced_deg=5.0,
            residual_mm=mm,
            residual_deg=deg,
            p95_mm=1.2 * mm,
            max_mm=1.5 * mm,
            matta=grade,
            matta_mm=matta_mm,
            to_plan_mm=0.2,
            to_plan_deg=0.1,
            plan_mm=0.4,
            plan_deg=0.3,
            expected_mm=0.5,
            registered_mm=0.05,
        )
        return PatientResult(
            patient=draw_patient(config, number),
            outcome="reduced",
            stage="reduction",
            bodies=(body,),
            mass_kg=70.0,
            peak_force_n=force,
            measured_force_n=force,
            force_limit_n=300.0,
            peak_torque_nm=10.0,
            fiducial_error_mm=0.02,
            duration_s=9.0,
            seconds={"case": 7.0, "plan": 18.0},
            wall_s=60.0,
            versions={"rafr": "0.1.0"},
        )

    return make


@pytest.fixture(scope="session")
def refused(config):
    def make(number, reason="left_hemipelvis: 1.72 mm expected, limit 1.50 mm", outcome="refused"):
        return PatientResult(draw_patient(config, number), outcome, "plan", reason)

    return make

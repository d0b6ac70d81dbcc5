"""A whole patient in one process."""

import pytest

from rafr.campaign.course import Course
from rafr.campaign.loop import run_loop
from rafr.campaign.patients import CampaignConfig, draw_patient


@pytest.mark.slow
def test_a_patient_is_operated_on_and_measured(tmp_path):
    """About a minute and a half."""
    config = CampaignConfig(fractures=("crescent",))  # patient 0 of the campaign in docs/campaign.md
    patient, course = draw_patient(config, 0), Course()
    result = run_loop(patient, tmp_path, course)
    assert result.outcome == "reduced"
    (body,) = result.bodies
    assert body.displaced_mm == pytest.approx(20.4, abs=0.1)
    assert body.residual_mm == pytest.approx(0.25, abs=0.15)  # mm: other builds of the libraries differ
    # the parts of a residual: it cannot be more than both together
    assert body.residual_mm <= body.plan_mm + body.to_plan_mm + 1e-6
    assert body.registered_mm < 0.5
    assert 0.0 < result.peak_force_n < result.force_limit_n
    assert list(result.seconds) == ["case", "registration", "plan", "docking", "grip", "reduction", "report"]

"""The report of a campaign: `campaign.html` with everything inside, and the statistics beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rafr.campaign.charts import save_charts
from rafr.campaign.folder import CampaignFolder
from rafr.campaign.patients import CampaignConfig
from rafr.campaign.result import REDUCED, PatientResult
from rafr.campaign.statistics import breach, worst_cases
from rafr.review.document import data_url, rendered

HTML, STATISTICS, CHARTS = "campaign.html", "statistics.json", "campaign.png"
_WORST = 12
_PICTURES = ("before_after.png", "curves.png")
LEFT_OUT = {
    "loop": (
        "Run in one process: registration, planning, docking, reach, controller, supervisor, plant and "
        "sensors are those of the full run, at the same rates. Left out: ROS messages and their delays, the "
        "drive of the base and the arm's approach and retreat (both stand where docking and approach put "
        "them), the node that adjusts the path on the way, the X-ray check, and approval by a person (a plan "
        "that its own planner accepts counts as approved)."
    ),
    "ros": (
        "Run by `rafr sim` with every node as a process. Left out: soft tissue other than the planner "
        "expects, and approval by a person (automatic; a plan its own planner does not accept is refused)."
    ),
}
NO_PATIENT = "Virtual patients: no claim about real ones. Bones are rigid; tissue and its spread are assumed."


def save_report(
    folder: CampaignFolder, config: CampaignConfig, results: Sequence[PatientResult], summary: dict[str, Any]
) -> None:
    """Write statistics, charts and the HTML document; each whole."""
    folder.write(STATISTICS, json.dumps(summary, indent=1, allow_nan=False) + "\n")
    save_charts(folder.path / CHARTS, results)
    cases = [_case(folder, result) for result in worst_cases(results, _WORST)]
    html = rendered(
        "rafr.campaign",
        "campaign.html.j2",
        s=summary,
        config=config,
        charts=data_url(folder.path / CHARTS),
        cases=cases,
        left_out=LEFT_OUT[config.procedure],
        no_patient=NO_PATIENT,
    )
    folder.write(HTML, html)


def _case(folder: CampaignFolder, result: PatientResult) -> dict[str, Any]:
    own = folder.of(result.patient.number)
    pictures = [data_url(own / name) for name in _PICTURES if (own / name).is_file()]
    return {
        "result": result,
        "pictures": pictures,
        "cause": cause(result),
        "remake": result.patient.remake(),
    }


def cause(result: PatientResult) -> str:
    """Why a patient stands among the worst, from the numbers at hand."""
    if result.outcome != REDUCED:
        return f"{result.outcome} at {result.stage}: {result.reason}"
    residual, plan = result.worst("residual_mm"), result.worst("plan_mm")
    left, registered = result.worst("to_plan_mm"), result.worst("registered_mm")
    if residual is None or plan is None or left is None:
        return "not measured"
    parts = {"the plan's target": plan, "what was left to the plan": left}
    largest = max(parts, key=lambda name: parts[name])
    text = f"mostly {largest}: plan {plan:.2f} mm off, {left:.2f} mm left to it"
    if registered is not None:
        text += f", registration {registered:.2f} mm off"
    return text + (f"; force beyond the limit ({result.peak_force_n:.0f} N)" if breach(result) else "")

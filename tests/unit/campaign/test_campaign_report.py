"""The report says what was reached and why not, and needs nothing beside itself."""

import json

import numpy as np
import pytest

from rafr.campaign.apart import Finished
from rafr.campaign.folder import CampaignFolder
from rafr.campaign.report import LEFT_OUT, cause, save_report
from rafr.campaign.statistics import summary


@pytest.fixture
def picture(tmp_path):
    import cv2

    path = tmp_path / "before_after.png"
    cv2.imwrite(str(path), np.full((40, 60, 3), 200, np.uint8))
    return path.read_bytes()


def test_the_document_holds_goals_worst_cases_and_pictures(tmp_path, config, reduced, refused, picture):
    folder = CampaignFolder.opened(tmp_path / "c", config)
    results = [*(reduced(n, mm=0.3 + 0.1 * n) for n in range(4)), refused(4)]
    for result in results:
        folder.keep(Finished(result, {"before_after.png": picture} if result.outcome == "refused" else {}))
    save_report(folder, config, results, summary(results))
    html = (folder.path / "campaign.html").read_text(encoding="utf-8")
    assert "Campaign of 5 virtual patients" in html
    assert "not reached" in html
    assert LEFT_OUT["loop"].split(".")[0] in html
    assert "refused at plan: left_hemipelvis: 1.72 mm expected" in html
    assert html.count("data:image/jpeg") == 2  # the charts, and the one patient with a picture
    assert "http" not in html.replace("http-equiv", "")
    assert html.index("Patient 4: ") < html.index("Patient 3: ") < html.index("Patient 0: ")
    assert json.loads((folder.path / "statistics.json").read_text(encoding="utf-8"))["n"] == 5


def test_a_campaign_without_anyone_reduced_has_a_report(tmp_path, config, refused):
    folder = CampaignFolder.opened(tmp_path / "c", config)
    results = [refused(0), refused(1, "process killed", outcome="failed")]
    save_report(folder, config, results, summary(results))
    assert "failed at plan: process killed" in (folder.path / "campaign.html").read_text(encoding="utf-8")


def test_the_cause_of_a_residual_is_its_largest_part(reduced, refused):
    assert cause(reduced(0)).startswith("mostly the plan's target: plan 0.40 mm off, 0.20 mm left to it")
    assert "force beyond the limit (310 N)" in cause(reduced(0, force=310.0))
    assert cause(refused(0)).startswith("refused at plan: ")

"""The whole procedure in Gazebo, from the command line."""

import json
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.ros, pytest.mark.timeout(1800)]


def test_the_procedure_ends_reduced(case, tmp_path):
    out = tmp_path / "run"
    command = (sys.executable, "-m", "rafr.cli.main", "sim", str(case.folder), "--sim", "gazebo")
    result = subprocess.run(
        (*command, "--headless", "--auto-approve", "--seed", "6", "--out", str(out)),
        capture_output=True,
        text=True,
        timeout=1700,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["outcome"] == "reduced"
    for body in report["bodies"].values():
        assert body["residual_to_plan_mm"]["mean"] < 1.0
    logs = "".join(log.read_text(errors="replace") for log in (out / "logs").iterdir())
    assert "[Err]" not in logs

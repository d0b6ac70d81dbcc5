"""The process that operates on one patient: `python -m rafr.campaign.job FOLDER`.

Reads the patient from FOLDER/spec.json, leaves FOLDER/result.json and pictures.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import traceback
from pathlib import Path

from rafr.campaign.course import Course
from rafr.campaign.patients import Patient, TissueFactors
from rafr.campaign.result import FAILED, PatientResult
from rafr.files import written_whole

SPEC, RESULT = "spec.json", "result.json"


def operate(patient: Patient, folder: Path, limit: float) -> PatientResult:
    """One patient by the procedure asked for; a defect is a failure with its reason, not an error.

    Args:
        limit: s of wall time; whoever started this process ends it then, `rafr sim` is to end before that.
    """
    course = Course()
    try:
        if patient.procedure == "ros":
            from rafr.campaign.ros import REPORT_TIME, run_ros

            return run_ros(patient, folder, course, limit - REPORT_TIME)
        from rafr.campaign.loop import run_loop

        return run_loop(patient, folder, course)
    except Exception as error:  # whatever it is: the others are to be operated on, too
        traceback.print_exc()
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return PatientResult(patient, FAILED, course.stage, reason, seconds=dict(course.seconds))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=float, default=math.inf, metavar="S", help="of wall time")
    args = parser.parse_args()
    spec = json.loads((args.folder / SPEC).read_text(encoding="utf-8"))
    patient = Patient(**{**spec, "tissue": TissueFactors(**spec["tissue"])})
    result = operate(patient, args.folder, args.limit)
    with written_whole(args.folder / RESULT) as temporary:
        temporary.write_text(json.dumps(result.to_json(), indent=1, allow_nan=False), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

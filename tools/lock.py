"""Resolve requirements.in into requirements.lock.

    .venv/bin/python tools/lock.py               keeps every version that is locked already
    .venv/bin/python tools/lock.py --upgrade     the newest that fit

Uses pip's resolver report and not `pip freeze`: the ROS wheels leave egg-infos under names that
are other projects on the index.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = """\
# Every package of the bare-machine footing, direct and indirect, at the version rafr is tested with.
# Made from requirements.in by tools/lock.py; do not edit by hand.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--upgrade", action="store_true", help="do not keep the versions that are locked")
    upgrade = parser.parse_args().upgrade
    lock = ROOT / "requirements.lock"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
    command += ["--report", "-", "-r", str(ROOT / "requirements.in")]
    command += [] if upgrade else ["--constraint", str(lock)]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    pins = {
        item["metadata"]["name"].lower().replace("_", "-"): item["metadata"]["version"]
        for item in report["install"]
    }
    lines = [f"{name}=={version}\n" for name, version in sorted(pins.items())]
    lock.write_text(HEADER + "".join(lines), encoding="utf-8")
    print(f"{len(lines)} packages locked")


if __name__ == "__main__":
    main()

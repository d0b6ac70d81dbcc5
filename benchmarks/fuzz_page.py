"""Malformed requests to the review page: HTTP, WebSocket and the page's own messages.

    python benchmarks/fuzz_page.py --requests 2000 --seed 0 [-o fuzz_page.json]

A page with a plan is served in this process (`tests/abuse/page_requests.py`). Heads that are wrong must be
refused by 4xx in one line; whatever else is sent, nothing is decided, nothing logs a traceback, and the page
serves on.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from tests.abuse import page_requests as asked

from rafr.files import written_whole

_EVERY = 50  # requests between looks at whether the page serves on
_AT_ONCE = 300  # connections


class Tracebacks(logging.Handler):
    """Counts what is logged with a traceback."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or "\n" in record.getMessage():
            self.found.append(record.getMessage()[:200])


def main() -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--requests", type=int, default=2000, help="of each kind but the listed heads")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--out", type=Path, default=Path("fuzz_page.json"))
    args = parser.parse_args()
    log = Tracebacks()
    logging.getLogger().addHandler(log)
    threading.excepthook = lambda hook: log.found.append(f"thread: {hook.exc_value}")
    with tempfile.TemporaryDirectory() as folder:
        abused = asked.Abused(Path(folder))
        try:
            rows = _abuse(abused, args.requests, np.random.default_rng(args.seed))
        finally:
            abused.close()
    rows["tracebacks"] = {"requests": 0, "defects": log.found}
    with written_whole(args.out) as part:
        part.write_text(json.dumps({"seed": args.seed, "kinds": rows}, indent=1) + "\n", encoding="utf-8")
    for kind, row in rows.items():
        print(f"{kind:24s} {row['requests']:6d} {len(row['defects']):4d}", *row["defects"][:3], sep="\n    ")
    return 1 if any(row["defects"] for row in rows.values()) else 0


def _abuse(abused: asked.Abused, count: int, rng: np.random.Generator) -> dict[str, Any]:
    target = abused.target
    rows: dict[str, Any] = {}

    def many(kind: str, times: int, one: Any) -> None:
        defects = []
        for k in range(times):
            defect = one(k)
            defects += [defect] if defect else []
            if k % _EVERY == 0 and (problem := abused.problem()):
                defects.append(f"after {k}: {problem}")
        problem = abused.problem()
        rows[kind] = {"requests": times, "defects": [*defects, *([problem] if problem else [])]}

    def said(outcome: asked.Asked) -> str:
        return f"{outcome.what}: {outcome.defect}" if outcome.defect else ""

    many("listed heads", len(asked.HEADS), lambda k: said(asked.ask(target, asked.HEADS[k])))
    many("damaged heads", count, lambda _: said(asked.ask_damaged(target, rng)))
    many("damaged frames", count, lambda _: said(asked.send_frames(target, rng)))
    many("damaged messages", count, lambda _: (abused.send(rng), "")[1])
    many("connections at once", 1, lambda _: asked.crowd(target, _AT_ONCE))
    return rows


if __name__ == "__main__":
    sys.exit(main())

"""Damaged inputs before every reader of rafr: accepted, refused in one line, or a defect.

    python benchmarks/fuzz.py --inputs 10000 --seed 0 [-o fuzz.json] [--only NAME,…] [--seconds 200]

Each reader (`tests/abuse/readers.py`) works in a process of its own with limits of time and memory, so that a
crash of compiled code is found, too, and what comes after it is tried. Counts are kept in the output as they
grow: an interrupted run goes on where it was. Input k of a reader is the same for the same seed.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.abuse.judge import MOST_SECONDS, Trial
from tests.abuse.readers import READERS, Reader

from rafr.files import written_whole

_SILENT = 4 * MOST_SECONDS  # s of wall time without a result: compiled code hangs
_KEPT_DEFECTS = 200
_HUNG = -1
_BROKEN = 3  # exit code of a worker whose sound input is refused


def main() -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--inputs", type=int, default=10_000, help="in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--out", type=Path, default=Path("fuzz.json"))
    parser.add_argument("--only", default="", help="readers, separated by commas")
    parser.add_argument(
        "--seconds", type=float, default=1e9, help="stop after this wall time; call again to go on"
    )
    args = parser.parse_args()
    end = time.monotonic() + args.seconds
    chosen = [r for r in READERS if not args.only or r.name in args.only.split(",")]
    shares = sum(r.share for r in chosen)
    counts = _earlier(args.out, args.seed)
    for reader in chosen:
        wanted = -int(-args.inputs * reader.share // shares)
        row = counts.setdefault(reader.name, {"inputs": 0, "accepted": 0, "refused": 0, "defects": []})
        while row["inputs"] < wanted and time.monotonic() < end:
            _work(reader, args.seed, row, wanted, end)
            _save(args.out, args.seed, counts)
        print(_line(reader.name, row), flush=True)
    _summary(counts)
    return 1 if any(row["defects"] for row in counts.values()) else 0


def _work(reader: Reader, seed: int, row: dict[str, Any], wanted: int, end: float) -> None:
    """Let a process work on from the row's count until it is done, dies or hangs."""
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(readable)
        _child(reader, seed, row["inputs"], wanted, writable)
    os.close(writable)
    with os.fdopen(readable, "rb", buffering=0) as results:
        rest = b""
        while time.monotonic() < end:
            if not select.select([results], [], [], _SILENT)[0]:
                break
            data = results.read(1 << 16)
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                _count(row, *json.loads(line))
    over, status = os.waitpid(pid, os.WNOHANG) if time.monotonic() >= end else (0, 0)
    if not over:
        if time.monotonic() >= end:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return
        time.sleep(0.05)
        over, status = os.waitpid(pid, os.WNOHANG)
        if not over:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            status = _HUNG
    if status not in (0, _HUNG) and os.waitstatus_to_exitcode(status) == _BROKEN:
        sys.exit(f"{reader.name}: its sound input is not read")
    if status and row["inputs"] < wanted:
        text = "hangs" if status == _HUNG else f"ends the process (wait status {status})"
        _count(row, "defect", f"input {row['inputs']}", text)


def _child(reader: Reader, seed: int, first: int, wanted: int, writable: int) -> None:
    code = 0
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        with tempfile.TemporaryDirectory() as folder, os.fdopen(writable, "wb", buffering=0) as results:
            trial = Trial(reader, Path(folder), seed)
            for k in range(first, wanted):
                results.write(json.dumps(trial.run(k)).encode() + b"\n")
    except BaseException:
        import traceback

        traceback.print_exc()
        code = _BROKEN
    finally:
        os._exit(code)


def _count(row: dict[str, Any], verdict: str, mutation: str, text: str) -> None:
    if verdict == "defect":
        row["defects"] = [*row["defects"], {"input": row["inputs"], "mutation": mutation, "text": text}][
            :_KEPT_DEFECTS
        ]
    else:
        row[verdict] += 1
    row["inputs"] += 1


def _earlier(out: Path, seed: int) -> dict[str, Any]:
    if not out.is_file():
        return {}
    found = json.loads(out.read_text(encoding="utf-8"))
    if found["seed"] != seed:
        sys.exit(f"{out} is of seed {found['seed']}: give another -o")
    readers: dict[str, Any] = found["readers"]
    return readers


def _save(out: Path, seed: int, counts: dict[str, Any]) -> None:
    with written_whole(out) as part:
        part.write_text(json.dumps({"seed": seed, "readers": counts}, indent=1) + "\n", encoding="utf-8")


def _line(name: str, row: dict[str, Any]) -> str:
    return f"{name:28s} {row['inputs']:6d} {row['accepted']:6d} {row['refused']:6d} {len(row['defects']):4d}"


def _summary(counts: dict[str, Any]) -> None:
    print(f"\n{'':28s} {'inputs':>6s} {'accept':>6s} {'refuse':>6s} defects")
    total: dict[str, Any] = {"inputs": 0, "accepted": 0, "refused": 0, "defects": []}
    for name, row in sorted(counts.items()):
        print(_line(name, row))
        for key in total:
            total[key] += row[key]
        seen: dict[str, int] = {}
        for defect in row["defects"]:
            seen[defect["text"][:110]] = seen.get(defect["text"][:110], 0) + 1
        for text, times in sorted(seen.items(), key=lambda item: -item[1])[:8]:
            print(f"    {times:3d}x {text}")
    print(_line("all", total))


if __name__ == "__main__":
    sys.exit(main())

"""The `rafr` command: one module per sub-command, errors as one line and exit code 2."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from typing import Any

from rafr import __version__
from rafr.errors import RafrError

# name -> (module with `configure(parser)` and `run(args) -> int`, one-line help)
COMMANDS = {
    "sim": ("rafr.cli.sim", "run the whole procedure in a simulator"),
    "case": ("rafr.cli.case", "make, simulate and show case folders"),
    "register": ("rafr.cli.register", "register the CT of every body to the CBCT"),
    "plan": ("rafr.cli.plan", "find target and path of every fragment"),
    "export": ("rafr.cli.export", "write a case and its plan for other programs"),
    "xray": ("rafr.cli.xray", "radiographs of a case: before, as planned, as achieved"),
    "trajectory": ("rafr.cli.trajectory", "optimise base docking and arm trajectory"),
    "fixation": ("rafr.cli.fixation", "compare fixation schemes by finite elements"),
    "campaign": ("rafr.cli.campaign", "operate on many virtual patients: statistics and report"),
    "risk": ("rafr.cli.risk", "how heavy people lift, from EMG and IMU: simulate, train, evaluate, monitor"),
    "calibrate": ("rafr.cli.calibrate", "calibrate tracked tools: pivot, phantom, hand-eye, camera"),
    "bench": ("rafr.cli.bench", "measure speed and accuracy, beside other programs in the same run"),
    "report": ("rafr.cli.report", "make the document of an operation again"),
    "replay": ("rafr.cli.replay", "show a recorded operation on the review page"),
    "review": ("rafr.cli.review", "open the review page of a case"),
}
# what no command can know before: rights, and a disk that is full or fails
_OF_THE_MACHINE = (
    errno.EACCES,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.ENOSPC,
    errno.EPERM,
    errno.EROFS,
)
EXIT_DONE, EXIT_NOT_ACCEPTABLE, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 0, 1, 2, 130


def main(argv: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if argv is None else argv
    args = parser_for(arguments).parse_args(arguments)
    try:
        return int(args.run(args))
    except RafrError as error:
        print(f"rafr {args.command}: {' '.join(str(error).split())}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except MemoryError:
        print(f"rafr {args.command}: there is not enough memory for it", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("rafr: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # the reader of a pipe (head, less) went away; silence the flush at exit too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    except OSError as error:
        if error.errno not in _OF_THE_MACHINE:
            raise  # a defect
        where = f"{error.filename}: " if error.filename else ""
        print(f"rafr {args.command}: {where}{(error.strerror or '').lower()}", file=sys.stderr)
        return EXIT_BAD_INPUT


def parser_for(arguments: list[str]) -> argparse.ArgumentParser:
    """The parser of the whole command line, of which only the command in `arguments` knows its options."""
    parser = argparse.ArgumentParser(
        prog="rafr",
        description="Robot-assisted fracture reduction: from CT to the reduced pelvis. "
        "Research software, not a medical device.",
    )
    parser.add_argument("--version", action="version", version=f"rafr {__version__}")
    commands: Any = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = next((a for a in arguments if a in COMMANDS), None)
    for name, (module, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        # only the chosen command's module is imported: start-up stays quick
        if name == chosen:
            loaded = importlib.import_module(module)
            loaded.configure(command)
            command.set_defaults(run=loaded.run)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())

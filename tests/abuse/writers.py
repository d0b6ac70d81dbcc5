"""Every kind of writer, and what must hold of its folder whenever it was stopped."""

from __future__ import annotations

import contextlib
import itertools
import os
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rafr.errors import RafrError

from . import seeds

_TOPIC = "/rafr/tracker/raw"
_NOBODY = 65534


@dataclass(frozen=True)
class Writer:
    """One writer.

    Attributes:
        write: writes version k into the folder; called again and again.
        problem: what is half-written in the folder; "" if nothing.
    """

    name: str
    write: Callable[[Path, int], None]
    problem: Callable[[Path], str]


class End(NamedTuple):
    """How one attempt ended: versions written before, what the writer said, what is wrong with its folder."""

    written: int
    said: str
    problem: str


def _image(k: int) -> Any:
    from rafr.imaging.volume import Volume

    rng = np.random.default_rng(k)
    array = rng.integers(-1000, 2000, (24, 40, 40)).astype(np.int16)
    array[0] = k % 1000
    return Volume(array, np.zeros(3), np.ones(3), np.eye(3))


def _write_image(suffix: str) -> Callable[[Path, int], None]:
    def write(folder: Path, k: int) -> None:
        from rafr.imaging.volume import write_volume

        write_volume(folder / f"image{suffix}", _image(k))

    return write


def _image_problem(folder: Path) -> str:
    from rafr.imaging.readers import read_volume

    for path in _shown(folder):
        found = read_volume(path).array
        if not np.array_equal(found, _image(int(found[0, 0, 0])).array):
            return f"{path.name} is none of the images written"
    return ""


def _import_case(folder: Path, k: int) -> None:
    from rafr.cases.importer import import_case
    from rafr.imaging.volume import Volume, write_volume

    beside = folder.with_name(f"{folder.name}-source")
    if not (beside / "labels.nii.gz").is_file():
        beside.mkdir(exist_ok=True)
        array = np.zeros((16, 20, 40), np.uint8)
        array[4:12, 4:16, 16:24], array[4:12, 4:16, 27:37], array[4:12, 4:16, 3:13] = 1, 11, 21
        labels = Volume(array, np.array([-60.0, 0.0, 0.0]), np.full(3, 3.0), np.eye(3))
        write_volume(beside / "ct.nii.gz", labels.with_array(array.astype(np.int16) * 50))
        write_volume(beside / "labels.nii.gz", labels)
    import_case(beside / "ct.nii.gz", beside / "labels.nii.gz", folder / f"case-{k}")


def _cases_problem(folder: Path) -> str:
    from rafr.cases.case import load_case
    from rafr.cases.load import load_ct, load_labels

    for path in _shown(folder):
        case = load_case(path)
        load_labels(case)
        load_ct(case)
    return ""


def _save_case(folder: Path, k: int) -> None:
    from dataclasses import replace

    from rafr.cases.case import load_case, save_case

    if not (folder / "case.yaml").is_file():
        seeds.case_file(folder)
    save_case(replace(load_case(folder), description=f"{k} " + "x" * 20_000))


def _case_problem(folder: Path) -> str:
    from rafr.cases.case import load_case

    if (folder / "case.yaml").exists():
        load_case(folder)
    return ""


def _write_plan(folder: Path, k: int) -> None:
    from rafr.cli.output import write_json

    write_json(folder / "plan.json", seeds.reduction_plan().to_json() | {"method": f"{k} " + "x" * 20_000})


def _plan_problem(folder: Path) -> str:
    from rafr.planning.plan_file import read_plan

    beside = folder.with_name(f"{folder.name}-case")
    beside.mkdir(exist_ok=True)
    for path in _shown(folder):
        read_plan(path, seeds.case(beside))
    return ""


def _write_truth(folder: Path, k: int) -> None:
    seeds.truth(folder)


def _truth_problem(folder: Path) -> str:
    from rafr.cases.truth import read_truth

    for path in _shown(folder):
        read_truth(path)
    return ""


def _cache(folder: Path, k: int) -> None:
    from rafr.npz_cache import write_cached

    write_cached(folder / f"{k % 3}.npz", 10, values=np.random.default_rng(k).random(5000), k=np.array(k))


def _cache_problem(folder: Path) -> str:
    from rafr.npz_cache import read_cached

    def same(stored: Any) -> bool:
        return bool(np.array_equal(stored["values"], np.random.default_rng(int(stored["k"])).random(5000)))

    wrong = [p.name for p in _shown(folder) if read_cached(p, same) is not True]
    return f"{wrong[0]} is none of the files written" if wrong else ""


def _mesh(folder: Path, k: int) -> None:
    from rafr.geometry import write_mesh

    write_mesh(folder / f"bone{('.stl', '.ply', '.obj')[k % 3]}", seeds.ball((float(k % 7), 0.0, 0.0)))


def _mesh_problem(folder: Path) -> str:
    from rafr.geometry import read_mesh

    wrong = [p.name for p in _shown(folder) if len(read_mesh(p).faces) != 320]
    return f"{wrong[0]} lacks triangles" if wrong else ""


_OPEN: dict[Path, Any] = {}  # the recording of each folder, in the writing process


def _record(folder: Path, k: int) -> None:
    """A hundred messages and a flush; how many are safe is kept beside."""
    from rafr.review.recording import Recording, typestore

    if folder not in _OPEN:
        types = typestore()
        _OPEN[folder] = Recording(folder / "recording", types), types
        _OPEN[folder][0].add(_TOPIC, "std_msgs/msg/UInt64")
    made, types = _OPEN[folder]
    number = types.types["std_msgs/msg/UInt64"]
    for i in range(100 * k, 100 * (k + 1)):
        made.write(_TOPIC, 10**18 + i, types.serialize_cdr(number(i), "std_msgs/msg/UInt64"))
    made.flush()
    counter = folder.with_name(f"{folder.name}-safe")
    with counter.open("ab") as stream:
        stream.write(b".")  # one byte cannot be half-written


def _recording_problem(folder: Path) -> str:
    """In order, without a gap, and no fewer than were flushed."""
    from rafr.review.recording import read_recording, typestore

    counter = folder.with_name(f"{folder.name}-safe")
    safe = 100 * counter.stat().st_size if counter.is_file() else 0
    recording = folder / "recording"
    if not any(recording.glob("*.mcap")):
        return "" if not safe else "the recording has gone"
    found = [message.data for _, _, message in read_recording(recording, typestore())]
    if found != list(range(len(found))):
        return "messages are missing between others"
    return "" if len(found) >= safe else f"{len(found)} messages of {safe} that were flushed"


def _shown(folder: Path) -> list[Path]:
    """What a person sees there; hidden names are what a killed process could not take away."""
    return sorted(p for p in folder.iterdir() if not p.name.startswith("."))


WRITERS = (
    Writer("case by import", _import_case, _cases_problem),
    Writer("case.yaml", _save_case, _case_problem),
    Writer("image .nii.gz", _write_image(".nii.gz"), _image_problem),
    Writer("image .nrrd", _write_image(".nrrd"), _image_problem),
    Writer("image .mha", _write_image(".mha"), _image_problem),
    Writer("plan", _write_plan, _plan_problem),
    Writer("truth", _write_truth, _truth_problem),
    Writer("cached arrays", _cache, _cache_problem),
    Writer("mesh", _mesh, _mesh_problem),
    Writer("recording", _record, _recording_problem),
)


def prepare() -> None:
    """Import once what every attempt would import again; nothing of it may start threads before a fork."""
    import SimpleITK
    import trimesh

    import rafr.cases.importer
    import rafr.cases.load
    import rafr.cli.output
    import rafr.planning.plan_file
    import rafr.review.recording

    assert all((rafr, SimpleITK, trimesh))


def killed(writer: Writer, folder: Path, seconds: float) -> End:
    """Let it write for so long, kill it, and look at what is there."""
    folder.mkdir()
    pid, results = _forked(lambda tell: _endlessly(writer, folder, tell))
    with os.fdopen(results, "rb", buffering=0) as stream:
        begun = len(stream.read(1))  # what takes its time at first is over
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        written = begun + len(stream.read())
    return End(written, "killed", _examined(writer, folder))


def _endlessly(writer: Writer, folder: Path, tell: Callable[[bytes], int]) -> None:
    for k in itertools.count():
        writer.write(folder, k)
        tell(b"w")


def starved(writer: Writer, folder: Path, how: str, amount: int) -> End:
    """Let it write once, then more with too little disk (of a file) or memory (bytes), or without rights."""
    folder.mkdir()

    def work(tell: Callable[[bytes], int]) -> None:
        said = ""
        try:
            writer.write(folder, 0)
            _starve(how, amount, folder)
            for k in range(1, 4):
                writer.write(folder, k)
        except (RafrError, OSError, MemoryError, RuntimeError) as error:
            said = f"{type(error).__name__}: {' '.join(str(error).split())[:150]}"
        tell(said.encode())

    pid, results = _forked(work)
    with os.fdopen(results, "rb") as stream:
        said = stream.read().decode()
    status = os.waitpid(pid, 0)[1]
    problem = f"the process ended with status {status}" if status else _examined(writer, folder)
    return End(1, said, problem)


def _starve(how: str, amount: int, folder: Path) -> None:
    if how == "disk":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (amount, amount))
    elif how == "memory":
        pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + amount,) * 2)
    else:
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        if os.geteuid() == 0:  # root may write all the same
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)


def _examined(writer: Writer, folder: Path) -> str:
    """The problem of the folder, found in a process of its own: the one that forks starts no threads."""

    def look(tell: Callable[[bytes], int]) -> None:
        try:
            tell(writer.problem(folder).encode())
        except Exception as error:
            tell(f"{type(error).__name__}: {error}".encode())

    pid, results = _forked(look)
    with os.fdopen(results, "rb") as stream:
        problem = stream.read().decode()
    status = os.waitpid(pid, 0)[1]
    return problem or (f"looking at it ended with status {status}" if status else "")


def _forked(work: Callable[[Callable[[bytes], int]], None]) -> tuple[int, int]:
    """Process id, and where what it tells can be read."""
    readable, writable = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writable)
        return pid, readable
    code = 1
    try:
        os.close(readable)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        work(lambda data: os.write(writable, data))
        code = 0
    finally:
        with contextlib.suppress(BaseException):
            os.close(writable)
        os._exit(code)

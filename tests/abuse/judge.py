"""One damaged input before a reader: accepted, refused in one line, or a defect."""

from __future__ import annotations

import dataclasses
import math
import resource
import signal
import traceback
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rafr.geometry import RigidTransform
from rafr.imaging.volume import Volume

from .message_mutations import changed_message
from .mutations import mutated
from .readers import Reader

MOST_SECONDS = 5.0  # CPU, of one input
MOST_BYTES = 1 << 30  # of memory beyond what the process has
_LONGEST_LINE = 2000


class Outcome(NamedTuple):
    """`verdict` accepted | refused | defect; `mutation` and `text` say what was done and what came of it."""

    verdict: str
    mutation: str
    text: str


class TooSlowError(BaseException):
    """Not an Exception: no reader may swallow it."""


class Trial:
    """A reader with its sound input in a folder; `run(k)` depends on the seed and k alone."""

    def __init__(self, reader: Reader, folder: Path, seed: int) -> None:
        self._reader, self._seed = reader, seed
        self._sound = reader.make(folder)
        self._path = self._sound if isinstance(self._sound, Path) else None
        self._content = b"" if self._path is None else self._path.read_bytes()
        self._whole = list(_leaves(reader.read(self._sound)))
        problem = next((p for p in map(_unsound, self._whole) if p), "")
        assert not problem, f"{reader.name}: its own seed is unsound: {problem}"

    def run(self, number: int) -> Outcome:
        rng = np.random.default_rng([self._seed, zlib.crc32(self._reader.name.encode()), number])
        if self._path is None:
            mutation, given = changed_message(self._sound, rng)
        else:
            mutation, content = mutated(self._content, self._reader.kind, rng)
            self._path.write_bytes(content)
            given = self._path
        try:
            with limits(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value = self._reader.read(given)
                return Outcome(*self._accepted(mutation, value))
        except self._reader.errors as error:
            problem = self._badly_said(error)
            return Outcome("defect" if problem else "refused", mutation, problem or str(error)[:200])
        except TooSlowError:
            return Outcome("defect", mutation, f"took more than {MOST_SECONDS:g} s")
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)
            ours = next((f for f in reversed(place) if "/rafr/" in f.filename), place[-1])
            where = f"{Path(ours.filename).name}:{ours.lineno}"
            return Outcome(
                "defect", mutation, f"{type(error).__name__} at {where}: {' '.join(str(error)[:150].split())}"
            )

    def _accepted(self, mutation: str, value: Any) -> tuple[str, str, str]:
        leaves = list(_leaves(value))
        problem = next((p for p in map(_unsound, leaves) if p), "") or self._reader.unsound(value)
        if not problem and mutation == "cut" and self._reader.whole and not _same(leaves, self._whole):
            problem = "a file cut short was taken for whole"
        return ("defect", mutation, f"accepted: {problem}") if problem else ("accepted", mutation, "")

    def _badly_said(self, error: BaseException) -> str:
        text = str(error)
        if "\n" in text or not text.replace("\xa0", " ").isprintable():
            return f"not one line: {text[:80]!r}"
        if len(text) > _LONGEST_LINE:
            return f"a line of {len(text)} characters: {text[:80]!r}"
        if self._path is not None and self._reader.names_file and not self._names(text):
            return f"does not name the file: {text[:120]!r}"
        return ""

    def _names(self, text: str) -> bool:
        assert self._path is not None
        return self._path.name in text or self._path.parent.name in text


@contextmanager
def limits() -> Iterator[None]:
    """CPU time and memory that one input may take."""

    def late(*_: object) -> None:
        raise TooSlowError

    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    old = signal.signal(signal.SIGPROF, late)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MOST_BYTES, before[1]))
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, old)
        resource.setrlimit(resource.RLIMIT_AS, before)


def _leaves(value: Any) -> Iterator[Any]:
    """Everything a value is made of: numbers, texts, arrays, motions, images."""
    if isinstance(value, RigidTransform | Volume):
        yield value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _leaves(getattr(value, field.name))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from (key, *_leaves(inner))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value


def _unsound(leaf: Any) -> str:
    if isinstance(leaf, RigidTransform):
        R = leaf.rotation
        proper = np.abs(R @ R.T - np.eye(3)).max() < 1e-5 and np.linalg.det(R) > 0
        return "" if proper and np.isfinite(leaf.translation).all() else f"no proper motion {leaf.matrix}"
    if isinstance(leaf, Volume):
        return _unsound_volume(leaf)
    if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f":
        return "" if np.isfinite(leaf).all() else "an array that is not finite"
    if isinstance(leaf, float):
        return "" if math.isfinite(leaf) else f"the number {leaf}"
    return ""


def _unsound_volume(volume: Volume) -> str:
    D = volume.direction
    if volume.array.ndim != 3 or (volume.array.dtype.kind == "f" and not np.isfinite(volume.array).all()):
        return "voxels that are not finite or no 3-D image"
    if not (
        np.isfinite(volume.origin).all() and np.isfinite(volume.spacing).all() and (volume.spacing > 0).all()
    ):
        return f"origin {volume.origin}, spacing {volume.spacing}"
    return "" if np.abs(D @ D.T - np.eye(3)).max() < 1e-3 else f"axes that are not orthonormal {D.tolist()}"


def _same(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(_equal(x, y) for x, y in zip(a, b, strict=True))


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, RigidTransform):
        return isinstance(b, RigidTransform) and np.array_equal(a.matrix, b.matrix)
    if isinstance(a, Volume):
        return (
            isinstance(b, Volume) and np.array_equal(a.array, b.array) and np.array_equal(a.origin, b.origin)
        )
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and np.array_equal(a, b)
    return bool(a == b)

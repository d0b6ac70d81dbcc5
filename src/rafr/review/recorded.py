"""A recorded run on one time axis: any moment of it is found at once.

The recording's clock becomes the seconds of the replay; what is asked for at a time is decoded then
(`rafr.review.mcap_index`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rafr.errors import InputError
from rafr.progress import Progress, part_of, silent
from rafr.review.mcap_index import EXPECTED, McapIndex, Topic
from rafr.review.recording import recordings

_NS = 1e-9


def mcap_files(run: Path) -> list[Path]:
    """The files of a run's recordings, oldest first; `run` may be a recording's own folder.

    Raises:
        InputError: there are none.
    """
    if not run.is_dir():
        raise InputError(run, "no such folder", "the folder of a run, with its recording")
    files = [file for folder in [*recordings(run), run] for file in sorted(folder.glob("*.mcap"))]
    if not files:
        raise InputError(run, "no recording/*.mcap in it", EXPECTED)
    return files


class Recorded:
    """All recordings of a run as one.

    Attributes:
        run: folder.
        duration: s.
    """

    def __init__(
        self, run: Path, topics: Sequence[str], namespace: str = "", progress: Progress = silent
    ) -> None:
        """Note where the messages of `topics` are; those without a leading `/` are in the namespace.

        Raises:
            InputError: a file that cannot be read, or none of these topics in any of them.
        """
        self.run = run
        self._topics = {name: Topic(name) for name in topics}
        wanted = {n if n.startswith("/") else f"{namespace}/{n}": t for n, t in self._topics.items()}
        self._index = McapIndex(wanted)
        self.duration = 0.0
        files = mcap_files(run)
        sizes = [file.stat().st_size for file in files]
        for k, file in enumerate(files):
            begin, end = sum(sizes[:k]) / max(sum(sizes), 1), sum(sizes[: k + 1]) / max(sum(sizes), 1)
            self._index.walk(file, part_of(progress, begin, end))
        for topic in self._topics.values():
            topic.finish()
        if not any(len(topic) for topic in self._topics.values()):
            if self.damage:
                raise self.damage[0]
            raise InputError(files[0], f"no message on {', '.join(list(wanted)[:3])}, …", EXPECTED)

    @property
    def damage(self) -> list[InputError]:
        """Parts that had to be left out."""
        return self._index.damage

    def __contains__(self, topic: str) -> bool:
        return topic in self._topics

    def __getitem__(self, topic: str) -> Topic:
        return self._topics[topic]

    def message(self, topic: str, i: int) -> Any:
        """A message, decoded.

        Raises:
            InputError: it cannot be decoded.
        """
        return self._index.message(self._topics[topic], i)

    def last(self, topic: str, t: float) -> Any:
        """The last message until t (s), decoded; None where there was none yet."""
        i = self._topics[topic].last(t)
        return None if i < 0 else self.message(topic, i)

    def set_clock(self, topic: str) -> None:
        """Count time as the stamps of this topic's messages do, 0 at the first; without any, as written.

        A simulation is slower or faster than the wall's clock, and a hand would see it stutter.
        """
        clock = self._topics[topic]
        logged, stamps = np.asarray(clock.logged), np.array(list(self._stamps(clock)))
        if not len(stamps) or stamps[-1] <= stamps[0]:
            every = np.concatenate([topic.logged for topic in self._topics.values()])
            logged, stamps = every[[every.argmin(), every.argmax()]], np.zeros(2)
            stamps[1] = (logged[1] - logged[0]) * _NS
        # a clock that was set back goes on from where it was
        shown = np.concatenate([[0.0], np.cumsum(np.maximum(np.diff(stamps), 0.0))])
        self._clock = (logged - logged[0]) * _NS, shown, int(logged[0])
        for each in self._topics.values():
            each.times = np.interp((each.logged - logged[0]) * _NS, *self._clock[:2])
        self.duration = float(shown[-1])

    def time_of(self, logged: float) -> float:
        """s of the replay for a time the recorder's clock showed, s since 1970."""
        since, shown, first = self._clock
        return float(np.interp(logged - first * _NS, since, shown))

    def thin(self, topic: str, rate: float) -> None:
        """Keep no more messages than this in a second of the replay (Hz)."""
        slots = np.floor(self._topics[topic].times * rate)
        self._topics[topic].keep(np.diff(slots, prepend=-1.0) > 0)

    def close(self) -> None:
        self._index.close()

    def _stamps(self, topic: Topic) -> Iterator[float]:
        """Times in the headers, s."""
        for i in range(len(topic)):
            s, ns = self._index.stamp(topic, i)
            yield s + ns * _NS

"""MCAP recordings: written so that what was flushed survives a crash, read back without ROS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rosbags.interfaces import Connection, Qos
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from rafr.errors import InputError

_FOLDER = "recording"
_METADATA = "metadata.yaml"  # written when a recording is closed


def recordings(out: Path) -> list[Path]:
    """The recordings in a run's folder, oldest first: a recorder that was started again begins another."""
    found = {path: path.name.removeprefix(_FOLDER).removeprefix("_") for path in out.glob(f"{_FOLDER}*")}
    numbered = {path: int(number or 1) for path, number in found.items() if (number or "1").isdecimal()}
    return sorted(numbered, key=lambda path: numbered[path])


def next_recording(out: Path) -> Path:
    """The folder of the next recording of a run."""
    count = len(recordings(out))
    return out / (f"{_FOLDER}_{count + 1}" if count else _FOLDER)


def typestore(message_folders: Sequence[Path] = ()) -> Typestore:
    """Jazzy's message types and those of the given folders `<package>/msg` holding .msg files."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for folder in message_folders:
        package = folder.parent.name
        for path in sorted(folder.glob("*.msg")):
            store.register(get_types_from_msg(path.read_text(encoding="utf-8"), f"{package}/msg/{path.stem}"))
    return store


class Recording:
    """Writes serialised messages to `<folder>/<name>.mcap`; the folder must not exist yet."""

    def __init__(self, folder: Path, types: Typestore) -> None:
        if folder.exists():
            raise InputError(folder, "the folder exists already", "a new folder for the recording")
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._types = types
        # version of the metadata file: ROS 2 Jazzy's
        self._writer = Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        self._connections: dict[str, Connection] = {}
        self._unflushed = 0
        self.count = 0

    def knows(self, message_type: str) -> bool:
        """Whether messages of this type can be recorded (its definition is at hand)."""
        return message_type in self._types.types

    def add(self, topic: str, message_type: str, qos: Sequence[Qos] = ()) -> None:
        """Make a topic known; its messages may follow."""
        self._connections[topic] = self._writer.add_connection(
            topic, message_type, typestore=self._types, offered_qos_profiles=qos
        )

    def write(self, topic: str, stamp_ns: int, data: bytes) -> None:
        """Add one serialised message (CDR)."""
        self._writer.write(self._connections[topic], stamp_ns, data)
        self._unflushed += 1
        self.count += 1

    def flush(self) -> None:
        """Bring everything onto the disk; a reader needs no index to find it there after a crash."""
        storage: Any = self._writer.storage
        if storage is None or not self._unflushed:
            return
        storage.close_chunk()
        storage.bio.flush()
        self._unflushed = 0

    def close(self) -> None:
        """Write index and metadata; does nothing the second time."""
        if self._writer.storage is not None:
            self._writer.close()


def read_recording(
    folder: Path, types: Typestore, topics: Sequence[str] = ()
) -> Iterator[tuple[str, float, Any]]:
    """(topic, s, message) of a recording in order of time; `topics` empty = all.

    Of one that was never closed (its recorder was killed) everything that was flushed.

    Raises:
        InputError: the folder holds no readable recording.
    """
    from rosbags.highlevel import AnyReader

    files = sorted(folder.glob("*.mcap"))
    if len(files) == 1 and not (folder / _METADATA).is_file():
        yield from _read_unclosed(files[0], types, topics)
        return
    try:
        with AnyReader([folder], default_typestore=types) as reader:
            chosen = [c for c in reader.connections if not topics or c.topic in topics]
            for connection, stamp, data in reader.messages(chosen):
                yield connection.topic, stamp * 1e-9, reader.deserialize(data, connection.msgtype)
    except Exception as error:  # the library's decoders raise whatever they stumble over
        raise _unreadable(folder, error) from None


def _read_unclosed(path: Path, types: Typestore, topics: Sequence[str]) -> Iterator[tuple[str, float, Any]]:
    """What can be read from the beginning of a file without its end."""
    from mcap.exceptions import EndOfFile
    from mcap.reader import NonSeekingReader

    with path.open("rb") as stream:
        messages = NonSeekingReader(stream).iter_messages(list(topics) or None, log_time_order=False)
        while True:
            try:
                schema, channel, message = next(messages)
                if schema is None or schema.name not in types.types:
                    continue
                data = types.deserialize_cdr(message.data, schema.name)
            except (StopIteration, EndOfFile):
                return
            except Exception as error:  # as above
                raise _unreadable(path, error) from None
            yield channel.topic, message.log_time * 1e-9, data


def _unreadable(path: Path, error: Exception) -> InputError:
    problem = f"cannot be read ({type(error).__name__}: {error})"
    return InputError(path, problem, "an undamaged MCAP recording of rafr sim")

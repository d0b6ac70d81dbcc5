"""Which messages MCAP files hold, and where in them.

Files are walked through once and only the places of the wanted messages are noted; a message is decoded when
it is asked for. Files of a recorder that was killed are read as far as they go.
"""

from __future__ import annotations

import contextlib
import functools
import mmap
import struct
import zlib
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, Schema
from mcap.stream_reader import get_chunk_data_stream
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.progress import Progress

EXPECTED = "an MCAP recording of rafr sim"
_MAGIC = b"\x89MCAP0\r\n"
_RECORD = struct.Struct("<BQ")  # kind and length of a record
_MESSAGE = struct.Struct("<HIQQ")  # channel, number, times of log and publication (ns)
_STAMP = {0: ">iI", 1: "<iI"}  # s and ns at the head of a message, by the second byte of its encapsulation
_OPEN_BLOCKS = 8  # decompressed ones kept at hand


@dataclass(slots=True, eq=False)
class Topic:
    """The messages of one topic: when they were written and where they are.

    Attributes:
        logged: (n,) ns since 1970, ascending.   times: (n,) s of the replay.
    """

    name: str
    logged: Any = field(default_factory=lambda: array("q"))
    times: FloatArray = field(default_factory=lambda: np.zeros(0))
    _blocks: Any = field(default_factory=lambda: array("q"))
    _offsets: Any = field(default_factory=lambda: array("q"))
    _lengths: Any = field(default_factory=lambda: array("q"))
    _types: Any = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        return len(self.logged)

    def note(self, logged: int, kind: int, block: int, offset: int, length: int) -> None:
        """One more message: when, of which type, in which block, and where there (bytes)."""
        self.logged.append(logged)
        self._types.append(kind)
        self._blocks.append(block)
        self._offsets.append(offset)
        self._lengths.append(length)

    def finish(self) -> None:
        """In order of time, which a recorder's messages have and others' need not."""
        self.keep(np.argsort(np.array(self.logged, dtype=np.int64), kind="stable"))

    def keep(self, chosen: Any) -> None:
        """Only these messages, by number or mask, in this order."""
        for name in ("logged", "_types", "_blocks", "_offsets", "_lengths"):
            setattr(self, name, np.asarray(getattr(self, name), dtype=np.int64)[chosen])
        if len(self.times):
            self.times = self.times[chosen]

    def last(self, t: float) -> int:
        """Number of the last message until t (s); -1: there was none yet."""
        return int(np.searchsorted(self.times, t, side="right")) - 1

    def place(self, i: int) -> tuple[int, int, int, int]:
        """Type, block, offset and length of a message."""
        return int(self._types[i]), int(self._blocks[i]), int(self._offsets[i]), int(self._lengths[i])


class McapIndex:
    """Files walked through one after the other.

    Attributes:
        damage: parts that had to be left out.
    """

    def __init__(self, wanted: Mapping[str, Topic]) -> None:
        """Args: wanted: by full name; their messages are noted in them."""
        self._wanted = wanted
        self._definitions: list[tuple[Typestore, str]] = []  # of the messages' types
        self._blocks: list[_Block] = []
        self._load = functools.lru_cache(maxsize=_OPEN_BLOCKS)(lambda block: self._blocks[block].load())
        self.damage: list[InputError] = []

    def message(self, topic: Topic, i: int) -> Any:
        """A message, decoded.

        Raises:
            InputError: it cannot be decoded.
        """
        kind, block, offset, length = topic.place(i)
        types, name = self._definitions[kind]
        try:
            return types.deserialize_cdr(self._load(block)[offset : offset + length], name)
        except Exception as error:  # the library's decoders raise whatever they stumble over
            problem = f"a message on {topic.name} cannot be decoded ({error!r})"
            raise InputError(self._blocks[block].path, problem, f"{name} as its definition says") from None

    def stamp(self, topic: Topic, i: int) -> tuple[int, int]:
        """s and ns in the header that a message begins with."""
        _, block, offset, _ = topic.place(i)
        data = self._load(block)
        s, ns = struct.unpack_from(_STAMP[data[offset + 1] & 1], data, offset + 4)
        return s, ns

    def close(self) -> None:
        self._load.cache_clear()
        for block in self._blocks:
            with contextlib.suppress(BufferError):
                block.close()

    def walk(self, path: Path, progress: Progress) -> None:
        """Note what one file holds.

        Raises:
            InputError: it cannot be read, or is no MCAP file.
        """
        try:
            data = _mapped(path)
            if data is not None:
                self._walk_through(path, data, progress)
        except OSError as error:
            raise InputError(path, f"cannot be read ({error.strerror})", EXPECTED) from None
        except (McapError, struct.error, UnicodeDecodeError) as error:
            raise InputError(path, f"is damaged ({error})", EXPECTED) from None

    def _walk_through(self, path: Path, data: mmap.mmap, progress: Progress) -> None:
        self._blocks.append(_Block(path, data))
        number = len(self._blocks) - 1
        notes = _Notes({}, {}, get_typestore(Stores.EMPTY))
        for kind, begin, length in _records(data, len(_MAGIC), len(data)):
            if kind != Opcode.CHUNK:
                self._note(notes, path, number, data, kind, begin, length)
                continue
            progress(begin / len(data), path.parent.name)
            try:
                block, chunk, offset, size = self._chunk(path, number, begin, length)
            except InputError as error:
                self.damage.append(error)
                continue
            for inner in _records(chunk, offset, offset + size):
                self._note(notes, path, block, chunk, *inner)

    def _chunk(self, path: Path, number: int, begin: int, length: int) -> tuple[int, Any, int, int]:
        """Block, bytes, and where in them the chunk's records are; one that is not compressed is no copy."""
        data = self._blocks[number].data
        crc, text = struct.unpack_from("<II", data, begin + 24)
        size_at = begin + 32 + text
        (size,) = struct.unpack_from("<Q", data, size_at)
        if size_at + 8 + size > begin + length:
            raise InputError(path, f"the chunk at byte {begin} is damaged", EXPECTED)
        if text:
            self._blocks.append(_Block(path, data, (begin, length)))
            unpacked = self._load(len(self._blocks) - 1)
            return len(self._blocks) - 1, unpacked, 0, len(unpacked)
        if crc and zlib.crc32(data[size_at + 8 : size_at + 8 + size]) != crc:
            raise InputError(path, f"the chunk at byte {begin} is damaged (checksum)", EXPECTED)
        return number, data, size_at + 8, size

    def _note(
        self, notes: _Notes, path: Path, block: int, data: Any, kind: int, begin: int, length: int
    ) -> None:
        if kind == Opcode.MESSAGE:
            channel, _, logged, _ = _MESSAGE.unpack_from(data, begin)
            if channel in notes.channels:
                topic, definition = notes.channels[channel]
                topic.note(logged, definition, block, begin + _MESSAGE.size, length - _MESSAGE.size)
        elif kind == Opcode.SCHEMA:
            schema = Schema.read(ReadDataStream(BytesIO(data[begin : begin + length])))
            notes.schemas[schema.id] = schema
        elif kind == Opcode.CHANNEL:
            found = Channel.read(ReadDataStream(BytesIO(data[begin : begin + length])))
            if found.topic in self._wanted and found.id not in notes.channels:
                notes.channels[found.id] = self._wanted[found.topic], self._define(notes, path, found)

    def _define(self, notes: _Notes, path: Path, channel: Channel) -> int:
        """Learn a message's type from the definition beside it."""
        schema = notes.schemas.get(channel.schema_id)
        if schema is None or schema.encoding != "ros2msg" or channel.message_encoding != "cdr":
            problem = f"{channel.topic} holds {channel.message_encoding or 'nothing'} without a definition"
            raise InputError(path, problem, "CDR with definitions as ROS 2 writes them (ros2msg)")
        try:
            found = get_types_from_msg(schema.data.decode(), schema.name)
            notes.types.register({n: d for n, d in found.items() if n not in notes.types.types})
        except Exception as error:  # the library's parsers raise whatever they stumble over
            problem = f"the definition of {schema.name} is unusable ({error})"
            raise InputError(path, problem, EXPECTED) from None
        self._definitions.append((notes.types, schema.name))
        return len(self._definitions) - 1


@dataclass(slots=True)
class _Notes:
    """What one file has said so far."""

    schemas: dict[int, Schema]
    channels: dict[int, tuple[Topic, int]]
    types: Typestore


@dataclass(slots=True)
class _Block:
    """Bytes that messages lie in: a whole file, or one compressed chunk of it (begin and length there)."""

    path: Path
    data: mmap.mmap
    chunk: tuple[int, int] | None = None

    def load(self) -> Any:
        if self.chunk is None:
            return self.data
        begin, length = self.chunk
        try:
            chunk = Chunk.read(ReadDataStream(BytesIO(self.data[begin : begin + length])))
            stream, size = get_chunk_data_stream(chunk, validate_crc=True)
            return stream.read(size)
        except Exception as error:  # McapError, and what the decompressors raise
            problem = f"the chunk at byte {begin} cannot be unpacked ({error})"
            raise InputError(self.path, problem, EXPECTED) from None

    def close(self) -> None:
        if self.chunk is None:
            self.data.close()


def _mapped(path: Path) -> mmap.mmap | None:
    """A file's bytes; None of one whose recorder was killed before it had begun."""
    with path.open("rb") as stream:
        head = stream.read(len(_MAGIC))
        if head == _MAGIC[: len(head)] and len(head) < len(_MAGIC):
            return None
        if head != _MAGIC:
            raise InputError(path, "is no MCAP file", EXPECTED)
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)


def _records(data: Any, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Kind, begin and length of each whole record; what follows a cut or garbage is not looked at."""
    while begin + _RECORD.size <= end:
        kind, length = _RECORD.unpack_from(data, begin)
        begin += _RECORD.size
        if not Opcode.HEADER <= kind < Opcode.DATA_END or begin + length > end:
            return
        yield kind, begin, length
        begin += length

"""OpenIGTLink messages that carry poses, and where they begin and end in a stream of bytes.

pyigtl parses headers, metadata and TRANSFORM. It knows no TDATA, does not check the CRC, and its POSITION has
another layout than the protocol's (144 bytes with names and colours): these are read here after the public
specification, http://openigtlink.org/developers/spec (version 2: POSITION, TDATA).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyigtl.messages import CRC64, MessageBase, TransformMessage

from rafr.geometry.rigid_transform import FloatArray
from rafr.tracking.drivers.frame import DeviceLostError, Reading, reading_from_mm
from rafr.tracking.gating import pose_or_none
from rafr.units import METRES_PER_MM

POSE_TYPES = ("TRANSFORM", "TDATA", "POSITION")
_HEADER = MessageBase.IGTL_HEADER_SIZE
_CRC = struct.Struct(">Q")
_LARGEST_BODY = 1 << 28  # bytes; more is no OpenIGTLink stream
_TDATA = np.dtype([("name", "S20"), ("kind", "u1"), ("reserved", "u1"), ("matrix", ">f4", 12)])  # 70 bytes
_6D = (1, 2)  # kinds of TDATA that have an orientation: tracker, 6D instrument


@dataclass(frozen=True, slots=True, eq=False)
class PoseMessage:
    """The poses of one message.

    Attributes:
        time: s since 1970 on the sender's clock; None where it sent none.
        whole: the message holds all tools of its moment (TDATA), not just one of them.
        tools: by device name.
    """

    time: float | None
    whole: bool
    tools: Mapping[str, Reading]


class MessageStream:
    """Cuts a stream of bytes into messages; those without poses are skipped."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.broken = 0

    @property
    def begun(self) -> bool:
        """Whether a message has begun and not ended yet."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[PoseMessage]:
        """The pose messages completed by `data`; `broken` counts those whose body is damaged.

        Raises:
            DeviceLostError: the bytes are no OpenIGTLink.
        """
        self._buffer += data
        while len(self._buffer) >= _HEADER:
            header = bytes(self._buffer[:_HEADER])
            fields = _parse_header(header)
            end = _HEADER + fields["body_size"]
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_HEADER:end])
            del self._buffer[:end]
            if fields["message_type"] in POSE_TYPES:
                message = _decode(fields, body, _CRC.unpack_from(header, _HEADER - _CRC.size)[0])
                if message is None:
                    self.broken += 1
                else:
                    yield message


def _parse_header(header: bytes) -> dict[str, Any]:
    try:
        fields: dict[str, Any] = MessageBase.parse_header(header)
    except (UnicodeDecodeError, struct.error):
        fields = {"header_version": 0}
    if fields["header_version"] not in (1, 2) or fields["body_size"] > _LARGEST_BODY:
        raise DeviceLostError("the peer does not speak OpenIGTLink")
    return fields


def _decode(fields: dict[str, Any], body: bytes, crc: int) -> PoseMessage | None:
    """The poses of a body; None where it is damaged."""
    if crc not in (0, CRC64(body)):  # 0: senders that leave it out
        return None
    message = MessageBase()
    content: list[bytes] = []
    message._unpack_content = content.append  # the base class cuts extended header and metadata off
    try:
        message.unpack(fields, body)
        tools = _READERS[message.message_type](message, content[0])
    except (struct.error, ValueError, IndexError, TypeError):
        return None
    time = message.timestamp if message.timestamp > 0 else None
    return PoseMessage(time, message.message_type == "TDATA", tools)


def _transform(message: MessageBase, content: bytes) -> dict[str, Reading]:
    transform = TransformMessage()
    transform._unpack_content(content)
    # PLUS and 3D Slicer say in the metadata (header version 2) whether the tool was seen
    status = message.metadata.get("TransformStatus", "OK")
    if status.upper() != "OK":
        return {message.device_name: Reading(None, status=status.lower())}
    return {message.device_name: reading_from_mm(transform.matrix)}


def _tdata(_: MessageBase, content: bytes) -> dict[str, Reading]:
    return {
        element["name"].decode().rstrip(" \0"): reading_from_mm(_matrix(element["matrix"]))
        if element["kind"] in _6D
        else Reading(None, status="no orientation")
        for element in np.frombuffer(content, dtype=_TDATA)
    }


def _position(message: MessageBase, content: bytes) -> dict[str, Reading]:
    """Position (mm) alone, with three components of a unit quaternion (w >= 0 left out), or with all four."""
    values = np.frombuffer(content, dtype=">f4").astype(float)
    if len(values) not in (3, 6, 7):
        raise ValueError(f"a POSITION of {len(content)} bytes")
    if len(values) == 3:
        return {message.device_name: Reading(None, status="no orientation")}
    w = values[6] if len(values) == 7 else np.sqrt(max(0.0, 1.0 - float(values[3:6] @ values[3:6])))
    pose = pose_or_none(values[:3] * METRES_PER_MM, [*values[3:6], w])
    return {message.device_name: Reading(pose, status="" if pose is not None else "no pose")}


def _matrix(columns: FloatArray) -> FloatArray:
    """(4, 4) of the 12 numbers of a TDATA: three columns of the rotation, then the translation."""
    m = np.eye(4)
    m[:3] = np.asarray(columns, dtype=float).reshape(4, 3).T
    return m


_READERS = {"TRANSFORM": _transform, "TDATA": _tdata, "POSITION": _position}

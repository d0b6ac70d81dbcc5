"""Poses over OpenIGTLink, from PLUS or 3D Slicer: as client, or as server they connect to.

pyigtl's own client keeps one message per tool, so that a burst loses frames unseen, and does not notice that
the peer has gone; its server takes over the signals of the process. Here pyigtl reads the messages
(`igtl_messages`) and the sockets are plain.
"""

from __future__ import annotations

import contextlib
import select
import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rafr.config import option
from rafr.errors import InputError
from rafr.tracking.drivers.frame import Clock, DeviceLostError, Frame, Reading

if TYPE_CHECKING:
    from rafr.tracking.drivers.igtl_messages import PoseMessage

_CHUNK = 1 << 16
_REPEATED = 1e-6  # s: two frames stamped this close are one exposure, sent twice


@dataclass(frozen=True, slots=True)
class OpenIGTLinkConfig:
    igtl_host: str = option("127.0.0.1", "host of the server; as server: the address to listen at")
    igtl_port: int = option(18944, "port (18944: OpenIGTLink's)", lower=0, upper=65535)
    igtl_timeout: float = option(2.0, "longest wait for the connection", unit="s", lower=0.05, upper=60.0)
    igtl_same_frame: float = option(
        5e-4, "messages stamped this close are one frame", unit="s", lower=0.0, upper=0.1
    )
    igtl_gather: float = option(0.02, "longest wait for the rest of a frame", unit="s", lower=0.0, upper=1.0)


class FrameBuilder:
    """Puts messages of one tool each (TRANSFORM, POSITION) together into frames.

    A frame is complete when all tools of the frame before are there, when a message of another time follows,
    or after `igtl_gather`.
    """

    def __init__(self, config: OpenIGTLinkConfig, losses: Counter[str]) -> None:
        self._config = config
        self._losses = losses
        self._parts: dict[str, Reading] = {}
        self._time: float | None = None
        self._began = 0.0
        self._last_time: float | None = None
        self._known: frozenset[str] = frozenset()
        self._number = 0

    def add(self, message: PoseMessage, arrival: float) -> list[Frame]:
        """The frames that this message completes; `arrival` in s."""
        done = []
        if self._parts and (not self._same(message.time, self._time) or self._parts.keys() & message.tools):
            done.append(self._finish(arrival))
        if not self._parts:
            if not message.whole and self._belongs_to_last(message):
                self._losses["tool of a frame already passed on"] += 1
                self._known |= message.tools.keys()
                return done
            self._time, self._began = message.time, arrival
        self._parts |= message.tools
        if message.whole or (self._known and self._known <= self._parts.keys()):
            done.append(self._finish(arrival))
        return done

    def overdue(self, now: float) -> list[Frame]:
        """The frame whose rest did not come in time."""
        late = self._parts and now - self._began >= self._config.igtl_gather
        return [self._finish(now)] if late else []

    @property
    def incomplete(self) -> bool:
        return bool(self._parts)

    def _belongs_to_last(self, message: PoseMessage) -> bool:
        """A tool new to the stream, behind its frame; one of the known tools is a repeated frame instead."""
        return self._same(message.time, self._last_time) and not self._known & message.tools.keys()

    def _same(self, a: float | None, b: float | None) -> bool:
        return _close(a, b, self._config.igtl_same_frame)

    def _finish(self, arrival: float) -> Frame:
        if not _close(self._time, self._last_time, _REPEATED):
            self._number += 1
        self._last_time, self._known = self._time, frozenset(self._parts)
        frame = Frame(self._time, arrival, self._number, self._parts)
        self._parts = {}
        return frame


class OpenIGTLinkClient:
    """Connects to a server that streams poses."""

    def __init__(self, config: OpenIGTLinkConfig, now: Clock) -> None:
        self._config = config
        self._now = now
        self._socket: socket.socket | None = None
        self.losses: Counter[str] = Counter()

    @property
    def state(self) -> str:
        return "" if self._socket is not None else "not connected"

    def open(self) -> None:
        address = (self._config.igtl_host, self._config.igtl_port)
        try:
            self._use(socket.create_connection(address, timeout=self._config.igtl_timeout))
        except OSError as error:
            raise DeviceLostError(f"{address[0]}:{address[1]} {_why(error)}") from None

    def frames(self, timeout: float) -> Sequence[Frame]:
        if self._socket is None:
            raise DeviceLostError("not connected")
        if not _readable(self._socket, self._patience(timeout)):
            return self._builder.overdue(self._now())
        data = self._socket.recv(_CHUNK)
        if not data:
            raise DeviceLostError("the peer closed the connection")
        arrival = self._now()
        broken = self._stream.broken
        done = [f for message in self._stream.feed(data) for f in self._builder.add(message, arrival)]
        self._count("damaged message", self._stream.broken - broken)
        return done + self._builder.overdue(self._now())

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._count("frame cut off by the end of the connection", int(self._builder.incomplete))
            self._count("message cut off by the end of the connection", int(self._stream.begun))
        self._socket = None

    def _use(self, peer: socket.socket) -> None:
        from rafr.tracking.drivers.igtl_messages import MessageStream  # pyigtl: of this driver only

        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = peer
        self._stream = MessageStream()
        self._builder = FrameBuilder(self._config, self.losses)

    def _patience(self, timeout: float) -> float:
        return min(timeout, self._config.igtl_gather) if self._builder.incomplete else timeout

    def _count(self, reason: str, times: int) -> None:
        if times:
            self.losses[reason] += times


class OpenIGTLinkServer(OpenIGTLinkClient):
    """Listens; one peer at a time, and a new one takes the place of the old, which may be half open."""

    def __init__(self, config: OpenIGTLinkConfig, now: Clock) -> None:
        super().__init__(config, now)
        self._listener: socket.socket | None = None

    @property
    def state(self) -> str:
        return super().state and f"no peer at port {self.port} yet"

    @property
    def port(self) -> int:
        """Where it listens; of interest where the configuration says 0, any free port."""
        return self._config.igtl_port if self._listener is None else int(self._listener.getsockname()[1])

    def open(self) -> None:
        address = (self._config.igtl_host, self._config.igtl_port)
        try:
            self._listener = socket.create_server(address)
        except OSError as error:
            raise InputError(
                "tracker",
                f"cannot listen at {address[0]}:{address[1]} ({_why(error)})",
                "a free port of this machine",
            ) from None

    def frames(self, timeout: float) -> Sequence[Frame]:
        if self._listener is None:
            raise DeviceLostError("not listening")
        if _readable(self._listener, timeout if self._socket is None else 0.0):
            super().close()
            self._use(self._listener.accept()[0])
        if self._socket is None:
            return ()
        try:
            return super().frames(timeout)
        except (DeviceLostError, OSError):
            super().close()
            return ()

    def close(self) -> None:
        super().close()
        if self._listener is not None:
            self._listener.close()
        self._listener = None


def _close(a: float | None, b: float | None, limit: float) -> bool:
    return a is not None and b is not None and abs(a - b) <= limit


def _readable(peer: socket.socket, timeout: float) -> bool:
    with contextlib.suppress(InterruptedError):
        return bool(select.select([peer], [], [], timeout)[0])
    return False


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()

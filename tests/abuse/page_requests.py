"""Malformed requests to the page: heads of HTTP, WebSocket handshakes, frames, messages of its protocol."""

from __future__ import annotations

import contextlib
import copy
import json
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import viser
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from rafr.review.desk import Desk
from rafr.review.page import ReviewPage

from .mutations import HOSTILE, Rng, changed, mutated

_PROPERTIES = ("value", "value", "value", "disabled", "max", "nothing")
_METHODS = ("POST", "PUT", "DELETE", "OPTIONS", "HEAD", "get", "")
_UPGRADED = b"HTTP/1.1 101"
_PONG = 0.5  # s
_WAIT = 5.0  # s
_SMALL = 8000  # bytes of what is read of an answer


class Asked(NamedTuple):
    """What was sent, and what is wrong with how it was answered, or ""."""

    what: str
    defect: str


class Target(NamedTuple):
    """A page that is served: its port, and the token that opens it."""

    port: int
    token: str

    @property
    def head(self) -> bytes:
        """A sound request."""
        lines = ["GET / HTTP/1.1", f"Host: localhost:{self.port}", f"Cookie: rafr_token={self.token}"]
        return "\r\n".join([*lines, "Accept: text/html", "", ""]).encode()

    @property
    def upgrade(self) -> bytes:
        lines = [
            self.head.decode().removesuffix("\r\n\r\n"),
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Protocol: viser-v{viser.__version__}",
        ]
        return "\r\n".join([*lines, "", ""]).encode()

    def enter(self) -> ClientConnection:
        """A browser's WebSocket, let in."""
        return connect(
            f"ws://localhost:{self.port}/",
            additional_headers={"Cookie": f"rafr_token={self.token}"},
            subprotocols=[f"viser-v{viser.__version__}"],  # type: ignore[list-item]
            max_size=None,
            open_timeout=_WAIT,
        )


def said(port: int, data: bytes) -> bytes:
    """What a raw connection answers to these bytes; where no head ends in them nothing more comes."""
    with socket.create_connection(("127.0.0.1", port), timeout=_WAIT) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
            if b"\r\n\r\n" not in data:
                connection.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionError, TimeoutError):
            while len(answer) < _SMALL and (part := connection.recv(_SMALL)):
                answer += part
                if answer.startswith(_UPGRADED):  # which stays open
                    break
        return answer


def refusal(answer: bytes) -> str:
    """What is wrong with an answer that must be a refusal in one line, or ""."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if not (status and status[0].isdigit() and 400 <= int(status[0]) < 500):
        return f"answered {answer[:60]!r}"
    text = body.decode("utf-8", "replace").strip()
    if "Traceback" in text or "\n" in text or len(text) > 700:  # the status itself may be the line
        return f"refused by {len(text)} characters: {text[:60]!r}"
    return ""


Row = tuple[str, Callable[[Target], bytes]]


def _with(old: bytes, new: bytes) -> Callable[[Target], bytes]:
    return lambda target: target.head.replace(old, new, 1)


HEADS: tuple[Row, ...] = (
    *((f"method {m}", _with(b"GET", m.encode())) for m in _METHODS),
    *(
        (f"path {path[:12]}", _with(b" / ", b" " + path.encode() + b" "))
        for path in (
            "/../../etc/passwd",
            "/%2e%2e/%2e%2e/etc/passwd",
            "/..\\..\\x",
            "/%00",
            "/\0",
            "/é",
            "*",
            "http://evil.example/",
            "//[::1",
            "/" + "a" * 300,
            "/" + "a" * 70_000,
            "/nothing",
            "/assets",
            "",
        )
    ),
    *((f"version {v}", _with(b"HTTP/1.1", v.encode())) for v in ("HTTP/1.0", "HTTP/2", "HTTP/9", "", "x")),
    *((f"host {h[:8]}", lambda t, h=h: t.head.replace(f"localhost:{t.port}".encode(), h.encode())) for h in (
        "evil.example", "[::1", "[", "", "localhost@evil", "é", "x" * 3000)),
    *((f"origin {o[:12]}", _with(b"Accept:", b"Origin: " + o.encode() + b"\r\nAccept:")) for o in (
        "http://evil.example", "http://[", "null", "")),
    ("no token", lambda t: t.head.replace(t.token.encode(), b"guess")),
    ("token of bytes", lambda t: t.head.replace(t.token.encode(), bytes(range(128, 250)))),
    ("cookie broken", lambda t: t.head.replace(b"rafr_token=", b";=;\t=")),
    ("two hosts", _with(b"Accept:", b"Host: evil.example\r\nAccept:")),
    ("header without a colon", _with(b"Accept:", b"Accept")),
    ("header folded", _with(b"Accept:", b"X: 1\r\n y\r\nAccept:")),
    ("header with NUL", _with(b"text/html", b"a\0b")),
    ("huge header", _with(b"text/html", b"x" * 100_000)),
    ("many headers", _with(b"Accept:", b"X: 1\r\n" * 9000 + b"Accept:")),
    ("body", lambda t: _with(b"Accept:", b"Content-Length: 9\r\nAccept:")(t) + b"{broken: "),
    ("huge body", lambda t: _with(b"Accept:", b"Content-Length: 9000000\r\nAccept:")(t) + b"x" * 9_000_000),
    ("chunked", lambda t: _with(b"Accept:", b"Transfer-Encoding: chunked\r\nAccept:")(t) + b"zz\r\n"),
    ("nothing but line ends", lambda _: b"\r\n\r\n"),
    ("TLS", lambda _: bytes.fromhex("16030100a5010000a10303") + b"\x00" * 160),
    ("cut", lambda t: t.head[:40]),
    ("upgrade of version 7", lambda t: t.upgrade.replace(b"Version: 13", b"Version: 7")),
    ("upgrade without a key", lambda t: t.upgrade.replace(b"Sec-WebSocket-Key", b"X")),
    ("upgrade with a broken key", lambda t: t.upgrade.replace(b"dGhl", b"!!")),
    ("upgrade by POST", lambda t: t.upgrade.replace(b"GET", b"POST")),
    ("upgrade from elsewhere", lambda t: t.upgrade.replace(b"Accept:", b"Origin: http://evil.example\r\nAccept:")),
    ("upgrade without a token", lambda t: t.upgrade.replace(t.token.encode(), b"guess")),
)  # fmt: skip
"""What is refused, whatever it is."""


def ask(target: Target, row: Row) -> Asked:
    """One of `HEADS`; it must be refused."""
    name, make = row
    return Asked(name, refusal(said(target.port, make(target))))


def ask_damaged(target: Target, rng: Rng) -> Asked:
    """A damaged head: the answer is one of HTTP's, or the connection ends."""
    what, data = mutated(target.upgrade if rng.random() < 0.5 else target.head, "text", rng)
    answer = said(target.port, data)
    if answer and not answer.startswith(b"HTTP/1.1 "):
        return Asked(what, f"answered {answer[:60]!r}")
    status = int(answer[9:12]) if answer[9:12].isdigit() else 0
    return Asked(what, f"answered {answer[:60]!r}" if status >= 500 else "")


def frames(rng: Rng) -> bytes:
    """Bytes after a handshake that are no sound frame."""
    mask, body = rng.bytes(4), rng.bytes(int(rng.integers(0, 60)))
    choices = (
        lambda: rng.bytes(int(rng.integers(1, 200))),
        lambda: bytes([0x82, len(body)]) + body,  # not masked
        lambda: bytes([0xF2, 0x80 | len(body)]) + mask + body,  # reserved bits
        lambda: bytes([0x83, 0x80]) + mask,  # no such opcode
        lambda: bytes([0x82, 0xFF]) + struct.pack(">Q", 1 << 62) + mask,  # 4 EB to come
        lambda: bytes([0x80, 0x80 | len(body)]) + mask + body,  # goes on with nothing
        lambda: bytes([0x89, 0xFE]) + struct.pack(">H", 500) + mask + bytes(500),  # a ping too long
        lambda: bytes([0x81, 0x82]) + bytes(4) + b"\xff\xfe",  # text that is none
        lambda: bytes([0x88, 0x81]) + bytes(4) + b"\x01",  # a close without a code
    )
    return choices[rng.integers(len(choices))]()


def messages_for(page: Any) -> list[dict[str, Any]]:
    """Sound messages of a browser to everything in the panel of the last who came, and to the scene."""
    camera = {
        "type": "ViewerCameraMessage", "wxyz": [1.0, 0.0, 0.0, 0.0], "position": [1.0, 1.0, 1.0], "fov": 0.5,
        "near": 0.1, "far": 100.0, "image_height": 600, "image_width": 800, "look_at": [0.0, 0.0, 0.0],
        "up_direction": [0.0, 0.0, 1.0],
    }  # fmt: skip
    made: list[dict[str, Any]] = [camera]
    for visit in page.visits[-1:]:
        for uuid, handle in list(visit._client.gui._gui_input_handle_from_uuid.items()):
            made.append(
                {"type": "GuiUpdateMessage", "uuid": uuid, "updates": {"value": _plain(handle.value)}}
            )
    place = {"wxyz": [1.0, 0.0, 0.0, 0.0], "position": [0.0, 0.0, 0.01], "owner": None}
    made.append({"type": "TransformControlsUpdateMessage", "name": "/adjust", **place})
    return made


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def packed(message: Any) -> bytes:
    """As a browser sends it; what msgpack has no bytes for becomes text."""
    return msgspec.msgpack.encode(message, enc_hook=str)


def damaged(message: dict[str, Any], rng: Rng) -> tuple[str, bytes]:
    """A browser's message with something in it changed, or its bytes."""
    if rng.random() < 0.2:
        return mutated(packed(message), "binary", rng)
    if rng.random() < 0.5 and "updates" in message:
        message = copy.deepcopy(message)
        value = HOSTILE[rng.integers(len(HOSTILE))]
        message["updates"] = {_PROPERTIES[rng.integers(len(_PROPERTIES))]: value}
        return f"value {str(value)[:30]!r}", _packed_or_text(message)
    what, new = changed(message, rng)
    return what, _packed_or_text(new)


def _packed_or_text(message: Any) -> bytes:
    try:
        return packed(message)
    except (OverflowError, TypeError):  # a number that has no bytes: as text
        return json.dumps(message, default=str).encode()


class Abused:
    """A page with a plan to decide upon, in this process, and what came of requests to it."""

    def __init__(self, folder: Path) -> None:
        from tests.boxes import box_case, box_plan

        from rafr.cases.case import load_case
        from rafr.cases.meshes import body_meshes

        case = load_case(box_case(folder))
        bodies = body_meshes(case)
        self.decisions: list[Any] = []
        self.plan = box_plan()
        self.page = ReviewPage(
            "abused",
            {name: body.mesh for name, body in bodies.items()},
            self.decisions.append,
            desk=Desk(case, bodies),
            token="s3cret",
        )
        self.page.show_plan(self.plan)
        port, query = self.page.url.rsplit(":", 1)[1].split("/?token=")
        self.target = Target(int(port), query)
        self._browser: ClientConnection | None = None

    def send(self, rng: Rng) -> str:
        """A damaged message over a browser's WebSocket; what was done to it."""
        browser = self.enter()
        sound = messages_for(self.page)
        what, message = damaged(sound[rng.integers(len(sound))], rng)
        if not send_message(browser, message):
            browser.close()
            self._browser = None
        return what

    def enter(self) -> ClientConnection:
        """A browser that looks at the page: the one of before, if it is still let."""
        if self._browser is None or not self.page.watched:
            self._browser = self.target.enter()
            self._browser.send(packed(messages_for(self.page)[0]))
            self._wait_for_a_visit()
        return self._browser

    def _wait_for_a_visit(self) -> None:
        end = time.monotonic() + _WAIT
        while not self.page.watched and time.monotonic() < end:
            time.sleep(0.01)

    def problem(self) -> str:
        """What is wrong with the page now, or ""."""
        self.page.say("still here")
        self.page.show_poses({})
        strange = [d for d in self.decisions if d.plan_hash != self.plan.hash or not d.approver]
        return f"decided: {strange[0]}" if strange else still_serves(self.target)

    def close(self) -> None:
        if self._browser is not None:
            self._browser.close()
        self.page.close()


def send_frames(target: Target, rng: Rng) -> Asked:
    """A handshake, and then garbage: the connection ends, or nothing comes of it."""
    with socket.create_connection(("127.0.0.1", target.port), timeout=_WAIT) as connection:
        connection.sendall(target.upgrade)
        answer = connection.recv(400)
        if not answer.startswith(_UPGRADED):
            return Asked("handshake", f"answered {answer[:60]!r}")
        with contextlib.suppress(ConnectionError):
            connection.sendall(frames(rng))
    return Asked("frames", "")


def send_message(browser: ClientConnection, message: bytes) -> bool:
    """Whether the page still listens after it."""
    try:
        browser.send(message)
        return browser.ping().wait(_PONG)
    except (ConnectionClosed, WebSocketException, OSError):
        return False


def still_serves(target: Target) -> str:
    """What is wrong with how a sound request is answered now, or ""."""
    answer = said(target.port, target.head)
    return "" if answer.startswith(b"HTTP/1.1 200 OK") else f"a sound request is answered {answer[:60]!r}"


def crowd(target: Target, count: int) -> str:
    """Many connections that say nothing, or half a head; what is wrong with the page then, or ""."""
    idle = []
    try:
        for k in range(count):
            connection = socket.create_connection(("127.0.0.1", target.port), timeout=_WAIT)
            idle.append(connection)
            if k % 2:
                with contextlib.suppress(ConnectionError):
                    connection.sendall(target.head[: k % len(target.head)])
        answer = said(target.port, target.head)
        if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 503")):
            return f"among {count} others a sound request is answered {answer[:60]!r}"
    finally:
        for connection in idle:
            connection.close()
    time.sleep(0.2)
    return still_serves(target)

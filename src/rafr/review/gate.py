"""Who may open the page: browsers that show the token, which is printed with the page's address.

A web page of somebody else, opened in the same browser, may reach every server of this machine: requests are
therefore let in only under the page's own name, and WebSockets only from the page itself. The gate reads the
head of what a connection asks first and then passes bytes on in both directions.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from rafr.errors import InputError

LOCAL = ("localhost", "127.0.0.1", "::1")
TOKEN_VARIABLE = "RAFR_PAGE_TOKEN"
_COOKIE = "rafr_token"
_LARGEST_HEAD = 65536  # bytes
_CHUNK = 1 << 16
_PATIENCE = 30.0  # s, for the head


def page_token() -> str:
    """The token of this process and those it starts: 72 random bits.

    It is handed on in the environment: other users of the machine can read command lines and ROS parameters.
    """
    return os.environ.setdefault(TOKEN_VARIABLE, secrets.token_urlsafe(9))


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody is not let in, as HTTP has it."""

    status: str
    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    """Whom to let in.

    Attributes:
        token: that a browser must show once; empty: none is asked for.   names: that the page goes by;
            empty: any.
    """

    token: str = ""
    names: tuple[str, ...] = LOCAL

    def refuses(self, target: str, headers: Mapping[str, str]) -> Refusal | None:
        """Judge the head of a request: its target and its headers, names in small letters."""
        host = headers.get("host", "")
        if self.names and _name(host) not in self.names:
            return Refusal("403 Forbidden", f"This page is not {host}.")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return Refusal("403 Forbidden", "Another page may not use this one.")
        if self.token and not (self.shown(target) or self._kept(headers)):
            return Refusal("401 Unauthorized", "Open the address with the token that rafr printed.")
        return None

    def shown(self, target: str) -> bool:
        """Whether the address itself holds the token."""
        given = parse_qs(urlsplit(target).query).get("token", [""])[0]
        return bool(self.token) and _same(given, self.token)

    def _kept(self, headers: Mapping[str, str]) -> bool:
        with contextlib.suppress(CookieError):
            cookies = SimpleCookie(headers.get("cookie", ""))
            return _COOKIE in cookies and _same(cookies[_COOKIE].value, self.token)
        return False


class Gate:
    """Stands before a server of this machine.

    Args:
        host, port: where to listen; port 0 = any free one.   inner: port of the server behind, on 127.0.0.1.

    Attributes:
        port: where it listens.

    Raises:
        InputError: the address cannot be listened at.
    """

    def __init__(self, host: str, port: int, inner: int, rule: Rule) -> None:
        self._inner, self._rule = inner, rule
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        starting = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, host, port, limit=_LARGEST_HEAD), self._loop
        )
        try:
            self._server = starting.result()
        except OSError as error:
            self._end()
            reason = error.strerror or str(error)
            raise InputError(
                "review page", f"cannot listen at {host}:{port} ({reason})", "a free port (0 = any)"
            ) from None
        self.port: int = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._end()

    def _end(self) -> None:
        async def leave() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            self._loop.stop()

        asyncio.run_coroutine_threadsafe(leave(), self._loop)
        self._thread.join(timeout=5.0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # a task that ends as cancelled is one asyncio complains of when the page is closed
        ends = (OSError, EOFError, asyncio.LimitOverrunError, TimeoutError, asyncio.CancelledError)
        with contextlib.suppress(*ends):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _PATIENCE)
            target, headers = _parsed(head)
            refusal = self._rule.refuses(target, headers)
            if refusal is not None:
                writer.write(_answer(refusal.status, refusal.text))
            elif self._rule.shown(target):
                cookie = f"Set-Cookie: {_COOKIE}={self._rule.token}; Path=/; HttpOnly; SameSite=Strict"
                writer.write(_answer("303 See Other", "", "Location: /", cookie))
            else:
                await self._pass_on(head, reader, writer)
            await writer.drain()
        writer.close()

    async def _pass_on(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, before = await asyncio.open_connection("127.0.0.1", self._inner)
        before.write(head)
        ways = [asyncio.create_task(_copy(reader, before)), asyncio.create_task(_copy(behind, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            before.close()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(_CHUNK):
            sink.write(data)
            await sink.drain()


def _parsed(head: bytes) -> tuple[str, dict[str, str]]:
    """Target and headers of a request's head."""
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if ":" in line)
    parts = first.split(" ")
    return parts[1] if len(parts) > 1 else "/", {n.strip().lower(): v.strip() for n, _, v in pairs}


def _answer(status: str, text: str, *headers: str) -> bytes:
    body = text.encode()
    lines = [f"HTTP/1.1 {status}", "Content-Type: text/plain; charset=utf-8", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "Connection: close", "", ""]).encode() + body


def _name(host: str) -> str:
    """Of `name:port` or `[address]:port`."""
    return urlsplit(f"//{host}").hostname or ""


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())

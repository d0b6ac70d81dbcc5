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

from rafr.errors import InputError, one_line
from rafr.review.request import Head, Refusal, read_head

LOCAL = ("localhost", "127.0.0.1", "::1")
TOKEN_VARIABLE = "RAFR_PAGE_TOKEN"
_COOKIE = "rafr_token"
_LARGEST_HEAD = 65536  # bytes
_CHUNK = 1 << 16
_PATIENCE = 10.0  # s, for the head
_LINGER = 1.0  # s
_MOST_OPEN = 200  # connections


def page_token() -> str:
    """The token of this process and those it starts: 72 random bits.

    It is handed on in the environment: other users of the machine can read command lines and ROS parameters.
    """
    return os.environ.setdefault(TOKEN_VARIABLE, secrets.token_urlsafe(9))


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
        host, origin = headers.get("host", ""), headers.get("origin")
        try:
            name, page = _name(host), None if origin is None else urlsplit(origin).netloc
            urlsplit(target)
        except ValueError:
            return Refusal("400 Bad Request", "Host, Origin or address is malformed.")
        if self.names and name not in self.names:
            return Refusal("403 Forbidden", f"This page is not {one_line(host)}.")
        if page is not None and page != host:
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
        self._inner, self._rule, self._open = inner, rule, 0
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
        self._open += 1
        # a task that ends as cancelled is one asyncio complains of when the page is closed
        with contextlib.suppress(OSError, EOFError, TimeoutError, asyncio.CancelledError):
            asked = await self._asked(reader)
            if isinstance(asked, Refusal):
                writer.write(_answer(asked.status, asked.text))
                await writer.drain()
                await _rest(reader, writer)
            elif self._rule.shown(asked.target):
                cookie = f"Set-Cookie: {_COOKIE}={self._rule.token}; Path=/; HttpOnly; SameSite=Strict"
                writer.write(_answer("303 See Other", "", "Location: /", cookie))
            else:
                await self._pass_on(asked.data, reader, writer)
            await writer.drain()
        self._open -= 1
        writer.close()

    async def _asked(self, reader: asyncio.StreamReader) -> Head | Refusal:
        """The head of the request, or why it is not let in."""
        if self._open > _MOST_OPEN:
            return Refusal("503 Service Unavailable", "Too many connections at once.")
        try:
            data = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _PATIENCE)
        except asyncio.LimitOverrunError:
            long = f"The head of a request has at most {_LARGEST_HEAD} bytes."
            return Refusal("431 Request Header Fields Too Large", long)
        except TimeoutError:
            return Refusal("408 Request Timeout", f"The head did not come within {_PATIENCE:g} s.")
        except asyncio.IncompleteReadError:
            return Refusal("400 Bad Request", "The head of the request is not whole.")
        asked = read_head(data)
        if isinstance(asked, Refusal):
            return asked
        return self._rule.refuses(asked.target, asked.headers) or asked

    async def _pass_on(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind, before = await asyncio.open_connection("127.0.0.1", self._inner)
        except OSError:
            writer.write(_answer("502 Bad Gateway", "The page has ended."))
            return
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


async def _rest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let who is refused say the rest, for a while: else he would not hear why."""
    writer.write_eof()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER):
            while await reader.read(_CHUNK):
                pass


def _answer(status: str, text: str, *headers: str) -> bytes:
    body = text.encode()
    lines = [f"HTTP/1.1 {status}", "Content-Type: text/plain; charset=utf-8", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "Connection: close", "", ""]).encode() + body


def _name(host: str) -> str:
    """Of `name:port` or `[address]:port`."""
    return urlsplit(f"//{host}").hostname or ""


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())

"""Who is let in to the page: only browsers of this machine, only the page itself, and else only by token."""

import http.server
import os
import threading
import urllib.error
import urllib.request

import numpy as np
import pytest
from websockets.sync.client import connect
from websockets.sync.server import serve

from rafr.errors import InputError
from rafr.geometry import TriangleMesh
from rafr.review.gate import TOKEN_VARIABLE, Gate, Rule, page_token
from rafr.review.page import ReviewPage

LOCAL_RULE, TOKEN_RULE = Rule(), Rule("s3cret", names=())


@pytest.mark.parametrize(
    ("rule", "target", "headers", "status"),
    [
        (LOCAL_RULE, "/", {"host": "localhost:8080"}, None),
        (LOCAL_RULE, "/", {"host": "127.0.0.1:8080", "origin": "http://127.0.0.1:8080"}, None),
        (LOCAL_RULE, "/", {"host": "[::1]:8080"}, None),
        # a name of somebody else's that leads here (DNS rebinding)
        (LOCAL_RULE, "/", {"host": "evil.example:8080"}, "403"),
        (LOCAL_RULE, "/", {}, "403"),
        # a page of somebody else's in the same browser
        (LOCAL_RULE, "/", {"host": "localhost:8080", "origin": "http://evil.example"}, "403"),
        (TOKEN_RULE, "/", {"host": "theatre:8080"}, "401"),
        (TOKEN_RULE, "/?token=guess", {"host": "theatre:8080"}, "401"),
        (TOKEN_RULE, "/?token=s3cret", {"host": "theatre:8080"}, None),
        (TOKEN_RULE, "/", {"host": "theatre:8080", "cookie": "a=b; rafr_token=s3cret"}, None),
        (TOKEN_RULE, "/", {"host": "theatre:8080", "cookie": "rafr_token=guess"}, "401"),
        (TOKEN_RULE, "/", {"host": "theatre:8080", "cookie": ";=;\x00"}, "401"),
    ],
)
def test_the_head_of_a_request_is_judged(rule, target, headers, status):
    refusal = rule.refuses(target, headers)
    assert (None if refusal is None else refusal.status[:3]) == status


class Echo:
    """A web server and a WebSocket server behind gates of their own."""

    def __init__(self, rule):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", "5")
                self.end_headers()
                self.wfile.write(b"bones")

            def log_message(self, *_):
                pass

        self.web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.sockets = serve(lambda s: [s.send(m) for m in s], "127.0.0.1", 0, max_size=None)
        for server in (self.web, self.sockets):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        inner = self.web.server_address[1], self.sockets.socket.getsockname()[1]
        self.gates = [Gate("127.0.0.1", 0, port, rule) for port in inner]

    @property
    def url(self):
        return f"http://localhost:{self.gates[0].port}/"

    @property
    def socket(self):
        return f"ws://localhost:{self.gates[1].port}/"

    def close(self):
        for gate in self.gates:
            gate.close()
        self.web.shutdown()
        self.sockets.shutdown()


@pytest.fixture
def echo(request):
    echo = Echo(request.param)
    yield echo
    echo.close()


@pytest.mark.parametrize("echo", [LOCAL_RULE], indirect=True)
def test_what_is_let_in_passes_unchanged_in_both_directions(echo):
    assert urllib.request.urlopen(echo.url, timeout=10).read() == b"bones"
    big = bytes(range(256)) * 20_000
    with connect(echo.socket, max_size=None) as socket:
        socket.send(big)
        assert socket.recv(timeout=20) == big


@pytest.mark.parametrize("echo", [TOKEN_RULE], indirect=True)
def test_the_token_is_shown_once_and_kept_by_the_browser(echo):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(echo.url, timeout=10)
    assert refused.value.code == 401
    assert "token" in refused.value.read().decode()
    with pytest.raises(Exception, match="401"):
        connect(echo.socket)
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    assert browser.open(f"{echo.url}?token=s3cret", timeout=10).read() == b"bones"
    assert browser.open(echo.url, timeout=10).read() == b"bones"


@pytest.mark.parametrize("echo", [LOCAL_RULE], indirect=True)
def test_a_foreign_page_cannot_open_the_socket(echo):
    with pytest.raises(Exception, match="403"):
        connect(echo.socket, origin="http://evil.example")


def test_an_address_that_is_not_this_machines_is_refused_in_words():
    with pytest.raises(InputError, match="cannot listen at"):
        Gate("192.0.2.1", 0, 1, TOKEN_RULE)


def test_a_token_is_made_once_and_handed_on_in_the_environment(monkeypatch):
    monkeypatch.setenv(TOKEN_VARIABLE, "")
    monkeypatch.delenv(TOKEN_VARIABLE)
    token = page_token()
    assert len(token) == 12  # 72 bits in base 64
    assert page_token() == os.environ[TOKEN_VARIABLE] == token


def test_the_page_of_this_machine_lets_nobody_in_without_the_token():
    page = ReviewPage("test", {"reference": TriangleMesh(np.eye(3), np.array([[0, 1, 2]]))}, token="s3cret")
    try:
        assert page.url.endswith("/?token=s3cret")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(page.url.partition("?")[0], timeout=10)
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        assert browser.open(page.url, timeout=10).status == 200
    finally:
        page.close()

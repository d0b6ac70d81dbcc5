"""What tests of every room share: how they run side by side, the public data, a real browser for the page.

The browser is Chromium without a window, driven over DevTools.
"""

import base64
import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

SIDE_BY_SIDE = "PYTEST_XDIST_WORKER" in os.environ
# beside another worker a test has one core, and so have the processes it starts
if SIDE_BY_SIDE:
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    os.environ.setdefault("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "1")

# a busy machine is slow now and then: pytest-timeout is the guard, not 0.2 s for every example
hypothesis.settings.register_profile("rafr", deadline=None)
hypothesis.settings.load_profile("rafr")

# a shell without job control starts background jobs deaf to Ctrl-C, and their children with them
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Side by side, files with slow tests go first: none is left to one worker while the others are done."""
    if SIDE_BY_SIDE:
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def data_folder():
    """The public data sets; the test is skipped where they are absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("RAFR_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no public data at {folder} (set RAFR_DATA)")
    return folder


WIDTH, HEIGHT = 1280, 800
# software WebGL: no graphics card is needed
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-features=BackForwardCache",  # a page left is a page closed
    f"--window-size={WIDTH},{HEIGHT}",
    "--remote-debugging-port=0",
)


class Browser:
    """One tab."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        self.ask("Emulation.setDeviceMetricsOverride", **size)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:  # events of the tab come in between
            answer = json.loads(self._socket.recv(timeout=150.0))
            if answer.get("id") == number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def open(self, url: str) -> None:
        self.ask("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script: str, seconds: float = 150.0) -> Any:
        """The expression's value as soon as it is true: software drawing is slow on a busy machine."""
        deadline = time.monotonic() + seconds
        while not (value := self.run(f"document.body && ({script})")):
            assert time.monotonic() < deadline, f"never true: {script}\n{self.run('document.body.innerText')}"
            time.sleep(0.1)
        return value

    def click(self, x: float, y: float) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def click_button(self, text: str) -> None:
        shown = f"b => b.innerText.trim() === {text!r} && b.offsetParent !== null"
        found = f"[...document.querySelectorAll('button')].find({shown})"
        self.run(f"{found}.scrollIntoView({{block: 'nearest'}})")
        self.click(
            *self.wait(f"(r => [r.x + r.width / 2, r.y + r.height / 2])({found}.getBoundingClientRect())")
        )

    def write(self, label: str, text: str) -> None:
        """Into the first field beside a label that is shown, in place of what is there."""
        shown = "e => e.childElementCount === 0 && e.offsetParent && e.innerText.trim() === "
        find = f"let e = [...document.querySelectorAll('label, span, div')].filter({shown}{label!r}).at(-1);"
        climb = "while (e && !e.querySelector('input, textarea')) e = e.parentElement;"
        field = f"(() => {{ {find} {climb} return e && e.querySelector('input, textarea'); }})()"
        self.wait(f"!!{field}")
        self.run(f"{field}.focus()")
        self.run("document.activeElement.select()")
        self.type(text)
        self.wait(f"{field}.value === {text!r}")

    def type(self, text: str) -> None:
        self.ask("Input.insertText", text=text)

    def press(self, key: str) -> None:
        named = {"ArrowRight": 39, "ArrowLeft": 37, "End": 35, "Home": 36, "Enter": 13}
        number, code = named.get(key, ord(key[0].upper())), key if key in named else f"Key{key.upper()}"
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=code, windowsVirtualKeyCode=number)

    def screenshot(self, path: Path) -> Path:
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))
        return path


def _page_socket(profile: Path) -> str:
    """The address of the first tab, once the browser has written where it listens."""
    deadline = time.monotonic() + 60.0
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, StopIteration, IndexError):
            port = (profile / "DevToolsActivePort").read_text(encoding="utf-8").splitlines()[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=5) as answer:
                return next(t["webSocketDebuggerUrl"] for t in json.load(answer) if t["type"] == "page")
        time.sleep(0.1)
    raise AssertionError("Chromium did not start")


@pytest.fixture
def browser(tmp_path) -> Iterator[Browser]:
    from websockets.sync.client import connect

    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    profile = tmp_path / "profile"
    log = (tmp_path / "chromium.log").open("wb")
    process = subprocess.Popen(
        [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"], stdout=log, stderr=log
    )
    try:
        with connect(_page_socket(profile), max_size=None) as socket:
            yield Browser(socket)
    finally:
        process.terminate()
        try:
            process.wait(10.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()

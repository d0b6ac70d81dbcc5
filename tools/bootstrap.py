"""Set rafr up on a bare machine: apt packages, virtual environment, ROS 2 wheels, rafr_msgs.

Run by `make setup` with the system's Python; needs the standard library only. Every step says what
it does, is skipped when its inputs have not changed, and can be repeated at any time.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / "rafr-setup"
LOCK = ROOT / "requirements.lock"
MESSAGES = ROOT / "ros2_ws" / "src" / "rafr_msgs"
SUPPORTED = ((3, 11), (3, 12), (3, 13))
# what the wheels need from the system: compiler for rafr_msgs, libraries that Fast DDS, Open3D
# and MuJoCo load, a browser is only needed by the page's tests
APT_PACKAGES = (
    "cmake",
    "g++",
    "make",
    "libssl-dev",
    "libtinyxml2-dev",
    "libgl1",
    "libegl1",
    "libgomp1",
    "libpango-1.0-0",
    "libpangoft2-1.0-0",
    "libharfbuzz-subset0",
    "fonts-dejavu-core",
    "libusb-1.0-0",
    "libx11-6",
    "python3-dev",
    "python3-venv",
)


def say(text: str) -> None:
    print(f"[rafr setup] {text}", flush=True)


def fail(text: str) -> None:
    print(f"[rafr setup] {text}", file=sys.stderr, flush=True)
    raise SystemExit(2)


def run(command: list[str], log: str, **kwargs: object) -> None:
    """Run quietly into a log file under the venv; show its tail when it fails."""
    STAMPS.mkdir(parents=True, exist_ok=True)
    path = STAMPS / log
    with path.open("w", encoding="utf-8") as stream:
        result = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, **kwargs)  # type: ignore[call-overload]
    if result.returncode != 0:
        tail = "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-25:])
        fail(f"`{' '.join(command[:4])} …` failed; the end of {path}:\n{tail}")


def digest(paths: Iterable[Path], extra: str = "") -> str:
    h = hashlib.sha256(extra.encode())
    for path in sorted(paths):
        h.update(path.name.encode())
        h.update(path.read_bytes())
    return h.hexdigest()


def once(name: str, key: str, what: str, step: Callable[[], None]) -> None:
    """Run `step` unless it was done before with the same key."""
    stamp = STAMPS / f"{name}.stamp"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == key:
        return
    say(f"{what} …")
    start = time.monotonic()
    step()
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(key, encoding="utf-8")
    say(f"{what}: done in {time.monotonic() - start:.0f} s")


def check_python() -> None:
    if sys.version_info[:2] not in SUPPORTED:
        wanted = ", ".join(f"{a}.{b}" for a, b in SUPPORTED)
        fail(f"this is Python {sys.version.split()[0]}; the pinned wheels need one of {wanted}")


def missing_apt_packages() -> list[str]:
    if shutil.which("dpkg-query") is None:
        return []
    result = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *APT_PACKAGES],
        capture_output=True,
        text=True,
    )
    installed = {line.split()[0] for line in result.stdout.splitlines() if line.endswith(" installed")}
    return [p for p in APT_PACKAGES if p not in installed]


def apt_packages() -> None:
    missing = missing_apt_packages()
    # pyenv's and python.org's builds bring their own headers and venv
    headers = Path(sysconfig.get_path("include")) / "Python.h"
    brought = {"python3-dev": headers.is_file(), "python3-venv": find_spec("ensurepip") is not None}
    missing = [p for p in missing if not brought.get(p, False)]
    if not missing:
        return
    command = f"apt-get install -y {' '.join(missing)}"
    if os.geteuid() == 0:
        prefix: list[str] = []
    elif os.environ.get("RAFR_APT") == "sudo":
        prefix = ["sudo"]
    else:
        fail(
            f"these Debian packages are missing: {' '.join(missing)}\n"
            f"  install them:   sudo apt-get update && sudo {command}\n"
            f"  or let me do it: RAFR_APT=sudo make setup"
        )
    say(f"installing Debian packages: {' '.join(missing)} …")
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        if subprocess.run(
            [*prefix, "apt-get", "-q", *arguments], env=environment, stdout=subprocess.DEVNULL
        ).returncode:
            fail(f"apt-get {arguments[0]} failed; run `{command}` by hand and try again")


def make_venv() -> None:
    if not PYTHON.exists():
        say("making the virtual environment .venv …")
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)


def install_wheels() -> None:
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install"]
    run([*pip, "--no-deps", "-r", str(LOCK)], "pip.log")


def mend_cmake_exports() -> None:
    """The wheels' CMake targets name the Python and numpy of the machine that built them."""
    query = "import sysconfig, numpy; print(sysconfig.get_path('include')); print(numpy.get_include())"
    python_include, numpy_include = subprocess.run(
        [str(PYTHON), "-c", query], check=True, capture_output=True, text=True, env=build_environment()
    ).stdout.split()
    # one alternation, so that a repaired folder is not matched again
    pattern = re.compile(
        r"/opt/python/cp3\d+-cp3\d+/lib/python3\.\d+/site-packages/numpy/_core/include"
        r"|[^;\"\s]*/numpy/_core/include|/opt/python/cp3\d+-cp3\d+/include/python3\.\d+"
    )
    for path in (VENV / "share").glob("*/cmake/*Export*.cmake"):
        text = path.read_text(encoding="utf-8")
        mended = pattern.sub(lambda m: numpy_include if "numpy" in m.group() else python_include, text)
        if mended != text:
            path.write_text(mended, encoding="utf-8")


def build_environment() -> dict[str, str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ROS_", "COLCON_"))}
    environment.pop("_ROS_WHEELS_BOOTSTRAP_COMPLETE", None)
    environment.update(
        PATH=f"{VENV / 'bin'}:{environment['PATH']}",
        AMENT_PREFIX_PATH=str(VENV),
        CMAKE_PREFIX_PATH=str(VENV),
        VIRTUAL_ENV=str(VENV),
    )
    environment.pop("PYTHONPATH", None)
    return environment


def build_messages() -> None:
    """colcon merges rafr_msgs into the venv, which is the ROS prefix of a bare machine."""
    build = VENV / "rafr-build"
    run(
        [
            str(VENV / "bin" / "colcon"),
            *("--log-base", str(build / "log"), "build", "--merge-install"),
            *("--build-base", str(build / "build"), "--install-base", str(VENV)),
            *("--base-paths", str(MESSAGES), "--packages-select", "rafr_msgs"),
            *("--cmake-args", "-DCMAKE_BUILD_TYPE=Release", f"-DPython3_EXECUTABLE={PYTHON}"),
        ],
        "rafr_msgs.log",
        cwd=MESSAGES.parent.parent,
        env={**build_environment(), "COLCON_DEFAULTS_FILE": os.devnull},
    )


def install_rafr() -> None:
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install"]
    run([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)], "rafr.log")


def main() -> None:
    check_python()
    apt_packages()
    make_venv()
    version = sys.version.split()[0]
    once("wheels", digest([LOCK], version), "installing the locked wheels (about 3 GB)", install_wheels)
    once("exports", digest([LOCK], version), "mending the wheels' CMake exports", mend_cmake_exports)
    sources = [p for p in MESSAGES.rglob("*") if p.is_file()]
    once(
        "rafr_msgs",
        digest([LOCK, *sources], version),
        "building rafr_msgs with colcon (about 90 s)",
        build_messages,
    )
    once("rafr", digest([ROOT / "setup.py"], str(ROOT)), "installing rafr into .venv", install_rafr)


if __name__ == "__main__":
    main()

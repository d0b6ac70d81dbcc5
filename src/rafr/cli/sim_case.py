"""The patient of `rafr sim`: a checked case folder, or the built-in virtual patient."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
from datetime import datetime
from pathlib import Path

from rafr.cases.case import CASE_FILE, FRACTURE_KINDS, Case, load_case, save_case
from rafr.cli.output import progress_bar
from rafr.errors import InputError
from rafr.files import unusable

DEFAULT_FRACTURE = "denis2"
FOLDER = "patient"  # below the run's own folder
# what a run leaves in its folder beside the recording; a new run into the same folder replaces them
_LEFTOVERS = ("report.*", "before_after.png", "curves.png", "xrays.png", "cbct_[0-9]*.nii.gz")
# what a virtual patient is made by: a change in there makes a new one
_MAKERS = ("cases", "geometry", "imaging", "tracking")


def prepare_case(folder: str | None, fracture: str | None, seed: int, out: Path) -> Case:
    """The case to run, checked, with bodies.

    Args:
        folder: the user's case folder, or None for the built-in patient.
        fracture: its kind; only for the built-in patient.
        out: folder of the run; what has to be written goes below it.

    Raises:
        InputError: the folder or the fracture cannot be used.
    """
    if folder is None:
        return _virtual_patient(fracture or DEFAULT_FRACTURE, seed, out)
    if fracture is not None:
        raise InputError("--fracture", f"{fracture} given together with the case {folder}", "one of the two")
    return _checked(Path(folder), out)


def _checked(folder: Path, out: Path) -> Case:
    """The user's case; where it names no bodies, a case beside the run that does."""
    from rafr.cases.load import open_case

    with progress_bar("reading the case") as progress:
        progress(0.3, str(folder))
        case = open_case(folder)
    if load_case(folder).bodies:
        return case
    # every process must work on the same bodies, so they are proposed once, here
    proposed = dataclasses.replace(case, folder=out / FOLDER)
    proposed.folder.mkdir(parents=True, exist_ok=True)
    save_case(proposed)
    return load_case(proposed.folder)


def _virtual_patient(kind: str, seed: int, out: Path) -> Case:
    if kind not in FRACTURE_KINDS:
        raise InputError("--fracture", f"no fracture {kind!r}", f"one of {', '.join(FRACTURE_KINDS)}")
    cached = _cache() / f"virtual-{kind}-{seed}-{_version()}"
    if not (cached / CASE_FILE).is_file():
        _make(kind, seed, cached)
    folder = out / FOLDER
    if (folder / CASE_FILE).is_file():  # of an earlier run
        shutil.rmtree(folder)
    shutil.copytree(cached, folder, copy_function=_link)
    return load_case(folder)


def _make(kind: str, seed: int, folder: Path) -> None:
    import numpy as np

    from rafr.cases.simulate import simulate_case
    from rafr.cases.virtual import virtual_pelvis

    folder.parent.mkdir(parents=True, exist_ok=True)
    with progress_bar("making a virtual patient") as progress:
        progress(0.0, "pelvis")
        pelvis = virtual_pelvis(np.random.default_rng(seed))
        simulate_case(pelvis, kind, seed, folder, progress=progress)


def _link(source: str, target: str) -> None:
    """A hard link where the file system has them, so that a run does not cost another CT."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "rafr" / "cases"


def _version() -> str:
    """Digest of the code that makes a patient."""
    import rafr

    root = Path(rafr.__file__).parent
    digest = hashlib.sha256()
    for name in _MAKERS:
        for path in sorted((root / name).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def run_folder(given: str | None) -> Path:
    """The folder of a run: the one asked for, or a new one named by the time."""
    return Path(given or Path("runs") / datetime.now().strftime("%Y%m%d-%H%M%S")).resolve()


def clean_folder(out: Path) -> None:
    """Make the folder of the run and take away what an earlier run left there, nothing else."""
    from rafr.review.recording import recordings

    try:
        out.mkdir(parents=True, exist_ok=True)
        for pattern in _LEFTOVERS:
            for path in out.glob(pattern):
                path.unlink()
        for recording in recordings(out):
            if any(recording.glob("*.mcap")):
                shutil.rmtree(recording)
    except OSError as error:
        raise unusable(out, error) from None

"""What tests of every room share."""

import os
import signal
from pathlib import Path

import pytest

# a shell without job control starts background jobs deaf to Ctrl-C, and their children with them
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def data_folder():
    """The public data sets; the test is skipped where they are absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("RAFR_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no public data at {folder} (set RAFR_DATA)")
    return folder

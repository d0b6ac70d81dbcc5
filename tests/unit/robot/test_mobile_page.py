"""The page on mobile models says what its code prints."""

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).resolve().parents[3] / "docs" / "mobile_models.md"
BLOCK = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)


def test_every_block_of_the_page_prints_what_stands_under_it():
    text = PAGE.read_text(encoding="utf-8")
    blocks = BLOCK.findall(text)
    assert len(blocks) == text.count("```python") == 4
    names: dict[str, object] = {}
    with np.printoptions():  # the page sets its own
        for code, printed in blocks:
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(code, str(PAGE), "exec"), names)  # later blocks use the names of earlier ones
            assert out.getvalue() == printed, code


@pytest.mark.parametrize("name", re.findall(r"`(\w+\.py)`", PAGE.read_text(encoding="utf-8")))
def test_every_file_the_page_names_exists(name):
    root = PAGE.parents[1] / "src" / "rafr"
    assert (root / "robot" / "mobile" / name).is_file() or (root / "trajectory" / name).is_file()

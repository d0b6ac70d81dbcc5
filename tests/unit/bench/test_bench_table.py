"""The table of README.md is the committed report's, and only that."""

import json
from pathlib import Path

import pytest

from rafr.bench.measure import Setting
from rafr.bench.registry import measures
from rafr.bench.table import (
    BEGIN,
    END,
    cells,
    markdown,
    peer_text,
    save_picture,
    terminal_table,
    with_table,
    write_into,
)
from rafr.errors import InputError

ROOT = Path(__file__).resolve().parents[3]


def test_a_cell_says_value_peer_ratio_and_goal(bench):
    report = bench(Setting(quick=True, seed=1))
    fast, rate, alone = (cells(row) for row in report["measures"])
    assert fast[0] == "room.fast: time of it, s"
    assert fast[2] == "2.5 (2.05, 2.95)"
    assert fast[3].startswith("numpy's 2.")
    assert fast[3].endswith(": 5 (4.1, 5.9)")
    assert fast[4:] == ("0.5", "ratio, median ≤ 1: reached")
    assert rate[3:] == ("–", "–", "5 % ≥ 3 1/s: **missed**")
    assert alone[3:] == ("nobody's: not installed", "–", "ratio, 95 % ≤ 1: not judged")


def test_the_table_of_the_readme_is_what_the_committed_report_gives():
    report = json.loads((ROOT / "docs" / "bench.json").read_text(encoding="utf-8"))
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert report["measures"]
    assert with_table(page, report, "README.md") == page, (
        "run rafr bench --from docs/bench.json --readme README.md"
    )


def test_the_committed_report_has_the_measures_that_there_are():
    report = json.loads((ROOT / "docs" / "bench.json").read_text(encoding="utf-8"))
    known = {m.name: m for m in measures() if m.quick or not report["quick"]}
    assert [r["name"] for r in report["measures"]] == list(known)
    assert [r["what"] for r in report["measures"]] == [m.what for m in known.values()]


def test_a_peer_without_a_value_is_told_from_one_that_is_not_there():
    peer = {"name": "CalculiX", "version": "2.20", "found": True, "value": None}
    assert peer_text(peer) == "CalculiX 2.20"
    assert peer_text(peer | {"found": False, "version": None}) == "CalculiX: not installed"


def test_a_page_keeps_all_but_its_table(bench):
    report = bench(Setting(quick=True))
    page = with_table(f"before\n{BEGIN}\nold\n{END}\nafter\n", report, "page")
    assert page == f"before\n{markdown(report)}\nafter\n"
    assert "old" not in page
    assert with_table(page, report, "page") == page


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_page_without_one_place_for_the_table_is_refused_and_kept(bench, tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="has no place for the table"):
        write_into(page, bench(Setting(quick=True)))
    assert page.read_text(encoding="utf-8") == text
    assert [p.name for p in tmp_path.iterdir()] == ["page.md"]


def test_the_picture_and_the_terminal_have_a_line_per_measure(bench, tmp_path):
    report = bench(Setting(quick=True))
    assert terminal_table(report).row_count == 3
    assert save_picture(tmp_path / "ratios.png", report)
    assert (tmp_path / "ratios.png").stat().st_size > 5000
    without = report | {"measures": [r for r in report["measures"] if r["ratio"] is None]}
    assert not save_picture(tmp_path / "none.png", without)
    assert not (tmp_path / "none.png").exists()

"""The document for the file: everything in one HTML, the same as PDF, nothing of it from elsewhere."""

import contextlib
import json
import re
import zlib

import numpy as np
import pytest
from tests.unit.review.test_review_report import MESHES, TRUTH, make_case, make_record

from rafr.errors import InputError
from rafr.review.operation_report import operation_report, save_operation_report
from rafr.review.report import build_report


def write(folder, truth=TRUTH, **changes):
    """A run's folder with its report and one picture."""
    import cv2

    record = make_record()
    record.holds = ["reduction: the fragment was <lost>"]
    report = build_report(make_case(), record, MESHES, truth, 3) | {"pelvis": None, "faults": []} | changes
    (folder / "report.json").write_text(json.dumps(report))
    noise = np.random.default_rng(0).integers(0, 255, (300, 2000, 3), dtype=np.uint8)
    cv2.imwrite(str(folder / "curves.png"), noise)
    return folder


def pages(pdf):
    """Page objects, most of which are in compressed streams."""
    packed = re.findall(rb"stream\n(.*?)\nendstream", pdf, re.DOTALL)
    parts = [pdf]
    for stream in packed:
        with contextlib.suppress(zlib.error):
            parts.append(zlib.decompress(stream))
    return sum(len(re.findall(rb"/Type */Page\b", part)) for part in parts)


def text_of(html):
    return " ".join(re.sub(r"<[^>]+>", " ", html.partition("</style>")[2]).split())


def test_the_html_says_what_the_report_knows_and_needs_nothing_beside_it(tmp_path):
    html = operation_report(write(tmp_path))
    text = text_of(html)
    for words in (
        "case-7", "reduced", "simulated operation, seed 3", "wing", "2.06", "excellent",
        "approved by auto", "no person: for demonstrations only", "within 0.10 mm",
        "Largest measured force at the clamp 100 N of 200 N", "the simulator's own force: 104 N",
    ):  # fmt: skip
        assert words in text, words
    assert "&lt;lost&gt;" in html  # what nodes say is text, never markup
    sources = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert [s[:22] for s in sources] == ["data:image/jpeg;base64"]
    assert "not a medical device" in html


def test_an_operation_on_a_person_says_nothing_of_a_simulator(tmp_path):
    text = text_of(operation_report(write(tmp_path, truth=None, residual_measured_by="second CBCT")))
    assert "simulat" not in text.replace("the simulator's own force: 104 N", "")
    assert "left to the plan, mm (max)" in text
    assert "measured by the second CBCT" in text


@pytest.mark.parametrize(
    "changes",
    [
        {"plan_hash": None, "plan": None, "registration": {}},
        {"peak_true_force_n": None, "tissue_stiffness": 1.2, "adjustments": ["target moved [1]"]},
        {"force_limit_n": None, "tracking": {"visible_share": None}},
    ],
    ids=["nothing planned", "adjusted", "nothing held"],
)
def test_what_a_run_never_came_to_is_left_out(tmp_path, changes):
    text = text_of(operation_report(write(tmp_path, **changes)))
    assert "None" not in text
    assert "nan" not in text.lower().split()


def test_the_pdf_has_at_most_three_pages(tmp_path):
    assert save_operation_report(write(tmp_path)) == ["report.html", "report.pdf"]
    pdf = (tmp_path / "report.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert 1 <= pages(pdf) <= 3
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "curves.png", "report.html", "report.json", "report.pdf",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"outcome": "reduced"}'], ids=["empty", "list", "object", "too little"]
)
def test_what_is_no_report_is_refused_and_nothing_is_written(tmp_path, content):
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(InputError, match=r"report\.json"):
        save_operation_report(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]

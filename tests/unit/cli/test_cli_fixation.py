"""`rafr fixation`: what is asked wrongly is said in one line, before anything long begins."""

import pytest

from rafr.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["/nowhere"], "/nowhere"),
        (["/nowhere", "--draws", "-1"], "--draws"),
        (["/nowhere", "--json", "/nowhere/result.json"], "/nowhere"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, arguments, words):
    assert main(["fixation", *arguments]) == 2
    complaint = capsys.readouterr().err
    assert words in complaint
    assert complaint.count("\n") == 1


def test_a_side_there_is_not_is_refused_by_the_parser():
    with pytest.raises(SystemExit) as refused:
        main(["fixation", "/nowhere", "--side", "middle"])
    assert refused.value.code == 2

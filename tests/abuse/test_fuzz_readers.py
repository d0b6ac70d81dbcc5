"""Every reader of foreign data refuses what is damaged in one line, or what it accepts is sound."""

import pytest
from tests.abuse.judge import Trial
from tests.abuse.readers import READERS

SEED, INPUTS = 7, 12  # the large count: benchmarks/fuzz.py
DEAR = {"risk model": 4, "Trigno export": 4, "operation report": 4, "DICOM folder": 8}
DEAR |= {"transform .mat": 2, "transform .h5": 3, "pelvis, VSD .mat": 3}


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_damaged_input_is_refused_in_one_line_or_what_is_accepted_is_sound(reader, tmp_path):
    trial = Trial(reader, tmp_path, SEED)
    outcomes = [trial.run(k) for k in range(DEAR.get(reader.name, INPUTS))]
    defects = [f"{o.mutation}: {o.text}" for o in outcomes if o.verdict == "defect"]
    assert not defects, "\n".join(defects)

"""Seeds survive a file, and a bad file is refused in one line."""

import json

import numpy as np
import pytest

from rafr.errors import InputError
from rafr.imaging.volume import Volume
from rafr.segmentation.seeds import Seeds, check_seeds, read_seeds, write_seeds


def test_seeds_survive_a_file(tmp_path):
    seeds = Seeds({1: np.array([[1.5, -2.0, 3.1]]), 0: np.array([[7.0, 8.0, 9.0], [1.0, 2.0, 3.0]])})
    write_seeds(tmp_path / "seeds.yaml", seeds)
    back = read_seeds(tmp_path / "seeds.yaml")
    assert back.labels == (0, 1)
    for label in back.labels:
        np.testing.assert_allclose(back.points[label], seeds.points[label])


def test_json_is_read_too(tmp_path):
    path = tmp_path / "seeds.json"
    path.write_text(json.dumps({"seeds": {"11": [[1, 2, 3]]}}))
    assert read_seeds(path).points[11].tolist() == [[1.0, 2.0, 3.0]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("seeds: {}", "holds no seeds"),
        ("seed: {1: [[0, 0, 0]]}", "unknown key 'seed'"),
        ("seeds: {31: [[0, 0, 0]]}", "label 31"),
        ("seeds: {femur: [[0, 0, 0]]}", "'femur'"),
        ("seeds: {1: [[0, 0]]}", "label 1"),
        ("seeds: {1: [[0, 0, .nan]]}", "label 1"),
        ("seeds: {1: here}", "label 1"),
        ("seeds: {0: [[0, 0, 0]]}", "label 0 alone"),
        ("unit: m\nseeds: {1: [[0, 0, 0]]}", "'m'"),
        ("- 1", "holds a list"),
    ],
)
def test_a_bad_file_is_refused(tmp_path, text, says):
    path = tmp_path / "seeds.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        read_seeds(path)
    assert "\n" not in str(caught.value)


def test_a_seed_outside_of_the_ct_is_named_with_what_the_ct_spans():
    ct = Volume(np.zeros((4, 5, 6), np.int16), np.array([1.0, 2.0, 3.0]), np.full(3, 2.0), np.eye(3))
    check_seeds(Seeds({1: np.array([[11.0, 10.0, 9.0]])}), ct)
    with pytest.raises(InputError, match=r"\[1e\+300, 5, 5\] of label 11 .* within 1\.\.11, 2\.\.10, 3\.\.9"):
        check_seeds(Seeds({1: np.array([[1.0, 2.0, 3.0]]), 11: np.array([[1e300, 5.0, 5.0]])}), ct)

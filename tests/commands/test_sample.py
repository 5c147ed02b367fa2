"""``rulebook sample``: pictures of any world, or a sentence."""

import pytest
from PIL import Image

from rulebook.cli import main
from rulebook.commands import sample
from rulebook.worlds.random_walk import FORMS


def test_a_strip_and_an_animation(tmp_path, capsys):
    assert main(["sample", "atomic", "--out", str(tmp_path), "--clips", "2", "--length", "5"]) == 0
    assert "2 clips of 5 frames" in capsys.readouterr().out
    with Image.open(tmp_path / "atomic.gif") as gif:
        assert gif.n_frames == 5 and gif.size == (4 * 65, 4 * 32)
    with Image.open(tmp_path / "atomic.png") as strip:
        width, height = strip.size
        assert width > 1.8 * height
    again = tmp_path / "again"
    main(["sample", "atomic", "--out", str(again), "--clips", "2", "--length", "5"])
    for name in ("atomic.gif", "atomic.png"):
        assert (again / name).read_bytes() == (tmp_path / name).read_bytes()


def test_every_named_form_can_be_found():
    assert set(FORMS) <= set(sample.worlds())
    assert {"random-walk", "moving-mnist", "moving-sprites"} <= set(sample.worlds())


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["atomc"], "There is no world 'atomc'; did you mean 'atomic'?."),
        (["atomic", "--clips", "0"], "--clips must be 1 to 32, not 0."),
        (["atomic", "--length", "0"], "--length must be 1 to 100, not 0."),
    ],
)
def test_faults_end_in_a_sentence(words, sentence, tmp_path, capsys):
    assert main(["sample", *words, "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.strip() == sentence
    assert not list(tmp_path.iterdir())


def test_an_output_folder_that_cannot_be_made_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["sample", "atomic", "--out", str(tmp_path / "file"), "--clips", "1", "--length", "2"]) == 1
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_a_world_of_the_catalogue_has_the_size_of_the_profile(tmp_path):
    """The laptop's digits are embedded: nothing has to be downloaded to see them."""
    assert sample.find("moving-mnist").frame_shape == (1, 32, 32)
    assert sample.find("moving-mnist", "paper").frame_shape == (1, 64, 64)
    assert main(["sample", "moving-mnist", "--split", "train", "--clips", "1", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "moving-mnist.png").exists()

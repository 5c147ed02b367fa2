"""``rulebook train``: settings from the catalogue, YAML and the command line; every error at once."""

import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from rulebook.catalogue import CATALOGUE
from rulebook.cli import main
from rulebook.commands.train import settle
from rulebook.training import checkpoints
from rulebook.training.archives import RUN_NAME
from rulebook.training.config import NAME
from rulebook.training.faults import Fault
from rulebook.training.settings import parse, plain, to_yaml

SMOKE = "slot-ae/atomic/smoke/s0"
SOURCE = Path(__file__).parents[2] / "src"


def rulebook(*words: str, **options) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "rulebook", *words],
        env={**os.environ, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_settings_of_every_form():
    words = [
        "--training.steps",
        "7",
        "--world.radius",
        "2",
        "4",
        "--training.bf16=true",
        "--training.stages.0.batch",
        "4",
    ]
    config = settle(SMOKE, None, [*words, "--training.clip-norm", "1e1", "--model.perception.encoder-kernels", "5"])
    assert (config.training.steps, config.training.bf16, config.training.clip_norm) == (7, True, 10.0)
    assert config.world.radius == (2.0, 4.0) and config.training.stages[0].batch == 4
    assert config.model.perception.encoder_kernels == (5,)


def test_every_run_of_the_catalogue_goes_through_yaml_unchanged():
    for run in CATALOGUE.runs():
        assert parse(yaml.safe_load(to_yaml(run)), "x") == run


def test_a_file_is_laid_over_the_catalogue_and_words_over_the_file(tmp_path):
    (tmp_path / "a.yaml").write_text("training: {steps: 8, warmup: 2}\nvariant: mine\n")
    config = settle(SMOKE, tmp_path / "a.yaml", ["--training.warmup", "3"])
    assert (config.training.steps, config.training.warmup) == (8, 3)
    assert config.name == "mine/atomic/smoke/s0"
    (tmp_path / "b.yaml").write_text(to_yaml(config))
    assert settle(None, tmp_path / "b.yaml", []) == config


def test_a_changed_run_says_so_in_its_name():
    assert settle(SMOKE, None, []).name == SMOKE
    assert settle(SMOKE, None, ["--training.steps", "30"]).name == SMOKE, "nothing has changed"
    assert settle(SMOKE, None, ["--training.steps", "7"]).name == "slot-ae+steps=7/atomic/smoke/s0"
    assert settle(SMOKE, None, ["--world.radius", "2", "3"]).name == "slot-ae+radius.0=2.0/atomic/smoke/s0"
    assert settle(SMOKE, None, ["--variant", "mine", "--training.steps", "7"]).name == "mine/atomic/smoke/s0"
    assert settle(SMOKE, None, ["--seed", "5"]).name == "slot-ae/atomic/smoke/s5"
    kernels = ["--model.perception.encoder-kernels", *["3"] * 30]
    assert re.fullmatch(r"slot-ae\+\d+-changes-[0-9a-f]{8}/atomic/smoke/s0", settle(SMOKE, None, kernels).name)


WRONG = {
    "training": {"stepz": 5, "learning_rate": 7, "warmup": "many", "stages": [{"frames": 1, "batch": 0, "beginn": 0}]},
    "model": {"perception": {"dimm": 3}},
}
SAID = [
    "has 6 errors",
    "There is no setting 'training.stepz'; did you mean 'steps'?",
    "training.learning_rate = 7: Input should be less than or equal to 1",
    "training.warmup = 'many': Input should be a valid integer",
    "training.stages.0.batch = 0: Input should be greater than or equal to 1",
    "There is no setting 'training.stages.0.beginn'; did you mean 'begin'?",
    "There is no setting 'model.perception.dimm'; did you mean 'dim'?",
]


def test_all_errors_of_a_file_at_once(tmp_path):
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(WRONG))
    with pytest.raises(Fault) as caught:
        settle(SMOKE, tmp_path / "wrong.yaml", [])
    assert all(part in str(caught.value) for part in SAID), caught.value
    assert "wrong.yaml" in str(caught.value)


def test_all_errors_of_a_command_line_at_once():
    words = ["--training.stepz", "5", "--training.learning-rate", "7", "--training.warmup", "many"]
    words += ["--training.stages.0.batch", "0", "--training.stages.0.beginn", "0", "--model.perception.dimm", "3"]
    with pytest.raises(Fault) as caught:
        settle(SMOKE, None, words)
    assert all(part in str(caught.value) for part in SAID), caught.value


@pytest.mark.parametrize(
    "words, said",
    [
        (["slot-ae/atomik/smoke/s0"], "did you mean 'slot-ae/atomic/smoke/s0'"),
        ([], "Say which run to train"),
        ([SMOKE, "--training.steps"], "--training.steps needs a value"),
        ([SMOKE, "--training.steps", "[1"], "cannot be read"),
        ([SMOKE, "--model.kind", "slot-autoencodr"], "did you mean 'slot-autoencoder'"),
        ([SMOKE, "--device", "tpu7"], "There is no device 'tpu7'"),
        ([SMOKE, "--minutes", "-1"], "--minutes -1 makes no sense"),
        ([SMOKE, "--config", "nowhere.yaml"], "Cannot read nowhere.yaml"),
        ([SMOKE, "--training", "5", "--training.steps", "3"], "--training.steps and --training ... set the same thing"),
        ([SMOKE, "--training.stages", "3", "--training.stages.0.batch", "2"], "set the same thing"),
        ([SMOKE, "--training.stages.5.batch", "2"], "names no item of training.stages: there is training.stages.0."),
        ([SMOKE, "--training.threads", "100000"], "training.threads = 100000"),
        (["slot-ae/atomic/smoke/s00"], "did you mean 'slot-ae/atomic/smoke/s0'"),
        ([SMOKE, "--model.perception.encoder-stride", "7"], "cannot be halved evenly by a stride of 7 (encoders.py"),
        (["scoff/atomic/smoke/s0", "--start-from", "null", "--training.stages.0.frames", "1"], "at least 2 frames"),
    ],
)
def test_a_wrong_call_ends_in_one_sentence(capsys, tmp_path, words, said):
    assert main(["train", *words, "--root", str(tmp_path)]) == 1
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


@pytest.mark.parametrize("name", ["../../../esc", "a/b", "", ".hidden", "a b", "a\n"])
@pytest.mark.parametrize("part", ["variant", "world-name"])
def test_a_run_cannot_be_named_out_of_its_folder(capsys, tmp_path, part, name):
    root = tmp_path / "deep" / "down" / "runs"
    assert main(["train", SMOKE, "--root", str(root), f"--{part}", f"'{name}'" if "\n" not in name else '"a\\n"']) == 1
    assert "A run's folder bears this name: use letters, digits" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_names_are_those_that_archives_take():
    assert f"{NAME.pattern}/{NAME.pattern}/" in RUN_NAME.pattern


def test_settings_that_build_no_model_are_not_written_down(tmp_path):
    """So the same name can be trained once they are mended."""
    words = ["train", SMOKE, "--root", str(tmp_path), "--variant", "mine", "--training.steps", "1"]
    assert main([*words, "--model.perception.encoder-stride", "7"]) == 1
    assert not list(tmp_path.glob("*/*/*/*/config.yaml"))
    assert main(words) == 0


def test_help_lists_every_setting_of_the_run(capsys):
    assert main(["train", SMOKE, "--help"]) == 0
    text = capsys.readouterr().out
    assert "rulebook train slot-ae/atomic/laptop/s0 --minutes 20" in text
    for name in ("--minutes", "--training.learning-rate", "--model.perception.slots", "--world.balls"):
        assert name in text


def test_a_terminated_training_saves_and_goes_on(tmp_path):
    """SIGTERM to a real process: one sentence, exit code 143, and the same command goes on."""
    words = ["train", SMOKE, "--root", str(tmp_path), "--device", "cpu", "--variant", "long"]
    folder = tmp_path / "long/atomic/smoke/s0"
    process = rulebook(*words, "--training.steps", "1000000")
    for _ in range(1200):
        if (folder / "last.ckpt").exists():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert re.fullmatch(r"Stopped by SIGTERM: long/\S+ stands at step \d+ of 1000000, saved; .* goes on.\n", err)
    step = checkpoints.load(folder)["step"]
    assert f"step {step} of" in err


def test_a_disk_with_too_little_room(tmp_path):
    """The system itself refuses to let the checkpoint grow; with room, the same command ends well."""
    words = ["train", SMOKE, "--root", str(tmp_path), "--device", "cpu"]
    small = rulebook(*words, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)))
    _, err = small.communicate(timeout=120)
    assert small.returncode == 1
    assert (
        "Cannot write" in err and "beyond the allowed size" in err and "Traceback" not in err and err.count("\n") == 1
    )
    assert main(words) == 0


def test_a_yaml_file_of_nonsense(tmp_path):
    for text, said in (
        ("a: [", "is not YAML"),
        ("- 1", "must hold a mapping"),
        ("seed: -1", "seed = -1: Input should be"),
    ):
        (tmp_path / "a.yaml").write_text(text)
        with pytest.raises(Fault, match=said):
            settle(SMOKE, tmp_path / "a.yaml", [])
    (tmp_path / "a.yaml").write_text("seed: 3")
    with pytest.raises(Fault, match="The setting 'experiment' is missing"):
        settle(None, tmp_path / "a.yaml", [])


def test_plain_values_hold_the_kinds():
    values = plain(CATALOGUE.find(SMOKE))
    assert values["model"]["kind"] == "slot-autoencoder" and values["world"]["kind"] == "random-walk"

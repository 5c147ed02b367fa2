"""What is measured while a model is trained: it is written down, and changes nothing else."""

import json

import pytest
import torch

from rulebook.catalogue import CATALOGUE
from rulebook.cli import main
from rulebook.evaluation.looks import look_of
from rulebook.training.loop import train

CPU = torch.device("cpu")
SCORES = {"mse", "ssim", "f1"}


@pytest.fixture(scope="module")
def run():
    """Cells that start at random and draw their own pictures; validated at steps 3, 6 and 7."""
    run = CATALOGUE.find("oc-scoff-bcd/moving-mnist/smoke/s0")
    return run.model_copy(
        update={"training": run.training.model_copy(update={"steps": 7, "log_every": 2, "validate_every": 3})}
    )


@pytest.fixture(scope="module")
def seen(run, tmp_path_factory):
    """Trained in one go, with looks."""
    root = tmp_path_factory.mktemp("seen")
    assert train(run, root, CPU, look=look_of(run)).finished
    return root / run.name


def lines(folder, split):
    read = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [{name: line[name] for name in line if name != "seconds"} for line in read if line["split"] == split]


def test_every_validation_says_how_well_the_model_predicts_alone(seen):
    looks = lines(seen, "validation")
    assert [line["step"] for line in looks] == [3, 6, 7]
    for line in looks:
        assert {"error", "total", *SCORES} <= set(line)
        assert line["mse"] > 0 and -1 <= line["ssim"] <= 1 and 0 <= line["f1"] <= 1
    assert not any(SCORES & set(line) for line in lines(seen, "train"))


def test_a_run_is_the_same_whether_it_is_looked_at_or_not(run, seen, tmp_path):
    train(run, tmp_path, CPU)
    blind = tmp_path / run.name
    assert (blind / "weights.safetensors").read_bytes() == (seen / "weights.safetensors").read_bytes()
    assert (blind / "config.yaml").read_bytes() == (seen / "config.yaml").read_bytes()
    assert lines(blind, "train") == lines(seen, "train")
    bare = [{name: value for name, value in line.items() if name not in SCORES} for line in lines(seen, "validation")]
    assert lines(blind, "validation") == bare


def test_a_run_cut_at_every_step_has_the_same_looks(run, seen, same_run, tmp_path):
    for step in range(1, 8):
        assert train(run, tmp_path, CPU, minutes=0, look=look_of(run)).step == step
    same_run(seen, tmp_path / run.name)


def test_a_look_finds_the_model_at_rest_and_leaves_global_random_states_alone(run, tmp_path):
    told = look_of(run)
    modes, states = [], []

    def watched(model):
        modes.append((model.training, torch.is_grad_enabled()))
        before = torch.get_rng_state()
        found = told(model)
        states.append(torch.equal(before, torch.get_rng_state()))
        assert found == told(model), "two looks at one model differ"
        return found

    train(run, tmp_path, CPU, look=watched)
    assert modes == [(False, False)] * 3 and all(states)


def test_the_command_looks(run, tmp_path, capsys):
    assert main(["train", run.name, "--root", str(tmp_path), "--variant", "seen", "--training.steps", "2"]) == 0
    (folder,) = tmp_path.glob("seen/*/smoke/s0")
    assert set(lines(folder, "validation")[-1]) >= SCORES


def test_clips_of_a_look_are_those_of_no_test():
    run = CATALOGUE.find("gru-cat/moving-sprites/smoke/s0")
    asked = []

    class Counting(type(run.world)):
        def sample(self, *words, **options):
            asked.append(options["split"])
            return super().sample(*words, **options)

    counting = run.model_copy(update={"world": Counting(**dict(run.world))})
    look_of(counting)(run.model.build(run.world.frame_shape).eval())
    assert asked == ["validation"]


def test_where_the_loss_says_enough_there_is_no_look(smoke):
    assert look_of(smoke) is None

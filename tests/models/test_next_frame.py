"""What must hold for every next-frame predictor, whatever its recurrence: GRU, ConvLSTM, RIMs, OC-RIMs of all kinds."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rulebook.catalogue import CATALOGUE
from rulebook.evaluation.evaluate import load_model
from rulebook.layers.perception import frame_error
from rulebook.layers.rim_cells import ALL_ON, CellsSpec
from rulebook.layers.thesis_vision import ThesisVisionSpec
from rulebook.measures.audibility import signal_and_noise
from rulebook.models.conv_lstm import ConvLSTMSpec
from rulebook.models.gru import GRUSpec
from rulebook.models.next_frame import NextFrameModel, NextFrameSpec
from rulebook.models.oc_rims import OCRIMsSpec
from rulebook.models.rims import RIMsSpec
from rulebook.seeds import generator
from rulebook.training.loop import train

SHAPE = (2, 16, 16)
VISION = ThesisVisionSpec(
    channels=(4, 6),
    kernels=(4, 3),
    strides=(2, 1),
    hidden=7,
    dim=8,
    bcd_channels=(6, 4),
    bcd_kernels=(4, 3),
    sbd_channels=(6, 4),
    sbd_kernels=(5, 3, 3),
)


SMALL = {"state": 6, "key": 5, "value": 7, "communication_key": 3, "heads": 2}
RIM, SCOFF = CellsSpec(cells=4, active=3, **SMALL), CellsSpec(cells=4, schemata=2, start="normal", **SMALL)
STILL = CellsSpec(cells=4, input_dropout=0, communication_dropout=0, **SMALL)
"""Without dropout, so that a loss in training can be compared with one at test."""
SLOTS = {"vision": VISION, "slots": 3, "slot_dim": 5, "slot_iterations": 2}

SPECS: dict[str, NextFrameSpec] = {
    "gru": GRUSpec(vision=VISION, state=20),
    "conv-lstm": ConvLSTMSpec(channels=(5, 3), kernel=3),
    "rims": RIMsSpec(vision=VISION, cells=RIM),
    "oc-rims-bcd": OCRIMsSpec(decoder="bcd", cells=RIM, **SLOTS),
    "oc-rims-sbd": OCRIMsSpec(decoder="sbd", cells=RIM, **SLOTS),
    "oc-rims-cat": OCRIMsSpec(decoder="cat", cells=RIM, **SLOTS),
    "oc-rims-ff": OCRIMsSpec(decoder="sbd", inputs="map", cells=RIM, vision=VISION),
    "oc-scoff": OCRIMsSpec(decoder="bcd", inputs="map", cells=SCOFF, vision=VISION),
}


@pytest.fixture(params=SPECS.keys())
def model(request) -> NextFrameModel:
    return built(SPECS[request.param])


def clips(n: int = 3, length: int = 6) -> Tensor:
    return torch.rand(n, length, *SHAPE, generator=generator(0, "clips"))


def built(spec) -> NextFrameModel:
    torch.manual_seed(0)
    return spec.build(SHAPE).eval()


def by_hand(model: NextFrameModel, frames: Tensor, given: int) -> Tensor:
    """Frame by frame: encode one, step once, draw one, and feed it back once the given frames are used up."""
    noise = generator(0, "rollout")
    drawn: list[Tensor] = []
    state = None
    for t in range(frames.shape[1] - 1):
        frame = frames[:, t : t + 1] if t < given else drawn[-1].unsqueeze(1)
        percept = model.perceive(frame, noise)
        if state is None:
            # Slots of all given frames are drawn before the states are; none of these models draws both at test.
            state = model.begin(len(frames), noise, frames.device)
        state = model.step(percept.inputs[:, 0], state, None, ALL_ON).states
        drawn.append(model.draw(state.unsqueeze(1)).frames[:, 0])
    return torch.stack(drawn, dim=1)


def test_batched_equals_stepwise(model):
    """Encoding and drawing all frames at once is doing it one by one, fed with the truth or with itself."""
    frames = clips()
    with torch.no_grad():
        for given in (1, 3, 6):
            rollout = model.rollout(frames, given=given)
            torch.testing.assert_close(rollout.frames, by_hand(model, frames, given), atol=2e-5, rtol=1e-4)
            assert rollout.first == 1 and rollout.given == given


@pytest.mark.parametrize("name", [name for name in SPECS if name != "oc-scoff"])  # its losses draw schemata
def test_losses_are_those_of_teacher_forcing(name):
    model, frames = built(SPECS[name]), clips()
    with torch.no_grad():
        expected = frame_error(model.rollout(frames, given=6).frames, frames[:, 1:])
        assert float(expected.min()) > 0
        losses = model.losses(frames, generator(0, "rollout"))
    torch.testing.assert_close(losses["error"], expected.mean(), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(model.rollout(frames, given=6).losses["error"].detach(), expected)


def test_the_future_is_not_seen(model):
    """Frames that are not given change no prediction; the last given one does."""
    frames = clips()
    later, last = frames.clone(), frames.clone()
    later[:, 3:] = 1 - later[:, 3:]
    last[:, 2] = 1 - last[:, 2]
    with torch.no_grad():
        plain, other, changed = (model.rollout(x, given=3).frames for x in (frames, later, last))
    assert torch.equal(plain, other)
    assert torch.equal(plain[:, :2], changed[:, :2])
    assert not torch.allclose(plain[:, 2], changed[:, 2], atol=1e-4)


@pytest.mark.parametrize(
    "spec",
    [SPECS["gru"], SPECS["conv-lstm"], OCRIMsSpec(inputs="map", cells=STILL, vision=VISION)],
    ids=["gru", "conv-lstm", "oc-rims"],
)
def test_a_few_drawn_frames_have_the_error_of_all_on_average(spec):
    model, frames = built(spec.model_copy(update={"drawn_frames": 1})), clips(1, 4)
    with torch.no_grad():
        errors = model.rollout(frames, given=4).losses["error"][0].tolist()
        whole = float(model.losses(frames, generator(0))["error"])
        model.train()
        seen = [float(model.losses(frames, generator(seed))["error"]) for seed in range(12)]
    assert whole == pytest.approx(sum(errors) / 3, rel=1e-3)
    assert {round(value, 2) for value in seen} == {round(value, 2) for value in errors}


def test_clips_that_hold_nothing_to_predict(model):
    for frames, given in ((clips(1, 1), 1), (clips(1, 4), 0), (clips(1, 4), 5)):
        with pytest.raises(ValueError, match="predicts every frame from the one before it"):
            model.rollout(frames, given=given)
    with pytest.raises(ValueError, match="at least 2 frames"):
        model.losses(clips(1, 1), generator(0))


@pytest.mark.parametrize(
    "name",
    [
        "gru-cat/moving-mnist/smoke/s0",
        "conv-lstm/moving-mnist/smoke/s0",
        "rims-cat-6-active4/moving-mnist/smoke/s0",
        "rims-cat-6/moving-sprites/smoke/s0",
        "oc-rims-bcd-6-3/moving-mnist/smoke/s0",
        "oc-rims-sbd-6-3/moving-sprites/smoke/s0",
        "oc-rims-ff-sbd-6/moving-mnist/smoke/s0",
        "oc-scoff-bcd/moving-mnist/smoke/s0",
    ],
)
def test_training_path(name, tmp_path):
    """A run of the catalogue, through the loop to stored weights and back to a rollout."""
    run = CATALOGUE.find(name)
    few = run.training.model_copy(update={"steps": 3, "validate_every": 3})
    run = run.model_copy(update={"training": few})
    assert train(run, tmp_path, torch.device("cpu")).finished
    config, model = load_model(tmp_path / name)
    frames = config.world.sample(2, 0, length=5, split="test").frames
    with torch.no_grad():
        rollout = model.rollout(frames, given=2)
    assert rollout.frames.shape == frames[:, 1:].shape and bool(rollout.frames.isfinite().all())


@torch.no_grad()
@pytest.mark.parametrize("name", SPECS)
def test_a_start_with_a_signal_is_dark(name):
    spec = SPECS[name]
    dark, grey = (built(spec.model_copy(update={"begin_with": start})) for start in ("signal", "pytorch"))
    seen = clips()
    assert dark.rollout(seen, given=6).frames.mean() < 0.2 < 0.4 < grey.rollout(seen, given=6).frames.mean()


@torch.no_grad()
def test_a_start_with_a_signal_lets_the_frame_be_heard():
    """At laptop size: the states of OC-RIMs speak of the draws at PyTorch's start, and of the frames at ours."""
    louder = {}
    for name in ("oc-rims-sbd-6-3", "oc-rims-sbd-6-3-plain"):
        config = CATALOGUE.find(f"{name}/moving-sprites/laptop/s0")
        torch.manual_seed(0)
        model = config.model.build(config.world.frame_shape).eval()
        seen = config.world.sample(24, 0, length=4, split="validation").frames
        looks = [model.rollout(seen, given=4, noise=generator(draw)).states for draw in range(4)]
        signal, noise = signal_and_noise(torch.stack([states[:, -1] for states in looks if states is not None]))
        louder[name] = signal / noise
    assert louder["oc-rims-sbd-6-3"] > 1 > 0.5 > louder["oc-rims-sbd-6-3-plain"], louder

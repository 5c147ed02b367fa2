"""SCOFF and RIM: the batched model is what its equations say, object files are exchangeable, RIM is one schema."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from rulebook.catalogue import CATALOGUE
from rulebook.layers.perception import PerceptionSpec
from rulebook.models.scoff import SCOFF, SCOFFSpec, files_of
from rulebook.models.slot_autoencoder import SlotAutoencoderSpec
from rulebook.seeds import generator
from rulebook.training.loop import train
from rulebook.worlds.random_walk import RandomWalk

SHAPE = (3, 16, 16)
WALK = RandomWalk(size=16, balls=2, radius=(2.0, 2.0), step=2.0)
EYE = PerceptionSpec(
    slots=3,
    dim=8,
    iterations=2,
    width=8,
    encoder_kernels=(3,),
    encoder_stride=4,
    decoder_kernels=(1, 3),
    decoder_shrink=4,
)


def model_of(schemata: int = 3, file: int = 12, **settings) -> SCOFF:
    torch.manual_seed(0)
    spec = SCOFFSpec(perception=EYE, schemata=schemata, file=file, heads=2, head_dim=4, **settings)
    model = spec.build(SHAPE)
    # Far from their start as identities, so that leaving one out is seen.
    for layer in (model.enter, model.ask, model.leave, *([model.back] if model.back else [])):
        nn.init.normal_(layer.weight, std=0.5)
    return model


@pytest.fixture(scope="module")
def frames() -> Tensor:
    return WALK.sample(3, 0, length=5).frames


def gru_cell(model: SCOFF, schema: int) -> nn.GRUCell:
    """One schema as PyTorch's own cell."""
    grus = model.schemata.grus
    cell = nn.GRUCell(grus.of_input.weight.shape[1], grus.of_state.weight.shape[1])
    cell.weight_ih.data, cell.bias_ih.data = grus.of_input.weight[schema].T, grus.of_input.bias[schema]
    cell.weight_hh.data, cell.bias_hh.data = grus.of_state.weight[schema].T, grus.of_state.bias[schema]
    return cell


def plain_step(model: SCOFF, files: list[Tensor], cells: Tensor, *, selects: bool) -> tuple[list[Tensor], list[int]]:
    """One step of one clip: file by file, schema by schema, cell by cell. ``selects`` False: RIM, which has one
    schema and no selection."""
    attention = model.perception.attention
    count = len(files)
    shares = []
    for cell in cells:
        key = attention.to_key(attention.norm_cells(cell))
        queries = [attention.to_query(attention.norm_slots(model.ask(file))) for file in files]
        shares.append(torch.stack([query @ key / EYE.dim**0.5 for query in queries]).softmax(dim=0))
    updated, chosen = [], []
    for k in range(count):
        total = sum(share[k] + 1e-8 for share in shares)
        values = [attention.to_value(attention.norm_cells(cell)) for cell in cells]
        read = sum((share[k] + 1e-8) / total * value for share, value in zip(shares, values, strict=True))
        candidates = [gru_cell(model, j)(read[None], files[k][None])[0] for j in range(model.spec.schemata)]
        best = 0
        if selects:
            query = model.schemata.to_query(files[k])
            best = max(range(len(candidates)), key=lambda j: float(query @ model.schemata.to_key(candidates[j])))
        chosen.append(best)
        thought = attention.mlp(attention.norm_update(model.ask(candidates[best])))
        updated.append(candidates[best] + (model.back(thought) if model.back else 0))
    return [file + heard(model, file, updated) for file in updated], chosen


def heard(model: SCOFF, file: Tensor, files: list[Tensor]) -> Tensor:
    """What one file hears from all (thesis 3.18), head by head."""
    talk, size = model.communication, model.spec.head_dim
    parts = []
    for head in range(model.spec.heads):
        own = slice(head * size, (head + 1) * size)
        scores = [talk.to_query(file)[own] @ talk.to_key(other)[own] / size**0.5 for other in files]
        weights = torch.stack(scores).softmax(dim=0)
        parts.append(sum(weight * talk.to_value(other)[own] for weight, other in zip(weights, files, strict=True)))
    return talk.out(torch.cat(parts))


def plain_paint(model: SCOFF, files: list[Tensor]) -> Tensor:
    """Every file decoded on its own, then mixed."""
    pictures, logits = [], []
    for file in files:
        rgb, logit = model.perception.decoder(model.perception.norm(model.leave(file))[None, None])
        pictures.append(rgb[0, 0])
        logits.append(logit[0, 0])
    masks = torch.stack(logits).softmax(dim=0)
    return sum(mask * picture for mask, picture in zip(masks, pictures, strict=True))


@torch.no_grad()
def plain_prediction(model: SCOFF, frames: Tensor, *, selects: bool) -> tuple[Tensor, Tensor]:
    """Teacher-forced predictions of frames 1, 2, ... and the choices, clip by clip and frame by frame."""
    start = model.start(model.encode(frames[:, :1])[:, 0], generator(0, "rollout"))
    clips, choices = [], []
    for b in range(len(frames)):
        files = list(start[b])
        predicted, chosen = [], []
        for t in range(frames.shape[1] - 1):
            cells = model.perception.encoder(frames[b : b + 1, t])[0]
            files, best = plain_step(model, files, cells, selects=selects)
            predicted.append(plain_paint(model, files))
            chosen.append(best)
        clips.append(torch.stack(predicted))
        choices.append(torch.tensor(chosen))
    return torch.stack(clips), torch.stack(choices)


@pytest.mark.parametrize("mlp", [False, True])
@torch.no_grad()
def test_the_batched_model_equals_a_loop_over_files_and_schemata(frames: Tensor, mlp: bool):
    model = model_of(mlp=mlp)
    rollout = model.rollout(frames, given=5)
    predicted, choices = plain_prediction(model, frames, selects=True)
    torch.testing.assert_close(rollout.frames, predicted, atol=1e-5, rtol=1e-4)
    assert torch.equal(rollout.modules.squeeze(-1), choices)
    assert len(choices.unique()) > 1, "every file chose the same schema: the comparison says little"


@torch.no_grad()
def test_with_the_mlp_a_step_begins_as_a_round_of_slot_attention(frames: Tensor):
    """One schema that is the eye's own GRU, nothing heard from other files: the file becomes what the slot becomes."""
    torch.manual_seed(0)
    model = SCOFFSpec(perception=EYE, schemata=1, file=EYE.dim, heads=2, head_dim=4, mlp=True).build(SHAPE)
    model.schemata.grus.begin_as(model.perception.attention.gru, noise=0.0)
    model.communication.out.weight.zero_()
    cells = model.encode(frames[:, :1])[:, 0]
    files, attention = model.start(cells, generator(1)), model.perception.attention
    offered = attention.offer(cells)
    torch.testing.assert_close(model.step(files, offered, None).files, attention.refine(files, offered)[0])


@torch.no_grad()
def test_one_schema_is_rim(frames: Tensor):
    model = model_of(schemata=1)
    predicted, _ = plain_prediction(model, frames, selects=False)
    torch.testing.assert_close(model.rollout(frames, given=5).frames, predicted, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_equal_schemata_are_rim(frames: Tensor):
    several, rim = model_of(schemata=4), model_of(schemata=1)
    shared = {name: value for name, value in rim.state_dict().items() if not name.startswith("schemata.grus")}
    copies = {
        name: value.expand_as(several.state_dict()[name])
        for name, value in rim.state_dict().items()
        if name.startswith("schemata.grus")
    }
    several.load_state_dict({**shared, **copies})
    cells = rim.encode(frames)
    start = rim.start(cells[:, 0], generator(1))
    one = rim.paint(files_of(rim.read_all(start, cells, None)))[0]
    torch.testing.assert_close(several.paint(files_of(several.read_all(start, cells, generator(2))))[0], one)


def test_rim_draws_nothing_and_needs_no_selection(frames: Tensor):
    model = model_of(schemata=1)
    cells = model.encode(frames)
    start = model.start(cells[:, 0], generator(1))
    silent, noisy = (model.paint(files_of(model.read_all(start, cells, noise)))[0] for noise in (None, generator(2)))
    torch.testing.assert_close(silent, noisy)
    noisy.square().mean().backward()
    for layer in (model.schemata.to_query, model.schemata.to_key):
        assert layer.weight.grad is None or float(layer.weight.grad.abs().max()) < 1e-9


@torch.no_grad()
def test_a_permutation_of_files_changes_no_prediction(frames: Tensor):
    model, order = model_of(), torch.tensor([2, 0, 1])
    cells = model.encode(frames)
    start = model.start(cells[:, 0], generator(1))
    steps, permuted = model.read_all(start, cells, None), model.read_all(start[:, order], cells, None)
    torch.testing.assert_close(permuted[-1].files, steps[-1].files[:, order], atol=1e-5, rtol=1e-4)
    assert not torch.allclose(permuted[-1].files, steps[-1].files, atol=1e-3)
    torch.testing.assert_close(
        model.paint(files_of(permuted))[0], model.paint(files_of(steps))[0], atol=1e-5, rtol=1e-4
    )


def test_gradients_reach_every_part(frames: Tensor):
    model = model_of()
    model.losses(frames, generator(0))["error"].backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or float(p.grad.abs().sum()) == 0]
    assert silent == []


def test_the_loss_is_the_error_of_the_teacher_forced_rollout(frames: Tensor):
    model = model_of(schemata=1)
    rollout = model.rollout(frames, given=5)
    loss = model.losses(frames, generator(0, "rollout"))["error"]
    torch.testing.assert_close(rollout.losses["error"].mean(), loss)
    by_hand = (rollout.frames - frames[:, rollout.first :]).square().sum(dim=(2, 3, 4))
    torch.testing.assert_close(rollout.losses["error"], by_hand)


@torch.no_grad()
def test_a_few_drawn_frames_have_the_error_of_all_on_average(frames: Tensor):
    model = model_of(schemata=1, drawn_frames=2)
    each = model.rollout(frames[:1], given=5).losses["error"][0].tolist()
    seen = [float(model.train().losses(frames[:1], generator(0, "rollout"))["error"])]
    seen += [float(model.losses(frames[:1].clone(), generator(seed, "rollout"))["error"]) for seed in range(3)]
    whole = float(model.eval().losses(frames[:1], generator(0, "rollout"))["error"])
    assert whole == pytest.approx(sum(each) / 4, rel=1e-4)
    # RIM's files start as draws of the same generator, so only the first of these has the rollout's very files.
    pairs = [(a + b) / 2 for i, a in enumerate(each) for b in each[i + 1 :]]
    assert min(abs(seen[0] - pair) for pair in pairs) < 1e-3 * whole
    assert len({round(value, 3) for value in seen}) > 1


@torch.no_grad()
def test_a_free_running_rollout_is_fed_with_its_own_predictions(frames: Tensor):
    model = model_of()
    free = model.rollout(frames, given=2)
    own = torch.cat([frames[:, :2], free.frames[:, 1:]], dim=1)
    torch.testing.assert_close(model.rollout(own, given=5).frames, free.frames, atol=1e-5, rtol=1e-4)
    other = torch.cat([frames[:, :2], torch.rand_like(frames[:, 2:])], dim=1)
    torch.testing.assert_close(model.rollout(other, given=2).frames, free.frames)
    forced = model.rollout(frames, given=5)
    torch.testing.assert_close(forced.frames[:, :2], free.frames[:, :2], atol=1e-5, rtol=1e-4)
    assert not torch.allclose(forced.frames[:, 2:], free.frames[:, 2:])


@torch.no_grad()
@pytest.mark.parametrize("given", [1, 3, 5])
def test_a_rollout_has_all_that_figures_need(frames: Tensor, given: int):
    rollout = model_of().rollout(frames, given=given)
    assert (rollout.first, rollout.given) == (1, given)
    assert rollout.frames.shape == (3, 4, *SHAPE)
    assert rollout.slot_rgb.shape == (3, 4, 3, *SHAPE)
    assert rollout.states.shape == (3, 4, 3, 12)
    assert rollout.module_probs.shape == (3, 4, 3, 1, 3)
    assert rollout.modules.shape == (3, 4, 3, 1)
    assert rollout.attention.shape == (3, 4, 3, 4, 4)
    torch.testing.assert_close(rollout.attention.sum(dim=2), torch.ones(3, 4, 4, 4))
    torch.testing.assert_close(rollout.slot_masks.sum(dim=2), torch.ones(3, 4, 16, 16))
    mixed = (rollout.slot_rgb * rollout.slot_masks.unsqueeze(3)).sum(dim=2)
    torch.testing.assert_close(mixed, rollout.frames)


def test_clips_that_are_too_short_are_refused(frames: Tensor):
    model = model_of()
    with pytest.raises(ValueError, match="at least 2 frames"):
        model.losses(frames[:, :1], generator(0))
    for given in (0, 6):
        with pytest.raises(ValueError, match=f"not {given} of 5"):
            model.rollout(frames, given=given)


def test_links_into_the_eye_start_as_identities():
    model = SCOFFSpec(perception=EYE, file=12).build(SHAPE)
    slots = torch.randn(2, 3, EYE.dim)
    for back in (model.ask, model.leave):
        torch.testing.assert_close(back(model.enter(slots)), slots)


def test_it_takes_over_the_whole_eye_of_the_slot_autoencoder():
    stage = SlotAutoencoderSpec(perception=EYE).build(SHAPE)
    taken = SCOFFSpec(perception=EYE).build(SHAPE).load_stage(stage.state_dict())
    assert taken == sorted(stage.state_dict())


@torch.no_grad()
def test_files_begin_as_slots_that_follow_what_they_attend_to():
    stage = SlotAutoencoderSpec(perception=EYE).build(SHAPE)
    model = SCOFFSpec(perception=EYE, file=12).build(SHAPE)
    model.load_stage(stage.state_dict())
    read, slots = torch.randn(2, 4, 3, EYE.dim, generator=generator(0)).unbind()
    moved = stage.perception.attention.gru(read.flatten(0, 1), slots.flatten(0, 1)).unflatten(0, (4, 3))
    for candidates in model.schemata.grus.spread(read, model.enter(slots)).unbind(dim=-2):
        away = (candidates[..., : EYE.dim] - moved).norm() / (moved - slots).norm()
        assert 0 < away < 0.2


def test_it_learns_a_batch_by_heart(frames: Tensor):
    model = model_of()
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    errors = []
    for step in range(60):
        loss = model.losses(frames, generator(0, step))["error"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        errors.append(loss.item())
    assert sum(errors[-5:]) < 0.6 * sum(errors[:5])


@pytest.mark.parametrize("name", ["scoff/atomic", "rim-mlp/fixed"])
def test_the_smoke_run_trains(name: str, tmp_path: Path):
    config = CATALOGUE.find(f"{name}/smoke/s0")
    assert train(CATALOGUE.find(config.start_from), tmp_path, torch.device("cpu")).finished
    assert train(config, tmp_path, torch.device("cpu")).finished
    assert (tmp_path / config.name / "weights.safetensors").exists()

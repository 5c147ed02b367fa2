"""VIM and the slot autoencoder: contracts and properties at smoke size."""

import pytest
import torch

from rulebook.catalogue import CATALOGUE
from rulebook.catalogue.slots import SMOKE_EYE
from rulebook.models.slot_autoencoder import SlotAutoencoderSpec
from rulebook.models.vim import VIM, VIMSpec
from rulebook.seeds import generator
from rulebook.worlds.random_walk import RandomWalk

SHAPE = (3, 32, 32)


def small(**settings) -> VIM:
    torch.manual_seed(0)
    return VIMSpec(perception=SMOKE_EYE, modules=4, hidden=16, trunk=16, **settings).build(SHAPE)


@pytest.fixture(scope="module")
def frames() -> torch.Tensor:
    return RandomWalk().sample(3, 0, length=4).frames


@pytest.mark.parametrize("iterations", [1, 2])
def test_every_weight_gets_a_gradient(frames, iterations):
    model = small(iterations=iterations)
    # Zero at the start by design: prior and posterior are equal, so nothing flows behind them yet.
    for net in (model.noise_prior.net, model.noise_posterior.net):
        torch.nn.init.normal_(net[-1].weight, std=0.1, generator=generator(0, net[-1].in_features))
    terms = model.losses(frames, generator(0))
    assert set(terms) == set(model.terms)
    sum(terms.values()).backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # A key that is shared by all modules' scores shifts them alike: its last bias moves nothing.
    assert set(silent) <= {"select_prior.key.2.bias", "select_posterior.key.2.bias"}, silent


def test_losses_depend_on_the_generator_alone(frames):
    model = small()
    torch.manual_seed(3)
    one = model.losses(frames, generator(7))
    torch.manual_seed(4)
    two = model.losses(frames, generator(7))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["error"], model.losses(frames, generator(8))["error"])


def test_the_gaussian_starts_without_information(frames):
    assert small().losses(frames, generator(0))["gaussian_kl"] == 0


@torch.no_grad()
def test_inference_is_a_rollout_with_all_frames_given(frames):
    model = small().eval()
    rollout = model.rollout(frames, given=4)
    same = model.infer(frames)
    assert torch.equal(rollout.frames, same.frames) and torch.equal(rollout.modules, same.modules)
    assert rollout.frames.shape == frames.shape and rollout.given == 4
    assert rollout.modules.shape == (3, 3, 4, 1) and rollout.module_probs.shape == (3, 3, 4, 1, 4)
    torch.testing.assert_close(rollout.losses["error"], (rollout.frames - frames).square().sum((2, 3, 4)))
    assert (rollout.losses["module_kl"][:, 0] == 0).all()


@torch.no_grad()
def test_generation_starts_where_inference_ends(frames):
    model = small().eval()
    seen = model.infer(frames[:, :2])
    made = model.rollout(frames, given=2, noise=None)
    assert torch.equal(made.frames[:, :2], seen.frames)
    black = frames.clone()
    black[:, 2:] = 0
    assert torch.equal(model.rollout(black, given=2, noise=None).frames, made.frames), "it looked at the future"
    drawn = model.rollout(frames, given=1, noise=generator(1)).frames
    assert torch.equal(drawn, model.rollout(frames, given=1, noise=generator(1)).frames)
    assert not torch.equal(drawn, model.rollout(frames, given=1, noise=generator(2)).frames)


@torch.no_grad()
def test_forced_choices_are_the_choices_made(frames):
    model = small().eval()
    wanted = torch.randint(4, (3, 5, 4, 1), generator=generator(0))
    rollout = model.force(frames[:, :1], wanted)
    assert torch.equal(rollout.modules, wanted) and rollout.frames.shape == (3, 6, *SHAPE)
    # Forcing what inference chose from the prior's most likely moves gives the same pictures.
    free = model.rollout(frames[:, :1].expand(-1, 3, -1, -1, -1), given=1, noise=None)
    torch.testing.assert_close(model.force(frames[:, :1], free.modules).frames, free.frames)


@torch.no_grad()
def test_iterations_are_drawn_and_counted(frames):
    model = small().eval()
    rollout = model.infer(frames, iterations=3, draw_iterations=True)
    assert rollout.modules.shape == (3, 3, 4, 3)
    assert rollout.iterates.shape == (3, 3, 3, *SHAPE)
    torch.testing.assert_close(rollout.iterates[:, :, -1], rollout.frames[:, 1:])


@torch.no_grad()
def test_halting_never_explains_the_next_frame_worse_than_going_on(frames):
    model = small().eval()
    pair = frames[:, :2]
    plain = model.infer(pair, iterations=4).losses["error"][:, 1]
    halted = model.infer(pair, iterations=4, halting=True).losses["error"][:, 1]
    assert (halted <= plain + 1e-4).all()


@torch.no_grad()
def test_no_other_module_of_any_one_slot_explains_the_frame_better_than_the_searched_ones(frames):
    model = small().eval()
    pair = frames[:, :2]
    found = model.infer(pair, search=True)
    prior = model.force(pair[:, :1], found.modules).module_probs
    nats = -prior.gather(-1, found.modules[..., None]).log().sum(dim=(1, 2, 3, 4))
    torch.testing.assert_close(found.losses["module_kl"][:, 1], nats)

    def cost(modules: torch.Tensor) -> torch.Tensor:
        made = model.force(pair[:, :1], modules)
        nats = -made.module_probs.gather(-1, modules[..., None]).log().sum(dim=(1, 2, 3, 4))
        return (made.frames[:, 1] - pair[:, 1]).square().sum(dim=(1, 2, 3)) + 2 * nats

    best = cost(found.modules)
    for slot in range(model.spec.perception.slots):
        for module in range(model.spec.modules):
            other = found.modules.clone()
            other[:, :, slot] = module
            assert (cost(other) >= best - 1e-4).all()


@torch.no_grad()
def test_search_asks_no_posterior(frames):
    model = small().eval()
    found = model.infer(frames, search=True)
    for part in (model.select_posterior, model.noise_posterior):
        for weight in part.parameters():
            weight.normal_(std=3.0)
    again = model.infer(frames, search=True)
    assert torch.equal(again.modules, found.modules) and torch.equal(again.frames, found.frames)


def test_slots_that_never_interact_can_be_permuted():
    model = small().eval()
    slots, seen = torch.randn(2, 4, 16, generator=generator(0)), torch.randn(2, 4, 16, generator=generator(1))
    order = torch.tensor([1, 3, 0, 2])
    step, permuted = model.step(slots, seen, None), model.step(slots[:, order], seen[:, order], None)
    torch.testing.assert_close(permuted.slots, step.slots[:, order])
    torch.testing.assert_close(permuted.module_kl, step.module_kl[:, order])


def test_stage_one_weights_are_taken_over(frames):
    torch.manual_seed(5)
    eye = SlotAutoencoderSpec(perception=SMOKE_EYE).build(SHAPE)
    model = small()
    taken = model.load_stage(eye.state_dict())
    assert set(taken) == set(eye.state_dict())
    with torch.no_grad():
        painted = model.eval().rollout(frames[:, :1], given=1).frames
        torch.testing.assert_close(painted, eye.rollout(frames[:, :1], given=1).frames)
    with pytest.raises(ValueError, match="None of the 1 weights"):
        model.load_stage({"elsewhere": torch.zeros(1)})


def test_an_autoencoder_predicts_nothing(frames):
    eye = SlotAutoencoderSpec(perception=SMOKE_EYE).build(SHAPE)
    with pytest.raises(ValueError, match="predicts nothing"):
        eye.rollout(frames, given=2)
    assert eye.losses(frames, generator(0))["error"] > 0


def test_modules_have_equal_weights_in_all_whatever_their_number():
    counts = {}
    for modules in (1, 2, 4, 5, 7):
        model = CATALOGUE.find(f"vim-m{modules}/atomic/paper/s0").model.build(SHAPE)
        counts[modules] = sum(
            p.numel() for p in [*model.transition.first.parameters(), *model.transition.second.parameters()]
        )
    assert max(counts.values()) / min(counts.values()) < 1.01, counts


def test_more_starts_never_draw_a_frame_worse(frames):
    eye = SlotAutoencoderSpec(perception=SMOKE_EYE).build(SHAPE).eval()
    with torch.no_grad():
        once = eye.rollout(frames, given=4).losses["error"]
        several = eye.rollout(frames, given=4, starts=3)
    assert (several.losses["error"] <= once).all() and (several.losses["error"] < once).any()
    torch.testing.assert_close(several.losses["error"], (several.frames - frames).square().sum((2, 3, 4)))

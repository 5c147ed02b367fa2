"""VIM whose moves change places: what that asks of modules, and what it leaves alone."""

import pytest
import torch

from rulebook.catalogue import CATALOGUE
from rulebook.catalogue.slots import SMOKE_EYE
from rulebook.models.vim import Step, Trace, VIMSpec
from rulebook.models.vim_swaps import SwappingVIM, SwappingVIMSpec
from rulebook.seeds import generator
from rulebook.worlds.random_walk import RandomWalk

SHAPE = (3, 32, 32)
SIZES = {"perception": SMOKE_EYE, "modules": 4, "hidden": 16, "trunk": 16, "iterations": 2}


def small() -> SwappingVIM:
    torch.manual_seed(0)
    return SwappingVIMSpec(**SIZES).build(SHAPE)


@pytest.fixture(scope="module")
def frames() -> torch.Tensor:
    return RandomWalk.compositional(2).sample(3, 0, length=4).frames


def slots(batch: int = 3) -> torch.Tensor:
    return torch.randn(batch, 4, SMOKE_EYE.dim, generator=generator(0, "slots"))


def hard(*modules: int) -> torch.Tensor:
    """These modules in a row, for all slots of three clips."""
    row = torch.nn.functional.one_hot(torch.tensor(modules), SIZES["modules"]).float()
    return row.expand(3, 4, len(modules), SIZES["modules"])


def test_it_differs_from_vim_in_training_alone(frames):
    swapping, plain = small().eval(), VIMSpec(**SIZES).build(SHAPE).eval()
    plain.load_state_dict(swapping.state_dict())
    with torch.no_grad():
        assert torch.equal(swapping.infer(frames).frames, plain.infer(frames).frames)
        assert torch.equal(swapping.rollout(frames, given=2).modules, plain.rollout(frames, given=2).modules)
        told, bound = swapping.losses(frames, generator(7)), plain.losses(frames, generator(7))
    assert {name: told[name] for name in bound} == bound
    assert set(told) == set(swapping.terms) == {*bound, "swap_error"}


@torch.no_grad()
def test_a_replay_is_what_forced_choices_do():
    model, modules = small().eval(), (2, 0, 3)
    by_step = model.norm(slots())
    replayed = model.replay(by_step, hard(*modules))
    for m in modules:
        by_step = model.step(by_step, None, None, torch.full((3, 4), m)).slots
    torch.testing.assert_close(replayed, by_step)


def as_steps(letters: torch.Tensor) -> list[Step]:
    """Iterations of which the choice alone matters."""
    none = torch.zeros(3, 4)
    return [Step(slots(), choice, choice, none, none) for choice in letters.unbind(dim=2)]


class Shifts(torch.nn.Module):
    """Modules that add: what each does is the same whatever ran before it."""

    def __init__(self, per_module: torch.Tensor):
        super().__init__()
        self.per_module = per_module

    def forward(self, slots):
        return self.per_module.expand(*slots.shape[:2], *self.per_module.shape)


def adding(model: SwappingVIM) -> SwappingVIM:
    """The same model, with modules that add and nothing that undoes it."""
    model.transition = Shifts(torch.randn(SIZES["modules"], SMOKE_EYE.dim, generator=generator(3, "shifts")))
    model.norm = torch.nn.Identity()
    model.noise_prior.forward = lambda candidate: (torch.zeros_like(candidate), torch.ones_like(candidate))
    return model


@torch.no_grad()
def test_modules_that_add_pay_nothing_for_any_order_and_others_pay():
    def told(model: SwappingVIM) -> list[float]:
        """The error where the last frame is the one that the choices draw in the order in which they were made."""
        model.eval()
        letters = hard(0, 1, 2, 3)
        states = [slots()]
        for i in (0, 2):
            states.append(model.replay(states[-1], letters[:, :, i : i + 2]))
        drawn, _, _ = model.perception.observe(torch.stack(states, dim=1).flatten(0, 1))
        trace = Trace(states, [as_steps(letters[:, :, :2]), as_steps(letters[:, :, 2:])])
        frames = drawn.unflatten(0, (3, 3))
        return [model.swap_error(trace, frames, generator(seed)).item() for seed in range(8)]

    assert max(told(adding(small()))) < 1e-8
    assert max(told(small())) > 1e-6


def test_the_window_begins_anywhere_and_ends_on_its_own_frame():
    """Choices of one module alone have one order: the error is that of the frame two transitions on, whichever."""
    model = small().eval()
    with torch.no_grad():
        letters = hard(1, 1)
        states = [model.norm(slots())]
        for _ in range(3):
            states.append(model.replay(states[-1], letters))
        trace = Trace(states, [as_steps(letters)] * 3)
        drawn = torch.stack([model.perception.observe(state)[0] for state in states], dim=1)
        late = set()
        for seed in range(40):
            assert model.swap_error(trace, drawn, generator(seed)).item() < 1e-8
            marked = drawn.clone()
            marked[:, 3] += 1
            whole = marked[0, 3].numel()
            late.add(round(3 * model.swap_error(trace, marked, generator(seed)).item() / whole))
    # Of three clips, so many begin at the second frame.
    assert late == {0, 1, 2, 3}


def test_swaps_teach_modules_and_choices(frames):
    model = small()
    model.losses(frames, generator(0))["swap_error"].backward()
    taught = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    for part in ("transition", "select_posterior", "perception.decoder", "noise_prior"):
        assert [name for name in taught if name.startswith(part)], part
    assert not [name for name in taught if name.startswith("select_prior")]


def test_clips_too_short_to_swap_cost_nothing(frames):
    terms = small().losses(frames[:, :2], generator(0))
    assert terms["swap_error"].item() == 0 and terms["error"].item() > 0


@pytest.mark.parametrize("modules", [4, 5])
def test_the_catalogue_changes_nothing_but_the_swaps(modules):
    plain = CATALOGUE.entries[f"vim2-m{modules}-brief/composed"]
    swapped = CATALOGUE.entries[f"vim2-m{modules}-brief-swaps/composed"]
    for profile, recipe in swapped.recipes.items():
        other = plain.recipes[profile]
        assert recipe.model.model_dump() == other.model.model_dump() and recipe.model.kind == "vim-swapping"
        left = {name: ramp for name, ramp in recipe.training.weights.items() if name != "swap_error"}
        assert recipe.training.model_copy(update={"weights": left}) == other.training
        assert recipe.training.weights["swap_error"] == recipe.training.weights["error"]

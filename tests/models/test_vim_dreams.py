"""VIM that dreams: what dreams are, what they teach, and what they leave alone."""

import pytest
import torch

from rulebook.catalogue import CATALOGUE
from rulebook.catalogue.slots import SMOKE_EYE
from rulebook.layers.slot_attention import SlotAttention
from rulebook.models.vim import VIMSpec
from rulebook.models.vim_dreams import DreamingVIM, DreamingVIMSpec
from rulebook.seeds import generator
from rulebook.worlds.random_walk import RandomWalk

SHAPE = (3, 32, 32)
SIZES = {"perception": SMOKE_EYE, "modules": 4, "hidden": 16, "trunk": 16}
DREAMT = ("dream_choice", "dream_attention")


def small(**settings) -> DreamingVIM:
    torch.manual_seed(0)
    return DreamingVIMSpec(**SIZES, **settings).build(SHAPE)


@pytest.fixture(scope="module")
def frames() -> torch.Tensor:
    return RandomWalk().sample(3, 0, length=4).frames


@pytest.fixture
def slots() -> torch.Tensor:
    return small().norm(torch.randn(5, 4, 16, generator=generator(0, "slots"))).detach()


def test_it_differs_from_vim_in_training_alone(frames):
    dreaming, awake = small().eval(), VIMSpec(**SIZES).build(SHAPE).eval()
    awake.load_state_dict(dreaming.state_dict())
    with torch.no_grad():
        assert torch.equal(dreaming.infer(frames).frames, awake.infer(frames).frames)
        assert torch.equal(dreaming.rollout(frames, given=2).modules, awake.rollout(frames, given=2).modules)
        told, bound = dreaming.losses(frames, generator(7)), awake.losses(frames, generator(7))
    assert {name: told[name] for name in bound} == bound
    assert set(told) == set(dreaming.terms) == {*bound, *DREAMT}


def test_dreams_teach_inference_and_leave_what_draws_them_alone(frames):
    model = small()
    terms = model.losses(frames, generator(0))
    sum(terms[name] for name in DREAMT).backward()
    taught = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    generative = ("perception.decoder", "transition", "norm.", "select_prior", "noise")
    assert not [name for name in taught if name.startswith(generative)]
    inference = ("perception.encoder", "perception.attention.to_query", "perception.attention.to_key")
    for part in (*inference, "select_posterior.query", "select_posterior.key.0"):
        assert [name for name in taught if name.startswith(part)], part


def test_a_dream_is_one_step_of_the_prior_as_the_decoder_draws_it(slots):
    model = small().eval()
    frame, chosen, light = model.dream(slots, generator(1))
    made = model.step(slots, None, None, chosen).slots
    assert torch.equal(frame, model.perception.observe(made)[0].clamp(0, 1))
    assert light.shape == (5, 4, torch.tensor(model.perception.encoder.cells).prod())
    many = slots[:1].expand(4000, -1, -1)
    drawn = torch.nn.functional.one_hot(model.dream(many, generator(2))[1], 4).double().mean(dim=0)
    prior = model.select_prior(many[:1], model.candidates(many[:1])).softmax(dim=-1)[0]
    torch.testing.assert_close(drawn.float(), prior, atol=0.04, rtol=0)


def test_claims_that_follow_the_painters_cost_nothing_and_others_do(slots, monkeypatch):
    model = small().eval()
    with torch.no_grad():
        light = model.dream(slots, generator(1))[2] + 0.2  # bright enough to count
    monkeypatch.setattr(model, "dream", lambda slots, noise: (torch.zeros(5, *SHAPE), torch.zeros(5, 4).long(), light))
    owner = light / light.sum(dim=1, keepdim=True)
    for share, price in ((owner, 0.0), (owner.roll(1, dims=1), None)):
        monkeypatch.setattr(SlotAttention, "refine", lambda self, slots, offered, share=share: (slots, share))
        cost = float(model.recognise(slots, generator(1))[1].detach())
        assert cost == pytest.approx(0, abs=1e-5) if price == 0 else cost > 1e-4


def test_dark_dreams_teach_nothing(slots, monkeypatch):
    model = small().eval()
    dark = torch.zeros(5, 4, torch.tensor(model.perception.encoder.cells).prod())
    monkeypatch.setattr(model, "dream", lambda slots, noise: (torch.zeros(5, *SHAPE), torch.zeros(5, 4).long(), dark))
    assert [float(term.detach()) for term in model.recognise(slots, generator(1))] == [0, 0]


def test_dreams_are_learned_from(slots):
    model = small()
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    costs = []
    for step in range(60):
        choice, attention = model.recognise(slots, generator(step, "dreams"))
        costs.append(float(attention.detach()))
        optimiser.zero_grad()
        (choice + attention).backward()
        optimiser.step()
    assert sum(costs[-10:]) < 0.7 * sum(costs[:10])


def test_no_trace_outlives_the_losses(frames):
    model = small()
    model.losses(frames, generator(0))
    assert model._met is None
    assert set(model.losses(frames[:, :1], generator(0))) == set(model.terms), "a still frame can be dreamt on too"


def test_the_stage_of_dreams_follows_the_bound():
    awake, dreaming = (CATALOGUE.entries[name] for name in ("vim-m4/atomic", "vim-m4-dreams/atomic"))
    assert dreaming.start_from == "vim-m4/atomic" and awake.start_from == "slot-ae/atomic"
    names = [run.name for run in CATALOGUE.runs("smoke")]
    assert names.index("vim-m4/atomic/smoke/s0") < names.index("vim-m4-dreams/atomic/smoke/s0")
    for profile, recipe in dreaming.recipes.items():
        model = recipe.model.model_dump()
        assert model.pop("dreams") > 0 and model == awake.recipes[profile].model.model_dump()


def test_the_control_is_the_first_stage_of_dreams_in_all_but_the_dreams():
    awake, control, dreaming = (CATALOGUE.entries[f"vim-m4{name}/atomic"] for name in ("", "-longer", "-dreams"))
    assert control.start_from == dreaming.start_from and control.world == dreaming.world
    for profile, recipe in dreaming.recipes.items():
        same = control.recipes[profile]
        assert same.model == awake.recipes[profile].model and same.seeds == recipe.seeds
        told = recipe.training.model_dump()
        assert {told["weights"].pop("dream_choice")["last"], told["weights"].pop("dream_attention")["last"]} == {1, 30}
        assert same.training.model_dump() == told


def test_the_second_stage_of_dreams_goes_on_from_the_first_on_whole_clips():
    first, second = (CATALOGUE.entries[f"vim-m5-dreams{name}/atomic"] for name in ("", "-on"))
    assert second.start_from == "vim-m5-dreams/atomic"
    for profile, recipe in second.recipes.items():
        assert recipe.model == first.recipes[profile].model
        assert recipe.training.weights == first.recipes[profile].training.weights
        length = recipe.training.stages[0].frames
        assert length == 20 or (profile == "smoke" and length > first.recipes[profile].training.stages[0].frames)

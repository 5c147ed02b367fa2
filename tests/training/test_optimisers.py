"""Muon against PyTorch's, and against what it promises."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from rulebook.layers.grouped import GroupedLinear
from rulebook.training.config import Stage, Training
from rulebook.training.optimisers import Muon, Optimiser, Together, make_optimiser, orthogonal

CPU = torch.device("cpu")


def settings(optimiser: str, **others: object) -> Training:
    return Training(steps=10, stages=(Stage(frames=2, batch=2),), learning_rate=0.01, optimiser=optimiser, **others)


def test_singular_values_become_about_one_and_their_vectors_stay():
    weak = torch.diag(torch.tensor([1.0, 0.3, 0.03])) @ torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    made = orthogonal(torch.stack([weak, 100 * weak]))
    torch.testing.assert_close(made[0], made[1], rtol=0, atol=1e-3)
    values = torch.linalg.svdvals(made[0])
    assert values.min() > 0.5 and values.max() < 1.3
    u, _, v = torch.linalg.svd(weak, full_matrices=False)
    between = u.T @ made[0] @ v.T
    torch.testing.assert_close(between, torch.diag(between.diag()), rtol=0, atol=1e-3)
    torch.testing.assert_close(orthogonal(weak.T[None])[0], made[0].T)


def test_on_matrices_it_is_that_of_pytorch():
    """Which rounds to bfloat16: so about the same."""
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this PyTorch has no Muon")
    ours, theirs = (nn.Parameter(torch.eye(6, 4)) for _ in range(2))
    one = Muon([{"params": [ours]}], lr=0.1)
    other = torch.optim.Muon([theirs], lr=0.1, weight_decay=0, adjust_lr_fn="match_rms_adamw")
    for i in range(5):
        gradient = torch.randn(6, 4, generator=torch.Generator().manual_seed(i))
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        one.step()
        other.step()
    torch.testing.assert_close(ours, theirs, rtol=0, atol=5e-3)
    assert (ours - torch.eye(6, 4)).abs().max() > 0.05


def test_groups_and_kernels_are_matrices_and_biases_are_not():
    model = nn.ModuleDict({"grouped": GroupedLinear(2, 3, 4), "conv": nn.Conv2d(2, 4, 3), "norm": nn.LayerNorm(4)})
    optimiser = make_optimiser(settings("muon", pace={"conv": {"first": 0.5, "last": 0.5}}), model, CPU)
    assert isinstance(optimiser, Together)
    names = {id(weight): name for name, weight in model.named_parameters()}
    parts = [[names[id(weight)] for weight in group["params"]] for group in optimiser.param_groups]
    assert parts == [
        ["conv.weight"],
        ["grouped.weight"],
        ["conv.bias"],
        ["grouped.bias", "norm.weight", "norm.bias"],
    ]


def test_each_group_of_a_grouped_layer_is_made_orthogonal_on_its_own():
    layer, alone = GroupedLinear(2, 3, 4, bias=False), nn.Parameter(torch.zeros(3, 4))
    with torch.no_grad():
        alone.copy_(layer.weight[1])
    gradient = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1))
    layer.weight.grad, alone.grad = gradient * torch.tensor([100.0, 1.0])[:, None, None], gradient[1].clone()
    for optimiser in (Muon([{"params": [layer.weight]}], 0.1), Muon([{"params": [alone]}], 0.1)):
        optimiser.step()
    torch.testing.assert_close(layer.weight[1], alone)


def test_in_proportion_groups_with_smaller_gradients_take_smaller_steps():
    torch.manual_seed(0)
    gradient = orthogonal(torch.randn(4, 3, 5)) * torch.tensor([1.0, 0.5, 1e-3, 0.0])[:, None, None]
    steps = {}
    for in_proportion in (False, True):
        weight = nn.Parameter(torch.zeros(4, 3, 5))
        weight.grad = gradient.clone()
        Muon([{"params": [weight]}], 0.1, in_proportion).step()
        steps[in_proportion] = weight.detach().flatten(1).norm(dim=1)
    # The root mean square of 1, 1/2, 1/1000 and 0 (of all but equal norms) is 0.559.
    share = torch.tensor([1.0, 0.5 / 0.559, 1e-3 / 0.559])
    torch.testing.assert_close(steps[True][:3] / steps[False][:3], share, rtol=0.1, atol=0)
    assert steps[False][2] > 0.8 * steps[False][0], "without it a thousandth of the gradient takes a whole step"
    assert steps[True][3] == 0


def test_in_proportion_says_nothing_about_a_matrix_that_stands_alone():
    gradient = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    alone = [nn.Parameter(torch.zeros(3, 4)) for _ in range(2)]
    for weight, in_proportion in zip(alone, (False, True), strict=True):
        weight.grad = gradient.clone()
        Muon([{"params": [weight]}], 0.1, in_proportion).step()
    assert torch.equal(*alone)


def test_a_checkpoint_from_before_steps_in_proportion_goes_on():
    weight = nn.Parameter(torch.zeros(2, 3, 4))
    optimiser = Muon([{"params": [weight]}], 0.1)
    state = optimiser.state_dict()
    del state["param_groups"][0]["in_proportion"]
    optimiser.load_state_dict(state)
    weight.grad = torch.ones(2, 3, 4)
    optimiser.step()
    assert weight.isfinite().all()


def train(model: nn.Module, optimiser: Optimiser, steps: int, first: int = 0) -> None:
    for i in range(first, first + steps):
        x = torch.randn(8, 3, generator=torch.Generator().manual_seed(i))
        optimiser.zero_grad()
        (model(x) - x).square().mean().backward()
        optimiser.step()


@pytest.fixture
def twins() -> tuple[nn.Linear, nn.Linear]:
    torch.manual_seed(0)
    model = nn.Linear(3, 3)
    return model, deepcopy(model)


def test_its_state_comes_back_and_that_of_adam_is_refused(twins):
    model, other = twins
    optimiser = make_optimiser(settings("muon"), model, CPU)
    train(model, optimiser, 3)
    other.load_state_dict(model.state_dict())
    second = make_optimiser(settings("muon"), other, CPU)
    second.load_state_dict(deepcopy(optimiser.state_dict()))
    train(model, optimiser, 2)
    train(other, second, 2)
    torch.testing.assert_close(model.weight, other.weight, rtol=0, atol=0)
    with pytest.raises(ValueError, match="another optimiser"):
        second.load_state_dict(make_optimiser(settings("adam"), other, CPU).state_dict())


LED = settings("muon", lead={"steps": 4, "learning_rate": 0.01})


def test_a_lead_is_adam_and_what_follows_is_muon_afresh(twins):
    model, other = twins
    led, adam = make_optimiser(LED, model, CPU), make_optimiser(settings("adam"), other, CPU)
    train(model, led, 4)
    train(other, adam, 4)
    torch.testing.assert_close(model.weight, other.weight, rtol=0, atol=0)
    muon = make_optimiser(settings("muon"), other, CPU)
    train(model, led, 3, first=4)
    train(other, muon, 3, first=4)
    torch.testing.assert_close(model.weight, other.weight, rtol=0, atol=0)


@pytest.mark.parametrize("cut", [2, 4, 6], ids=["within the lead", "where it ends", "after it"])
def test_a_led_training_that_was_cut_goes_on_as_if_it_had_not_been(twins, cut):
    model, other = twins
    whole = make_optimiser(LED, model, CPU)
    train(model, whole, 8)
    first = make_optimiser(LED, other, CPU)
    train(other, first, cut)
    second = make_optimiser(LED, other, CPU)
    second.load_state_dict(deepcopy(first.state_dict()))
    train(other, second, 8 - cut, first=cut)
    torch.testing.assert_close(model.weight, other.weight, rtol=0, atol=0)
    with pytest.raises(ValueError, match="another optimiser"):
        second.load_state_dict(make_optimiser(settings("muon"), other, CPU).state_dict())


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [({"optimiser": "adam"}, "not before adam"), ({"steps": 4}, "leaves none of 4 for Muon")],
)
def test_a_lead_that_cannot_be_is_refused(changed, sentence):
    with pytest.raises(ValueError, match=sentence):
        Training.model_validate(LED.model_dump() | changed)

"""Grouped layers against plain loops; selection, relaxed draws and KL terms against sampling."""

import torch
from torch import nn

from rulebook.layers.explaining import best_iterations, best_options
from rulebook.layers.grouped import GroupedGRU, GroupedLinear
from rulebook.layers.selection import KeyQuery, categorical_kl, gaussian_kl, gumbel_softmax, one_hot
from rulebook.seeds import generator


def draw(*shape: int, name: str = "x") -> torch.Tensor:
    return torch.randn(*shape, generator=generator(0, name))


def test_grouped_linear_is_one_linear_per_group():
    grouped = GroupedLinear(3, 4, 5)
    x = draw(2, 3, 4)
    plain = torch.stack([x[:, g] @ grouped.weight[g] + grouped.bias[g] for g in range(3)], dim=1)
    torch.testing.assert_close(grouped(x), plain)
    shared = draw(2, 4)
    torch.testing.assert_close(grouped.spread(shared), grouped(shared[:, None].expand(-1, 3, -1)))


def test_grouped_gru_is_one_gru_cell_per_group():
    grouped = GroupedGRU(3, 4, 5)
    x, state = draw(2, 3, 4, name="input"), draw(2, 3, 5, name="state")
    rows = []
    for g in range(3):
        cell = nn.GRUCell(4, 5)
        with torch.no_grad():
            cell.weight_ih.copy_(grouped.of_input.weight[g].T)
            cell.weight_hh.copy_(grouped.of_state.weight[g].T)
            cell.bias_ih.copy_(grouped.of_input.bias[g])
            cell.bias_hh.copy_(grouped.of_state.bias[g])
        rows.append(cell(x[:, g], state[:, g]))
    torch.testing.assert_close(grouped(x, state), torch.stack(rows, dim=1))
    spread = grouped.spread(x[:, 0], state[:, 0])
    torch.testing.assert_close(spread[:, 1], grouped(x[:, :1].expand(-1, 3, -1), state[:, :1].expand(-1, 3, -1))[:, 1])


def test_a_grouped_gru_may_begin_as_a_smaller_cell():
    cell, grouped = nn.GRUCell(3, 4), GroupedGRU(2, 5, 6)
    x, state = draw(7, 3, name="input"), draw(7, 4, name="state")
    wide = [nn.functional.pad(narrow, (0, 2)) for narrow in (x, state)]
    grouped.begin_as(cell, noise=0.0)
    for group in grouped.spread(*wide).unbind(dim=-2):
        torch.testing.assert_close(group[:, :4], cell(x, state))
    grouped = GroupedGRU(2, 5, 6)
    grouped.begin_as(cell, noise=0.1)
    one, two = grouped.spread(*wide)[..., :4].unbind(dim=-2)
    assert not torch.allclose(one, two)
    assert (one - cell(x, state)).abs().mean() < 0.1 * cell(x, state).abs().mean()


def test_key_query_scores_follow_their_candidates():
    selector = KeyQuery(4, 6)
    query, candidates = draw(2, 3, 4, name="query"), draw(2, 3, 5, 6, name="candidates")
    order = torch.tensor([4, 2, 0, 1, 3])
    scores = selector(query, candidates)
    assert scores.shape == (2, 3, 5)
    torch.testing.assert_close(selector(query, candidates[:, :, order]), scores[..., order])


def test_hard_draws_follow_the_softmax():
    logits = torch.tensor([0.0, 1.0, -1.0, 0.5])
    draws = gumbel_softmax(logits.expand(20000, 4), 1.0, generator(0, "gumbel"), hard=True)
    assert set(draws.flatten().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(draws.mean(dim=0), logits.softmax(dim=0), atol=0.015, rtol=0)


def test_relaxed_draws_carry_gradients_and_sum_to_one():
    logits = draw(5, 4).requires_grad_()
    for hard in (False, True):
        drawn = gumbel_softmax(logits, 1.0, generator(0), hard=hard)
        torch.testing.assert_close(drawn.sum(dim=-1), torch.ones(5))
        (gradient,) = torch.autograd.grad((drawn * draw(5, 4, name="w")).sum(), logits)
        assert gradient.abs().sum() > 0


def test_one_hot_marks_the_largest():
    assert one_hot(torch.tensor([[0.1, 0.7, 0.2]])).tolist() == [[0, 1, 0]]


def test_categorical_kl_equals_sampling():
    q, p = torch.tensor([0.3, -1.0, 0.8]), torch.tensor([0.0, 0.5, -0.5])
    sampled = torch.multinomial(q.softmax(0), 200_000, replacement=True, generator=generator(0))
    estimate = (q.log_softmax(0) - p.log_softmax(0))[sampled].mean()
    torch.testing.assert_close(categorical_kl(q, p), estimate, atol=0.01, rtol=0)
    assert categorical_kl(q, q) == 0


def test_gaussian_kl_equals_sampling():
    mean, std = torch.tensor([0.5, -0.2]), torch.tensor([0.7, 1.2])
    prior_mean, prior_std = torch.tensor([0.0, 0.3]), torch.tensor([1.0, 0.9])
    z = mean + std * torch.randn(400_000, 2, generator=generator(0))
    normal = torch.distributions.Normal
    estimate = (normal(mean, std).log_prob(z) - normal(prior_mean, prior_std).log_prob(z)).sum(-1).mean()
    torch.testing.assert_close(gaussian_kl(mean, std, prior_mean, prior_std), estimate, atol=0.01, rtol=0)
    assert gaussian_kl(mean, std, mean, std) == 0


def test_halting_keeps_the_iteration_that_explains_the_frame():
    def decoder(slots: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A slot of (place, brightness): it lights one of four pixels and is seen nowhere else."""
        pixel = nn.functional.one_hot(slots[..., 0].long(), 4).float()[:, :, None, None, :]
        rgb = pixel * slots[..., 1][:, :, None, None, None]
        return rgb, 20 * pixel[:, :, 0]

    places = torch.tensor([[[0, 3], [1, 2], [2, 1]]])  # iteration x slot
    visited = torch.stack([places, torch.ones_like(places)], dim=-1).float()
    frame = torch.tensor([0.0, 1.0, 0.0, 1.0]).view(1, 1, 1, 4)
    kept = best_iterations(decoder, visited, frame)
    assert kept[0, :, 0].tolist() == [1, 3]


def test_an_option_must_be_worth_its_price():
    def decoder(slots: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A slot of one number: it paints a frame of one pixel with it."""
        return slots[..., None, None], torch.zeros(*slots.shape[:2], 1, 1)

    options, frame = torch.tensor([0.0, 2.0]).view(1, 2, 1, 1), torch.full((1, 1, 1, 1), 1.5)
    start = torch.zeros(1, 1, dtype=torch.long)
    prices = {0.0: 1, 0.9: 1, 1.1: 0}  # the error falls by 2.25 - 0.25 = 2; a price counts twice
    for price, expected in prices.items():
        paid = torch.tensor([0.0, price]).view(1, 2, 1)
        assert best_options(decoder, options, frame, start, paid).item() == expected
    assert best_options(decoder, options, frame, start).item() == 1 and start.item() == 0, "the start is not written to"

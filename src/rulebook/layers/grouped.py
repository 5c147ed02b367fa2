"""Grouped layers: the same layer with its own weights for every cell, computed as one batched product."""

from __future__ import annotations

import torch
from einops import einsum, rearrange
from jaxtyping import Float
from torch import Tensor, nn


class GroupedLinear(nn.Module):
    """One Linear per group: input ``[..., group, in]``, output ``[..., group, out]``."""

    def __init__(self, groups: int, inner: int, outer: int, bias: bool = True):
        super().__init__()
        bound = inner**-0.5
        self.weight = nn.Parameter(torch.empty(groups, inner, outer).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(groups, outer).uniform_(-bound, bound)) if bias else None

    def forward(self, x: Float[Tensor, "*batch group inner"]) -> Float[Tensor, "*batch group outer"]:
        y = einsum(x, self.weight, "... g i, g i o -> ... g o")
        return y if self.bias is None else y + self.bias

    def spread(self, x: Float[Tensor, "*batch inner"]) -> Float[Tensor, "*batch group outer"]:
        """The same input through every group."""
        y = einsum(x, self.weight, "... i, g i o -> ... g o")
        return y if self.bias is None else y + self.bias


class GroupedGRU(nn.Module):
    """One GRU cell per group; the equations are those of torch.nn.GRUCell."""

    def __init__(self, groups: int, inner: int, state: int):
        super().__init__()
        self.of_input = GroupedLinear(groups, inner, 3 * state)
        self.of_state = GroupedLinear(groups, state, 3 * state)
        bound = state**-0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    @torch.no_grad()
    def begin_as(self, cell: nn.GRUCell, noise: float) -> None:
        """Every group starts as ``cell`` on the first entries of input and state; ``noise`` times the weights that it
        had are added, so that groups differ, and are all that other entries have."""
        sizes = cell.input_size, cell.hidden_size
        for layer, size, weight, bias in (
            (self.of_input, sizes[0], cell.weight_ih, cell.bias_ih),
            (self.of_state, sizes[1], cell.weight_hh, cell.bias_hh),
        ):
            own, own_bias = ((noise * start).unflatten(-1, (3, -1)) for start in layer.parameters())
            own[:, :size, :, : sizes[1]] += rearrange(weight, "(gate o) i -> i gate o", gate=3)
            own_bias[..., : sizes[1]] += rearrange(bias, "(gate o) -> gate o", gate=3)
            for parameter, start in zip(layer.parameters(), (own, own_bias), strict=True):
                parameter.copy_(start.flatten(-2))

    def forward(
        self, x: Float[Tensor, "*batch group inner"], state: Float[Tensor, "*batch group state"]
    ) -> Float[Tensor, "*batch group state"]:
        return self._gates(self.of_input(x), self.of_state(state), state)

    def spread(
        self, x: Float[Tensor, "*batch inner"], state: Float[Tensor, "*batch state"]
    ) -> Float[Tensor, "*batch group state"]:
        """Every group's next state from the same input and the same state: the candidates of SCOFF's schemata."""
        return self._gates(self.of_input.spread(x), self.of_state.spread(state), state.unsqueeze(-2))

    @staticmethod
    def _gates(of_input: Tensor, of_state: Tensor, state: Tensor) -> Tensor:
        input_reset, input_update, input_new = of_input.chunk(3, dim=-1)
        state_reset, state_update, state_new = of_state.chunk(3, dim=-1)
        reset = (input_reset + state_reset).sigmoid()
        update = (input_update + state_update).sigmoid()
        new = (input_new + reset * state_new).tanh()
        return new + update * (state - new)

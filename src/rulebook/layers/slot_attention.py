"""Slot attention: slots compete for the cells of a feature map (Locatello et al. 2020, Algorithm 1)."""

from __future__ import annotations

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor, nn

from rulebook.layers.gradients import tame


class SlotAttention(nn.Module):
    """A set of feature cells becomes a set of slots.

    The paper's Algorithm 1, line by line. Symbols: ``slots`` K x D, ``cells`` N x D.
    """

    def __init__(self, slots: int, dim: int, cell_dim: int, iterations: int = 3, hidden: int = 128):
        super().__init__()
        self.slots, self.iterations = slots, iterations
        self.scale = dim**-0.5
        self.norm_cells = nn.LayerNorm(cell_dim)
        self.norm_slots = nn.LayerNorm(dim)
        self.norm_update = nn.LayerNorm(dim)
        self.to_query = nn.Linear(dim, dim, bias=False)
        self.to_key = nn.Linear(cell_dim, dim, bias=False)
        self.to_value = nn.Linear(cell_dim, dim, bias=False)
        self.gru = nn.GRUCell(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, dim))
        # All slots start as draws from one learned Gaussian: that is what makes them exchangeable.
        self.start_mean = nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, dim)))
        self.start_log_std = nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, dim)))

    def start(self, batch: int, noise: torch.Generator) -> Float[Tensor, "batch slot dim"]:
        """Initial slots: one draw per slot."""
        draw = torch.randn(batch, self.slots, self.start_mean.shape[-1], generator=noise, device=noise.device)
        return self.start_mean + self.start_log_std.exp() * draw.to(self.start_mean.device)

    def offer(self, cells: Float[Tensor, "*batch cell cell_dim"]) -> Float[Tensor, "*batch cell cell_dim"]:
        """The cells as slots see them."""
        with exact(cells):
            return self.norm_cells(cells.float())

    def ask(self, slots: Float[Tensor, "*batch slot dim"]) -> Float[Tensor, "*batch slot cell_dim"]:
        """What every slot looks for: its query times the map to keys, to be compared with cells as they are."""
        query = self.to_query(self.norm_slots(slots.float())) * self.scale
        return query @ self.to_key.weight

    def compete(
        self, slots: Float[Tensor, "batch slot dim"], offered: Float[Tensor, "batch cell cell_dim"]
    ) -> tuple[Float[Tensor, "batch slot dim"], Float[Tensor, "batch slot cell"]]:
        """What every slot reads from the cells it won, and who won which cell (softmax over slots).

        Keys and values are linear in the cells: (q)(W c) = (q W)(c), and the mean of values is the value of the mean.
        So both maps act on a few slots and never on all cells, which took a third of a training step.
        """
        with exact(slots):
            share = einsum(self.ask(slots), offered, "b s d, b n d -> b s n").softmax(dim=1)
            weight = share + 1e-8
            weight = weight / weight.sum(dim=-1, keepdim=True)
            return self.to_value(einsum(weight, offered, "b s n, b n d -> b s d")), share

    def forward(
        self, cells: Float[Tensor, "batch cell cell_dim"], slots: Float[Tensor, "batch slot dim"]
    ) -> tuple[Float[Tensor, "batch slot dim"], Float[Tensor, "batch slot cell"]]:
        """Refined slots, and the last attention map."""
        offered = self.offer(cells)
        share = offered.new_zeros(offered.shape[0], self.slots, offered.shape[1])
        for _ in range(self.iterations):
            slots, share = self.refine(slots, offered)
        return slots, share

    def refine(
        self, slots: Float[Tensor, "batch slot dim"], offered: Float[Tensor, "batch cell cell_dim"]
    ) -> tuple[Float[Tensor, "batch slot dim"], Float[Tensor, "batch slot cell"]]:
        """One iteration: compete, merge what was read into the slot, and think it over."""
        with exact(slots):
            slots = tame(slots.float())
            update, share = self.compete(slots, offered)
            # The state of the GRU is the slot as it was, not normalised.
            merged = self.gru(update.flatten(0, 1), slots.flatten(0, 1)).unflatten(0, slots.shape[:2])
            return merged + self.mlp(self.norm_update(merged)), share


def exact(x: Tensor) -> torch.autocast:
    """Float32, whatever autocast says: the softmax decides which slot owns a cell, and in bfloat16 ties are frequent.
    Slots are few and small: casting them to and fro would take longer than it saves."""
    return torch.autocast(x.device.type, enabled=False)

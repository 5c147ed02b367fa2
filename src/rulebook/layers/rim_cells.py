"""RIM cells: recurrent cells that compete for the input and listen to each other (thesis 3.3, eq. 3.13 - 3.18).

Symbols:  h = ``states`` (K x D)   X W^e, X W^v = ``offer`` (keys and values of all inputs)   a = ``read``
          r = ``relevance``        S = ``active``

One step:
    1. input attention   a_k from the inputs and a null input of zeros            (3.13, 3.14, 3.21)
    2. activation        the k_a cells that look at the null input least          (3.15, 3.16)
    3. dynamics          h~_k = GRU_k(h_k, a_k) if k is active, else h_k          (3.17); SCOFF: schemata (3.24 - 3.28)
    4. communication     h_k = h~_k + attention over all h~, if k is active       (3.18)

Input attention is normalised twice (thesis 4.3): over the cells, then for each cell over the inputs, the null input
among them. ``renormalise`` False drops the second one: two cells that want the same input then share it. Relevance
(3.16) is always that of the doubly normalised attention; without it the null input weighs the same in all cells.

Inactive cells keep their state. What others hear from them carries no gradient, so no weight of theirs but the query
of the input attention learns at that step (a query that could not learn would never win again).

Differences from the thesis:
 1. Two heads of communication with a linear map after them, as in the author's code (3.18 prints one head, no map).
 2. Cells switched off at test are gone: they win no input, say nothing and are not drawn. The author's code only hides
    their pictures; that is ``hidden``.
 3. Input attention is normalised over the cells first, as thesis 4.3 and the author's code have it; 3.14, 3.16 and 3.21
    print one softmax per cell, over the inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from einops import einsum, rearrange
from jaxtyping import Bool, Float
from pydantic import Field, model_validator
from torch import Tensor, nn

from rulebook.layers.grouped import GroupedGRU, GroupedLinear
from rulebook.layers.schemata import Schemata
from rulebook.registry import Spec


@dataclass(frozen=True)
class Switches:
    """What is changed at test time (thesis 4.5.2, 4.5.6)."""

    communicate: bool = True
    """False: cells do not hear each other."""
    active: int | None = None
    """Another number of active cells than in training."""
    off: tuple[int, ...] = ()
    """Cells that are taken out."""
    hidden: tuple[int, ...] = ()
    """Cells that go on but are not drawn (what the author's code does to switch cells off)."""

    def check(self, cells: int) -> None:
        wrong = [cell for cell in (*self.off, *self.hidden) if not 0 <= cell < cells]
        if wrong:
            raise ValueError(f"There is no cell {wrong[0]} to switch off: cells are 0 to {cells - 1}.")
        if len({*self.off, *self.hidden}) == cells:
            raise ValueError(f"All {cells} cells are switched off or hidden: leave at least one.")
        if self.active is not None and not 1 <= self.active <= cells:
            raise ValueError(f"{self.active} of {cells} cells cannot be active.")

    def gone(self, cells: int, device: torch.device) -> Bool[Tensor, " cell"]:
        """The cells that are taken out."""
        return torch.tensor([cell in self.off for cell in range(cells)], device=device)

    def drawn(self, cells: int, device: torch.device) -> Bool[Tensor, " cell"] | None:
        """The cells that are drawn; None: all."""
        if not self.off and not self.hidden:
            return None
        return torch.tensor([cell not in (*self.off, *self.hidden) for cell in range(cells)], device=device)


ALL_ON = Switches()


class CellsSpec(Spec):
    """Settings of the cells. The defaults are those of thesis Table 4.1 (6 cells)."""

    cells: int = Field(6, ge=1)
    """Number of cells (or object files) K."""
    active: int | None = Field(None, ge=1)
    """Cells that are active at a step, k_a; None: all of them."""
    state: int = Field(100, ge=1)
    """Size of a cell's state."""
    key: int = Field(64, ge=1)
    """Size of the input attention's keys and queries."""
    value: int = Field(200, ge=1)
    """Size of what a cell reads from the input."""
    input_dropout: float = Field(0.1, ge=0, lt=1)
    """Share of the input attention that is dropped in training."""
    renormalise: bool = True
    """The second normalisation of the input attention, over the inputs (thesis 4.3, last paragraph)."""
    heads: int = Field(2, ge=1)
    """Heads of the communication."""
    communication_key: int = Field(32, ge=1)
    """Size of a head's keys and queries."""
    communication_dropout: float = Field(0.1, ge=0, lt=1)
    """Share of the communication attention that is dropped in training."""
    start: Literal["zeros", "normal"] = "zeros"
    """States before the first frame: zeros (thesis 3.2) or a draw from N(0, 1) (the author's code)."""
    schemata: int | None = Field(None, ge=1)
    """None: every cell has a GRU of its own (RIMs). Else so many GRUs, and all other weights, are shared by all (SCOFF,
    thesis 3.5)."""
    schema_key: int = Field(16, ge=1)
    """SCOFF: size of the selection's keys and queries."""
    temperature: float = Field(0.5, gt=0)
    """SCOFF: temperature of the Gumbel-softmax."""

    def count(self, switches: Switches) -> int:
        """How many cells are active at a step."""
        return min(switches.active or self.active or self.cells, self.cells - len(set(switches.off)))

    @model_validator(mode="after")
    def _sensible(self):
        if self.active is not None and self.active > self.cells:
            raise ValueError(f"{self.active} of {self.cells} cells cannot be active.")
        if self.schemata is not None and self.start == "zeros":
            raise ValueError("Files that share all weights stay equal if they start equal: set start to 'normal'.")
        return self


@dataclass
class Step:
    """What one step leaves behind."""

    states: Float[Tensor, "*batch cell dim"]
    attention: Float[Tensor, "*batch cell inputs"] | None = None
    """Input attention as it was applied, the null input last."""
    active: Float[Tensor, "*batch cell"] | None = None
    probs: Float[Tensor, "*batch cell schema"] | None = None
    choice: Float[Tensor, "*batch cell schema"] | None = None


def dropped(x: Tensor, rate: float, noise: torch.Generator | None) -> Tensor:
    """Dropout with numbers from ``noise``; None: none is dropped."""
    if noise is None or rate == 0:
        return x
    kept = torch.rand(x.shape, generator=noise, device=noise.device).to(x.device) >= rate
    return x * kept / (1 - rate)


def of_cells(spec: CellsSpec, inner: int, outer: int) -> nn.Module:
    """A linear map without bias: one per cell (RIMs) or the same for all (SCOFF)."""
    if spec.schemata is None:
        return GroupedLinear(spec.cells, inner, outer, bias=False)
    return nn.Linear(inner, outer, bias=False)


class InputAttention(nn.Module):
    """Which cell reads what (3.14, 3.21) and which are active (3.15, 3.16)."""

    def __init__(self, spec: CellsSpec, inner: int):
        super().__init__()
        self.spec = spec
        self.to_query = of_cells(spec, spec.state, spec.key)
        # No bias: the null input, a row of zeros (3.13), has a zero key and a zero value and need not be computed.
        self.to_offer = nn.Linear(inner, spec.key + spec.value, bias=False)

    def forward(
        self,
        offer: Float[Tensor, "batch input key_and_value"],
        states: Float[Tensor, "batch cell dim"],
        noise: torch.Generator | None,
        switches: Switches,
    ) -> tuple[Float[Tensor, "batch cell value"], Float[Tensor, "batch cell inputs"], Bool[Tensor, "batch cell"]]:
        """What every cell reads, the attention as applied, and who is active."""
        key, value = offer.split([self.spec.key, self.spec.value], dim=-1)
        score = einsum(self.to_query(states), key, "b k d, b n d -> b k n") * self.spec.key**-0.5
        score = torch.cat([score, score.new_zeros(*score.shape[:2], 1)], dim=-1)
        if switches.off:
            score = score.masked_fill(switches.gone(self.spec.cells, score.device)[:, None], -torch.inf)
        share = score.softmax(dim=1)
        normal = (share + 1e-8) / (share + 1e-8).sum(dim=-1, keepdim=True)
        active = self.most_relevant(1 - normal[..., -1].detach(), switches)
        weight = dropped(normal if self.spec.renormalise else share, self.spec.input_dropout, noise)
        return einsum(weight[..., :-1], value, "b k n, b n v -> b k v"), weight, active

    def most_relevant(self, relevance: Float[Tensor, "batch cell"], switches: Switches) -> Bool[Tensor, "batch cell"]:
        """The k_a cells with the largest relevance (3.15), of those that are not switched off."""
        count = self.spec.count(switches)
        if count == self.spec.cells:
            return torch.ones_like(relevance, dtype=torch.bool)
        if switches.off:
            relevance = relevance.masked_fill(switches.gone(self.spec.cells, relevance.device), -1.0)
        best = relevance.topk(count, dim=-1).indices
        return torch.zeros_like(relevance, dtype=torch.bool).scatter_(-1, best, True)


class Communication(nn.Module):
    """What every cell hears from all cells (3.18)."""

    def __init__(self, spec: CellsSpec):
        super().__init__()
        self.spec = spec
        self.to_query = of_cells(spec, spec.state, spec.heads * spec.communication_key)
        self.to_key = of_cells(spec, spec.state, spec.heads * spec.communication_key)
        self.to_value = of_cells(spec, spec.state, spec.heads * spec.state)
        self.out = of_cells(spec, spec.heads * spec.state, spec.state)

    def forward(
        self,
        states: Float[Tensor, "batch cell dim"],
        active: Bool[Tensor, "batch cell"],
        noise: torch.Generator | None,
        switches: Switches,
    ) -> Float[Tensor, "batch cell dim"]:
        key, value = self.to_key(states), self.to_value(states)
        if self.spec.count(switches) < self.spec.cells:
            key = torch.where(active[..., None], key, key.detach())
            value = torch.where(active[..., None], value, value.detach())
        query, key, value = (
            rearrange(x, "b k (h d) -> b h k d", h=self.spec.heads) for x in (self.to_query(states), key, value)
        )
        score = einsum(query, key, "b h i d, b h j d -> b h i j") * self.spec.communication_key**-0.5
        if switches.off:
            score = score.masked_fill(switches.gone(self.spec.cells, score.device), -torch.inf)
        weight = dropped(score.softmax(dim=-1), self.spec.communication_dropout, noise)
        return self.out(rearrange(einsum(weight, value, "b h i j, b h j d -> b h i d"), "b h k d -> b k (h d)"))


class RimCells(nn.Module):
    """K cells and one step of all of them; always in float32, since errors of a recurrence add up."""

    def __init__(self, spec: CellsSpec, inner: int):
        super().__init__()
        self.spec = spec
        self.input_attention = InputAttention(spec, inner)
        if spec.schemata is None:
            self.dynamics: GroupedGRU | Schemata = GroupedGRU(spec.cells, spec.value, spec.state)
        else:
            self.dynamics = Schemata(spec.schemata, spec.value, spec.state, spec.schema_key, spec.temperature)
        self.communication = Communication(spec)

    def start(self, batch: int, noise: torch.Generator, device: torch.device) -> Float[Tensor, "batch cell dim"]:
        """States before the first frame."""
        shape = (batch, self.spec.cells, self.spec.state)
        if self.spec.start == "zeros":
            return torch.zeros(shape, device=device)
        return torch.randn(shape, generator=noise, device=noise.device).to(device)

    def offer(self, inputs: Float[Tensor, "*batch input dim"]) -> Float[Tensor, "*batch input key_and_value"]:
        """Keys and values of the inputs; they do not depend on the cells, so all frames are computed at once."""
        return self.input_attention.to_offer(inputs).float()

    def forward(
        self,
        offer: Float[Tensor, "batch input key_and_value"],
        states: Float[Tensor, "batch cell dim"],
        noise: torch.Generator | None,
        switches: Switches = ALL_ON,
        dropout: bool = False,
    ) -> Step:
        """One step. ``noise`` serves the choice of schemata and, if ``dropout``, the dropout."""
        with torch.autocast(states.device.type, enabled=False):
            drop = noise if dropout else None
            read, attention, active = self.input_attention(offer, states, drop, switches)
            probs = choice = None
            if isinstance(self.dynamics, Schemata):
                updated, probs, choice = self.dynamics(read, states, noise)
            else:
                updated = self.dynamics(read, states)
            updated = torch.where(active[..., None], updated, states)
            if switches.communicate:
                heard = self.communication(updated, active, drop, switches)
                updated = torch.where(active[..., None], updated + heard, states)
            return Step(updated, attention, active.to(states.dtype), probs, choice)

"""Adam; Muon for the matrices of a model and Adam for the rest; or one and then the other.

Why Muon (Jordan et al. 2024; at Adam's learning rates as in Liu et al. 2025): where a loss sees a product of matrices,
a direction grows in proportion to what it already is. Brightness and places come first, and colours, that begin as
weak, wait for thousands of steps. Muon gives every update the singular values 1, so all directions grow alike.

Why a lead of Adam: under Muon alone slots may stay alike, we guess since the rest of the model learns the whole frame
before they have learned to divide it. Slots that Adam has set apart stay apart (book page on ablations).

Why steps in proportion: Muon gives every matrix a full step, however small its gradient. The matrices of a cell that is
active in one step of a hundred wander as far as those of a cell that does the work; when such a cell is chosen, what it
has become may break the model (book page on ablations).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from rulebook.training.config import Training
from rulebook.training.precision import rounds_fast
from rulebook.training.schedules import parameter_groups

MOMENTUM = 0.95
ROUNDS = 5
QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of one round of the iteration: x, x^3 and x^5 of every singular value."""
BIG = 2**18
"""Entries from which on a matrix is rounded to bfloat16, where that is faster."""
RMS = 0.2
"""Root mean square of an update, as Adam's usually have: so both take the same learning rate."""


def orthogonal(matrices: Tensor) -> Tensor:
    """The same singular vectors, all singular values about 1 [batch, rows, columns]."""
    kind = matrices.dtype
    # As PyTorch's Muon; small ones are faster in float32.
    x = matrices.bfloat16() if matrices[0].numel() > BIG and rounds_fast(matrices.device) else matrices
    x = x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    one, three, five = QUINTIC
    for _ in range(ROUNDS):
        square = x @ x.mT
        x = one * x + (three * square + five * square @ square) @ x
    return (x.mT if tall else x).to(kind)


def shares(matrices: Tensor) -> Tensor:
    """The norm of every matrix over the root mean square of them all, at most 1 [batch, 1, 1]."""
    norms = matrices.flatten(1).norm(dim=1)
    usual = norms.square().mean().sqrt().clamp_min(torch.finfo(norms.dtype).tiny)
    return (norms / usual).clamp(max=1)[:, None, None]


def as_matrices(weight: Tensor) -> Tensor:
    """A weight as a batch of matrices: one per group of grouped layers; kernels are flattened."""
    return weight if weight.dim() == 3 else weight.flatten(1).unsqueeze(0)


def is_matrix(name: str, weight: Tensor) -> bool:
    """Whether a parameter multiplies what comes in: no bias, no start of a state, no norm."""
    return "weight" in name and weight.dim() >= 2 and min(as_matrices(weight).shape[1:]) > 1


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal. Unlike torch.optim.Muon it takes kernels and grouped layers.

    ``in_proportion``: of a grouped layer, a group whose momentum is below the groups' root mean square takes a step as
    much smaller; none takes more than a full one.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], lr: float, in_proportion: bool = False):
        super().__init__(groups, {"lr": lr, "in_proportion": in_proportion})

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("in_proportion", False)  # checkpoints from before there was a choice

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        loss = closure() if closure is not None else None
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                momentum.lerp_(weight.grad, 1 - MOMENTUM)
                ahead = as_matrices(weight.grad.lerp(momentum, MOMENTUM))
                update = orthogonal(ahead)
                if group["in_proportion"]:
                    update = update * shares(ahead)
                size = RMS * max(update.shape[1:]) ** 0.5
                weight.sub_(group["lr"] * size * update.reshape(weight.shape))
        return loss


class Together:
    """Several optimisers as one. The groups of the first come first, in the same order in each."""

    def __init__(self, *optimisers: torch.optim.Optimizer):
        self.optimisers = optimisers

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [group for optimiser in self.optimisers for group in optimiser.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=set_to_none)

    def step(self) -> None:
        for optimiser in self.optimisers:
            optimiser.step()

    def state_dict(self) -> dict[str, Any]:
        return {str(i): optimiser.state_dict() for i, optimiser in enumerate(self.optimisers)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if set(state) != {str(i) for i in range(len(self.optimisers))}:
            raise ValueError("The state of the optimiser is that of another optimiser.")
        for i, optimiser in enumerate(self.optimisers):
            optimiser.load_state_dict(state[str(i)])


class Relay:
    """One optimiser for the first steps, another one from there on."""

    def __init__(self, first: Optimiser, second: Optimiser, steps: int):
        self.runners, self.steps, self.taken = (first, second), steps, 0

    @property
    def current(self) -> Optimiser:
        return self.runners[self.taken >= self.steps]

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return self.current.param_groups

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.current.zero_grad(set_to_none=set_to_none)

    def step(self) -> None:
        self.current.step()
        self.taken += 1

    def state_dict(self) -> dict[str, Any]:
        return {"taken": self.taken, "current": self.current.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if set(state) != {"taken", "current"}:
            raise ValueError("The state of the optimiser is that of another optimiser.")
        self.taken = state["taken"]
        self.current.load_state_dict(state["current"])


Optimiser = torch.optim.Optimizer | Together | Relay


def make_optimiser(training: Training, model: nn.Module, device: torch.device) -> Optimiser:
    """The optimiser that the settings ask for, with a group for every part of the model that has a pace of its own."""
    groups = parameter_groups(training, model)
    rate, fused = training.learning_rate, device.type == "cuda"
    adam = torch.optim.Adam([{"params": group} for group in groups], lr=rate, fused=fused)
    if training.optimiser == "adam":
        return adam
    matrices = {id(weight) for name, weight in model.named_parameters() if is_matrix(name, weight)}

    def part(wanted: bool) -> list[dict[str, Any]]:
        return [{"params": [p for p in group if (id(p) in matrices) == wanted]} for group in groups]

    muon = Together(Muon(part(True), rate, training.in_proportion), torch.optim.Adam(part(False), lr=rate, fused=fused))
    return muon if training.lead is None else Relay(adam, muon, training.lead.steps)

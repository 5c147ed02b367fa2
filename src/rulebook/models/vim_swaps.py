"""VIM-k whose modules must mean the same in every iteration: moves that a clip shows are made again in another order.

Between two frames a VIM-k makes k choices and draws nothing in between, so a slot may carry its first choice along as a
mark, and the second module may heed it: pairs of choices become words whose letters mean little alone (page 12). Moves
by displacements commute, also across frames: of the choices inferred for two transitions in a row, every order leads
to the same place. So they are made again from the slots of the first frame, in an order drawn for every slot, by the
modules alone (the Gaussian stays at its prior's mean), and have to draw the last of the three frames:
    swap_error        squared error of that frame, as much as ``error`` counts

With words of two letters this leaves letters no choice: if what a and b, then c and d do is the same as a and c, then b
and d, for all four, then every pair does the sum of what its letters do.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from einops import einsum, rearrange
from jaxtyping import Float
from torch import Tensor

from rulebook.layers.gradients import tame
from rulebook.layers.perception import frame_error
from rulebook.models.vim import VIM, Trace, VIMSpec

WINDOW = 2
"""Transitions whose choices change places."""


class SwappingVIMSpec(VIMSpec):
    """Settings of a VIM whose moves change places."""

    kind: ClassVar[str] = "vim-swapping"

    def build(self, frame_shape: tuple[int, int, int]) -> SwappingVIM:
        return SwappingVIM(self, frame_shape)


class SwappingVIM(VIM):
    """VIM in all respects but its training."""

    terms: ClassVar[tuple[str, ...]] = (*VIM.terms, "swap_error")

    def __init__(self, spec: SwappingVIMSpec, frame_shape: tuple[int, int, int]):
        super().__init__(spec, frame_shape)
        self._met: list[Trace] | None = None

    def _infer(self, *args: Any, **options: Any) -> Trace:
        trace = super()._infer(*args, **options)
        if self._met is not None:
            self._met.append(trace)
        return trace

    def losses(
        self, frames: Float[Tensor, "clip time channel height width"], noise: torch.Generator
    ) -> dict[str, Float[Tensor, ""]]:
        """The terms of the bound, and what the same choices draw in another order."""
        self._met = []
        bound = super().losses(frames, noise)
        (trace,), self._met = self._met, None
        if len(trace.steps) < WINDOW:
            return {**bound, "swap_error": bound["error"].new_zeros(())}
        return {**bound, "swap_error": self.swap_error(trace, frames, noise)}

    def swap_error(
        self,
        trace: Trace,
        frames: Float[Tensor, "clip time channel height width"],
        noise: torch.Generator,
    ) -> Float[Tensor, ""]:
        """The error of one window per clip, begun anywhere, after its choices were made in another order."""
        choices = rearrange(trace.stack("choice"), "b t k i m -> t b k i m")
        begin = torch.randint(len(choices) - WINDOW + 1, (len(frames),), generator=noise, device=noise.device)
        begin, clip = begin.to(frames.device), torch.arange(len(frames), device=frames.device)
        made = torch.stack([choices[begin + t, clip] for t in range(WINDOW)], dim=2)
        made = rearrange(made, "b k t i m -> b k (t i) m")
        order = torch.rand(made.shape[:3], generator=noise, device=noise.device).argsort(dim=-1).to(made.device)
        shuffled = made.gather(2, order.unsqueeze(-1).expand_as(made))
        slots = self.replay(torch.stack(trace.slots)[begin, clip], shuffled)
        drawn, _, _ = self.perception.observe(slots)
        return frame_error(drawn, frames[clip, begin + WINDOW]).mean()

    def replay(
        self, slots: Float[Tensor, "batch slot dim"], choices: Float[Tensor, "batch slot move module"]
    ) -> Float[Tensor, "batch slot dim"]:
        """Make these choices one after the other; relaxed ones mix what the modules do, as ``step`` has it."""
        for choice in choices.unbind(dim=2):
            slots = tame(slots)
            updates = self.transition(slots)
            candidates = self.norm(slots.unsqueeze(2) + updates)
            update = einsum(choice, updates.float(), "b k m, b k m d -> b k d")
            mean, _ = self.noise_prior(einsum(choice, candidates.float(), "b k m, b k m d -> b k d"))
            slots = self.norm(slots + update + mean)
        return slots

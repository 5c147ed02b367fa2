"""VIM that also learns to see from its own dreams: wake-sleep (Hinton et al. 1995) for the posterior of models/vim.py.

Awake it maximises the evidence lower bound, as the paper has it. Asleep it moves slots that it has met by one step of
its prior and draws what comes out. Of such a frame it knows what no frame of the world tells: which module moved each
slot, and which slot painted which cell. So it can be asked directly:
    dream_choice      - log q(r | h, x)             nats per frame, of slots that paint something
    dream_attention   KL(who painted || who claims) nats per cell that is lit
Slots compete for cells by a softmax. Where the place of a ball speaks for the wrong slot, that softmax is saturated and
the bound passes no gradient; cross-entropy does, and so colours are learned.

Any posterior keeps the bound a bound. Dreams teach inference alone: what draws them gets no gradient.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from einops import rearrange
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from rulebook.layers.selection import gumbel_softmax
from rulebook.models.vim import VIM, Trace, VIMSpec

DARK, BRIGHT = 0.05, 0.5
"""Light of a cell, summed over channels: below the first it counts as empty, above the second it counts in full."""
BODY = 4.0
"""Lit cells from which on a slot counts in full."""


class DreamingVIMSpec(VIMSpec):
    """Settings of a VIM that dreams."""

    kind: ClassVar[str] = "vim-dreaming"
    dreams: int = Field(64, ge=1)
    """Dreamed transitions per training step, each from slots of another clip or time."""

    def build(self, frame_shape: tuple[int, int, int]) -> DreamingVIM:
        return DreamingVIM(self, frame_shape)


class DreamingVIM(VIM):
    """VIM in all respects but its training."""

    terms: ClassVar[tuple[str, ...]] = (*VIM.terms, "dream_choice", "dream_attention")

    def __init__(self, spec: DreamingVIMSpec, frame_shape: tuple[int, int, int]):
        super().__init__(spec, frame_shape)
        self.dreams = spec.dreams
        self._met: list[Trace] | None = None

    def _infer(self, *args: Any, **options: Any) -> Trace:
        trace = super()._infer(*args, **options)
        if self._met is not None:
            self._met.append(trace)
        return trace

    def losses(
        self, frames: Float[Tensor, "clip time channel height width"], noise: torch.Generator
    ) -> dict[str, Float[Tensor, ""]]:
        """The terms of the bound, and what dreams from the same slots teach."""
        self._met = []
        awake = super().losses(frames, noise)
        slots = torch.cat(self._met[0].slots[:-1] or self._met[0].slots).detach()
        self._met = None
        order = torch.rand(len(slots), generator=noise, device=noise.device).argsort()[: self.dreams]
        choice, attention = self.recognise(slots[order.to(slots.device)], noise)
        return {**awake, "dream_choice": choice, "dream_attention": attention}

    @torch.no_grad()
    def dream(
        self, slots: Float[Tensor, "dream slot dim"], noise: torch.Generator
    ) -> tuple[Tensor, Tensor, Float[Tensor, "dream slot cell"]]:
        """One step of the prior, drawn: the frame, the modules that made it, and the light of each slot on each cell.
        The Gaussian stays at its mean."""
        candidates = self.candidates(slots)
        chosen = gumbel_softmax(self.select_prior(slots, candidates), 1.0, noise).argmax(dim=-1)
        frame, rgb, masks = self.perception.observe(self.step(slots, None, None, chosen).slots)
        painted = (masks.unsqueeze(2) * rgb.clamp(0, 1)).sum(dim=2).float()
        light = nn.functional.adaptive_avg_pool2d(painted, self.perception.encoder.cells)
        return frame.clamp(0, 1), chosen, rearrange(light, "b k h w -> b k (h w)")

    def candidates(self, slots: Float[Tensor, "dream slot dim"]) -> Float[Tensor, "dream slot module dim"]:
        """What every module would make of every slot."""
        return self.norm(slots.unsqueeze(2) + self.transition(slots))

    def recognise(
        self, slots: Float[Tensor, "dream slot dim"], noise: torch.Generator
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """How badly the posterior recognises a dream: its modules, and who painted what."""
        frame, chosen, light = self.dream(slots, noise)
        with torch.no_grad():
            candidates = self.candidates(slots)
        attention = self.perception.attention
        seen, share = attention.refine(slots, attention.offer(self.perception.encoder(frame)))
        logits = self.select_posterior(self.perception.norm(seen), candidates)
        with torch.autocast(slots.device.type, enabled=False):
            body = (light.sum(dim=-1) / BODY).clamp(max=1)
            missed = nn.functional.cross_entropy(logits.flatten(0, 1).float(), chosen.flatten(), reduction="none")
            lit = light.sum(dim=1)
            owner = (light / lit.clamp_min(1e-6).unsqueeze(1)).clamp_min(1e-6)
            astray = (owner * (owner.log() - share.float().clamp_min(1e-12).log())).sum(dim=1)
            weight = lit.clamp(max=BRIGHT) * (lit > DARK)
            return (missed * body.flatten()).sum() / len(slots), (weight * astray).sum() / weight.sum().clamp_min(1e-6)

"""RIMs: recurrent independent mechanisms on a vector per frame (thesis 3.3; 'RIM + CAT' in Tables 4.2 - 4.8).

encoder (Table A.1) -> RIM cells (3.13 - 3.18, layers/rim_cells.py) -> concatenation decoder (3.19)
"""

from __future__ import annotations

from typing import ClassVar

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from rulebook.clips import Rollout
from rulebook.layers.rim_cells import ALL_ON, CellsSpec, RimCells, Step, Switches
from rulebook.layers.thesis_vision import ConcatenatingDecoder, Picture, ThesisVisionSpec, VectorEncoder
from rulebook.models.next_frame import NextFrameModel, NextFrameSpec, Percept, Trace


class RIMsSpec(NextFrameSpec):
    """Settings of the RIMs baseline."""

    kind: ClassVar[str] = "rims"
    vision: ThesisVisionSpec = ThesisVisionSpec()
    cells: CellsSpec = CellsSpec()

    def build(self, frame_shape: tuple[int, int, int]) -> RIMs:
        return RIMs(self, frame_shape)


class CellModel(NextFrameModel):
    """A next-frame predictor whose recurrence is made of cells."""

    cells: RimCells
    decoder: nn.Module

    def begin(self, clips: int, noise: torch.Generator, device: torch.device) -> Float[Tensor, "clip cell dim"]:
        return self.cells.start(clips, noise, device)

    def step(self, inputs: Tensor, state: Tensor, noise: torch.Generator | None, switches: Switches) -> Step:
        return self.cells(inputs, state, noise, switches, dropout=self.training)

    def paint(self, states: Float[Tensor, "batch cell dim"], switches: Switches) -> Picture:
        return self.decoder(states, switches.drawn(states.shape[1], states.device))

    def rollout(
        self,
        frames: Float[Tensor, "clip time channel height width"],
        *,
        given: int,
        noise: torch.Generator | None = None,
        communicate: bool = True,
        active: int | None = None,
        off: tuple[int, ...] = (),
        hidden: tuple[int, ...] = (),
    ) -> Rollout:
        """As NextFrameModel.rollout, with the switches of thesis 4.5: cells that do not hear each other, another number
        of active cells than in training, cells taken out, cells that go on but are not drawn.

        In ``extra``: ``input_attention`` [clip time cell input], the null input last.
        """
        switches = Switches(communicate, active, tuple(off), tuple(hidden))
        switches.check(self.cells.spec.cells)
        return self.predict(frames, given, noise, switches)

    def report(self, trace: Trace, frames: Tensor, given: int) -> Rollout:
        rollout = super().report(trace, frames, given)
        attention, probs, choice = (trace.stack(name) for name in ("attention", "probs", "choice"))
        assert attention is not None
        rollout.extra["input_attention"] = attention
        if probs is not None and choice is not None:
            rollout.module_probs = probs.unsqueeze(3)
            rollout.modules = choice.argmax(dim=-1, keepdim=True)
        return rollout

    def utilisation(self, states: Float[Tensor, "clip time cell dim"]) -> Float[Tensor, "clip time cell"]:
        """How much the drawn frame hangs on every cell (4.3): sum over the state of |d sum of all pixels / d state|."""
        with torch.enable_grad():
            leaf = states.detach().requires_grad_(True)
            total = self.draw(leaf, ALL_ON).frames.sum()
            (slope,) = torch.autograd.grad(total, leaf)
        return slope.abs().sum(dim=-1)


class RIMs(CellModel):
    """RIM cells that compete for one vector per frame."""

    def __init__(self, spec: RIMsSpec, frame_shape: tuple[int, int, int]):
        super().__init__(spec)
        self.spec = spec
        self.encoder = VectorEncoder(spec.vision, frame_shape)
        self.cells = RimCells(spec.cells, spec.vision.dim)
        self.decoder = ConcatenatingDecoder(spec.vision, spec.cells.cells * spec.cells.state, frame_shape)
        if spec.begin_with == "signal":
            self.make_audible()

    def perceive(self, frames: Float[Tensor, "clip time channel height width"], noise: torch.Generator) -> Percept:
        vectors = self.encoder(rearrange(frames, "b t c h w -> (b t) c h w"))
        return Percept(self.cells.offer(rearrange(vectors, "(b t) d -> b t 1 d", t=frames.shape[1])))

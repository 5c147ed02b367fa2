"""The monolithic baseline: one GRU over a vector per frame (thesis 3.1, 3.2; 'GRU + CAT' in Tables 4.2 - 4.6)."""

from __future__ import annotations

from typing import ClassVar

import torch
from einops import rearrange
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from rulebook.clips import Rollout
from rulebook.layers.rim_cells import Step, Switches
from rulebook.layers.thesis_vision import ConcatenatingDecoder, Picture, ThesisVisionSpec, VectorEncoder
from rulebook.models.next_frame import NextFrameModel, NextFrameSpec, Percept, Trace


class GRUSpec(NextFrameSpec):
    """Settings of the GRU baseline."""

    kind: ClassVar[str] = "gru"
    vision: ThesisVisionSpec = ThesisVisionSpec()
    state: int = Field(600, ge=1)
    """Hidden units: as many as 6 cells of 100 have."""

    def build(self, frame_shape: tuple[int, int, int]) -> GRU:
        return GRU(self, frame_shape)


class GRU(NextFrameModel):
    """Encoder (Table A.1), one GRU cell (3.6 - 3.9), concatenation decoder (3.19)."""

    def __init__(self, spec: GRUSpec, frame_shape: tuple[int, int, int]):
        super().__init__(spec)
        self.spec = spec
        self.encoder = VectorEncoder(spec.vision, frame_shape)
        self.cell = nn.GRUCell(spec.vision.dim, spec.state)
        self.decoder = ConcatenatingDecoder(spec.vision, spec.state, frame_shape)
        if spec.begin_with == "signal":
            self.make_audible()

    def perceive(self, frames: Float[Tensor, "clip time channel height width"], noise: torch.Generator) -> Percept:
        vectors = self.encoder(rearrange(frames, "b t c h w -> (b t) c h w"))
        return Percept(rearrange(vectors, "(b t) d -> b t d", t=frames.shape[1]))

    def begin(self, clips: int, noise: torch.Generator, device: torch.device) -> Float[Tensor, "clip state"]:
        return torch.zeros(clips, self.spec.state, device=device)

    def step(self, inputs: Tensor, state: Tensor, noise: torch.Generator | None, switches: Switches) -> Step:
        with torch.autocast(state.device.type, enabled=False):
            return Step(self.cell(inputs.float(), state))

    def paint(self, states: Float[Tensor, "batch state"], switches: Switches) -> Picture:
        return self.decoder(states.unsqueeze(1))

    def report(self, trace: Trace, frames: Tensor, given: int) -> Rollout:
        rollout = super().report(trace, frames, given)
        assert rollout.states is not None
        rollout.states = rollout.states.unsqueeze(2)
        return rollout

"""ConvLSTM (Shi et al. 2015; thesis Tables 4.2, 4.5), as a next-frame predictor like all models beside it.

The frame is cut into patches that become channels; three ConvLSTM layers run on the patch grid, and a 1x1 convolution
reads the next frame's patches from the outputs of all of them.

Differences from Shi et al.:
 1. One network predicts the next frame and is fed its own predictions (there: an encoder hands its states to a
    forecaster that sees no input): the protocol of this thesis, for all models.
 2. No peephole connections.
 3. Squared error, as for all models here (there: cross-entropy).
The thesis's 103.3 is most likely the number of the literature, not of a training under its own protocol.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from einops import rearrange
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from rulebook.clips import Rollout
from rulebook.layers.rim_cells import Step, Switches
from rulebook.layers.thesis_vision import DARK, Picture, fast
from rulebook.models.next_frame import NextFrameModel, NextFrameSpec, Percept, Trace


class ConvLSTMSpec(NextFrameSpec):
    """Settings of ConvLSTM. The defaults are those of Shi et al. for Moving MNIST."""

    kind: ClassVar[str] = "conv-lstm"
    patch: int = Field(4, ge=1)
    """Height and width of the patches that become channels."""
    channels: tuple[int, ...] = Field((128, 64, 64), min_length=1)
    """Hidden channels of each layer."""
    kernel: int = Field(5, ge=1)
    """Kernel of the convolutions, odd."""

    def build(self, frame_shape: tuple[int, int, int]) -> ConvLSTM:
        return ConvLSTM(self, frame_shape)


class ConvLSTMCell(nn.Module):
    """One layer: the gates of an LSTM, each a convolution of input and hidden map."""

    def __init__(self, inner: int, outer: int, kernel: int):
        super().__init__()
        self.gates = fast(nn.Conv2d(inner + outer, 4 * outer, kernel, padding=kernel // 2))

    def forward(self, x: Tensor, hidden: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        stacked = torch.cat([x, hidden], dim=1).contiguous(memory_format=torch.channels_last)
        enter, forget, new, leave = self.gates(stacked).float().chunk(4, dim=1)
        memory = forget.sigmoid() * memory + enter.sigmoid() * new.tanh()
        return leave.sigmoid() * memory.tanh(), memory


class ConvLSTM(NextFrameModel):
    """Layers of ConvLSTM cells on a grid of patches. State: the hidden maps of all layers, then their memories."""

    def __init__(self, spec: ConvLSTMSpec, frame_shape: tuple[int, int, int]):
        super().__init__(spec)
        channels, height, width = frame_shape
        if height % spec.patch or width % spec.patch:
            raise ValueError(f"Frames of {height} x {width} cannot be cut into patches of {spec.patch}.")
        if spec.kernel % 2 == 0:
            raise ValueError(f"A kernel of {spec.kernel} has no middle: choose an odd one.")
        self.spec = spec
        self.grid = (height // spec.patch, width // spec.patch)
        patch = channels * spec.patch**2
        inner = (patch, *spec.channels[:-1])
        self.layers = nn.ModuleList(ConvLSTMCell(a, b, spec.kernel) for a, b in zip(inner, spec.channels, strict=True))
        self.out = nn.Conv2d(sum(spec.channels), patch, 1)
        if spec.begin_with == "signal":
            self.make_audible()

    @torch.no_grad()
    def make_audible(self) -> None:
        assert self.out.bias is not None
        self.out.bias.fill_(DARK)

    def perceive(self, frames: Float[Tensor, "clip time channel height width"], noise: torch.Generator) -> Percept:
        size = {"p": self.spec.patch, "q": self.spec.patch}
        return Percept(rearrange(frames, "b t c (h p) (w q) -> b t (c p q) h w", **size))

    def begin(self, clips: int, noise: torch.Generator, device: torch.device) -> Float[Tensor, "clip state rows cols"]:
        return torch.zeros(clips, 2 * sum(self.spec.channels), *self.grid, device=device)

    def step(self, inputs: Tensor, state: Tensor, noise: torch.Generator | None, switches: Switches) -> Step:
        old = state.split([*self.spec.channels, *self.spec.channels], dim=1)
        count = len(self.layers)
        hidden, memories = [], []
        x = inputs
        for layer, before, memory in zip(self.layers, old[:count], old[count:], strict=True):
            x, kept = layer(x, before, memory)
            hidden.append(x)
            memories.append(kept)
        return Step(torch.cat([*hidden, *memories], dim=1))

    def paint(self, states: Float[Tensor, "batch state rows cols"], switches: Switches) -> Picture:
        patches = self.out(states[:, : sum(self.spec.channels)]).float().sigmoid()
        size = {"p": self.spec.patch, "q": self.spec.patch}
        return Picture(rearrange(patches, "b (c p q) h w -> b c (h p) (w q)", **size))

    def report(self, trace: Trace, frames: Tensor, given: int) -> Rollout:
        rollout = super().report(trace, frames, given)
        assert rollout.states is not None
        rollout.states = rearrange(rollout.states, "b t d h w -> b t 1 (d h w)")
        return rollout

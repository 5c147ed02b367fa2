"""OC-RIMs: RIM cells that attend to slots and draw their objects one by one (thesis 3.4; 3.5 with schemata).

    encoder (Table A.2) -> slot attention (3.20) -> cells (3.21, 3.14 - 3.18) -> a picture per cell (3.22, 3.23)

    inputs   'slots': slot attention, afresh in every frame; 'map': the cells of the feature map themselves (FF)
    decoder  'bcd', 'sbd': a picture and a mask per cell; 'cat': one picture of all cells (layers/thesis_vision.py)
    cells    a GRU each (OC-RIMs), or schemata that all share (object-centric SCOFF: ``cells.schemata``)

Differences, thesis / author's code / here:
 1. States before the first frame: zeros / N(0, 1) at training and at test / zeros; ``cells.start`` 'normal' is theirs.
 2. Choice of the epoch: not said / the best on the test set / the last one.
 3. Layers of the feature map's MLP: one / two / two.
 4. LayerNorms inside slot attention: with weights (Locatello et al.) / without / with: 384 parameters more.
 5. Schemata: as printed in 3.24 - 3.28 / gated attentions of the SCOFF code / as printed.
Parameters of the author's code that these account for to the last one stand in tests/models/test_oc_rims.py.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from einops import einsum, rearrange
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from rulebook.clips import Rollout
from rulebook.layers.rim_cells import CellsSpec, RimCells
from rulebook.layers.schemata import Schemata
from rulebook.layers.slot_attention import SlotAttention
from rulebook.layers.thesis_vision import DECODERS, MapEncoder, ThesisVisionSpec
from rulebook.models.next_frame import NextFrameSpec, Percept, Trace
from rulebook.models.rims import CellModel


class OCRIMsSpec(NextFrameSpec):
    """Settings of OC-RIMs. The defaults are those of thesis Table 4.1: 6 cells, 3 slots."""

    kind: ClassVar[str] = "oc-rims"
    vision: ThesisVisionSpec = ThesisVisionSpec()
    inputs: Literal["slots", "map"] = "slots"
    """What the cells attend to: slots, or the flattened feature map (FF)."""
    slots: int = Field(3, ge=1)
    """Number of slots."""
    slot_dim: int = Field(64, ge=1)
    """Size of a slot."""
    slot_iterations: int = Field(3, ge=1)
    """Rounds of slot attention per frame."""
    quiet_draws: bool = True
    """``begin_with`` 'signal': what slots begin with is drawn with a standard deviation of 0.22, not 1."""
    cells: CellsSpec = CellsSpec()
    decoder: Literal["cat", "bcd", "sbd"] = "bcd"
    """How states become frames."""

    def build(self, frame_shape: tuple[int, int, int]) -> OCRIMs:
        return OCRIMs(self, frame_shape)


class OCRIMs(CellModel):
    """RIM cells between slots and a component-wise decoder."""

    def __init__(self, spec: OCRIMsSpec, frame_shape: tuple[int, int, int]):
        super().__init__(spec)
        self.spec = spec
        self.encoder = MapEncoder(spec.vision, frame_shape)
        self.slots = None
        inner = spec.vision.dim
        if spec.inputs == "slots":
            self.slots = SlotAttention(spec.slots, spec.slot_dim, spec.vision.dim, spec.slot_iterations)
            inner = spec.slot_dim
        self.cells = RimCells(spec.cells, inner)
        joined = spec.cells.state * (spec.cells.cells if spec.decoder == "cat" else 1)
        self.decoder = DECODERS[spec.decoder](spec.vision, joined, frame_shape)
        if spec.begin_with == "signal":
            self.make_audible()

    @torch.no_grad()
    def make_audible(self) -> None:
        """Dark pictures, and weights from which states speak of the frame more than of the draws that slots begin with.

        As PyTorch starts them, cells of the feature map are averaged by slots that hardly differ, slots by cells that
        hardly differ: states then vary 4 times as much with the draws as with the frame (measures/audibility.py).
        """
        super().make_audible()
        if self.slots is not None:
            if self.spec.quiet_draws:
                self.slots.start_log_std.fill_(-1.5)
            self.slots.to_value.weight.mul_(6)
        self.cells.input_attention.to_offer.weight[self.spec.cells.key :].mul_(3)
        dynamics = self.cells.dynamics
        grus = dynamics.grus if isinstance(dynamics, Schemata) else dynamics
        grus.of_input.weight.mul_(3)

    def perceive(self, frames: Float[Tensor, "clip time channel height width"], noise: torch.Generator) -> Percept:
        clips, length = frames.shape[:2]
        seen = self.encoder(rearrange(frames, "b t c h w -> (b t) c h w"))
        if self.slots is None:
            return Percept(self.cells.offer(rearrange(seen, "(b t) n d -> b t n d", t=length)))
        # Drawn frame by frame: what is found in a frame does not depend on how many are looked at together.
        starts = torch.stack([self.slots.start(clips, noise) for _ in range(length)], dim=1)
        slots, share = self.slots(seen, starts.flatten(0, 1))
        height, width = self.encoder.cells
        return Percept(
            self.cells.offer(rearrange(slots, "(b t) s d -> b t s d", t=length)),
            rearrange(share, "(b t) s (h w) -> b t s h w", t=length, h=height, w=width),
        )

    def report(self, trace: Trace, frames: Tensor, given: int) -> Rollout:
        """``attention`` says where in the feature map each cell looks, by way of the slots where there are any. In
        ``extra`` also ``slot_attention`` [clip time slot rows cols]."""
        rollout = super().report(trace, frames, given)
        read = rollout.extra["input_attention"][..., :-1]
        height, width = self.encoder.cells
        maps = trace.join(trace.percepts, "maps")
        if maps is None:
            rollout.attention = rearrange(read, "b t k (h w) -> b t k h w", h=height, w=width)
        else:
            rollout.attention = einsum(read, maps, "b t k s, b t s h w -> b t k h w")
            rollout.extra["slot_attention"] = maps
        return rollout

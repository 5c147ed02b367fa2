"""Encoders and decoders of the OC-RIMs thesis (Tables A.1, A.2; sections 3.3, 3.4; sizes as in the author's code).

The thesis prints the encoders; the decoders' layers, left out there, are those of the author's code:
    CAT   all cells' states, joined, become one canvas that is enlarged to the frame                  (3.19)
    BCD   the same stack for every cell on its own: a picture and a mask (a sigmoid, shared out over the cells)
    SBD   every cell's state is broadcast to a canvas; transposed convolutions; masks are a softmax over the cells

LayerNorm is over all that belongs to one picture, without weights, as in the author's code (``whole_norm``).
Differences from it: convolutions of the decoders keep the size of their map (there: padded here, cropped there, with
the same sizes at the ends); any frame size that the layers divide evenly is possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from rulebook.layers.decoders import picture_and_mask
from rulebook.layers.positions import PositionEmbedding
from rulebook.registry import Spec


class ThesisVisionSpec(Spec):
    """Sizes of encoder and decoders. The defaults are those of the author's code for Moving MNIST."""

    channels: tuple[int, ...] = (16, 32, 64)
    """Channels of the encoder's convolutions."""
    kernels: tuple[int, ...] = (4, 4, 4)
    """Their kernels."""
    strides: tuple[int, ...] = (2, 2, 2)
    """Their strides; there is no padding."""
    hidden: int = Field(64, ge=1)
    """Hidden width of the MLP that follows the feature map."""
    dim: int = Field(64, ge=1)
    """Size of the embedding, or of each cell of the feature map (thesis Table 4.1: input size)."""
    bcd_channels: tuple[int, ...] = (64, 32, 16)
    """CAT and BCD: channels of the canvas and of the maps that follow; each is enlarged twofold."""
    bcd_kernels: tuple[int, ...] = (4, 4, 3)
    """CAT and BCD: kernels after each enlargement."""
    sbd_channels: tuple[int, ...] = (64, 32, 32)
    """SBD: channels of the transposed convolutions of stride 2."""
    sbd_kernels: tuple[int, ...] = (5, 5, 3, 3)
    """SBD: their kernels, and that of the output layer."""

    @model_validator(mode="after")
    def _fitting(self):
        if not len(self.channels) == len(self.kernels) == len(self.strides) > 0:
            raise ValueError("The encoder needs as many channels as kernels and strides, and at least one.")
        if not len(self.bcd_channels) == len(self.bcd_kernels) > 0:
            raise ValueError("bcd_channels and bcd_kernels must be as many, and at least one.")
        if len(self.sbd_kernels) != len(self.sbd_channels) + 1:
            raise ValueError("sbd_kernels has one entry more than sbd_channels: the output layer's.")
        if any(kernel % 2 == 0 for kernel in self.sbd_kernels):
            raise ValueError("sbd_kernels must be odd.")
        return self


def whole_norm(x: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch ..."]:
    """Zero mean and unit variance over everything but the batch, without weights."""
    if x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last):
        # The same numbers in the order in which they lie: five times as fast as group_norm on maps with channels last.
        last = x.permute(0, 2, 3, 1)
        return F.layer_norm(last, last.shape[1:]).permute(0, 3, 1, 2)
    return F.layer_norm(x, x.shape[1:])


M = TypeVar("M", bound=nn.Module)


def fast(module: M) -> M:
    """Weights laid out with channels last: twice as fast on CPUs."""
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


class Convolutions(nn.Module):
    """Conv, ELU, LayerNorm, again and again (Tables A.1, A.2)."""

    def __init__(self, spec: ThesisVisionSpec, frame_shape: tuple[int, int, int], norm_last: bool):
        super().__init__()
        inner, height, width = frame_shape
        layers: list[nn.Module] = []
        for outer, kernel, stride in zip(spec.channels, spec.kernels, spec.strides, strict=True):
            layers.append(nn.Conv2d(inner, outer, kernel, stride))
            inner, height, width = outer, (height - kernel) // stride + 1, (width - kernel) // stride + 1
            if min(height, width) < 1:
                raise ValueError(f"Frames of {frame_shape[1]} x {frame_shape[2]} are too small for this encoder.")
        self.layers = fast(nn.ModuleList(layers))
        self.norm_last = norm_last
        self.size = (height, width)

    def forward(self, frames: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch feature rows cols"]:
        x = frames.contiguous(memory_format=torch.channels_last)
        for i, layer in enumerate(self.layers):
            x = F.elu(layer(x))
            if self.norm_last or i + 1 < len(self.layers):
                x = whole_norm(x)
        return x


class VectorEncoder(nn.Module):
    """A frame becomes one vector (Table A.1: GRU and RIMs)."""

    def __init__(self, spec: ThesisVisionSpec, frame_shape: tuple[int, int, int]):
        super().__init__()
        self.convolutions = Convolutions(spec, frame_shape, norm_last=True)
        height, width = self.convolutions.size
        self.linear = nn.Linear(spec.channels[-1] * height * width, spec.dim)

    def forward(self, frames: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch dim"]:
        maps = self.convolutions(frames)
        return whole_norm(F.elu(self.linear(rearrange(maps, "b c h w -> b (c h w)"))))


class MapEncoder(nn.Module):
    """A frame becomes a row of feature cells that know where they are (Table A.2: slots and flattened feature maps)."""

    def __init__(self, spec: ThesisVisionSpec, frame_shape: tuple[int, int, int]):
        super().__init__()
        self.convolutions = Convolutions(spec, frame_shape, norm_last=False)
        self.cells = self.convolutions.size
        width = spec.channels[-1]
        self.position = PositionEmbedding(*self.cells, width)
        # The thesis prints one Linear; the author's code has two, and its parameter counts are those of two.
        self.mlp = nn.Sequential(nn.Linear(width, spec.hidden), nn.ELU(), nn.Linear(spec.hidden, spec.dim))

    def forward(self, frames: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch cell dim"]:
        cells = rearrange(self.position(self.convolutions(frames)), "b d h w -> b (h w) d")
        return whole_norm(self.mlp(whole_norm(cells)))


@dataclass
class Picture:
    """What a decoder draws; the concatenating decoder has no pictures per cell."""

    frames: Float[Tensor, "*batch channel height width"]
    rgb: Float[Tensor, "*batch cell channel height width"] | None = None
    masks: Float[Tensor, "*batch cell height width"] | None = None


DARK = -3.0
"""Before the sigmoid: 0.05, about what a pixel of either world of the thesis has on average."""


class FrameDecoder(nn.Module):
    """What all decoders share: the last convolution, whose first channels are colours."""

    def __init__(self, frame_shape: tuple[int, int, int]):
        super().__init__()
        self.colours = frame_shape[0]

    @torch.no_grad()
    def darken(self) -> None:
        """Begin with dark pictures; whose picture is seen where stays open."""
        bias = [layer for layer in self.modules() if isinstance(layer, nn.Conv2d)][-1].bias
        assert bias is not None
        bias[: self.colours] = DARK


def canvas_of(frame_shape: tuple[int, int, int], enlargements: int) -> tuple[int, int]:
    """Size of the canvas that grows to the frame when it is doubled so many times."""
    _, height, width = frame_shape
    factor = 2**enlargements
    if height % factor or width % factor:
        raise ValueError(
            f"Frames of {height} x {width} cannot be drawn by {enlargements} doublings: sizes must divide by {factor}."
        )
    return height // factor, width // factor


class Enlarging(nn.Module):
    """From a vector to maps of the frame's size: a canvas, then bilinear doublings, each with a convolution."""

    def __init__(self, spec: ThesisVisionSpec, inner: int, outer: int, frame_shape: tuple[int, int, int]):
        super().__init__()
        self.canvas = canvas_of(frame_shape, len(spec.bcd_channels))
        self.width = spec.bcd_channels[0]
        self.linear = nn.Linear(inner, self.width * self.canvas[0] * self.canvas[1])
        widths, self.kernels = (*spec.bcd_channels, outer), spec.bcd_kernels
        self.layers = fast(
            nn.ModuleList(
                nn.Conv2d(a, b, kernel) for a, b, kernel in zip(widths[:-1], widths[1:], spec.bcd_kernels, strict=True)
            )
        )

    def forward(self, x: Float[Tensor, "batch inner"]) -> Float[Tensor, "batch outer height width"]:
        flat = whole_norm(self.linear(whole_norm(x.sigmoid())).relu())
        maps = rearrange(flat, "b (c h w) -> b c h w", h=self.canvas[0], w=self.canvas[1])
        maps = maps.contiguous(memory_format=torch.channels_last)
        for i, (layer, kernel) in enumerate(zip(self.layers, self.kernels, strict=True)):
            if i:
                maps = whole_norm(maps.relu())
            before, after = (kernel - 1) // 2, kernel // 2
            maps = F.interpolate(maps, scale_factor=2.0, mode="bilinear", align_corners=False)
            maps = layer(F.pad(maps, (before, after, before, after), mode="replicate"))
        return maps


class ConcatenatingDecoder(FrameDecoder):
    """CAT (3.19): one frame from all states together."""

    def __init__(self, spec: ThesisVisionSpec, inner: int, frame_shape: tuple[int, int, int]):
        super().__init__(frame_shape)
        self.enlarging = Enlarging(spec, inner, frame_shape[0], frame_shape)

    def forward(self, states: Float[Tensor, "batch cell dim"], seen: Bool[Tensor, " cell"] | None = None) -> Picture:
        """``seen`` False: the state of that cell is taken for zero."""
        if seen is not None:
            states = states * seen.to(states.dtype)[:, None]
        return Picture(self.enlarging(rearrange(states, "b k d -> b (k d)")).float().sigmoid())


class ComponentDecoder(FrameDecoder):
    """BCD (3.22, 3.23): a picture and a mask from each cell's state on its own."""

    def __init__(self, spec: ThesisVisionSpec, inner: int, frame_shape: tuple[int, int, int]):
        super().__init__(frame_shape)
        self.enlarging = Enlarging(spec, inner, frame_shape[0] + 1, frame_shape)

    def forward(self, states: Float[Tensor, "batch cell dim"], seen: Bool[Tensor, " cell"] | None = None) -> Picture:
        """``seen`` False: the picture of that cell is left out of the mixture."""
        painted = self.enlarging(rearrange(states, "b k d -> (b k) d")).float().sigmoid()
        painted = rearrange(painted, "(b k) c h w -> b k c h w", k=states.shape[1])
        rgb, weight = picture_and_mask(painted)
        if seen is not None:
            weight = weight * seen.to(weight.dtype)[:, None, None]
        masks = weight / (weight.sum(dim=1, keepdim=True) + 1e-8)
        return Picture((rgb * masks.unsqueeze(2)).sum(dim=1), rgb, masks)


class SpatialBroadcastDecoder(FrameDecoder):
    """SBD (Watters et al. 2019; 3.22, 3.23): each cell's state on every place of a canvas, and where that place is."""

    def __init__(self, spec: ThesisVisionSpec, inner: int, frame_shape: tuple[int, int, int]):
        super().__init__(frame_shape)
        canvas = canvas_of(frame_shape, len(spec.sbd_channels))
        self.position = PositionEmbedding(*canvas, inner)
        layers: list[nn.Module] = []
        widths: Sequence[int] = (inner, *spec.sbd_channels)
        for a, b, kernel in zip(widths[:-1], widths[1:], spec.sbd_kernels[:-1], strict=True):
            layers.append(nn.ConvTranspose2d(a, b, kernel, 2, padding=kernel // 2, output_padding=1))
        last = spec.sbd_kernels[-1]
        layers.append(nn.Conv2d(widths[-1], frame_shape[0] + 1, last, padding=last // 2))
        self.layers = fast(nn.ModuleList(layers))

    def forward(self, states: Float[Tensor, "batch cell dim"], seen: Bool[Tensor, " cell"] | None = None) -> Picture:
        """``seen`` False: the picture of that cell is left out of the mixture."""
        maps = self.position(rearrange(states, "b k d -> (b k) d 1 1")).contiguous(memory_format=torch.channels_last)
        for i, layer in enumerate(self.layers):
            maps = layer(whole_norm(maps.relu()) if i else maps)
        painted = rearrange(maps.float(), "(b k) c h w -> b k c h w", k=states.shape[1])
        rgb, logits = picture_and_mask(painted)
        rgb = rgb.sigmoid()
        if seen is not None:
            logits = logits.masked_fill(~seen[:, None, None], -torch.inf)
        masks = logits.softmax(dim=1)
        return Picture((rgb * masks.unsqueeze(2)).sum(dim=1), rgb, masks)


DECODERS: dict[str, type[ConcatenatingDecoder | ComponentDecoder | SpatialBroadcastDecoder]] = {
    "cat": ConcatenatingDecoder,
    "bcd": ComponentDecoder,
    "sbd": SpatialBroadcastDecoder,
}

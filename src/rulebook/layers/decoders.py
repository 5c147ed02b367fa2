"""Decoders: states to frames. Every slot paints the whole frame, and masks say which slot is seen where."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from rulebook.layers.positions import PositionEmbedding


class BroadcastDecoder(nn.Module):
    """Spatial broadcast decoder (VIM Table 3): one slot becomes an RGB picture and mask logits.

    ``kernels`` are the sizes of the convolutions, the last one being the output layer. A first kernel of 1 acts on
    slot and position apart, before they are broadcast: the same function at a thousandth of the cost, so it can be
    ``hidden`` wide, and must be: at half that width whole colours stay invisible for thousands of steps.
    ``shrink`` 1 works at the size of the frame, as the paper prints it. ``shrink`` 2 works at half the size and
    ends in a pixel shuffle: four times cheaper, which is what makes training on a laptop possible.
    The last layer has no activation: the ReLU that the table prints would forbid negative mask logits.
    """

    def __init__(
        self,
        dim: int,
        frame_shape: tuple[int, int, int],
        width: int,
        kernels: tuple[int, ...],
        shrink: int = 1,
        frequencies: int = 0,
        hidden: int = 64,
    ):
        super().__init__()
        channels, height, frame_width = frame_shape
        if height % shrink or frame_width % shrink:
            raise ValueError(f"Frames of {height} x {frame_width} cannot be drawn at 1/{shrink} of their size.")
        if len(kernels) < 2 or any(kernel % 2 == 0 for kernel in kernels):
            raise ValueError(f"A decoder needs at least two kernels of odd size, not {kernels}.")
        self.size = (height // shrink, frame_width // shrink)
        pointwise = kernels[0] == 1
        inner = hidden if pointwise else dim
        self.project = nn.Linear(dim, hidden) if pointwise else nn.Identity()
        self.position = PositionEmbedding(*self.size, inner, frequencies)
        stack: list[nn.Module] = [nn.ReLU()] if pointwise else []
        for kernel in kernels[1:-1] if pointwise else kernels[:-1]:
            stack += [nn.Conv2d(inner, width, kernel, 1, kernel // 2), nn.ReLU()]
            inner = width
        last = kernels[-1]
        stack += [nn.Conv2d(inner, (channels + 1) * shrink**2, last, 1, last // 2), nn.PixelShuffle(shrink)]
        self.stack = nn.Sequential(*stack).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, slots: Float[Tensor, "batch slot dim"]
    ) -> tuple[Float[Tensor, "batch slot channel height width"], Float[Tensor, "batch slot height width"]]:
        """RGB pictures and mask logits of every slot."""
        cells = self.position(rearrange(self.project(slots), "b s d -> (b s) d 1 1"))
        painted = self.stack(cells.contiguous(memory_format=torch.channels_last)).float()
        painted = rearrange(painted, "(b s) c h w -> b s c h w", s=slots.shape[1])
        return picture_and_mask(painted)


def picture_and_mask(
    painted: Float[Tensor, "batch slot channel_and_mask height width"],
) -> tuple[Float[Tensor, "batch slot channel height width"], Float[Tensor, "batch slot height width"]]:
    """The channels of a picture, and the last one, its mask. One split: the gradients of two slices would be two
    tensors of zeros, filled and added."""
    picture, mask = painted.split((painted.shape[2] - 1, 1), dim=2)
    return picture, mask.squeeze(2)


def mix(
    rgb: Float[Tensor, "batch slot channel height width"], logits: Float[Tensor, "batch slot height width"]
) -> tuple[Float[Tensor, "batch channel height width"], Float[Tensor, "batch slot height width"]]:
    """The frame as a mixture of the slots' pictures, and the mixture weights (softmax over slots)."""
    masks = logits.softmax(dim=1)
    return (rgb * masks.unsqueeze(2)).sum(dim=1), masks

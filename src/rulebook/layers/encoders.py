"""Frame encoders: frames to feature cells."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from rulebook.layers.positions import PositionEmbedding


class CellEncoder(nn.Module):
    """Convolutions, position embedding, LayerNorm, MLP: one token per cell (VIM Table 2).

    ``stride`` 1 keeps the size of the frame, as the paper prints it; 2 halves it in the first layer.
    """

    def __init__(
        self,
        frame_shape: tuple[int, int, int],
        width: int,
        dim: int,
        kernels: tuple[int, ...],
        stride: int = 1,
        frequencies: int = 0,
    ):
        super().__init__()
        channels, height, frame_width = frame_shape
        if height % stride or frame_width % stride:
            raise ValueError(f"Frames of {height} x {frame_width} cannot be halved evenly by a stride of {stride}.")
        convolutions: list[nn.Module] = []
        for i, kernel in enumerate(kernels):
            first = i == 0
            convolutions += [
                nn.Conv2d(channels if first else width, width, kernel, stride if first else 1, kernel // 2),
                nn.ReLU(),
            ]
        self.cells = (height // stride, frame_width // stride)
        self.convolutions = nn.Sequential(*convolutions).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.position = PositionEmbedding(*self.cells, width, frequencies)
        # The paper's table prints a ReLU after the second Linear too; see 'differences'.
        self.mlp = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, dim), nn.ReLU(), nn.Linear(dim, dim))

    def forward(self, frames: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch cell dim"]:
        cells = self.convolutions(frames.contiguous(memory_format=torch.channels_last))
        return self.mlp(rearrange(self.position(cells), "b d h w -> b (h w) d"))

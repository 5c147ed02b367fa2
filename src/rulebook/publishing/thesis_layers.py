"""Tables A.1 and A.2 of the thesis: the layers of the encoders, read off what they do to numbers.

An encoder is run on noise. Between the output of a layer and what the next one receives there may be an ELU, a
LayerNorm over the whole picture, a change of shape: each is found by trying whether it explains the numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rulebook.catalogue import CATALOGUE
from rulebook.layers.positions import PositionEmbedding
from rulebook.layers.thesis_vision import MapEncoder, VectorEncoder, whole_norm
from rulebook.publishing.layer_tables import watch

Line = tuple[str, str, str]
"""Layer, activation, parameter (of a convolution: channels, kernel, stride), as the thesis prints them."""
NONE: Line = ("", "", "")

CONVOLUTIONS: tuple[Line, ...] = (
    ("Conv2d", "ELU", "(16, 4, 2)"),
    ("LayerNorm", "", ""),
    ("Conv2d", "ELU", "(32, 4, 2)"),
    ("LayerNorm", "", ""),
    ("Conv2d", "ELU", "(64, 4, 2)"),
)
PRINTED_A1: tuple[Line, ...] = (
    *CONVOLUTIONS,
    ("LayerNorm", "", ""),
    ("Flatten", "", ""),
    ("Linear", "ELU", "64"),
    ("LayerNorm", "", ""),
)
PRINTED_A2: tuple[Line, ...] = (
    *CONVOLUTIONS,
    ("SoftPosEmbed", "", ""),
    ("SpatialFlatten", "", ""),
    ("Flatten", "", ""),
    ("Linear", "ELU", "64"),
    ("LayerNorm", "", ""),
)

TABLES: dict[str, tuple[str, tuple[Line, ...]]] = {
    "Table A.1": ("rims-cat-6/moving-mnist", PRINTED_A1),
    "Table A.2": ("oc-rims-bcd-6-3/moving-mnist", PRINTED_A2),
}
"""Table -> entry whose encoder it is about (profile 'paper'), and its printed lines."""


def encoder_table(name: str) -> pd.DataFrame:
    """Ours and the thesis's lines side by side, those that belong together in one row."""
    entry, printed = TABLES[name]
    config = CATALOGUE.entries[entry].run("paper", 0)
    encoder = config.model.build(config.world.frame_shape).get_submodule("encoder")
    frames = torch.rand(2, *config.world.frame_shape, generator=torch.Generator().manual_seed(0))
    return side_by_side(lines(encoder, frames), printed)


def lines(encoder: VectorEncoder | MapEncoder | nn.Module, frames: Tensor) -> list[Line]:
    """What happens to frames, in order."""
    calls = [call for call in watch(encoder, lambda: encoder(frames)) if not isinstance(call.layer, nn.ELU)]
    with torch.no_grad():
        last = encoder(frames)
    table: list[Line] = []
    for call, received in zip(calls, [*(call.received for call in calls[1:]), last], strict=True):
        activation, norm = between(call.gave, received)
        layer, parameter = _named(call.layer)
        table.append((layer, activation, parameter))
        shape = _reshaped(call.gave, received)
        # A vector's norm follows its flattening where it was taken over the flat vector; over all of a picture the
        # two cannot be told apart, and the thesis prints the norm first behind convolutions.
        after = [("LayerNorm", "", "")] if norm else []
        flat = [(shape, "", "")] if shape else []
        table += after + flat if isinstance(call.layer, nn.Conv2d) else flat + after
    return table


def between(gave: Tensor, received: Tensor) -> tuple[str, bool]:
    """The activation and whether a whole-picture LayerNorm lie between what a layer gave and the next one received."""
    tried: dict[tuple[str, bool], Callable[[Tensor], Tensor]] = {
        ("", False): lambda x: x,
        ("ELU", False): F.elu,
        ("", True): whole_norm,
        ("ELU", True): lambda x: whole_norm(F.elu(x)),
    }
    for found, change in tried.items():
        if _same_numbers(change(gave), received):
            return found
    raise ValueError(f"What lies between {tuple(gave.shape)} and {tuple(received.shape)} is no ELU and no LayerNorm.")


def _same_numbers(a: Tensor, b: Tensor) -> bool:
    """The same numbers for each picture, wherever they stand."""
    if a.numel() != b.numel():
        return False
    a, b = (x.reshape(len(x), -1).sort(dim=1).values for x in (a, b))
    return a.shape == b.shape and torch.allclose(a, b, atol=1e-5)


def _named(layer: nn.Module) -> tuple[str, str]:
    if isinstance(layer, nn.Conv2d):
        return "Conv2d", f"({layer.out_channels}, {layer.kernel_size[0]}, {layer.stride[0]})"
    if isinstance(layer, nn.Linear):
        return "Linear", str(layer.out_features)
    if isinstance(layer, PositionEmbedding):
        return "SoftPosEmbed", ""
    raise ValueError(f"The thesis's tables of layers have no name for {type(layer).__name__}.")


def _reshaped(gave: Tensor, received: Tensor) -> str:
    return {(4, 2): "Flatten", (4, 3): "SpatialFlatten"}.get((gave.ndim, received.ndim), "")


def side_by_side(ours: list[Line], printed: tuple[Line, ...]) -> pd.DataFrame:
    """The longest common sequence of lines shares its rows; a line that only one of the two has stands alone."""
    rows, i, j = [], 0, 0
    common = _common(ours, list(printed))
    while i < len(ours) or j < len(printed):
        if i < len(ours) and j < len(printed) and ours[i] == printed[j]:
            mine, theirs, difference, i, j = ours[i], printed[j], "same", i + 1, j + 1
        elif j == len(printed) or (i < len(ours) and common[i + 1][j] == common[i][j]):
            mine, theirs, difference, i = ours[i], NONE, "ours only", i + 1
        else:
            mine, theirs, difference, j = NONE, printed[j], "thesis only", j + 1
        rows.append([*(part or "-" for part in mine), ", ".join(filter(None, theirs)) or "-", difference])
    return pd.DataFrame(rows, columns=["layer", "activation", "parameter", "printed in the thesis", "difference"])


def _common(a: list[Line], b: list[Line]) -> list[list[int]]:
    """Length of the longest common sequence of a[i:] and b[j:]."""
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in reversed(range(len(a))):
        for j in reversed(range(len(b))):
            alike = table[i + 1][j + 1] + 1 if a[i] == b[j] else 0
            table[i][j] = max(alike, table[i + 1][j], table[i][j + 1])
    return table

"""SCOFF: object files and schemata (Goyal et al. 2020; VIM Appendix B; thesis 3.24 - 3.28). With one schema: RIM.

Symbols:  h = ``files`` (K x D)   a = ``read`` (what a file reads from the last frame)   h_j = ``candidates`` (one per
          schema j)   j* = ``choice``

One step, from frame t - 1 to a prediction of frame t (the numbers are those of Appendix B):
    1. reading        a_k from the cells of frame t - 1 that file k wins       softmax over files, as in slot attention
    2. candidates     h_kj = GRU_j(a_k, h_k)  for all schemata j               thesis 3.24
    3. selection      j*_k = argmax_j (q(h_k) . r(h_kj) + Gumbel noise)        thesis 3.25 - 3.28
       communication  h_k <- h_k + attention over all files                    thesis 3.18, weights shared by all files
    4. observation    every file paints a picture, masks mix them              VIM Table 3

RIM in VIM's Table 1 is SCOFF with one schema: there is nothing to choose from then, so draws change nothing, and the
weights of the selection play no part.

Differences from the papers:
 1. Files start as the slots that slot attention finds in the first frame (SCOFF: zeros), and the eye starts from the
    weights of the slot autoencoder: VIM has both, so its rival gets them too. The paper does not say. Schemata start
    as the autoencoder's GRU, each with some noise of its own (SCOFF: at random).
 2. Frames are decoded file by file into a mixture, as VIM's are: that is what VIM's Figure 8 shows.
 3. No dropout on the two attentions (RIM: 0.1).
 4. Every file is active at every step, as VIM's Appendix B has it (RIM: the top k).
 5. With ``mlp`` a file passes through slot attention's residual MLP behind its GRU (no paper has it). The decoder
    learned to draw slots that did, and attention to find them again; without it, files fade within a few steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from einops import einsum, rearrange
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from rulebook.clips import Rollout
from rulebook.layers.gradients import tame
from rulebook.layers.perception import Perception, PerceptionSpec, frame_error
from rulebook.layers.schemata import Schemata
from rulebook.models.base import ModelSpec, VideoModel, some_frames
from rulebook.seeds import generator


class SCOFFSpec(ModelSpec):
    """Settings of SCOFF and, with one schema, of RIM."""

    kind: ClassVar[str] = "scoff"
    perception: PerceptionSpec = PerceptionSpec()
    """The eye; its slots are the object files."""
    schemata: int = Field(5, ge=1)
    """Number of GRU cells that the files choose from; 1: RIM."""
    file: int = Field(64, ge=1)
    """Size of an object file; linear maps, identities at first, lead from the eye into it and out again."""
    key: int = Field(16, ge=1)
    """Size of the selection's keys and queries."""
    temperature: float = Field(0.5, gt=0)
    """Temperature of the Gumbel-softmax; choices are hard, their gradients are those of the soft ones."""
    heads: int = Field(4, ge=1)
    """Heads of the communication between files."""
    head_dim: int = Field(32, ge=1)
    """Size of a head's keys, queries and values."""
    mlp: bool = False
    """Whether what a file became goes through slot attention's residual MLP, as slots do."""
    drawn_frames: int | None = Field(None, ge=1)
    """Predicted frames that are drawn per clip and step in training (``some_frames``); None: all."""

    def build(self, frame_shape: tuple[int, int, int]) -> SCOFF:
        return SCOFF(self, frame_shape)


class Communication(nn.Module):
    """Files read from each other: attention over all files, added to what they are (thesis 3.18)."""

    def __init__(self, file: int, heads: int, head_dim: int):
        super().__init__()
        self.heads, self.scale = heads, head_dim**-0.5
        self.to_query = nn.Linear(file, heads * head_dim, bias=False)
        self.to_key = nn.Linear(file, heads * head_dim, bias=False)
        self.to_value = nn.Linear(file, heads * head_dim, bias=False)
        self.out = nn.Linear(heads * head_dim, file, bias=False)

    def forward(self, files: Float[Tensor, "batch file state"]) -> Float[Tensor, "batch file state"]:
        query, key, value = (
            rearrange(layer(files), "b k (n d) -> b n k d", n=self.heads)
            for layer in (self.to_query, self.to_key, self.to_value)
        )
        weight = (einsum(query, key, "b n i d, b n j d -> b n i j") * self.scale).softmax(dim=-1)
        heard = einsum(weight, value, "b n i j, b n j d -> b n i d")
        return files + self.out(rearrange(heard, "b n k d -> b k (n d)"))


def identity_at_first(inner: int, outer: int) -> nn.Linear:
    """A linear map that begins as the identity on the sizes' common part: a trained eye goes on working behind it."""
    layer = nn.Linear(inner, outer)
    nn.init.eye_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


@dataclass
class Step:
    """What one step leaves behind: the files that predict a frame, and how they came about."""

    files: Float[Tensor, "batch file state"]
    probs: Float[Tensor, "batch file schema"]
    choice: Float[Tensor, "batch file schema"]
    share: Float[Tensor, "batch file cell"]
    """Who won which cell of the frame before."""


def files_of(steps: list[Step]) -> Float[Tensor, "batch time file state"]:
    """The files after each of these steps."""
    return torch.stack([step.files for step in steps], dim=1)


class SCOFF(VideoModel):
    """K object files, each updated by one of M shared schemata; predicts the next frame."""

    terms: ClassVar[tuple[str, ...]] = ("error",)

    def __init__(self, spec: SCOFFSpec, frame_shape: tuple[int, int, int]):
        super().__init__()
        dim = spec.perception.dim
        self.spec = spec
        self.perception = Perception(spec.perception, frame_shape)
        self.enter = identity_at_first(dim, spec.file)
        self.ask = identity_at_first(spec.file, dim)
        self.schemata = Schemata(spec.schemata, dim, spec.file, spec.key, spec.temperature)
        self.back = identity_at_first(dim, spec.file) if spec.mlp else None
        self.communication = Communication(spec.file, spec.heads, spec.head_dim)
        self.leave = identity_at_first(spec.file, dim)

    def load_stage(self, weights: dict[str, Tensor]) -> list[str]:
        """The eye of the slot autoencoder. Every schema starts as the eye's own GRU, a little apart from the others, so
        that files follow what they attend to from the first step on: from random cells they take several times as
        long, and draw balls of different colours in one."""
        taken = super().load_stage(weights)
        self.schemata.grus.begin_as(self.perception.attention.gru, noise=0.1)
        with torch.no_grad():
            self.communication.out.weight.mul_(0.1)
        return taken

    # ---- one step -----------------------------------------------------------------------------------------------

    def step(
        self,
        files: Float[Tensor, "batch file state"],
        offered: Float[Tensor, "batch cell dim"],
        noise: torch.Generator | None,
    ) -> Step:
        """From the files and the cells of one frame to the files that predict the next. Choices are hard, in training
        and after it; ``noise`` None: without Gumbel noise."""
        # Always in float32: errors of a recurrence add up.
        with torch.autocast(files.device.type, enabled=False):
            files = tame(files)
            read, share = self.perception.attention.compete(self.ask(files), offered)
            chosen, probs, choice = self.schemata(read, files, noise)
            return Step(self.communication(self.think(chosen)), probs, choice, share)

    def think(self, files: Float[Tensor, "batch file state"]) -> Float[Tensor, "batch file state"]:
        """Slot attention's residual MLP, behind its GRU as there."""
        if self.back is None:
            return files
        attention = self.perception.attention
        return files + self.back(attention.mlp(attention.norm_update(self.ask(files))))

    # ---- a whole clip -------------------------------------------------------------------------------------------

    def start(
        self, cells: Float[Tensor, "batch cell dim"], noise: torch.Generator
    ) -> Float[Tensor, "batch file state"]:
        """The files before the first step: what slot attention finds in the first frame."""
        attention = self.perception.attention
        slots, _ = attention(cells, attention.start(cells.shape[0], noise))
        return self.enter(slots).float()

    def read_all(
        self,
        files: Float[Tensor, "batch file state"],
        cells: Float[Tensor, "batch time cell dim"],
        noise: torch.Generator | None,
    ) -> list[Step]:
        """One step per frame. Nothing but the cells runs in the loop: frames were encoded before it and are drawn
        after it, all at once."""
        steps: list[Step] = []
        # unbind, not offered[:, t]: the gradient of every such index is a tensor of zeros as large as the whole clip's.
        for offered in self.perception.attention.offer(cells).unbind(dim=1):
            steps.append(self.step(files, offered, noise))
            files = steps[-1].files
        return steps

    def encode(self, frames: Float[Tensor, "batch time channel height width"]) -> Float[Tensor, "batch time cell dim"]:
        cells = self.perception.encoder(rearrange(frames, "b t c h w -> (b t) c h w"))
        return rearrange(cells, "(b t) n d -> b t n d", t=frames.shape[1])

    def paint(self, files: Float[Tensor, "batch time file state"]) -> tuple[Tensor, Tensor, Tensor]:
        """The frames that these files predict, every file's pictures, and the masks, each [batch, time, ...]."""
        slots = self.perception.norm(self.leave(rearrange(files, "b t k d -> (b t) k d")))
        painted = self.perception.observe(slots)
        frame, rgb, masks = (rearrange(part, "(b t) ... -> b t ...", t=files.shape[1]) for part in painted)
        return frame, rgb, masks

    def losses(
        self, frames: Float[Tensor, "clip time channel height width"], noise: torch.Generator
    ) -> dict[str, Float[Tensor, ""]]:
        """Squared error of the next frame, summed over its pixels; every step is given the true frame before it."""
        if frames.shape[1] < 2:
            raise ValueError("SCOFF learns to predict the next frame: train it on clips of at least 2 frames.")
        cells = self.encode(frames[:, :-1])
        steps = self.read_all(self.start(cells[:, 0], noise), cells, noise)
        drawn = self.spec.drawn_frames if self.training else None
        files, truth = some_frames(drawn, noise, files_of(steps), frames[:, 1:])
        return {"error": frame_error(self.paint(files)[0], truth).mean()}

    # ---- rollouts -----------------------------------------------------------------------------------------------

    def rollout(
        self,
        frames: Float[Tensor, "clip time channel height width"],
        *,
        given: int,
        noise: torch.Generator | None = None,
    ) -> Rollout:
        """Predictions of frames 1, 2, ...: from the true frame before it while that is ``given``, then from the
        prediction before it. ``given`` equal to the length of the clip is teacher forcing throughout.

        Frame i of the rollout predicts frame i + 1 of the clip (``first`` is 1), and so do states, pictures, masks and
        choices with index i; ``attention`` with index i lies over frame i of the clip, from which they were made.
        """
        length = frames.shape[1]
        if not 1 <= given <= length or length < 2:
            raise ValueError(
                f"SCOFF predicts from the frame before: of a clip of at least 2 frames it needs 1 or more given, "
                f"not {given} of {length}."
            )
        cells = self.encode(frames[:, : min(given, length - 1)])
        files = self.start(cells[:, 0], noise or generator(0, "rollout"))
        steps = self.read_all(files, cells, noise)
        parts = [self.paint(files_of(steps))]
        for _ in range(given, length - 1):
            steps += self.read_all(steps[-1].files, self.encode(parts[-1][0][:, -1:]), noise)
            parts.append(self.paint(files_of(steps[-1:])))
        predicted, rgb, masks = (torch.cat(part, dim=1) for part in zip(*parts, strict=True))
        height, width = self.perception.encoder.cells

        def stack(name: str) -> Tensor:
            return torch.stack([getattr(step, name) for step in steps], dim=1)

        return Rollout(
            frames=predicted,
            first=1,
            given=given,
            slot_rgb=rgb,
            slot_masks=masks,
            states=stack("files"),
            module_probs=stack("probs").unsqueeze(3),
            modules=stack("choice").argmax(dim=-1, keepdim=True),
            attention=rearrange(stack("share"), "b t k (h w) -> b t k h w", h=height, w=width),
            losses={"error": frame_error(predicted, frames[:, 1:])},
        )

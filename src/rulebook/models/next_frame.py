"""Next-frame predictors: encoder, recurrence, decoder (thesis Figure 3.1). What GRU, ConvLSTM and all RIMs share.

Under teacher forcing neither the encoder nor the decoder depends on the recurrence: all frames are encoded before the
time loop and all states decoded after it, each in one batch; only the recurrence itself is in the loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from einops import rearrange
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from rulebook.clips import Rollout
from rulebook.layers.perception import frame_error
from rulebook.layers.rim_cells import ALL_ON, Step, Switches
from rulebook.layers.thesis_vision import FrameDecoder, Picture
from rulebook.models.base import ModelSpec, VideoModel, some_frames
from rulebook.seeds import generator


class NextFrameSpec(ModelSpec):
    """What the settings of all next-frame predictors share."""

    drawn_frames: int | None = Field(None, ge=1)
    """Predicted frames that are drawn per clip and step in training (``some_frames``); None: all."""
    begin_with: Literal["pytorch", "signal"] = "pytorch"
    """What weights are before training: PyTorch's defaults, or those from which pictures begin dark and states speak of
    the frame (``make_audible``)."""


@dataclass
class Percept:
    """What the recurrence is fed."""

    inputs: Float[Tensor, "clip time ..."]
    maps: Float[Tensor, "clip time slot rows cols"] | None = None
    """Which slot won which place of the feature map."""


@dataclass
class Trace:
    """All steps of a clip, and what was drawn of them."""

    percepts: list[Percept]
    steps: list[Step]
    pictures: list[Picture]

    def stack(self, name: str) -> Tensor | None:
        """``[clip, time, ...]`` of one field of the steps."""
        values = [getattr(step, name) for step in self.steps]
        return None if values[0] is None else torch.stack(values, dim=1)

    def join(self, parts: list, name: str) -> Tensor | None:
        """One field of the percepts or pictures, one after the other in time."""
        values = [getattr(part, name) for part in parts]
        return None if values[0] is None else torch.cat(values, dim=1)


class NextFrameModel(VideoModel):
    """From every frame to the next one. A model says how it perceives, begins, steps and draws."""

    terms: ClassVar[tuple[str, ...]] = ("error",)

    def __init__(self, spec: NextFrameSpec):
        super().__init__()
        self.drawn_frames = spec.drawn_frames

    def make_audible(self) -> None:
        """Begin with dark pictures, as nearly all pixels are: else training learns darkness first, in steps that are
        large enough to spoil what states say of the frame."""
        decoder = self.decoder
        assert isinstance(decoder, FrameDecoder), f"{type(self).__name__} does not say how its pictures begin dark."
        decoder.darken()

    def perceive(self, frames: Float[Tensor, "clip time channel height width"], noise: torch.Generator) -> Percept:
        """What the recurrence is fed, for all these frames at once."""
        raise TypeError(f"{type(self).__name__} does not say how it perceives.")

    def begin(self, clips: int, noise: torch.Generator, device: torch.device) -> Tensor:
        """The state before the first frame."""
        raise TypeError(f"{type(self).__name__} does not say how it begins.")

    def step(self, inputs: Tensor, state: Tensor, noise: torch.Generator | None, switches: Switches) -> Step:
        """From the state and what is seen of one frame to the state that predicts the next."""
        raise TypeError(f"{type(self).__name__} does not say how it steps.")

    def paint(self, states: Float[Tensor, "batch ..."], switches: Switches) -> Picture:
        """The frames that these states predict."""
        raise TypeError(f"{type(self).__name__} does not say how it paints.")

    def draw(self, states: Float[Tensor, "clip time ..."], switches: Switches = ALL_ON) -> Picture:
        """The frames that these states predict, ``[clip, time, ...]``, all in one batch."""
        flat = self.paint(states.flatten(0, 1), switches)

        def timed(x: Tensor | None) -> Tensor | None:
            return None if x is None else rearrange(x, "(b t) ... -> b t ...", t=states.shape[1])

        return Picture(flat.frames.unflatten(0, states.shape[:2]), timed(flat.rgb), timed(flat.masks))

    def follow(
        self, percept: Percept, state: Tensor, noise: torch.Generator | None, switches: Switches = ALL_ON
    ) -> list[Step]:
        """The time loop: one step per perceived frame."""
        steps: list[Step] = []
        for inputs in percept.inputs.unbind(dim=1):
            steps.append(self.step(inputs, state, noise, switches))
            state = steps[-1].states
        return steps

    def losses(
        self, frames: Float[Tensor, "clip time channel height width"], noise: torch.Generator
    ) -> dict[str, Float[Tensor, ""]]:
        """Squared error of the next frame under teacher forcing, summed over pixels and channels, averaged over clips
        and frames. The thesis (3.30) sums the mean error of the steps: the same times steps / (pixels x channels);
        the catalogue gives the term that weight, so that clipping the gradient means what it meant there.
        """
        self._check(frames, given=1)
        percept = self.perceive(frames[:, :-1], noise)
        steps = self.follow(percept, self.begin(len(frames), noise, frames.device), noise)
        drawn = self.drawn_frames if self.training else None
        states, truth = some_frames(drawn, noise, torch.stack([step.states for step in steps], dim=1), frames[:, 1:])
        return {"error": frame_error(self.draw(states).frames, truth).mean()}

    def rollout(
        self,
        frames: Float[Tensor, "clip time channel height width"],
        *,
        given: int,
        noise: torch.Generator | None = None,
    ) -> Rollout:
        """Predictions of frames 1, 2, ...: from the true frame before it while that is among the ``given`` ones, then
        from the prediction before it. ``given`` equal to the length of the clip is teacher forcing throughout.

        Index i of frames, states, pictures and masks is about frame i + 1 of the clip (``first`` is 1); index i of
        attention and activation lies over frame i, from which they were made.
        """
        return self.predict(frames, given, noise, ALL_ON)

    def predict(self, frames: Tensor, given: int, noise: torch.Generator | None, switches: Switches) -> Rollout:
        self._check(frames, given)
        trace = self._trace(frames, given, noise, switches)
        return self.report(trace, frames, given)

    def _check(self, frames: Tensor, given: int) -> None:
        length = frames.shape[1]
        if length < 2 or not 1 <= given <= length:
            raise ValueError(
                f"{type(self).__name__} predicts every frame from the one before it: it needs clips of at least 2 "
                f"frames and 1 or more of them given, not {given} of {length}."
            )

    def _trace(self, frames: Tensor, given: int, noise: torch.Generator | None, switches: Switches) -> Trace:
        # Starts of states and slots are random in some models; without ``noise`` they are the same at every call.
        starts = noise or generator(0, "rollout")
        last = frames.shape[1] - 1
        percept = self.perceive(frames[:, : min(given, last)], starts)
        steps = self.follow(percept, self.begin(len(frames), starts, frames.device), noise, switches)
        picture = self.draw(torch.stack([step.states for step in steps], dim=1), switches)
        trace = Trace([percept], steps, [picture])
        for _ in range(given, last):
            percept = self.perceive(trace.pictures[-1].frames[:, -1:], starts)
            trace.steps += self.follow(percept, trace.steps[-1].states, noise, switches)
            trace.percepts.append(percept)
            trace.pictures.append(self.draw(trace.steps[-1].states.unsqueeze(1), switches))
        return trace

    def report(self, trace: Trace, frames: Tensor, given: int) -> Rollout:
        """The Rollout of a trace."""
        predicted = trace.join(trace.pictures, "frames")
        assert predicted is not None
        return Rollout(
            frames=predicted,
            first=1,
            given=given,
            slot_rgb=trace.join(trace.pictures, "rgb"),
            slot_masks=trace.join(trace.pictures, "masks"),
            states=trace.stack("states"),
            active=trace.stack("active"),
            losses={"error": frame_error(predicted, frames[:, 1:])},
        )

"""VIM: Variational Independent Modules (Assouel, Castrejon et al. 2022; castrejon thesis, chapter 8).

The paper's symbols:  h = ``slots`` (K x D per frame)   s = ``candidates`` (one per module)   r = ``choice``
                      z = ``noise update``              x_hat = ``seen`` (the target frame as a slot sees it)

One step, repeated k times between two frames (VIM-k):
    candidates   s_m = f_m(h)                                      M independent MLPs on a shared trunk (Table 4)
    seeing       x_hat = one round of slot attention of h over the target frame (eq. 4)
    selection    r ~ softmax(key(s_m) . query(h or x_hat))         prior from h, posterior from x_hat (A.1)
    noise        z ~ N(mean, std)                                  prior from s_r, posterior from [s_r, x_hat]
    transition   h <- LayerNorm(h + z + f_r(h))                    (3.1)
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from einops import einsum, rearrange
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from rulebook.clips import Rollout
from rulebook.layers.explaining import best_iterations, best_options
from rulebook.layers.gradients import tame
from rulebook.layers.grouped import GroupedLinear
from rulebook.layers.perception import Perception, PerceptionSpec, frame_error
from rulebook.layers.selection import KeyQuery, categorical_kl, gaussian_kl, gumbel_softmax, one_hot
from rulebook.models.base import ModelSpec, VideoModel, some_frames
from rulebook.seeds import generator


class VIMSpec(ModelSpec):
    """Settings of VIM. The defaults are the sizes that the paper prints (Tables 2-4)."""

    kind: ClassVar[str] = "vim"
    perception: PerceptionSpec = PerceptionSpec()
    modules: int = Field(5, ge=1)
    """Number of transition modules M."""
    iterations: int = Field(1, ge=1)
    """Selection-update iterations between two frames (the k of VIM-k)."""
    trunk: int = Field(128, ge=1)
    """Width of the two layers that all modules share."""
    hidden: int = Field(128, ge=1)
    """Width of a module's hidden layer."""
    selector: int = Field(64, ge=1)
    """Width of the key and query networks."""
    noise_hidden: int = Field(64, ge=1)
    """Hidden width of the Gaussian update's networks."""
    temperature: float = Field(1.0, gt=0)
    """Temperature of the Gumbel-softmax in training."""
    drawn_frames: int | None = Field(None, ge=1)
    """Frames that are drawn per clip and step in training (``some_frames``); None: all."""

    def build(self, frame_shape: tuple[int, int, int]) -> VIM:
        return VIM(self, frame_shape)


class Transition(nn.Module):
    """The M modules: every slot's possible next states."""

    def __init__(self, dim: int, trunk: int, hidden: int, modules: int):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(dim, trunk), nn.ReLU(), nn.Linear(trunk, trunk), nn.LayerNorm(trunk))
        self.first = GroupedLinear(modules, trunk, hidden)
        self.second = GroupedLinear(modules, hidden, dim)

    def forward(self, slots: Float[Tensor, "batch slot dim"]) -> Float[Tensor, "batch slot module dim"]:
        """f_m(h) of every module m."""
        return self.second(self.first.spread(self.trunk(slots)).relu())


class NoiseUpdate(nn.Module):
    """Mean and standard deviation of the Gaussian additive update (Table 4, 'Stochastic update')."""

    def __init__(self, inner: int, hidden: int, dim: int):
        super().__init__()
        last = nn.Linear(hidden, 2 * dim)
        # Prior and posterior start equal: the Gaussian has to earn every nat that it uses.
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.net = nn.Sequential(nn.Linear(inner, hidden), nn.ReLU(), last)

    def forward(self, x: Float[Tensor, "batch slot inner"]) -> tuple[Tensor, Tensor]:
        mean, raw = self.net(x).float().chunk(2, dim=-1)
        return mean, nn.functional.softplus(raw - 2.0) + 1e-3


@dataclass
class Step:
    """What one selection-update iteration leaves behind."""

    slots: Float[Tensor, "batch slot dim"]
    probs: Float[Tensor, "batch slot module"]
    choice: Float[Tensor, "batch slot module"]
    module_kl: Float[Tensor, "batch slot"]
    gaussian_kl: Float[Tensor, "batch slot"]
    share: Float[Tensor, "batch slot cell"] | None = None


@dataclass
class Trace:
    """The steps of a whole clip, before any frame is drawn."""

    slots: list[Tensor]
    """Slots at every frame."""
    steps: list[list[Step]] = field(default_factory=list)
    """Per frame transition, per iteration."""

    def stack(self, name: str) -> Tensor:
        """``[clip, step, slot, iteration, ...]`` of one field of the steps."""
        return torch.stack([torch.stack([getattr(step, name) for step in steps], dim=2) for steps in self.steps], dim=1)


class VIM(VideoModel):
    """Slots whose every move is made by one of M modules."""

    terms: ClassVar[tuple[str, ...]] = ("error", "gaussian_kl", "module_kl")

    def __init__(self, spec: VIMSpec, frame_shape: tuple[int, int, int]):
        super().__init__()
        dim = spec.perception.dim
        self.spec = spec
        self.perception = Perception(spec.perception, frame_shape)
        self.transition = Transition(dim, spec.trunk, spec.hidden, spec.modules)
        self.norm = nn.LayerNorm(dim)
        self.select_prior = KeyQuery(dim, dim, spec.selector)
        self.select_posterior = KeyQuery(dim, dim, spec.selector)
        self.noise_prior = NoiseUpdate(dim, spec.noise_hidden, dim)
        self.noise_posterior = NoiseUpdate(2 * dim, spec.noise_hidden, dim)

    # ---- one iteration ------------------------------------------------------------------------------------------

    def step(
        self,
        slots: Float[Tensor, "batch slot dim"],
        seen: Float[Tensor, "batch slot dim"] | None,
        noise: torch.Generator | None,
        forced: Int[Tensor, "batch slot"] | None = None,
    ) -> Step:
        """One selection-update iteration: posterior where ``seen`` is given, else prior.

        In training the choice is a relaxed draw; at test it is hard: the likeliest module of the posterior, a draw
        from the prior. ``noise`` None: no randomness at all. ``forced``: the choice comes from outside.
        """
        slots = tame(slots)
        seen = None if seen is None else tame(seen)
        updates = self.transition(slots)
        candidates = self.norm(slots.unsqueeze(2) + updates)
        prior = self.select_prior(slots, candidates)
        logits = prior if seen is None else self.select_posterior(seen, candidates)
        choice = self._choose(logits, seen is not None, noise, forced)
        update = einsum(choice, updates.float(), "b k m, b k m d -> b k d")
        candidate = einsum(choice, candidates.float(), "b k m, b k m d -> b k d")
        prior_mean, prior_std = self.noise_prior(candidate)
        mean, std = prior_mean, prior_std
        if seen is not None:
            mean, std = self.noise_posterior(torch.cat([candidate, seen], dim=-1))
        drawn = mean
        if noise is not None:
            drawn = mean + std * torch.randn(mean.shape, generator=noise, device=noise.device).to(mean.device)
        return Step(
            slots=self.norm(slots + update + drawn),
            probs=logits.softmax(dim=-1),
            choice=choice,
            module_kl=categorical_kl(logits, prior),
            gaussian_kl=gaussian_kl(mean, std, prior_mean, prior_std),
        )

    def _choose(
        self, logits: Tensor, posterior: bool, noise: torch.Generator | None, forced: Tensor | None
    ) -> Float[Tensor, "batch slot module"]:
        if forced is not None:
            return nn.functional.one_hot(forced, self.spec.modules).to(logits.dtype)
        if self.training and noise is not None:
            return gumbel_softmax(logits, self.spec.temperature, noise)
        if posterior or noise is None:
            return one_hot(logits)
        return one_hot(gumbel_softmax(logits, 1.0, noise))

    # ---- a whole clip -------------------------------------------------------------------------------------------

    def _encode(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Cells of the first frame [clip, cell, dim]; those of all frames as slots see them [clip, time, cell, dim]."""
        length = frames.shape[1]
        cells = self.perception.encoder(rearrange(frames, "b t c h w -> (b t) c h w"))
        offered = rearrange(self.perception.attention.offer(cells), "(b t) n d -> b t n d", t=length)
        return cells[::length], offered

    def _infer(
        self,
        frames: Tensor,
        iterations: int,
        noise: torch.Generator | None,
        start: torch.Generator,
        halting: bool = False,
        search: bool = False,
        starts: int = 1,
    ) -> Trace:
        """Posterior steps through all frames (section 3.2)."""
        first, offered = self._encode(frames)
        slots, _ = self.perception.discover_best(first, frames[:, 0], start, starts)
        trace = Trace([slots])
        # unbind, not offered[:, t]: the gradient of every such index is a tensor of zeros as large as the whole clip's.
        for frame, cells in list(zip(frames.unbind(dim=1), offered.unbind(dim=1), strict=True))[1:]:
            steps: list[Step] = []
            visited = [slots]
            for _ in range(iterations):
                seen, share = self.perception.attention.refine(slots, cells)
                step = self._searched(slots, frame) if search else self.step(slots, self.perception.norm(seen), noise)
                step.share = share
                slots = step.slots
                steps.append(step)
                visited.append(slots)
            if halting:
                slots = best_iterations(self.perception.decoder, torch.stack(visited, dim=1), frame)
            trace.slots.append(slots)
            trace.steps.append(steps)
        return trace

    def _searched(self, slots: Tensor, frame: Tensor) -> Step:
        """The step whose modules are likeliest in the light of ``frame``: by drawing it, not by the posterior. The
        search begins at what the prior makes likeliest: nothing that attention saw takes part."""
        every = [torch.full(slots.shape[:2], m, device=slots.device) for m in range(self.spec.modules)]
        ways = [self.step(slots, None, None, choice) for choice in every]
        price = rearrange(-ways[0].probs.log(), "b k m -> b m k")
        options = torch.stack([way.slots for way in ways], dim=1)
        chosen = best_options(self.perception.decoder, options, frame, price.argmin(dim=1), price)
        # A choice that is certain costs what the prior makes of it.
        paid = price.gather(1, chosen.unsqueeze(1)).squeeze(1)
        return replace(self.step(slots, None, None, chosen), module_kl=paid)

    def losses(
        self, frames: Float[Tensor, "clip time channel height width"], noise: torch.Generator
    ) -> dict[str, Float[Tensor, ""]]:
        """The terms of the evidence lower bound (3.3), per frame; error: squared, summed over the frame."""
        trace = self._infer(frames, self.spec.iterations, noise, noise)
        drawn = self.spec.drawn_frames if self.training else None
        slots, truth = some_frames(drawn, noise, torch.stack(trace.slots, dim=1), frames)
        painted, _, _ = self.perception.observe(slots.flatten(0, 1))
        error = frame_error(painted, truth.flatten(0, 1)).mean()
        if not trace.steps:
            return {"error": error, "gaussian_kl": error.new_zeros(()), "module_kl": error.new_zeros(())}
        return {
            "error": error,
            "gaussian_kl": trace.stack("gaussian_kl").sum(dim=(2, 3)).mean(),
            "module_kl": trace.stack("module_kl").sum(dim=(2, 3)).mean(),
        }

    # ---- rollouts -----------------------------------------------------------------------------------------------

    def rollout(
        self,
        frames: Float[Tensor, "clip time channel height width"],
        *,
        given: int,
        noise: torch.Generator | None = None,
        starts: int = 1,
    ) -> Rollout:
        """Inference over the ``given`` frames, then generation from the prior to the length of ``frames``."""
        start = generator(0, "rollout")
        trace = self._infer(frames[:, :given], self.spec.iterations, noise, start, starts=starts)
        for _ in range(given, frames.shape[1]):
            self._advance(trace, [None] * self.spec.iterations, noise)
        return self._draw(trace, frames, given)

    def infer(
        self,
        frames: Float[Tensor, "clip time channel height width"],
        *,
        iterations: int | None = None,
        halting: bool = False,
        search: bool = False,
        draw_iterations: bool = False,
        starts: int = 1,
    ) -> Rollout:
        """Inference alone, with as many iterations as asked for. ``halting``: every slot keeps the iteration whose
        picture explains the frame best; no truth is used. ``search``: modules are those that the frame, once drawn,
        and the prior make likeliest, whatever the posterior says; the Gaussian stays at its prior's mean.
        ``draw_iterations``: also the frame after each one. ``starts``: random starts of discovery, of which every clip
        keeps the one that draws its first frame best."""
        count = iterations or self.spec.iterations
        trace = self._infer(frames, count, None, generator(0, "rollout"), halting, search, starts)
        rollout = self._draw(trace, frames, frames.shape[1])
        if draw_iterations and trace.steps:
            visited = rearrange(trace.stack("slots"), "b t k i d -> (b t i) k d")
            drawn, rgb, masks = self.perception.observe(visited)
            shape = {"t": len(trace.steps), "i": count}
            rollout.iterates = rearrange(drawn, "(b t i) c h w -> b t i c h w", **shape)
            rollout.extra["iterate_rgb"] = rearrange(rgb, "(b t i) k c h w -> b t i k c h w", **shape)
            rollout.extra["iterate_masks"] = rearrange(masks, "(b t i) k h w -> b t i k h w", **shape)
        return rollout

    def force(
        self,
        frames: Float[Tensor, "clip 1 channel height width"],
        modules: Int[Tensor, "clip step slot iteration"],
        starts: int = 1,
    ) -> Rollout:
        """From one frame, make the choices given from outside: transfer, or one module again and again."""
        trace = self._infer(frames[:, :1], self.spec.iterations, None, generator(0, "rollout"), starts=starts)
        for t in range(modules.shape[1]):
            self._advance(trace, list(modules[:, t].unbind(dim=-1)), None)
        return self._draw(trace, None, 1)

    def _advance(self, trace: Trace, forced: list[Tensor | None], noise: torch.Generator | None) -> None:
        slots = trace.slots[-1]
        steps = []
        for choice in forced:
            steps.append(self.step(slots, None, noise, choice))
            slots = steps[-1].slots
        trace.slots.append(slots)
        trace.steps.append(steps)

    def _draw(self, trace: Trace, frames: Tensor | None, given: int) -> Rollout:
        states = torch.stack(trace.slots, dim=1)
        length = states.shape[1]
        painted, rgb, masks = self.perception.observe(states.flatten(0, 1))

        def timed(flat: Tensor) -> Tensor:
            return rearrange(flat, "(b t) ... -> b t ...", t=length)

        rollout = Rollout(
            frames=timed(painted), given=given, slot_rgb=timed(rgb), slot_masks=timed(masks), states=states
        )
        if frames is not None:
            rollout.losses["error"] = frame_error(rollout.frames, frames)
        if trace.steps:
            rollout.module_probs = trace.stack("probs")
            rollout.modules = trace.stack("choice").argmax(dim=-1)
            for name in ("gaussian_kl", "module_kl"):
                per_frame = trace.stack(name).sum(dim=(2, 3))
                rollout.losses[name] = torch.cat([torch.zeros_like(per_frame[:, :1]), per_frame], dim=1)
                rollout.extra[f"{name}_per_slot"] = trace.stack(name)
        return rollout

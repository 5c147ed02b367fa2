"""G-SWM: Generative Structured World Model (Lin et al. 2020, arXiv 2010.02054), VIM's rival on compositions (5.2).

Symbols:  z_pres = ``presence``   z_where = ``where`` (a box)   z_what = ``what``   z_depth = ``depth``
          z_dyna = ``dyna``       h = hidden part of a ``History``, of which there is one for q and one for p

One frame:
    discovery    q(z | cells of the frame, what is there already)            one object per cell of a grid
    propagation  q(z_dyna | proposal glimpse, h_q)  against  p(z_dyna | h_p); all other changes p(z | z_dyna)
    memory       h <- LSTM(z, interaction of z and h with all other objects)
    rendering    glimpses decoded from z_what, pasted at z_where, mixed by depth

Everything but z_dyna is drawn from the same p(z | z_dyna) in inference and in generation, so in propagation z_dyna
alone carries a KL; ``kl_presence`` there is the authors' auxiliary loss: objects that explain nothing should leave.
``propagations`` > 1 is the multi-step variant of VIM's Figure 4: the same propagation, with the same frame to look at,
several times between two frames. VIM says that it is 'allowed' at test, as VIM's own 8 iterations are: ``infer`` takes
any number. A model trained with several is a second reading of the sentence. Objects may vanish in the last of them
alone: in training, presence is a coin near one half at first, and what must survive two coins a frame dies out.

Differences from the paper and the authors' code:
 1. Frames of 32 x 32: three strided convolutions with group norm in place of a ResNet 18; prior box 0.25 of the frame.
 2. The background is black and has no model: pixels that no object claims are 0, and objects do not attend to it.
 3. A step of the walk is 0.25 of the half frame: one propagation may move a box by 0.4 (authors: 0.1 or 0.2).
 4. Objects keep their place in the list: a new one takes the place of a less present one. What is kept is the same as
    in the authors' sorting of old and new by presence, but identities can be read off.
 5. Old and new objects of a frame interact (authors: new ones among themselves before the selection).
 6. In training a coin per clip (authors: per batch) drops later discoveries: here nine times in ten (authors: five),
    as no ball comes or goes; with five, balls are found anew and not followed.
 7. What is there already reaches the cells through a Gaussian as wide as half of a cell (authors: 0.1).
 8. Boxes are kept between 0.05 and 1 of the frame.
 9. What a new object looks like is read from a glimpse of its box, as in SPACE, G-SWM's forerunner, and not from its
    cell: cells learn first where balls are, and then the decoder paints grey balls for thousands of steps.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch
from einops import einsum, rearrange, repeat
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from rulebook.clips import Rollout
from rulebook.layers.draws import bernoulli_kl, draw_normal, draw_presence, gaussian
from rulebook.layers.glimpse import (
    GlimpseDecoder,
    GlimpseEncoder,
    GridEncoder,
    crop,
    middles,
    overlap,
    paste,
    pixel_centres,
)
from rulebook.layers.interaction import ObjectMemory, mlp
from rulebook.layers.perception import frame_error
from rulebook.layers.scenes import Objects, Scene, add, per_frame, stack
from rulebook.layers.selection import gaussian_kl
from rulebook.models.base import ModelSpec, VideoModel

KLS = ("kl_presence", "kl_where", "kl_what", "kl_depth", "kl_dyna")


class GSWMSpec(ModelSpec):
    """Settings of G-SWM; the defaults are the authors', but for differences 1 and 3."""

    kind: ClassVar[str] = "gswm"
    grid: int = Field(4, ge=1)
    """Cells per side of the grid of discovery; the frame's size must be a power of 2 times as large."""
    objects: int = Field(6, ge=1)
    """Largest number of objects."""
    what: int = Field(64, ge=1)
    """Size of z_what."""
    dyna: int = Field(128, ge=1)
    """Size of z_dyna."""
    state: int = Field(128, ge=1)
    """Size of an object's LSTM state."""
    hidden: int = Field(128, ge=1)
    """Width of all MLPs, and of encoded cells and glimpses."""
    width: int = Field(32, ge=1)
    """Channels of the first convolution on frames; doubled with every halving."""
    glimpse: int = Field(16, ge=4)
    """Pixels per side of a glimpse."""
    glimpse_width: int = Field(16, ge=1)
    """Channels of the first convolution on glimpses; doubled with every halving."""
    sigma: float = Field(0.2, gt=0)
    """Standard deviation of a pixel."""
    presence_prior: float = Field(1e-10, gt=0, lt=1)
    """Prior probability that a cell holds an object."""
    presence_temperature: float = Field(1.0, gt=0)
    """Temperature of the relaxed presence."""
    box_prior: tuple[float, float] = (-1.1, 0.3)
    """Prior mean and deviation of a box's size, before the sigmoid that makes it a share of the frame."""
    reach: tuple[float, float] = (0.2, 0.4)
    """How much wider than its box an object's proposal glimpse is, at least and at most, as shares of the frame."""
    shift_limit: float = Field(0.4, gt=0)
    """Largest move of a box in one propagation; the frame is 2 wide."""
    size_limit: float = Field(0.1, gt=0)
    """Largest change of a box's size in one propagation."""
    what_limit: float = Field(0.2, gt=0)
    """Largest change of z_what in one propagation."""
    discovery_dropout: float = Field(0.5, ge=0, lt=1)
    """Share of training clips in which a frame after the first one discovers nothing."""
    overlap_limit: float = Field(0.8, gt=0, le=1)
    """A discovered object whose box overlaps that of an object there already by more is dropped."""
    propagations: int = Field(1, ge=1)
    """Propagations between two frames."""

    def build(self, frame_shape: tuple[int, int, int]) -> GSWM:
        return GSWM(self, frame_shape)


class GSWM(VideoModel):
    """Objects in boxes, discovered on a grid and carried from frame to frame."""

    terms: ClassVar[tuple[str, ...]] = ("nll", *KLS)

    def __init__(self, spec: GSWMSpec, frame_shape: tuple[int, int, int]):
        super().__init__()
        if spec.objects > spec.grid**2:
            raise ValueError(f"A grid of {spec.grid} x {spec.grid} cells cannot fill {spec.objects} objects.")
        self.spec, self.frame_shape = spec, frame_shape
        hidden, latent = spec.hidden, 1 + 1 + 4 + spec.what + spec.dyna
        self.encoder = GridEncoder(frame_shape, spec.grid, spec.width, hidden)
        self.there = mlp(latent, hidden, hidden)
        self.discovery = mlp(2 * hidden, hidden, hidden, 1 + 2 * (latent - 1 - spec.what))
        self.recognise = GlimpseEncoder(frame_shape[0], spec.glimpse, spec.glimpse_width, hidden)
        self.recognition = mlp(hidden, hidden, 2 * spec.what)
        self.proposal = mlp(spec.state, hidden, 2)
        self.look = GlimpseEncoder(frame_shape[0], spec.glimpse, spec.glimpse_width, hidden)
        self.dyna_posterior = mlp(hidden + spec.state, hidden, hidden, 2 * spec.dyna)
        self.dyna_prior = mlp(spec.state, hidden, hidden, 2 * spec.dyna)
        self.change = mlp(spec.dyna, hidden, hidden, 1 + 3 * (1 + 4 + spec.what))
        self.posterior_memory = ObjectMemory(latent, hidden, spec.state)
        self.prior_memory = ObjectMemory(latent, hidden, spec.state)
        self.decoder = GlimpseDecoder(spec.what, frame_shape[0], spec.glimpse, spec.glimpse_width)

    # ---- discovery ----------------------------------------------------------------------------------------------

    def grid(self, like: Tensor) -> Float[Tensor, "cell 2"]:
        """Centres (x, y) of the cells, in [-1, 1]."""
        line = middles(self.spec.grid, like)
        return torch.stack(
            [repeat(line, "x -> (y x)", y=self.spec.grid), repeat(line, "y -> (y x)", x=self.spec.grid)], -1
        )

    def around(self, objects: Objects) -> Float[Tensor, "batch cell dim"]:
        """What lies at every cell already, so that discovery need not find it again."""
        offset = self.grid(objects.where).unsqueeze(1) - objects.where[:, None, :, 2:]
        near = (-0.5 * (offset * self.spec.grid).square().sum(dim=-1)).exp()
        return einsum(near, self.there(objects.features()) * objects.presence, "b c n, b n d -> b c d")

    def discover(
        self,
        cells: Float[Tensor, "batch cell dim"],
        frame: Float[Tensor, "batch channel height width"],
        there: Objects | None,
        noise: torch.Generator | None,
    ) -> tuple[Objects, dict[str, Tensor]]:
        """One object per cell, and the KL of each of its variables against its prior, summed over the cells."""
        spec = self.spec
        around = torch.zeros_like(cells) if there is None else self.around(there)
        logits, rest = self.discovery(torch.cat([cells, around.to(cells.dtype)], dim=-1)).float().tensor_split([1], -1)
        depth, where, dyna = (gaussian(part) for part in rest.split([2, 8, 2 * spec.dyna], dim=-1))
        presence = draw_presence(logits, spec.presence_temperature, noise)
        box = self.box(draw_normal(*where, noise))
        what = gaussian(self.recognition(self.recognise(crop(frame, box, spec.glimpse))))
        found = Objects(
            presence=presence,
            depth=draw_normal(*depth, noise),
            where=box,
            what=draw_normal(*what, noise),
            dyna=draw_normal(*dyna, noise),
        )
        kl = {"kl_presence": bernoulli_kl(logits, spec.presence_prior).sum(dim=(1, 2))}
        for name, (mean, std) in {"depth": depth, "where": where, "what": what, "dyna": dyna}.items():
            prior_mean, prior_std = torch.zeros_like(mean), torch.ones_like(std)
            if name == "where":
                prior_mean[..., :2], prior_std[..., :2] = spec.box_prior
            nats = gaussian_kl(mean, std, prior_mean, prior_std)
            # As in the authors' code, z_dyna counts whether or not the object is there.
            kl[f"kl_{name}"] = (nats if name == "dyna" else nats * presence.squeeze(-1)).sum(dim=1)
        if there is not None:
            taken = (overlap(box, there.where) > spec.overlap_limit) & (there.presence[:, None, :, 0] > 0.5)
            found.presence = presence * (~taken.any(dim=-1, keepdim=True)).to(presence.dtype)
        return found, kl

    def box(self, drawn: Float[Tensor, "batch cell 4"]) -> Float[Tensor, "batch cell 4"]:
        """Every cell's box: its size a share of the frame, its centre in the cell or just outside."""
        size, shift = drawn.chunk(2, dim=-1)
        shift = self.grid(shift) + 2 / self.spec.grid * shift.tanh()
        return torch.cat([size.sigmoid().clamp_min(0.05), shift], dim=-1)

    def begin(self, cells: Tensor, frame: Tensor, noise: torch.Generator | None) -> Scene:
        """The first frame: the most present of the discovered objects."""
        found, kl = self.discover(cells, frame, None, noise)
        order = found.presence.squeeze(-1).argsort(dim=1, descending=True, stable=True)
        objects = found.take(order[:, : self.spec.objects])
        shape = objects.presence.shape[:2]
        return self.remember(Scene(objects, self.posterior_memory.start(*shape), self.prior_memory.start(*shape), kl))

    def take_in(self, scene: Scene, found: Objects) -> Scene:
        """The most present ones of old and new objects; the old ones keep their places."""
        old, new = scene.objects.presence.squeeze(-1), found.presence.squeeze(-1)
        places = old.shape[1]
        weakest = old.argsort(dim=1, stable=True)
        strongest = new.argsort(dim=1, descending=True, stable=True)[:, :places]
        # The k-th strongest new object against the k-th weakest old one: together that is a sort of both lists.
        better = new.gather(1, strongest) > old.gather(1, weakest)
        source = torch.zeros_like(weakest).scatter(1, weakest, torch.where(better, places + strongest, weakest))
        fresh = (source >= places).unsqueeze(-1)
        return replace(
            scene,
            objects=scene.objects.join(found).take(source),
            posterior=self.posterior_memory.renew(scene.posterior, fresh),
            prior=self.prior_memory.renew(scene.prior, fresh),
        )

    # ---- propagation --------------------------------------------------------------------------------------------

    def propagate(
        self,
        scene: Scene,
        frame: Float[Tensor, "batch channel height width"] | None,
        noise: torch.Generator | None,
        leaving: bool = True,
    ) -> Scene:
        """Every object's next variables: inferred from what its proposal glimpse shows; ``frame`` None: imagined.
        ``leaving``: objects may vanish now."""
        old, (hidden, _) = scene.objects, scene.posterior
        prior_mean, prior_std = gaussian(self.dyna_prior(scene.prior[0]))
        mean, std = prior_mean, prior_std
        if frame is not None:
            least, most = self.spec.reach
            reach = least + (most - least) * self.proposal(hidden).float().sigmoid()
            box = torch.cat([old.where[..., :2] + reach, old.where[..., 2:]], dim=-1)
            seen = self.look(crop(frame, box, self.spec.glimpse))
            mean, std = gaussian(self.dyna_posterior(torch.cat([seen, hidden], dim=-1)))
        dyna = draw_normal(mean, std, noise)
        logits, objects = self.changed(old, dyna, noise)
        if frame is None or not leaving:
            # As in the authors' code, nothing vanishes in imagination.
            objects = replace(objects, presence=old.presence)
        kl = {"kl_dyna": gaussian_kl(mean, std, prior_mean, prior_std).sum(dim=1)}
        if leaving:
            kl["kl_presence"] = bernoulli_kl(logits, self.spec.presence_prior).sum(dim=(1, 2))
        return replace(scene, objects=objects, kl=add(scene.kl, kl))

    def changed(self, old: Objects, dyna: Tensor, noise: torch.Generator | None) -> tuple[Tensor, Objects]:
        """p(presence, depth, where, what | z_dyna): gated changes of what was there, and the presence logits."""
        spec = self.spec
        logits, raw = self.change(dyna).float().tensor_split([1], dim=-1)
        moments, gate = raw.tensor_split([2 * raw.shape[-1] // 3], dim=-1)
        step = draw_normal(*gaussian(moments), noise)
        depth, where, what = step.split([1, 4, spec.what], dim=-1)
        depth_gate, where_gate, what_gate = gate.sigmoid().split([1, 4, spec.what], dim=-1)
        limit = where.new_tensor([spec.size_limit] * 2 + [spec.shift_limit] * 2)
        moved = old.where + limit * where_gate * where.tanh()
        return logits, Objects(
            presence=old.presence * draw_presence(logits, spec.presence_temperature, noise),
            depth=old.depth + depth_gate * depth,
            where=torch.cat([moved[..., :2].clamp(0.05, 1), moved[..., 2:]], dim=-1),
            what=old.what + spec.what_limit * what_gate * what.tanh(),
            dyna=dyna,
        )

    def remember(self, scene: Scene) -> Scene:
        """Both memories hear what the objects are now."""
        features, presence = scene.objects.features(), scene.objects.presence
        posterior = self.posterior_memory(features, presence, scene.posterior)
        return replace(scene, posterior=posterior, prior=self.prior_memory(features, presence, scene.prior))

    # ---- rendering ----------------------------------------------------------------------------------------------

    def render(self, objects: Objects) -> tuple[Tensor, Tensor, Tensor]:
        """The frame, every object's picture, and the share of every pixel that is the object's."""
        rgb, alpha = self.decoder(objects.what)
        alpha = alpha * rearrange(objects.presence, "b n 1 -> b n 1 1 1")
        drawn = paste(torch.cat([rgb * alpha, alpha], dim=2), objects.where, *self.frame_shape[1:]).float()
        colour, alpha = drawn.split((drawn.shape[2] - 1, 1), dim=2)
        weight = alpha * (-rearrange(objects.depth, "b n 1 -> b n 1 1 1")).sigmoid()
        weight = weight / (weight.sum(dim=1, keepdim=True) + 1e-5)
        return (weight * colour).sum(dim=1), colour / (alpha + 1e-5), (weight * alpha).squeeze(2)

    # ---- a whole clip -------------------------------------------------------------------------------------------

    def track(self, frames: Tensor, length: int, propagations: int, noise: torch.Generator | None) -> list[Scene]:
        """Inference through all ``frames``, then imagination to ``length``."""
        given = frames.shape[1]
        cells = self.encoder(rearrange(frames, "b t c h w -> (b t) c h w"))
        # unbind, not cells[:, t]: the gradient of every such index is a tensor of zeros as large as the whole clip's.
        seen = rearrange(cells, "(b t) n d -> b t n d", t=given).unbind(dim=1)
        scenes = [self.begin(seen[0], frames[:, 0], noise)]
        for t in range(1, length):
            scene = replace(scenes[-1], kl={})
            for i in range(propagations):
                last = i == propagations - 1
                scene = self.propagate(scene, frames[:, t] if t < given else None, noise, leaving=last)
                if t < given and last:
                    scene = self.discover_more(scene, seen[t], frames[:, t], noise)
                scene = self.remember(scene)
            scenes.append(scene)
        return scenes

    def discover_more(self, scene: Scene, cells: Tensor, frame: Tensor, noise: torch.Generator | None) -> Scene:
        """Discovery in a frame in which objects are known already; in training not in every clip."""
        found, kl = self.discover(cells, frame, scene.objects, noise)
        if self.training and noise is not None:
            coin = torch.rand(cells.shape[0], generator=noise, device=noise.device).to(cells.device)
            awake = (coin >= self.spec.discovery_dropout).float()
            found = replace(found, presence=found.presence * rearrange(awake, "b -> b 1 1"))
            kl = {name: nats * awake for name, nats in kl.items()}
        return self.take_in(replace(scene, kl=add(scene.kl, kl)), found)

    def losses(
        self, frames: Float[Tensor, "clip time channel height width"], noise: torch.Generator
    ) -> dict[str, Float[Tensor, ""]]:
        """The negative evidence lower bound per frame, term by term; ``nll`` up to its constant."""
        scenes = self.track(frames, frames.shape[1], self.spec.propagations, noise)
        painted, _, _ = self.render(stack([scene.objects for scene in scenes]))
        error = frame_error(painted, rearrange(frames, "b t c h w -> (b t) c h w")).mean()
        kl = {name: per_frame(scenes, name).mean() for name in KLS}
        return {"nll": error / (2 * self.spec.sigma**2), **kl}

    # ---- rollouts -----------------------------------------------------------------------------------------------

    def rollout(
        self,
        frames: Float[Tensor, "clip time channel height width"],
        *,
        given: int,
        noise: torch.Generator | None = None,
    ) -> Rollout:
        """Inference over the ``given`` frames, then imagination to the length of ``frames``."""
        return self._show(self.track(frames[:, :given], frames.shape[1], self.spec.propagations, noise), frames, given)

    def infer(
        self, frames: Float[Tensor, "clip time channel height width"], *, propagations: int | None = None
    ) -> Rollout:
        """Inference alone, with as many propagations between two frames as asked for: the multi-step variant."""
        scenes = self.track(frames, frames.shape[1], propagations or self.spec.propagations, None)
        return self._show(scenes, frames, frames.shape[1])

    def _show(self, scenes: list[Scene], frames: Tensor, given: int) -> Rollout:
        """``positions`` are the centres of the boxes; an object that is absent in the first frame stands far outside,
        where nothing is matched to it. ``extra``: boxes and presence of every object."""
        length = len(scenes)
        objects = stack([scene.objects for scene in scenes])
        painted, rgb, masks = self.render(objects)

        def timed(flat: Tensor) -> Tensor:
            return rearrange(flat, "(b t) ... -> b t ...", t=length)

        presence = timed(objects.presence).squeeze(-1)
        absent = repeat(presence[:, 0] < 0.5, "b n -> b t n 1", t=length)
        centres = pixel_centres(timed(objects.where), *frames.shape[-2:])
        rollout = Rollout(
            frames=timed(painted),
            given=given,
            slot_rgb=timed(rgb),
            slot_masks=timed(masks),
            states=timed(objects.what),
            positions=torch.where(absent, -1e3, centres),
            losses={name: per_frame(scenes, name) for name in KLS},
            extra={"boxes": timed(objects.where), "presence": presence},
        )
        rollout.losses["error"] = frame_error(rollout.frames, frames)
        return rollout

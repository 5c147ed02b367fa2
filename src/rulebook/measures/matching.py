"""Which slot is which object: centres of slots, matching, ownership, and segmentation of stills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from einops import einsum, rearrange
from jaxtyping import Bool, Float, Int, Shaped
from sklearn.metrics import adjusted_rand_score
from torch import Tensor

from rulebook.clips import Clip, Rollout

CentreBy = Literal["mask", "content"]


def slot_weights(rollout: Rollout, by: CentreBy) -> Float[Tensor, "clip time slot height width"]:
    """How much every pixel counts for a slot's centre.

    ``mask``: the mask value, as VIM's section 5.1 states it. ``content``: the square of mask x brightness of the
    slot's own picture; on a black background nothing asks a slot to give up black pixels, so masks alone put the
    centre mid-frame.
    """
    if rollout.slot_masks is None or rollout.slot_rgb is None:
        raise ValueError("This rollout has no slots, so its slots have no centres.")
    if by == "mask":
        return rollout.slot_masks
    return (rollout.slot_masks * rollout.slot_rgb.clamp(0, 1).amax(dim=3)).square()


def slot_centres(rollout: Rollout, by: CentreBy) -> Float[Tensor, "clip time slot 2"]:
    """Weighted mean position (x, y) of every slot, in pixels; the model's own boxes where it has them."""
    if rollout.positions is not None:
        return rollout.positions
    weight = slot_weights(rollout, by)
    weight = weight / weight.sum(dim=(-2, -1), keepdim=True).clamp_min(1e-8)
    x = (weight.sum(dim=-2) * torch.arange(weight.shape[-1])).sum(dim=-1)
    y = (weight.sum(dim=-1) * torch.arange(weight.shape[-2])).sum(dim=-1)
    return torch.stack([x, y], dim=-1)


@dataclass(frozen=True)
class Matching:
    """The slot of every object, decided on the first frame and kept."""

    slot: Int[Tensor, "clip object"]
    own: Bool[Tensor, "clip object"]
    """True where the slot is this object's alone and its centre lies on the object."""

    def take(self, per_slot: Shaped[Tensor, "clip time slot *rest"]) -> Shaped[Tensor, "clip time object *rest"]:
        """What the matched slots have, in the order of the objects."""
        index = self.slot[:, None].expand(-1, per_slot.shape[1], -1)
        index = index.reshape(*index.shape, *[1] * (per_slot.ndim - 3)).expand(-1, -1, -1, *per_slot.shape[3:])
        return per_slot.gather(2, index)


def match_slots(clip: Clip, rollout: Rollout, by: CentreBy) -> Matching:
    """Every object takes the slot whose centre is closest in the first frame (VIM 5.1)."""
    assert clip.positions is not None and clip.radii is not None
    truth = clip.positions[:, rollout.first]
    distance = torch.cdist(truth, slot_centres(rollout, by)[:, 0])
    nearest, slot = distance.min(dim=-1)
    alone = (slot[:, :, None] == slot[:, None, :]).sum(dim=-1) == 1
    return Matching(slot, alone & (nearest <= clip.radii))


def position_error(clip: Clip, rollout: Rollout, matching: Matching, by: CentreBy) -> Float[Tensor, "clip time object"]:
    """Distance in pixels between every object and the centre of its slot."""
    assert clip.positions is not None
    length = rollout.frames.shape[1]
    truth = clip.positions[:, rollout.first : rollout.first + length]
    return (matching.take(slot_centres(rollout, by)) - truth).norm(dim=-1)


@dataclass(frozen=True)
class Losses:
    """Where slots lose their objects: one entry per clip, step and object.

    At risk: the slot's centre lies on the object (within its radius). Lost: one step later it does not.
    """

    at_risk: Bool[Tensor, "clip step object"]
    lost: Bool[Tensor, "clip step object"]
    near: Float[Tensor, "clip step object"]
    """Distance of the nearest other object, before or after the step, whichever is less."""
    unlike: Float[Tensor, "clip step object"]
    """How far the colour of that object is from one's own (distance in RGB, squared)."""

    @classmethod
    def of(cls, clip: Clip, error: Float[Tensor, "clip time object"]) -> Losses:
        """From the position errors of matched slots."""
        assert clip.positions is not None and clip.radii is not None and clip.colours is not None
        count, length = clip.positions.shape[2], error.shape[1]
        itself = torch.diag(torch.full((count,), torch.inf))
        apart = torch.cdist(clip.positions, clip.positions)[:, :length] + itself
        pairs = torch.minimum(apart[:, :-1], apart[:, 1:])
        near, nearest = pairs.min(dim=-1)
        colours = torch.cdist(clip.colours, clip.colours).square()
        unlike = colours[:, None].expand(pairs.shape).gather(-1, nearest[..., None])[..., 0]
        held = error <= clip.radii[:, None]
        return cls(held[:, :-1], held[:, :-1] & ~held[:, 1:], near, unlike)

    def by_distance(self, edges: Sequence[float]) -> tuple[Int[Tensor, " bin"], Int[Tensor, " bin"]]:
        """Objects at risk and objects lost, by the distance of the nearest other; the last bin is open."""
        return self._counts(self.near, edges, torch.ones_like(self.lost))

    def by_colour(self, edges: Sequence[float], within: float) -> tuple[Int[Tensor, " bin"], Int[Tensor, " bin"]]:
        """The same by the colour of the nearest other, where it is nearer than ``within``."""
        return self._counts(self.unlike, edges, self.near < within)

    def _counts(
        self, values: Tensor, edges: Sequence[float], counted: Bool[Tensor, "clip step object"]
    ) -> tuple[Int[Tensor, " bin"], Int[Tensor, " bin"]]:
        bins = torch.bucketize(values, torch.tensor(edges, dtype=values.dtype), right=True)
        total, lost = (
            torch.bincount(bins[chosen & counted], minlength=len(edges) + 1) for chosen in (self.at_risk, self.lost)
        )
        return total, lost


def owners(clip: Clip, rollout: Rollout) -> tuple[Int[Tensor, "clip time object"], Float[Tensor, "clip time object"]]:
    """The slot whose mask covers most of every object's visible pixels, and the share that it covers."""
    assert clip.masks is not None and rollout.slot_masks is not None
    visible = clip.masks[:, rollout.first : rollout.first + rollout.slot_masks.shape[1]]
    covered = einsum(rollout.slot_masks, visible, "b t k h w, b t o h w -> b t o k")
    share = covered / visible.sum(dim=(-2, -1)).clamp_min(1e-8).unsqueeze(-1)
    best, slot = share.max(dim=-1)
    return slot, best


def separate_slots(clip: Clip, rollout: Rollout) -> Bool[Tensor, "clip time"]:
    """True where all objects of a frame have different owners, each owning most of its object."""
    slot, share = owners(clip, rollout)
    objects = slot.shape[-1]
    same = (slot.unsqueeze(-1) == slot.unsqueeze(-2)).sum(dim=(-2, -1)) == objects
    return same & (share > 0.5).all(dim=-1)


def overlap_free(clip: Clip) -> Bool[Tensor, "clip time"]:
    """True where no two objects touch."""
    assert clip.positions is not None and clip.radii is not None
    distance = torch.cdist(clip.positions, clip.positions)
    reach = (clip.radii[:, :, None] + clip.radii[:, None, :])[:, None] + 1
    apart = (distance >= reach) | torch.eye(distance.shape[-1], dtype=torch.bool)
    return apart.all(dim=-1).all(dim=-1)


def foreground_ari(clip: Clip, rollout: Rollout) -> Float[Tensor, "clip time"]:
    """Adjusted Rand index of slot masks against objects, over pixels that belong to some object."""
    assert clip.masks is not None and rollout.slot_masks is not None
    visible = clip.masks[:, rollout.first : rollout.first + rollout.slot_masks.shape[1]]
    truth = rearrange(visible.argmax(dim=2), "b t h w -> b t (h w)")
    guess = rearrange(rollout.slot_masks.argmax(dim=2), "b t h w -> b t (h w)")
    inside = rearrange(visible.sum(dim=2) > 0.5, "b t h w -> b t (h w)")
    scores = torch.ones(truth.shape[:2])
    for b in range(truth.shape[0]):
        for t in range(truth.shape[1]):
            pixels = inside[b, t]
            if pixels.any():
                scores[b, t] = adjusted_rand_score(truth[b, t, pixels].numpy(), guess[b, t, pixels].numpy())
    return scores

"""Which object a cell (or slot) draws at every step, and for how long it stays with it (thesis 4.4).

**Matching (4.1, 4.2).** The correlation of a cell's picture x with the picture y of an object drawn alone is
sum(x y) / sqrt(sum(x^2) sum(y^2)), over pixels and channels; a cell tracks the object of largest correlation. (The
thesis calls * in 4.1 the cross-correlation operator; summed over all shifts, that would lose the place, so the product
is taken pixel by pixel.) A cell tracks nothing in a frame (-1) where its largest correlation is not above ``least``;
with the default 0 only black pictures track nothing.

**Consistent lengths.** For each cell and clip, the steps in which it tracks something are written one after the other
and split into the longest runs of one object. MCL is the length of the longest run, ACL the mean length of the runs,
both divided by the number of those steps; both are then averaged over cells and clips that track anything. So
[1, 1, 1, 0, 0] has MCL 3/5 and ACL (3 + 2)/2/5 = 1/2; a cell that never changes its object has 1 and 1; steps in
which an object is out of the frame, or the cell silent, break no run and count for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import torch
from einops import einsum, rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rulebook.clips import Clip, Rollout


def cell_pictures(rollout: Rollout, masked: bool = True) -> Float[Tensor, "clip time slot channel height width"]:
    """What each cell draws: under its mask (thesis Figure 4.6), or as if it were alone (Figure 4.7)."""
    if rollout.slot_rgb is None or (masked and rollout.slot_masks is None):
        raise ValueError("This rollout has no picture per cell: a decoder that mixes all cells tracks nothing.")
    if not masked:
        return rollout.slot_rgb
    assert rollout.slot_masks is not None
    return rollout.slot_rgb * rearrange(rollout.slot_masks, "b t k h w -> b t k 1 h w")


def object_pictures(clip: Clip, rollout: Rollout) -> Float[Tensor, "clip time object channel height width"]:
    """Every object alone, in the frames that the rollout is about."""
    if clip.object_frames is None:
        raise ValueError("This clip has no frame per object: sample it with the world's object pictures switched on.")
    return clip.object_frames[:, rollout.first : rollout.first + rollout.frames.shape[1]]


def correlations(clip: Clip, rollout: Rollout, masked: bool = True) -> Float[Tensor, "clip time slot object"]:
    """Correlation of every cell's picture with every object's (4.1); 0 where one of them is black."""
    cells, objects = cell_pictures(rollout, masked), object_pictures(clip, rollout)
    shared = einsum(cells, objects, "b t k c h w, b t o c h w -> b t k o")
    of_cell = einsum(cells, cells, "b t k c h w, b t k c h w -> b t k")
    of_object = einsum(objects, objects, "b t o c h w, b t o c h w -> b t o")
    size = (rearrange(of_cell, "b t k -> b t k 1") * rearrange(of_object, "b t o -> b t 1 o")).sqrt()
    return torch.where(size > 0, shared / size.clamp_min(1e-12), 0.0)


def tracked_objects(
    clip: Clip, rollout: Rollout, *, masked: bool = True, least: float = 0.0
) -> Int[Tensor, "clip time slot"]:
    """Index of the object that every cell tracks (4.2); -1 where it tracks nothing."""
    best, index = correlations(clip, rollout, masked).max(dim=-1)
    return torch.where(best > least, index, -1)


@dataclass(frozen=True)
class ConsistentLengths:
    """Per clip and cell, as shares of the steps in which the cell tracks something; NaN where it never does."""

    average: Float[Tensor, "clip slot"]
    maximum: Float[Tensor, "clip slot"]

    @property
    def acl(self) -> float:
        """Average Consistent Length over all cells and clips."""
        return self.average.nanmean().item()

    @property
    def mcl(self) -> float:
        """Maximum Consistent Length over all cells and clips."""
        return self.maximum.nanmean().item()


def consistent_lengths(tracked: Int[Tensor, "clip time slot"]) -> ConsistentLengths:
    """ACL and MCL of these sequences of object indices (thesis 4.4.2, as defined at the top of this file)."""
    average, maximum = [], []
    for sequence in rearrange(tracked, "clip time slot -> (clip slot) time").tolist():
        seen = [index for index in sequence if index >= 0]
        runs = [len(list(run)) for _, run in groupby(seen)]
        average.append(sum(runs) / len(runs) / len(seen) if runs else float("nan"))
        maximum.append(max(runs) / len(seen) if runs else float("nan"))
    clips = tracked.shape[0]
    return ConsistentLengths(
        rearrange(torch.tensor(average), "(clip slot) -> clip slot", clip=clips),
        rearrange(torch.tensor(maximum), "(clip slot) -> clip slot", clip=clips),
    )


def duplicates(tracked: Int[Tensor, "clip time slot"]) -> Float[Tensor, "clip time"]:
    """Cells per tracked object, less one: 0 if every cell that tracks something tracks an object of its own."""
    cells = (tracked >= 0).sum(-1)
    top = int(tracked.max().clamp(min=0)) + 1
    objects = torch.stack([(tracked == index).any(-1) for index in range(top)]).sum(0)
    return torch.where(objects > 0, cells / objects.clamp(min=1) - 1, 0.0)


def light_shares(rollout: Rollout) -> Float[Tensor, "clip time slot"]:
    """How much of all light (mask x brightness) each cell draws; equal shares of a black frame."""
    light = cell_pictures(rollout).amax(dim=3).sum((-2, -1))
    total = light.sum(-1, keepdim=True)
    return torch.where(total > 0, light / total.clamp_min(1e-12), 1 / light.shape[-1])


def content_in_one_object(
    clip: Clip, rollout: Rollout, *, on_objects: bool = False, faintest: float = 0.05, silent: float = 0.01
) -> Float[Tensor, "clip time slot"]:
    """Largest share of a cell's content (mask x brightness) that lies in one object, drawn alone; pixels that the
    object lights by more than ``faintest`` are its own. NaN where the cell shows less than ``silent`` of the light of
    all cells together (thesis 4.3: each cell attends to one object at a time). ``on_objects`` counts only content that
    lies on some object: light beside all of them, from blur or drift, is then no mixing of objects."""
    content = cell_pictures(rollout).amax(dim=3)
    own = object_pictures(clip, rollout).amax(dim=3) > faintest
    total = content.sum((-2, -1)).sum(-1, keepdim=True)
    if on_objects:
        content = content * rearrange(own.any(dim=2), "b t h w -> b t 1 h w")
    light = content.sum((-2, -1))
    share = einsum(content, own.to(content.dtype), "b t k h w, b t o h w -> b t k o").amax(-1) / light.clamp_min(1e-12)
    return torch.where(light > silent * total, share, torch.nan)


def hidden_pixels(clip: Clip, rollout: Rollout) -> Bool[Tensor, "clip time object height width"]:
    """Pixels that an object would light if it were alone, and that another one covers."""
    alone = object_pictures(clip, rollout).amax(dim=3)
    assert clip.masks is not None
    shown = clip.masks[:, rollout.first : rollout.first + rollout.frames.shape[1]]
    return (alone > 0.5) & (shown < 0.5 * alone)


def completion_error(clip: Clip, rollout: Rollout) -> Float[Tensor, "clip time object"]:
    """Squared error on the hidden pixels of an object, of the cell whose picture (without mask) is most like it,
    relative to drawing them black: 0 completes the object, 1 or more does not (thesis 4.3, Figure 4.7). NaN where
    nothing is hidden. Masks cannot name the cell: that of a hidden object is empty where it matters."""
    best = correlations(clip, rollout, masked=False).argmax(dim=2)
    pictures = cell_pictures(rollout, masked=False)
    index = rearrange(best, "b t o -> b t o 1 1 1").expand(-1, -1, -1, *pictures.shape[3:])
    return _error_on_hidden(pictures.gather(2, index), clip, rollout)


def completion_by_grey(clip: Clip, rollout: Rollout) -> Float[Tensor, "clip time object"]:
    """The same of a picture that is grey everywhere: what completes nothing and is yet better than black."""
    return _error_on_hidden(torch.full_like(object_pictures(clip, rollout), 0.5), clip, rollout)


def _error_on_hidden(
    drawn: Float[Tensor, "clip time object channel height width"], clip: Clip, rollout: Rollout
) -> Float[Tensor, "clip time object"]:
    """Relative to black; NaN where nothing is hidden."""
    objects = object_pictures(clip, rollout)
    hidden = rearrange(hidden_pixels(clip, rollout), "b t o h w -> b t o 1 h w")
    error = ((drawn - objects).square() * hidden).sum((-3, -2, -1))
    black = (objects.square() * hidden).sum((-3, -2, -1))
    return torch.where(black > 0, error / black.clamp_min(1e-12), torch.nan)


def utilisation_shares(utilisation: Float[Tensor, "clip time slot"]) -> Float[Tensor, "clip time slot"]:
    """Utilisation (4.3, the L1 norm of the gradient of all pixels by a cell's state) as a share of all cells'; equal
    shares where no state matters at all (Figure 4.10)."""
    total = utilisation.sum(-1, keepdim=True)
    return torch.where(total > 0, utilisation / total.clamp_min(1e-12), 1 / utilisation.shape[-1])


def active_share(
    utilisation: Float[Tensor, "clip time slot"], active: Float[Tensor, "clip time slot"]
) -> Float[Tensor, "clip time"]:
    """Share of the utilisation that falls on activated cells."""
    return (utilisation_shares(utilisation) * active).sum(-1)


def activation_changes(active: Float[Tensor, "clip time slot"], after: int = 2) -> Float[Tensor, "clip step"]:
    """1 for every step, from frame ``after`` on, in which the set of activated cells changes (Figure 4.9)."""
    later = active[:, after:] > 0.5
    return (later[:, 1:] != later[:, :-1]).any(-1).to(active.dtype)

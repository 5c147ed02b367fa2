"""What the pages ask a trained VIM while they are made: a few test clips, seconds each.

Numbers that claims rest on are not made here but in ``evaluation.vim``, on more clips.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rulebook.clips import MOVE_VECTORS, MOVES, Clip, Rollout, concatenate
from rulebook.evaluation.vim import bootstrap_tv, known_balls, transferred_choices
from rulebook.evaluation.vim_watch import STARTS, first_slots, infer
from rulebook.measures import rules
from rulebook.measures.matching import Matching, match_slots, position_error, slot_centres
from rulebook.measures.moves import displacement_moves
from rulebook.measures.planning import moves_away
from rulebook.measures.sharpness import edge_energy
from rulebook.models.vim import VIM
from rulebook.seeds import generator
from rulebook.worlds import motion
from rulebook.worlds.random_walk import RandomWalk


@dataclass(frozen=True)
class Watched:
    """Clips, what the model says about them, and which slot is which ball."""

    clip: Clip
    rollout: Rollout
    matching: Matching

    def counts(self, where: Bool[Tensor, "clip step object"] | None = None) -> Int[Tensor, "rule module"]:
        return rules.rule_module_counts(self.clip, self.rollout, self.matching, where)


def watch(
    model: VIM, world: RandomWalk, clips: int, *, seed: int = 11, length: int = 10, search: bool = False
) -> Watched:
    """Inference over test clips of this world; ``search``: modules chosen by drawing them all, not by the posterior."""
    clip = world.sample(clips, seed, length=length, split="test")
    rollout = infer(model, clip, search=search)
    return Watched(clip, rollout, match_slots(clip, rollout, "content"))


def by_frame(seen: Watched) -> dict[str, list[float]]:
    """Frame by frame: how far balls with a slot of their own are from it, in pixels, and both KL terms, in nats. The
    first frame has no move, and so no KL."""
    error = position_error(seen.clip, seen.rollout, seen.matching, "content")
    own = repeat(seen.matching.own, "clip object -> clip time object", time=error.shape[1])
    told = {"position": torch.where(own, error, torch.nan).nanmean(dim=(0, 2))}
    told |= {term: seen.rollout.losses[term].mean(dim=0)[1:] for term in ("gaussian_kl", "module_kl")}
    return {name: values.tolist() for name, values in told.items()}


def crossing(
    model: VIM, world: RandomWalk, order: list[int], steps: int = 5
) -> list[Float[Tensor, "time channel height width"]]:
    """Every module, ``steps`` times in a row, on three balls that have the whole frame before them (Figure 2, right).

    ``order``: modules in the order of the moves that they are matched to; balls start at the far side of that move,
    and in the middle for a module without a move.
    """
    low, high = world.range_of(world.radius[1])
    third = world.model_copy(update={"balls": 3}).sample(1, 5, length=1, split="test")
    strips = []
    for place, module in enumerate(order):
        across = torch.tensor([low + 1, (low + high) / 2, high - 1])
        along = (low + high) / 2
        if place < len(MOVES):
            direction = MOVE_VECTORS[place][0] + MOVE_VECTORS[place][1]
            along = high if direction < 0 else low
        lines = torch.full((3,), along)
        vertical = place < len(MOVES) and MOVE_VECTORS[place][0] == 0
        positions = torch.stack([across, lines] if vertical else [lines, across], dim=-1)
        clip = world.draw(replace(third, positions=rearrange(positions, "object xy -> 1 1 object xy")))
        forced = torch.full((1, steps, model.spec.perception.slots, 1), module)
        strips.append(model.force(clip.frames, forced, STARTS).frames[0])
    return strips


@dataclass(frozen=True)
class InARow:
    """Two modules one after the other, with nothing drawn between them, and the sum of what each does alone."""

    together: Float[Tensor, "first second 2"]
    """Where the two take a ball, in pixels from its start; median over balls."""
    summed: Float[Tensor, "first second 2"]
    """Where it would be if each did what it does alone; median over balls."""
    off: Float[Tensor, "first second"]
    """How far apart these are, ball by ball, in pixels; median over balls."""
    balls: int


def in_a_row(model: VIM, world: RandomWalk, clips: int = 128, seed: int = 11) -> InARow:
    """All ordered pairs of modules on balls with two steps of room on every side."""
    clip = world.model_copy(update={"moves_per_step": (1, 1)}).sample(clips, seed, length=1, split="test")
    low, high = world.range_of(world.radius[1])
    start = clip.positions[:, 0]
    roomy = ((start >= low + 2 * world.step) & (start <= high - 2 * world.step)).all(-1)
    clip, roomy = clip[roomy.any(-1)], roomy[roomy.any(-1)]
    matching = first_slots(model, clip)
    roomy = roomy & matching.own

    def moved(*modules: int) -> Float[Tensor, "ball 2"]:
        forced = repeat(
            torch.tensor(modules), "k -> clip 1 slot k", clip=len(clip.frames), slot=model.spec.perception.slots
        )
        centres = matching.take(slot_centres(model.force(clip.frames, forced, STARTS), "content"))
        return (centres[:, 1] - centres[:, 0])[roomy]

    every = range(model.spec.modules)
    alone = [moved(module) for module in every]
    together = torch.stack([torch.stack([moved(first, second) for second in every]) for first in every])
    summed = torch.stack([torch.stack([alone[first] + alone[second] for second in every]) for first in every])
    return InARow(
        together.median(dim=2).values,
        summed.median(dim=2).values,
        (together - summed).norm(dim=-1).median(dim=2).values,
        int(roomy.sum()),
    )


@dataclass(frozen=True)
class Places:
    """Every ball-step of a ball with a slot of its own: where it began, the move, the module."""

    positions: Float[Tensor, "step 2"]
    moves: Int[Tensor, " step"]
    modules: Int[Tensor, " step"]


def places(seen: Watched) -> Places:
    """The chosen module by place and true move."""
    clip, rollout = seen.clip, seen.rollout
    assert clip.positions is not None and clip.moves is not None and rollout.modules is not None
    moves = clip.moves[..., 0]
    kept = (moves >= 0) & seen.matching.own[:, None]
    chosen = seen.matching.take(rollout.modules)[..., 0]
    return Places(clip.positions[:, :-1][kept], moves[kept], chosen[kept])


def around_the_edge(seen: Watched, world: RandomWalk) -> dict[str, Int[Tensor, "rule module"]]:
    """Choices in a world without a border, by what a ball has met: not yet the edge of the frame, the edge that cuts
    its picture in two, and then, whole again, this side or the other. Matched in frame 1, where all balls are whole."""
    positions = seen.clip.positions
    assert positions is not None
    radius = world.radius[1]
    cut = ((positions < radius - 0.5) | (positions > world.size - 0.5 - radius)).any(dim=-1)
    reached = cut.cummax(dim=1).values[:, 1:]
    during = cut[:, 1:] | cut[:, :-1]
    leaps = positions.diff(dim=1).abs().amax(dim=-1) > world.size / 2
    across = leaps.cummax(dim=1).values
    stages = {
        "before they reach the edge": ~reached,
        "while the edge cuts them in two": during,
        "whole again on the same side": reached & ~during & ~across,
        "whole again on the other side": reached & ~during & across,
    }
    return {stage: seen.counts(which) for stage, which in stages.items()}


@dataclass(frozen=True)
class Transfer:
    """Objects never seen, the known balls that they drive, and what those balls did."""

    target: Clip
    driven: Rollout
    made: Int[Tensor, "clip step object"]
    usable: Bool[Tensor, "clip object"]
    """True where object and ball both have a slot of their own."""


def transferred(model: VIM, world: RandomWalk, clips: int, seed: int = 11, length: int = 10) -> Transfer:
    """Choices inferred from unseen objects drive known balls at the same places (section 5.3)."""
    target = RandomWalk.ood_attributes(border=world.border).sample(clips, seed, length=length, split="test")
    known = known_balls(world, target)
    watched = infer(model, target)
    theirs, ours = match_slots(target, watched, "content"), first_slots(model, known)
    driven = model.force(known.frames[:, :1], transferred_choices(watched, theirs, ours), STARTS)
    made = displacement_moves(ours.take(slot_centres(driven, "content")), world.step)
    return Transfer(target, driven, made, theirs.own & ours.own)


def refinement_by_distance(
    errors: Float[Tensor, "clip iteration object"], pair: Clip, step: float
) -> dict[int, Float[Tensor, " iteration"]]:
    """Mean position error after every iteration, for balls whose target lies 0, 1, 2, ... moves away."""
    assert pair.positions is not None
    away = moves_away(pair.positions[:, 1] - pair.positions[:, 0], step)
    per_ball = rearrange(errors, "clip iteration object -> clip object iteration")
    return {n: per_ball[away == n].mean(dim=0) for n in range(6) if bool((away == n).any())}


@dataclass(frozen=True)
class Futures:
    """Several futures of the same clips, drawn from the prior after ``given`` frames."""

    clip: Clip
    given: int
    frames: Float[Tensor, "sample clip time channel height width"]

    @property
    def errors(self) -> Float[Tensor, "sample clip"]:
        """Squared error per predicted frame, mean over the predicted frames."""
        truth = self.clip.frames[:, self.given :]
        return (self.frames[:, :, self.given :] - truth).square().sum(dim=(-3, -2, -1)).mean(dim=-1)

    def best_of(self, n: int) -> float:
        """Error of the best of n samples, averaged over clips and over all ways of taking n samples in a row."""
        groups = self.errors[: len(self.errors) // n * n]
        return float(rearrange(groups, "(group n) clip -> group n clip", n=n).amin(dim=1).mean())

    @property
    def sharpness(self) -> list[float]:
        """Per predicted frame: squared differences of neighbouring pixels, samples over truth."""
        times = range(self.given, self.clip.length)
        return [edge_energy(self.frames[:, :, t]) / edge_energy(self.clip.frames[:, t]) for t in times]

    def sharpness_of_means(self, n: int) -> float:
        """The same, over all predicted frames, for the mean of n samples, averaged over ways of taking n in a row."""
        groups = rearrange(self.frames[: len(self.frames) // n * n], "(group n) ... -> group n ...", n=n).mean(dim=1)
        return edge_energy(groups[:, :, self.given :]) / edge_energy(self.clip.frames[:, self.given :])

    @property
    def blurred(self) -> list[float]:
        """The same for the mean over all samples: what a model that cannot choose would show."""
        mean = self.frames.mean(dim=0)
        times = range(self.given, self.clip.length)
        return [edge_energy(mean[:, t]) / edge_energy(self.clip.frames[:, t]) for t in times]


def futures(model: VIM, world: RandomWalk, clips: int, samples: int, length: int, seed: int = 11) -> Futures:
    """``samples`` futures of every clip, each from its first frame alone."""
    clip = world.sample(clips, seed, length=length, split="test")
    noise = generator(0, "futures")
    drawn = []
    for _ in range(samples):
        drawn.append(model.rollout(clip.frames, given=1, noise=noise, starts=STARTS).frames)
    return Futures(clip, 1, torch.stack(drawn))


def world_futures(world: RandomWalk, clip: Clip, samples: int, seed: int = 0) -> Futures:
    """What the world itself might have done with these clips: further walks from their first states."""
    if (world.dynamics, world.overlap, world.moves_per_step) != ("random", "allow", (1, 1)):
        raise ValueError("Further walks are drawn for single random moves of balls that may overlap.")
    assert clip.positions is not None and clip.radii is not None
    draw = generator(seed, "world futures")
    drawn = []
    for _ in range(samples):
        walk = [clip.positions[:, 0]]
        for _ in range(clip.length - 1):
            chances = motion.outcomes(world.legal(walk[-1], clip.radii), world.border)
            made = motion.pick(chances, torch.randint(motion.TWELFTHS, walk[-1].shape[:-1], generator=draw))
            walk.append(world.moved(walk[-1], made))
        drawn.append(world.draw(replace(clip, positions=torch.stack(walk, dim=1))).frames)
    return Futures(clip, 1, torch.stack(drawn))


def sharpness_parts(model: VIM, world: RandomWalk, clips: int, seed: int = 11, length: int = 10) -> dict[str, float]:
    """Sharpness (1: as the true frames) of the first frame, just discovered; of the later ones, each discovered anew;
    and of the later ones after the moves that the posterior chose."""
    clip = world.sample(clips, seed, length=length, split="test")
    moved = infer(model, clip).frames
    alone = Clip(frames=rearrange(clip.frames, "clip time c h w -> (clip time) 1 c h w"))
    anew = rearrange(infer(model, alone).frames, "(clip time) 1 c h w -> clip time c h w", time=length)
    later = edge_energy(clip.frames[:, 1:])
    return {
        "first frame": edge_energy(moved[:, 0]) / edge_energy(clip.frames[:, 0]),
        "discovered anew": edge_energy(anew[:, 1:]) / later,
        "moved by modules": edge_energy(moved[:, 1:]) / later,
    }


AT_A_WALL = {"away from the wall": 0.5, "along it": 0.5, "into it": 0.0, "no move": 0.0}
"""What a ball can do where one move is impossible, and how likely it is if that one becomes its opposite."""


def wall_moves(
    centres: Float[Tensor, "clip time object 2"],
    counted: Bool[Tensor, "clip object"],
    world: RandomWalk,
    clear: float = 0.5,
) -> tuple[Int[Tensor, "clip step object"], Bool[Tensor, "clip step object"]]:
    """Which of ``AT_A_WALL`` balls did, by its place there, and where that counts: for balls for whose place exactly
    one move is impossible, also if their centre were ``clear`` pixels off."""
    low, high = world.range_of(world.radius[1])
    here = centres[:, :-1]
    room = torch.stack([here - world.step - low, high - world.step - here], dim=-1).flatten(-2)
    shut = room < 0
    plain = (shut.sum(dim=-1) == 1) & (room.abs() > clear).all(dim=-1) & counted[:, None]
    into = shut.int().argmax(dim=-1)
    made = displacement_moves(centres, world.step)
    return torch.where(made == into, 2, torch.where(made == into ^ 1, 0, torch.where(made < 0, 3, 1))), plain


@dataclass(frozen=True)
class AtWalls:
    """What balls did at walls."""

    counts: list[int]
    """How often each of ``AT_A_WALL``."""
    off: float
    """Total variation from how likely each is."""
    interval: list[float]
    """Its 95 % interval, over resampled clips."""


def sampled_at_walls(model: VIM, world: RandomWalk, clips: int, seed: int = 2, length: int = 10) -> AtWalls | None:
    """``wall_moves`` of futures that the prior makes up from first frames; None if no ball came to a wall."""
    clip = world.sample(clips, seed, length=length, split="test")
    noise = generator(0, "walls")
    parts = [clip[i : i + 32] for i in range(0, clips, 32)]
    rollout = concatenate([model.rollout(part.frames, given=1, noise=noise, starts=STARTS) for part in parts])
    matching = match_slots(clip, rollout, "content")
    return at_walls(*wall_moves(matching.take(slot_centres(rollout, "content")), matching.own, world))


def at_walls(kinds: Int[Tensor, "clip step object"], counted: Bool[Tensor, "clip step object"]) -> AtWalls | None:
    """The counts, and how far they are from the truth; None where nothing counts."""
    if not bool(counted.any()):
        return None
    counts = np.bincount(kinds[counted].numpy(), minlength=len(AT_A_WALL))
    truth = np.array([*AT_A_WALL.values()])
    # The bootstrap counts five kinds, as there are four moves and none; here the last never occurs.
    interval = bootstrap_tv(kinds, counted, np.append(truth, 0.0))
    return AtWalls(counts.tolist(), rules.total_variation(counts, truth), interval)


def with_slots(model: VIM, slots: int) -> VIM:
    """The same weights with another number of slots: all slots start as draws from one distribution."""
    other = copy.deepcopy(model)
    other.perception.attention.slots = slots
    perception = model.spec.perception.model_copy(update={"slots": slots})
    other.spec = model.spec.model_copy(update={"perception": perception})
    return other


def crowd(model: VIM, world: RandomWalk, balls: int, clips: int, seed: int = 11) -> tuple[Watched, dict[str, float]]:
    """As many balls as asked for, one slot more, on weights trained with three."""
    changed = world.model_copy(update={"balls": balls})
    seen = watch(with_slots(model, balls + 1), changed, clips, seed=seed)
    assert seen.clip.free is not None
    counts = seen.counts(seen.clip.free)
    error = position_error(seen.clip, seen.rollout, seen.matching, "content")
    own = repeat(seen.matching.own, "clip object -> clip time object", time=error.shape[1])
    return seen, {
        "rule accuracy, interior": rules.rule_accuracy(counts, rules.hungarian(counts)),
        "position error (pixels)": float(error[own].mean()) if bool(own.any()) else float("nan"),
        "balls without a slot of their own": 1 - float(seen.matching.own.double().mean()),
        "error per frame and ball": float(seen.rollout.losses["error"].mean()) / balls,
    }

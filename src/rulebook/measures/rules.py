"""Which module makes which move: counts, matching and what follows from them."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from rulebook.clips import MOVES, Clip, Rollout
from rulebook.measures.matching import Matching


def rule_module_counts(
    clip: Clip,
    rollout: Rollout,
    matching: Matching,
    which: Bool[Tensor, "clip step object"] | None = None,
    iteration: int = 0,
) -> Int[Tensor, "rule module"]:
    """How often the slot of an object picked each module, per true move; ``which`` selects the steps counted."""
    assert clip.moves is not None and rollout.modules is not None and rollout.module_probs is not None
    steps = rollout.modules.shape[1]
    moves = clip.moves[:, rollout.first : rollout.first + steps, :, 0]
    picked = matching.take(rollout.modules)[..., iteration]
    counted = moves >= 0
    if which is not None:
        counted = counted & which[:, rollout.first : rollout.first + steps]
    modules = rollout.module_probs.shape[-1]
    pair = moves[counted] * modules + picked[counted]
    return torch.bincount(pair, minlength=len(MOVES) * modules).reshape(len(MOVES), modules)


def hungarian(counts: Int[Tensor, "rule module"]) -> dict[int, int]:
    """The one-to-one assignment rule -> module that explains most steps."""
    rules, modules = linear_sum_assignment(-counts.numpy())
    return {int(rule): int(module) for rule, module in zip(rules, modules, strict=True)}


def rule_accuracy(counts: Int[Tensor, "rule module"], assignment: dict[int, int]) -> float:
    """Share of the counted steps whose module is the one assigned to the true move."""
    hits = sum(int(counts[rule, module]) for rule, module in assignment.items())
    return hits / max(int(counts.sum()), 1)


def accuracy_by_step(
    clip: Clip,
    rollout: Rollout,
    matching: Matching,
    assignment: dict[int, int],
    which: Bool[Tensor, "clip step object"],
) -> list[float]:
    """``rule_accuracy`` of every step of its own, among the steps in ``which``."""
    assert rollout.modules is not None
    accuracies = []
    for step in range(rollout.first, rollout.first + rollout.modules.shape[1]):
        this = torch.zeros_like(which)
        this[:, step] = which[:, step]
        accuracies.append(rule_accuracy(rule_module_counts(clip, rollout, matching, this), assignment))
    return accuracies


def module_shares(counts: Int[Tensor, "rule module"]) -> Float[Tensor, " module"]:
    """Share of all counted steps that every module took, largest first."""
    return (counts.sum(dim=0).double() / max(int(counts.sum()), 1)).sort(descending=True).values.float()


def superfluous_share(counts: Int[Tensor, "rule module"], rules: int = len(MOVES)) -> float:
    """Share of steps on the modules beyond the ``rules`` most used ones."""
    return float(module_shares(counts)[rules:].sum())


def two_moves_each(counts: Int[Tensor, "rule module"]) -> float:
    """Of two modules: share of steps explained when each takes two whole moves, the best way of sharing them out."""
    total = max(int(counts.sum()), 1)
    halves = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
    return max(
        sum(int(counts[rule, 0 if rule in half else 1]) for rule in range(counts.shape[0])) / total for half in halves
    )


def whole_moves(counts: Int[Tensor, "rule module"]) -> float:
    """Smallest share, over the moves, that the favourite module of a move takes of it: 1 when no move is split."""
    rows = counts.double()
    return float((rows.amax(dim=1) / rows.sum(dim=1).clamp_min(1)).min())


def total_variation(counts: np.ndarray, truth: np.ndarray) -> float:
    """Half the absolute difference between two distributions, the first given as counts."""
    return 0.5 * float(np.abs(counts / counts.sum() - truth).sum())

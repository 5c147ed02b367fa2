"""Numbers over many models at once: do two metrics rank them alike, and which setting moves a metric most?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from scipy import stats


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> tuple[float, float, float]:
    """Spearman's correlation and its 95 % interval (Fisher's, with Fieller's variance for ranks); 4 pairs or more.

    All three are nan where one side is the same for all: then there is no order to speak of.
    """
    if len(first) < 4:
        raise ValueError(f"{len(first)} pairs have no interval: at least 4 are needed.")
    if len(set(first)) == 1 or len(set(second)) == 1:
        return math.nan, math.nan, math.nan
    found = float(stats.spearmanr(first, second).statistic)
    half = 1.96 * math.sqrt(1.06 / (len(first) - 3))
    z = math.atanh(max(-0.999999, min(0.999999, found)))
    return found, math.tanh(z - half), math.tanh(z + half)


def level_means(values: Mapping[str, float], levels: Mapping[str, float]) -> dict[float, float]:
    """Level of a setting -> mean over the models that have it; both by model."""
    groups: dict[float, list[float]] = {}
    for model, value in values.items():
        groups.setdefault(levels[model], []).append(value)
    return {level: math.fsum(group) / len(group) for level, group in sorted(groups.items())}


def variance_share(values: Mapping[str, float], levels: Mapping[str, float]) -> float:
    """Variance between the means of a setting's levels, as a share of the variance of all models.

    Over an orthogonal array the shares of all settings add up to at most 1: no setting is counted for another one.
    """
    mean = math.fsum(values.values()) / len(values)
    total = math.fsum((value - mean) ** 2 for value in values.values())
    means = level_means(values, levels)
    explained = math.fsum((means[levels[model]] - mean) ** 2 for model in values)
    return explained / total if total else 0.0

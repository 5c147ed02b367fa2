"""Rules over many models at once: the thesis's Appendix B, a sweep over sizes.

As everywhere, 'reproduced' takes several seeds of every model: the order of nine models of one seed may be chance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from rulebook.claims.rules import Decision, Quantity, Summary, Values, Verdict, capped
from rulebook.measures.sweeps import level_means, rank_correlation, variance_share


def _mean(values: Mapping[int, float]) -> float:
    return math.fsum(values.values()) / len(values)


def _seeds(values: Values) -> int:
    """Of the model that has fewest."""
    return min(map(len, values.values()), default=0)


@dataclass(frozen=True)
class RankCorrelation:
    """Two metrics put the models in the same order (Spearman), or in opposite orders where ``opposite``.

    The interval is Fisher's, with Fieller's variance for ranks.
    """

    entries: tuple[str, ...]
    first: str
    second: str
    bound: float
    opposite: bool = False

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return tuple(Quantity(entry, (metric,)) for entry in self.entries for metric in (self.first, self.second))

    @property
    def text(self) -> str:
        order = "opposite" if self.opposite else "the same"
        return (
            f"{self.first} and {self.second} put the {len(self.entries)} models of the sweep in {order} order, "
            f"rank correlation at least {self.bound:g} in size"
        )

    def decide(self, values: Values) -> Decision:
        pairs = [
            [_mean(values[Quantity(entry, (metric,))]) for metric in (self.first, self.second)]
            for entry in self.entries
        ]
        n = _seeds({quantity: values[quantity] for quantity in self.quantities})
        if len(pairs) < 4 or not all(math.isfinite(value) for pair in pairs for value in pair):
            return Decision("not reproduced", Summary(math.nan, None, None, n), note="too few finite numbers to rank")
        sign = -1 if self.opposite else 1
        first, second = zip(*pairs, strict=True)
        found, low, high = rank_correlation(first, [sign * value for value in second])
        if math.isnan(found):
            return Decision("not reproduced", Summary(math.nan, None, None, n), note="one of the two never differs")
        verdict: Verdict = "reproduced" if found >= self.bound else "partly" if low > 0 else "not reproduced"
        # In the table as it is, negative where the orders are opposite.
        summary = Summary(-found, -high, -low, n) if self.opposite else Summary(found, low, high, n)
        if verdict != "reproduced":
            return Decision(verdict, summary, note=f"{summary.mean:.2f}, {sign * self.bound:g} or beyond is asked")
        verdict, note = capped(verdict, n)
        return Decision(verdict, summary, note=note)


@dataclass(frozen=True)
class LargestEffect:
    """In an orthogonal sweep, one setting explains more of a metric than each of some others, and larger is better.

    The share of a setting is the variance between the means of its values, over the variance of all runs.
    """

    levels: Mapping[str, Mapping[str, float]]
    """Entry -> setting -> value."""
    metric: str
    setting: str
    others: tuple[str, ...]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return tuple(Quantity(entry, (self.metric,)) for entry in self.levels)

    @property
    def text(self) -> str:
        return (
            f"over the {len(self.levels)} runs of the sweep, {self.setting} explain a larger share of the variance of "
            f"{self.metric} than {' and than '.join(self.others)}, and the most {self.setting} have the least"
        )

    def decide(self, values: Values) -> Decision:
        found = {entry: _mean(values[Quantity(entry, (self.metric,))]) for entry in self.levels}
        n = _seeds({quantity: values[quantity] for quantity in self.quantities})
        if len(found) < 4 or not all(map(math.isfinite, found.values())):
            return Decision(
                "not reproduced", Summary(math.nan, None, None, n), note="too few finite numbers to compare"
            )
        shares = {one: variance_share(found, self._levels(one)) for one in (self.setting, *self.others)}
        own, rival = shares[self.setting], max(shares[other] for other in self.others)
        by_value = level_means(found, self._levels(self.setting))
        helps = min(by_value, key=lambda value: by_value[value]) == max(by_value)
        # A claim of two parts is worth its weaker one, and neither part has an interval that could overlap.
        verdict: Verdict = "reproduced" if helps and own > rival else "not reproduced"
        verdict, note = capped(verdict, n)
        note = note if helps else f"{self.metric} is not lowest with the most {self.setting}"
        return Decision(verdict, Summary(own, None, None, n), Summary(rival, None, None, n), note)

    def _levels(self, setting: str) -> dict[str, float]:
        return {entry: values[setting] for entry, values in self.levels.items()}

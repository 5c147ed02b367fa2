"""The rules by which a machine judges a claim: a small language over the numbers of run folders.

A ``Quantity`` is one number per seed: a metric of the runs of one catalogue entry, or the sum of several. A rule
says what must hold of quantities, in code (``decide``) and in words (``text``), so that the two cannot drift apart.

    reproduced      it holds for every seed; of a comparison: the 95 % intervals lie apart
    partly          some seeds fail; of a comparison: the right direction, but the intervals overlap
    not reproduced  otherwise

Fewer than ``MIN_SEEDS`` seeds are never more than 'partly'. A number that is not finite fails every rule: a run
that blew up counts against the claim and is not dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, Protocol

from scipy import stats

Verdict = Literal["reproduced", "partly", "not reproduced", "not tested"]
VERDICTS: tuple[Verdict, ...] = ("reproduced", "partly", "not reproduced", "not tested")
Direction = Literal["<=", ">="]
SIGNS = {"<=": "at most", ">=": "at least"}
MIN_SEEDS = 3


@dataclass(frozen=True)
class Quantity:
    """One number per seed."""

    entry: str
    """Catalogue entry: 'variant/world'."""
    metrics: tuple[str, ...]
    """Names in metrics.json; several are added up."""

    @property
    def text(self) -> str:
        return f"{' + '.join(self.metrics)} of {self.entry}"


def q(entry: str, *metrics: str) -> Quantity:
    """Short for Quantity: ``q('vim-m4/atomic', 'error_10_frames', 'gaussian_kl')``."""
    return Quantity(entry, metrics)


Values = Mapping[Quantity, Mapping[int, float]]
"""Per quantity: seed -> value, all of one profile."""


@dataclass(frozen=True)
class Summary:
    """Mean and 95 % interval (Student's t, over seeds); no interval for a single seed."""

    mean: float
    low: float | None
    high: float | None
    n_seeds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary:
        n = len(values)
        mean = math.fsum(values) / n if all(map(math.isfinite, values)) else math.nan
        if n < 2 or math.isnan(mean):
            return cls(mean, None, None, n)
        deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
        half = float(stats.t.ppf(0.975, n - 1)) * deviation / math.sqrt(n)
        return cls(mean, mean - half, mean + half, n)

    def below(self, other: Summary) -> bool:
        """This interval lies wholly below the other one."""
        return self.high is not None and other.low is not None and self.high < other.low

    def as_json(self) -> dict[str, float | int | None]:
        told = {"mean": self.mean, "low": self.low, "high": self.high}
        finite = {name: value if value is not None and math.isfinite(value) else None for name, value in told.items()}
        return {**finite, "n_seeds": self.n_seeds}


@dataclass(frozen=True)
class Decision:
    verdict: Verdict
    ours: Summary
    """Of what the rule is about: the quantity, the ratio, or the first quantity of a comparison."""
    against: Summary | None = None
    """Of the last quantity of a comparison."""
    note: str = ""


class Rule(Protocol):
    @property
    def quantities(self) -> tuple[Quantity, ...]: ...

    @property
    def text(self) -> str: ...

    def decide(self, values: Values) -> Decision: ...


def _for_seeds(
    values: Mapping[int, float], holds: Callable[[float], bool], asked: str, least: int = MIN_SEEDS
) -> tuple[Verdict, str]:
    failing = [seed for seed, value in sorted(values.items()) if not holds(value)]
    if not failing:
        return capped("reproduced", len(values), least)
    note = f"fails for seed{'s' if len(failing) > 1 else ''} {', '.join(map(str, failing))}: {asked} is asked"
    return ("partly" if len(failing) < len(values) else "not reproduced"), note


def _beyond(sign: Direction, bound: float) -> Callable[[float], bool]:
    return (lambda value: value <= bound) if sign == "<=" else (lambda value: value >= bound)


def capped(verdict: Verdict, n_seeds: int, least: int = MIN_SEEDS) -> tuple[Verdict, str]:
    """'reproduced' needs enough seeds."""
    if verdict == "reproduced" and n_seeds < least:
        return "partly", f"holds, but with {n_seeds} seed{'s' if n_seeds > 1 else ''} only"
    return verdict, ""


@dataclass(frozen=True)
class Threshold:
    """The quantity is on the right side of a bound, for every seed."""

    quantity: Quantity
    sign: Direction
    bound: float
    seeds: int = MIN_SEEDS
    """How many 'reproduced' takes."""

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (self.quantity,)

    @property
    def text(self) -> str:
        many = f" of at least {self.seeds}" if self.seeds != MIN_SEEDS else ""
        return f"{self.quantity.text} {SIGNS[self.sign]} {self.bound:g} for every seed{many}"

    def decide(self, values: Values) -> Decision:
        own = values[self.quantity]
        asked = f"{SIGNS[self.sign]} {self.bound:g}"
        verdict, note = _for_seeds(own, _beyond(self.sign, self.bound), asked, self.seeds)
        return Decision(verdict, Summary.of(list(own.values())), note=note)


@dataclass(frozen=True)
class Between:
    """The quantity lies between two bounds, for every seed."""

    quantity: Quantity
    low: float
    high: float

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (self.quantity,)

    @property
    def text(self) -> str:
        return f"{self.quantity.text} between {self.low:g} and {self.high:g} for every seed"

    def decide(self, values: Values) -> Decision:
        own = values[self.quantity]
        verdict, note = _for_seeds(own, lambda value: self.low <= value <= self.high, f"{self.low:g} to {self.high:g}")
        return Decision(verdict, Summary.of(list(own.values())), note=note)


@dataclass(frozen=True)
class Ratio:
    """One quantity divided by another, seed by seed, is on the right side of a bound, for every seed.

    A seed that both have is paired with itself: its runs begin with the same slots. Where the second lacks it, the
    mean of the second stands in.
    """

    above: Quantity
    below: Quantity
    sign: Direction
    bound: float

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (self.above, self.below)

    @property
    def text(self) -> str:
        return f"({self.above.text}) / ({self.below.text}) {SIGNS[self.sign]} {self.bound:.3g} for every seed"

    def decide(self, values: Values) -> Decision:
        above, below = values[self.above], values[self.below]
        mean = math.fsum(below.values()) / len(below)
        under = {seed: below.get(seed, mean) for seed in above}
        ratios = {seed: value / under[seed] if under[seed] else math.nan for seed, value in above.items()}
        verdict, note = _for_seeds(ratios, _beyond(self.sign, self.bound), f"{SIGNS[self.sign]} {self.bound:.3g}")
        if verdict == "reproduced":
            # One seed below serves many above, and is one seed all the same.
            verdict, note = capped(verdict, len(below))
        return Decision(verdict, Summary.of(list(ratios.values())), note=note)


@dataclass(frozen=True)
class Falling:
    """From each quantity to the next the numbers fall, with their 95 % intervals apart."""

    steps: tuple[Quantity, ...]
    failing: bool = False
    """The claim is that the first one fails: its runs that blew up then speak for the claim, and not against it."""

    def __post_init__(self) -> None:
        if len(self.steps) < 2:
            raise ValueError("A comparison needs two quantities at least.")

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return self.steps

    @property
    def text(self) -> str:
        failing = "; a run of the first that blew up is above every number" if self.failing else ""
        return f"{' > '.join(step.text for step in self.steps)}, 95 % intervals apart{failing}"

    def decide(self, values: Values) -> Decision:
        summaries = [Summary.of(list(values[step].values())) for step in self.steps]
        if self.failing:
            summaries[0] = _at_least(list(values[self.steps[0]].values()))
        ends = {"ours": summaries[-1], "against": summaries[0]}
        pairs = list(pairwise(summaries))
        wrong = [i for i, (more, less) in enumerate(pairs) if not more.mean > less.mean]
        if wrong:
            where = self.steps[wrong[0]], self.steps[wrong[0] + 1]
            return Decision("not reproduced", **ends, note=f"{where[0].text} is not above {where[1].text}")
        if all(less.below(more) for more, less in pairs):
            verdict, note = capped("reproduced", min(summary.n_seeds for summary in summaries))
            return Decision(verdict, **ends, note=note)
        single = any(summary.low is None for summary in summaries)
        reason = "one seed is no interval" if single else "intervals overlap"
        return Decision("partly", **ends, note=f"the right order, but {reason}")


@dataclass(frozen=True)
class MoreOften:
    """What holds of a seed or does not (1 or 0) holds of more of the seeds of one entry than of another.

    Apart means Fisher's exact test at 0.05, two-sided: Student's t knows nothing of three zeros and ones.
    """

    more: Quantity
    less: Quantity

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (self.more, self.less)

    @property
    def text(self) -> str:
        return f"{self.more.text} holds for more of the seeds than {self.less.text}, Fisher's exact test below 0.05"

    def decide(self, values: Values) -> Decision:
        more, less = ([value == 1 for value in values[one].values()] for one in self.quantities)
        told = f"{sum(more)} of {len(more)} seeds against {sum(less)} of {len(less)}"
        ends = {"ours": _share(more), "against": _share(less)}
        if not sum(more) / len(more) > sum(less) / len(less):
            return Decision("not reproduced", **ends, note=told)
        table = [[sum(side), len(side) - sum(side)] for side in (more, less)]
        if float(stats.fisher_exact(table).pvalue) < 0.05:
            verdict, note = capped("reproduced", min(len(more), len(less)))
            return Decision(verdict, **ends, note=note)
        return Decision("partly", **ends, note=f"{told}: the right direction, but it may be chance")


def _share(holds: Sequence[bool]) -> Summary:
    """Of the seeds; an interval of zeros and ones would claim too much."""
    return Summary(sum(holds) / len(holds), None, None, len(holds))


def _at_least(values: Sequence[float]) -> Summary:
    """Of values of which some are above every number: what the finite ones say bounds them all from below."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return Summary(math.inf, math.inf, math.inf, len(values))
    return replace(Summary.of(finite), n_seeds=len(values))


@dataclass(frozen=True)
class Every:
    """All of several rules: the claim is worth as much as the weakest of its parts.

    One part in the wrong direction is the claim in the wrong direction, however many others hold. The first rule is
    the one whose numbers stand in the table.
    """

    rules: tuple[Rule, ...]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return tuple(dict.fromkeys(quantity for rule in self.rules for quantity in rule.quantities))

    @property
    def text(self) -> str:
        return "; and ".join(rule.text for rule in self.rules)

    def decide(self, values: Values) -> Decision:
        decisions = [rule.decide(values) for rule in self.rules]
        verdict = max((decision.verdict for decision in decisions), key=VERDICTS.index)
        note = "; ".join(
            f"{decision.verdict}: {rule.text}" + (f" ({decision.note})" if decision.note else "")
            for rule, decision in zip(self.rules, decisions, strict=True)
            if decision.verdict != "reproduced"
        )
        return Decision(verdict, decisions[0].ours, decisions[0].against, note)


def at_least(quantity: Quantity, bound: float, seeds: int = MIN_SEEDS) -> Threshold:
    return Threshold(quantity, ">=", bound, seeds)


def at_most(quantity: Quantity, bound: float) -> Threshold:
    return Threshold(quantity, "<=", bound)


def falling(*steps: Quantity, failing: bool = False) -> Falling:
    return Falling(steps, failing)


def more_often(more: Quantity, less: Quantity) -> MoreOften:
    return MoreOften(more, less)


def every(*rules: Rule) -> Every:
    return Every(rules)


def ratio(above: Quantity, below: Quantity, sign: Direction, bound: float) -> Ratio:
    return Ratio(above, below, sign, bound)


def between(quantity: Quantity, low: float, high: float) -> Between:
    return Between(quantity, low, high)

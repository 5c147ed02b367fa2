"""What verdicts mean, as properties of the rules."""

from __future__ import annotations

import math

import pytest

from rulebook.claims.rules import (
    Decision,
    Rule,
    Summary,
    at_least,
    at_most,
    between,
    every,
    falling,
    more_often,
    q,
    ratio,
)
from rulebook.claims.sweep_rules import LargestEffect, RankCorrelation

A, B, C = q("a/w", "m"), q("b/w", "m"), q("c/w", "m")


def decide(rule: Rule, **values: list[float]) -> Decision:
    """The decision for values per entry name, in the order of seeds."""
    return rule.decide({one: dict(enumerate(values[one.entry[0]])) for one in rule.quantities})


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([0.96, 0.97, 0.99], "reproduced"),
        ([0.95, 0.95, 0.95], "reproduced"),
        ([0.96, 0.94, 0.99], "partly"),
        ([0.90, 0.91, 0.92], "not reproduced"),
        ([0.99, 0.99, math.nan], "partly"),
        ([0.99, 0.99], "partly"),
        ([0.99], "partly"),
    ],
)
def test_a_threshold_wants_every_seed_and_three_of_them(values, verdict):
    assert decide(at_least(A, 0.95), a=values).verdict == verdict


def test_the_failing_seeds_are_named():
    assert "seeds 0, 2" in decide(at_most(A, 1), a=[2, 0.5, 3]).note


def test_between_fails_on_both_sides():
    assert decide(between(A, 1, 1.2), a=[1.1, 1.0, 1.2]).verdict == "reproduced"
    assert decide(between(A, 1, 1.2), a=[1.3, 1.4, 1.3]).verdict == "not reproduced"
    assert decide(between(A, 1, 1.2), a=[0.9, 0.8, 0.9]).verdict == "not reproduced"


def test_a_comparison_wants_intervals_apart():
    assert decide(falling(A, B), a=[10, 10.1, 9.9], b=[5, 5.1, 4.9]).verdict == "reproduced"
    assert decide(falling(A, B), a=[10, 20, 5], b=[5, 9, 12]).verdict == "partly"
    assert decide(falling(A, B), a=[5, 5.1, 4.9], b=[10, 10.1, 9.9]).verdict == "not reproduced"


def test_a_chain_fails_where_one_pair_is_in_the_wrong_order():
    decision = decide(falling(A, B, C), a=[9, 9, 9], b=[3, 3, 3], c=[5, 5, 5])
    assert decision.verdict == "not reproduced"
    assert "b/w" in decision.note and "c/w" in decision.note


def test_a_run_that_blew_up_never_wins_a_comparison():
    assert decide(falling(A, B), a=[10, 11, 12], b=[1, 1, math.nan]).verdict == "not reproduced"
    assert decide(falling(A, B), a=[10, 11, math.inf], b=[1, 1, 1]).verdict == "not reproduced"


def test_ratios_pair_equal_seeds():
    # Seed by seed the ratio is one half; against the mean of the second it would not be.
    assert decide(ratio(A, B, "<=", 0.5), a=[1, 10, 100], b=[2, 20, 200]).verdict == "reproduced"
    assert decide(ratio(A, B, "<=", 0.5), a=[1, 10, 100], b=[2]).verdict == "partly"
    fewer = decide(ratio(A, B, "<=", 0.5), a=[1], b=[2, 20, 200])
    assert fewer.ours.mean == 0.5, "a seed meets itself also where the second has more of them"
    assert decide(ratio(A, B, ">=", 1), a=[1, 1, 1], b=[0, 0, 0]).verdict == "not reproduced"
    single = decide(ratio(A, B, "<=", 1), a=[1, 1, 1], b=[2])
    assert single.verdict == "partly" and "1 seed" in single.note, "one seed below is one seed"


def test_every_is_worth_its_weakest_part_and_says_which_fail():
    rule = every(at_least(A, 1), at_most(B, 1))
    assert decide(rule, a=[2, 2, 2], b=[0, 0, 0]).verdict == "reproduced"
    mixed = decide(rule, a=[2, 2, 2], b=[3, 3, 3])
    assert mixed.verdict == "not reproduced" and "not reproduced: m of b/w" in mixed.note
    weak = decide(rule, a=[2, 2, 0], b=[0, 0, 0])
    assert weak.verdict == "partly" and "m of b/w" not in weak.note
    assert decide(rule, a=[0, 0, 0], b=[3, 3, 3]).verdict == "not reproduced"


def ranked(first: list[float], second: list[float], opposite: bool = False, seeds: int = 3) -> Decision:
    entries = tuple(f"e{i}/w" for i in range(len(first)))
    rule = RankCorrelation(entries, "x", "y", 0.8, opposite)
    values = {q(entry, "x"): dict.fromkeys(range(seeds), first[i]) for i, entry in enumerate(entries)}
    return rule.decide(
        values | {q(entry, "y"): dict.fromkeys(range(seeds), second[i]) for i, entry in enumerate(entries)}
    )


def test_ranks_count_and_not_sizes():
    assert ranked([1, 2, 3, 4, 5], [1, 10, 100, 1000, 1e9]).ours.mean == pytest.approx(1)
    assert ranked([1, 2, 3, 4, 5], [5, 4, 3, 2, 1]).verdict == "not reproduced"
    assert ranked([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], opposite=True).verdict == "reproduced"
    assert ranked([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], opposite=True).ours.mean == pytest.approx(-1)
    assert ranked([1, 2, 3, 4, 5], [1, 2, 3, 4, math.nan]).verdict == "not reproduced"


def test_an_order_of_models_of_one_seed_is_not_yet_reproduced():
    single = ranked([1, 2, 3, 4, 5], [1, 2, 3, 4, 5], seeds=1)
    assert single.verdict == "partly" and "1 seed" in single.note and single.ours.n_seeds == 1


@pytest.mark.parametrize(
    ("weights", "verdict"),
    [((-9, 1), "reproduced"), ((9, 1), "not reproduced"), ((-1, 9), "not reproduced"), ((1, 9), "not reproduced")],
)
def test_effects_are_told_apart_in_an_orthogonal_sweep(weights, verdict):
    levels = {f"e{a}{b}/w": {"cells": float(a), "size": float(b)} for a in range(3) for b in range(3)}
    rule = LargestEffect(levels, "mse", "cells", ("size",))
    values = {
        q(entry, "mse"): dict.fromkeys(range(3), 100 + weights[0] * at["cells"] + weights[1] * at["size"])
        for entry, at in levels.items()
    }
    decision = rule.decide(values)
    assert decision.verdict == verdict
    single = rule.decide({quantity: {0: found[0]} for quantity, found in values.items()})
    assert single.verdict == ("partly" if verdict == "reproduced" else verdict), "one seed may be chance"
    assert decision.ours.mean + decision.against.mean == pytest.approx(1), "additive effects explain all there is"


def test_the_interval_is_students():
    summary = Summary.of([1.0, 2.0, 3.0])
    assert summary.mean == 2 and summary.low == pytest.approx(2 - 4.302653 / math.sqrt(3))
    assert Summary.of([1.0]).low is None


def test_a_wider_spread_never_makes_intervals_part():
    tight, wide = Summary.of([9.9, 10, 10.1]), Summary.of([5, 10, 15])
    low = Summary.of([1.0, 1.1, 0.9])
    assert low.below(tight) and not low.below(wide)


def test_a_rule_may_ask_for_more_seeds():
    few, enough = [1.0] * 4, [1.0] * 5
    assert decide(at_least(A, 1, seeds=5), a=few).verdict == "partly"
    assert decide(at_least(A, 1, seeds=5), a=enough).verdict == "reproduced"
    assert at_least(A, 1, seeds=5).text.endswith("for every seed of at least 5")


@pytest.mark.parametrize(
    ("more", "less", "verdict"),
    [
        ([1] * 5, [0] * 5, "reproduced"),
        ([1] * 3, [0] * 3, "partly"),  # one chance in ten
        ([1, 1, 1, 1, 0], [0, 0, 1], "partly"),
        ([1] * 5, [1] * 3, "not reproduced"),
        ([0] * 5, [1] * 3, "not reproduced"),
        ([1] * 40, [0, 0], "partly"),  # apart, but of two seeds
        ([math.nan] * 5, [0] * 3, "not reproduced"),
    ],
)
def test_shares_of_seeds_are_compared_by_an_exact_test(more, less, verdict):
    decision = decide(more_often(A, B), a=more, b=less)
    assert decision.verdict == verdict
    assert decision.ours.low is None


def test_what_is_claimed_to_fail_may_blow_up():
    assert decide(falling(A, B, failing=True), a=[10, math.nan, math.nan], b=[5, 5.1, 4.9]).verdict == "partly"
    assert decide(falling(A, B, failing=True), a=[10, 10.1, 9.9, math.nan], b=[5, 5.1, 4.9]).verdict == "reproduced"
    assert decide(falling(A, B, failing=True), a=[math.nan] * 3, b=[5, 5.1, 4.9]).verdict == "reproduced"
    assert decide(falling(A, B, failing=True), a=[10, 11, 12], b=[1, 1, math.nan]).verdict == "not reproduced"

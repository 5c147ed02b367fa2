"""Ranks and shares of variance, on numbers whose answer is known."""

import math

import pytest

from rulebook.measures.sweeps import level_means, rank_correlation, variance_share


def test_equal_order_is_one_and_opposite_order_minus_one():
    x = [1.0, 2.0, 3.0, 4.0, 5.0]
    assert rank_correlation(x, [10.0, 20.0, 30.0, 400.0, 5000.0])[0] == pytest.approx(1)
    found, low, high = rank_correlation(x, x[::-1])
    assert found == pytest.approx(-1) and -1 <= low < high < 0


def test_the_interval_holds_the_correlation_and_narrows_with_more_pairs():
    few = rank_correlation([1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 1.0, 3.0, 5.0, 4.0])
    many = rank_correlation([float(i) for i in range(50)], [i + 3.0 * (-1) ** i for i in range(50)])
    for found, low, high in (few, many):
        assert -1 <= low < found < high <= 1
    assert many[2] - many[1] < few[2] - few[1]


def test_what_never_differs_ranks_nothing():
    assert all(math.isnan(value) for value in rank_correlation([1.0, 2.0, 3.0, 4.0], [0.0] * 4))


def test_three_pairs_are_too_few():
    with pytest.raises(ValueError, match="at least 4"):
        rank_correlation([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])


VALUES = {"a": 1.0, "b": 3.0, "c": 11.0, "d": 13.0}
ROW = {"a": 0.0, "b": 0.0, "c": 1.0, "d": 1.0}
COLUMN = {"a": 0.0, "b": 1.0, "c": 0.0, "d": 1.0}


def test_shares_of_an_orthogonal_plan_without_noise_add_up_to_one():
    assert level_means(VALUES, ROW) == {0.0: 2.0, 1.0: 12.0}
    assert variance_share(VALUES, ROW) == pytest.approx(100 / 104)
    assert variance_share(VALUES, ROW) + variance_share(VALUES, COLUMN) == pytest.approx(1)


def test_a_setting_without_effect_has_no_share_and_equal_values_have_none_to_share():
    assert variance_share({"a": 1.0, "b": 3.0, "c": 3.0, "d": 1.0}, ROW) == pytest.approx(0)
    assert variance_share(dict.fromkeys(VALUES, 2.0), ROW) == 0

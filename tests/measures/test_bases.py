"""Which displacements explain all pairs of moves."""

from __future__ import annotations

from rulebook.measures.bases import MOVES_IN_STEPS, bases, sums


def test_four_modules_can_only_be_the_four_moves():
    assert bases(4) == [MOVES_IN_STEPS]


def test_three_are_too_few():
    assert bases(3) == []


def test_with_five_the_diagonals_and_rest_reach_all_places_too():
    found = bases(5)
    diagonals = frozenset({(1, 1), (1, -1), (-1, 1), (-1, -1), (0, 0)})
    assert diagonals in found
    assert sum(one >= MOVES_IN_STEPS for one in found) == 25 - 4  # the moves, and anything as the fifth
    assert all(sums(MOVES_IN_STEPS) <= sums(one) for one in found)
    # The sets that promise the fewest places where nothing is ever seen come first.
    waste = [len(sums(one) - sums(MOVES_IN_STEPS)) for one in found]
    assert waste == sorted(waste)

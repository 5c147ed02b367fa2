"""Which sets of displacements could modules learn? Those whose compositions are all that was ever seen.

VIM-2 sees only where a ball is after two moves. Every set of M displacements that reaches all those places in two steps
can follow every ball; if there is more than one such set, the places do not single out the moves. How often each place
is reached still may: a set that leads elsewhere too gives away likelihood.
"""

from __future__ import annotations

from itertools import combinations

from rulebook.clips import MOVE_VECTORS

Vector = tuple[int, int]
MOVES_IN_STEPS: frozenset[Vector] = frozenset((int(x), int(y)) for x, y in MOVE_VECTORS)


def sums(vectors: frozenset[Vector]) -> frozenset[Vector]:
    """Where two of them, one after the other, may lead."""
    return frozenset((a[0] + b[0], a[1] + b[1]) for a in vectors for b in vectors)


def bases(modules: int, reach: int = 2) -> list[frozenset[Vector]]:
    """All sets of so many displacements, each at most ``reach`` steps per axis, from which every pair of moves can be
    composed; those that lead to the fewest other places come first."""
    asked = sums(MOVES_IN_STEPS)
    line = range(-reach, reach + 1)
    places: list[Vector] = [(x, y) for x in line for y in line]
    candidates = map(frozenset, combinations(places, modules))
    found = [candidate for candidate in candidates if asked <= sums(candidate)]
    return sorted(found, key=lambda basis: (len(sums(basis) - asked), sorted(basis)))

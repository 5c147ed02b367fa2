"""The claims of the thesis on RIMs and OC-RIMs (Lin, 2022)."""

from __future__ import annotations

import re

from rulebook.catalogue import CATALOGUE
from rulebook.claims.claim import Claim
from rulebook.claims.rules import Quantity, Rule, at_least, at_most, between, every, falling, q, ratio
from rulebook.claims.sweep_rules import LargestEffect, RankCorrelation

MNIST, SPRITES = "moving-mnist", "moving-sprites"
MSE_UNIT = "MSE per frame and channel"


def _mse(variant: str, world: str) -> Quantity:
    return q(f"{variant}/{world}", "mse")


def _ssim(variant: str, world: str) -> Quantity:
    return q(f"{variant}/{world}", "ssim")


def _beats(winner: str, loser: str, world: str) -> list[Rule]:
    """Lower MSE and higher SSIM."""
    return [falling(_mse(loser, world), _mse(winner, world)), falling(_ssim(winner, world), _ssim(loser, world))]


def _claim(
    number: int, where: str, statement: str, rule: Rule, unit: str = MSE_UNIT, revised: str = "", **paper: float
) -> Claim:
    return Claim(
        id=f"O{number}",
        paper="oc-rims",
        where=where,
        statement=statement,
        rule=rule,
        page="oc_rims",
        unit=unit,
        paper_value=paper.get("value"),
        paper_against=paper.get("against"),
        revised=revised,
    )


GRU, RIMS, RIMS_SPARSE = "gru-cat", "rims-cat-6", "rims-cat-6-active4"
CAT, SBD, BCD, FF = "oc-rims-cat-6-3", "oc-rims-sbd-6-3", "oc-rims-bcd-6-3", "oc-rims-ff-sbd-6"
TEN = tuple(f"rims-cat-10-active{active}" for active in (6, 4, 2))
SBD33, SBD66, BCD33, BCD66 = "oc-rims-sbd-3-3", "oc-rims-sbd-6-6", "oc-rims-bcd-3-3", "oc-rims-bcd-6-6"

_DENSE_TEST = q(f"{RIMS_SPARSE}/{MNIST}", "mse_dense_test")

_SIZES = re.compile(r"sweep-c(?P<cells>\d+)-s(?P<slots>\d+)-d(?P<slot_size>\d+)-v(?P<value_size>\d+)/")
SWEEP = {
    entry: {name.replace("_", " "): float(value) for name, value in match.groupdict().items()}
    for entry in CATALOGUE.entries
    if (match := _SIZES.match(entry))
}
"""Runs of the sweep -> their sizes, which their names tell."""

OC_RIMS_CLAIMS = [
    _claim(
        1,
        "Table 4.2",
        "OC-RIMs predict Moving MNIST better than a GRU and than RIMs.",
        every(*_beats(BCD, GRU, MNIST), *_beats(BCD, RIMS, MNIST)),
        value=73.88,
        against=89.49,
    ),
    _claim(
        2,
        "Table 4.3",
        "OC-RIMs predict Moving Sprites better than a GRU and than RIMs.",
        every(*_beats(SBD, GRU, SPRITES), *_beats(SBD, RIMS, SPRITES)),
        value=39.60,
        against=85.58,
    ),
    _claim(
        3,
        "Table 4.2",
        "Without object-centric parts, RIMs are slightly worse than a GRU on Moving MNIST.",
        falling(_mse(RIMS, MNIST), _mse(GRU, MNIST)),
        value=89.49,
        against=96.25,
    ),
    _claim(
        4,
        "Table 4.3",
        "RIMs are better than a GRU on Moving Sprites.",
        falling(_mse(GRU, SPRITES), _mse(RIMS, SPRITES)),
        value=74.78,
        against=85.58,
    ),
    _claim(
        5,
        "Table 4.5",
        "Slots alone, with the concatenating decoder, help RIMs on Moving MNIST.",
        falling(_mse(RIMS, MNIST), _mse(CAT, MNIST)),
        value=88.99,
        against=96.25,
    ),
    _claim(
        6,
        "Table 4.6",
        "Slots alone do not help RIMs on Moving Sprites.",
        falling(_mse(CAT, SPRITES), _mse(RIMS, SPRITES)),
        value=74.78,
        against=80.65,
    ),
    _claim(
        7,
        "Tables 4.5, 4.6",
        "Decoders that draw each cell on its own beat concatenation.",
        every(*(falling(_mse(CAT, world), _mse(one, world)) for world in (MNIST, SPRITES) for one in (SBD, BCD))),
        value=76.69,
        against=88.99,
    ),
    _claim(
        8,
        "Tables 4.5, 4.6",
        "Six cells beat three.",
        every(
            *(
                falling(_mse(three, world), _mse(six, world))
                for world in (MNIST, SPRITES)
                for three, six in ((SBD33, SBD), (BCD33, BCD))
            )
        ),
        value=76.69,
        against=87.25,
    ),
    _claim(
        9,
        "Tables 4.5, 4.6",
        "Six slots are no better than three.",
        every(
            ratio(_mse(SBD66, MNIST), _mse(SBD, MNIST), ">=", 0.98),
            ratio(_mse(BCD66, MNIST), _mse(BCD, MNIST), ">=", 0.98),
            ratio(_mse(SBD66, SPRITES), _mse(SBD, SPRITES), ">=", 0.98),
        ),
        "ratio of MSE",
        value=round(76.98 / 76.69, 3),
    ),
    _claim(
        10,
        "Section 4.3, Figures 4.5 to 4.7",
        "Each cell attends to one object at a time.",
        at_least(q(f"{SBD}/{SPRITES}", "single_object_share"), 0.8),
        "share of cell-steps",
    ),
    _claim(
        11,
        "Section 4.3, Figures 4.6, 4.7",
        "Objects that are hidden behind others are completed.",
        every(
            at_most(q(f"{SBD}/{SPRITES}", "completion_ratio"), 0.5),
            falling(q(f"{SBD}/{SPRITES}", "completion_ratio_untrained"), q(f"{SBD}/{SPRITES}", "completion_ratio")),
        ),
        "ratio of errors on hidden pixels",
    ),
    _claim(
        12,
        "Section 4.4, Table 4.4",
        "A cell follows the same object for about three quarters of the time (77 % on average over eight variants).",
        every(
            between(q(f"{SBD}/{SPRITES}", "mcl"), 0.70, 0.80),
            between(q(f"{SBD}/{SPRITES}", "acl"), 0.60, 0.70),
            falling(q(f"{SBD}/{SPRITES}", "mcl"), q(f"{SBD}/{SPRITES}", "mcl_untrained")),
        ),
        "share of the sequence (MCL)",
        value=0.7521,
    ),
    _claim(
        13,
        "Table 4.4",
        "Feature maps are tracked more consistently than slots; more modules track less consistently.",
        every(
            falling(q(f"{FF}/{SPRITES}", "mcl"), q(f"{SBD}/{SPRITES}", "mcl")),
            falling(*(q(f"{variant}/{SPRITES}", "mcl") for variant in (SBD33, SBD, SBD66))),
        ),
        "share of the sequence (MCL)",
        value=0.7521,
        against=0.8071,
    ),
    _claim(
        14,
        "Tables 4.7, 4.8",
        "Sparse activation always hurts.",
        every(
            falling(_mse(f"{SBD}-active3", MNIST), _mse(SBD, MNIST)),
            falling(_mse(f"{SBD}-active2", MNIST), _mse(SBD, MNIST)),
            *(falling(_mse(sparse, MNIST), _mse(RIMS, MNIST)) for sparse in (RIMS_SPARSE, *TEN)),
        ),
        value=76.69,
        against=105.99,
    ),
    _claim(
        15,
        "Table 4.8, last row",
        "Trained with sparse and tested with dense activation is worst of all.",
        every(
            falling(_DENSE_TEST, _mse(RIMS_SPARSE, MNIST), _mse(RIMS, MNIST)),
            *(falling(_DENSE_TEST, _mse(sparse, MNIST)) for sparse in TEN),
        ),
        revised="D35",
        value=96.25,
        against=191.26,
    ),
    _claim(
        16,
        "Figure 4.9",
        "After two steps the same cells stay active.",
        at_most(q(f"{RIMS_SPARSE}/{MNIST}", "activation_change_share"), 0.05),
        "share of steps",
    ),
    _claim(
        17,
        "Figure 4.10",
        "Predictions hang on the activated cells.",
        at_least(q(f"{RIMS_SPARSE}/{MNIST}", "active_utilisation"), 0.8),
        "share of utilisation",
    ),
    _claim(
        18,
        "Figure 4.12",
        "Without communication between cells at test time, prediction collapses.",
        ratio(q(f"{SBD}/{SPRITES}", "mse_no_communication"), _mse(SBD, SPRITES), ">=", 2),
        "ratio of MSE",
    ),
    _claim(
        19,
        "Figure 4.13",
        "Switching cells off loses or recolours objects.",
        every(
            falling(q(f"{SBD}/{SPRITES}", "mse_cells_off"), _mse(SBD, SPRITES)),
            falling(q(f"{SBD}/{SPRITES}", "f1"), q(f"{SBD}/{SPRITES}", "f1_cells_off")),
        ),
    ),
    _claim(
        20,
        "Section 4.6, Figures 4.14 to 4.16",
        "Object-centric SCOFF fails in training, in every run.",
        every(
            at_least(q(f"oc-scoff-bcd/{MNIST}", "loss_jump"), 1, seeds=5),
            falling(_mse("oc-scoff-bcd", MNIST), _mse(BCD, MNIST), failing=True),
        ),
        "share of runs with a loss jump",
        value=1.0,
    ),
    _claim(
        21,
        "Figures B.5, B.6, B.8",
        "(Our reading of figures without comment.) F1, SSIM and MSE agree on which model is better, and test MSE"
        " follows training loss.",
        every(
            RankCorrelation(tuple(SWEEP), "f1", "mse", 0.8, opposite=True),
            RankCorrelation(tuple(SWEEP), "ssim", "mse", 0.8, opposite=True),
            RankCorrelation(tuple(SWEEP), "training_loss", "mse", 0.8),
        ),
        "rank correlation",
    ),
    _claim(
        22,
        "Figures B.7, B.9",
        "(Our reading of figures without comment.) More cells help; the sizes of slots and values matter less.",
        LargestEffect(SWEEP, "mse", "cells", ("slot size", "value size")),
        "share of variance",
    ),
]

"""The claims of VIM (Assouel, Castrejon et al., 2022)."""

from __future__ import annotations

from rulebook.claims.claim import Claim
from rulebook.claims.rules import Rule, at_least, at_most, between, every, falling, more_often, q, ratio

M1, M2, M4, M5, M7 = (f"vim-m{modules}/atomic" for modules in (1, 2, 4, 5, 7))
"""Trained by the bound alone: numbers of modules are compared with each other, and VIM with rivals that see as much."""
VIM4, VIM5 = "vim-m4-dreams-on/atomic", "vim-m5-dreams-on/atomic"
"""As well as we can train them: their posterior has learned from dreams too."""
SCOFF, RIM, GSWM = "scoff/atomic", "rim/atomic", "gswm/atomic"
GSWM_STEPS = "gswm-multi/atomic"
BRIEF, SCRATCH = "vim-m4-brief/atomic", "vim-m4-brief-from-scratch/atomic"


def _fit(entry: str):
    """Error plus both KL terms, over 10 frames."""
    return q(entry, "error_plus_kl")


def _claim(
    number: int, where: str, statement: str, rule: Rule, unit: str, page: str = "vim", revised: str = "", **paper: float
) -> Claim:
    return Claim(
        id=f"V{number}",
        paper="vim",
        where=where,
        statement=statement,
        rule=rule,
        page=page,
        unit=unit,
        paper_value=paper.get("value"),
        paper_against=paper.get("against"),
        revised=revised,
    )


VIM_CLAIMS = [
    _claim(
        1,
        "Figure 2, left",
        "Each of the four moves is explained by one module.",
        at_least(q(VIM4, "rule_accuracy_interior"), 0.95),
        "share of ball-steps",
    ),
    _claim(
        2,
        "Figure 2, right",
        "Applying one module again and again moves any ball in one direction.",
        at_least(q(VIM4, "repeat_accuracy"), 0.95),
        "share of repetitions",
    ),
    _claim(
        3,
        "Figures 2 and 3",
        "With five modules, one is left unused by the slots that hold balls.",
        at_most(q(VIM5, "least_used_share"), 0.03),
        "share of ball-steps",
    ),
    _claim(
        4,
        "Section 5.1, Figure 3",
        "With seven modules, the additional ones are almost never selected.",
        at_most(q(M7, "three_least_used_share"), 0.05),
        "share of ball-steps",
    ),
    _claim(
        5,
        "Figure 3, left",
        "Fewer modules than modes model the data worse.",
        falling(_fit(M1), _fit(M2), _fit(M4)),
        "error + KL",
        revised="D33",
    ),
    _claim(
        6,
        "Section 5.1",
        "With two modules, moves share modules in a hierarchical way: two whole moves each.",
        at_least(q(M2, "whole_moves_share"), 0.9),
        "share of ball-steps",
    ),
    _claim(
        7,
        "Section 5.1",
        "A single module must express the choice of move in its Gaussian, and pays for it in KL.",
        ratio(q(M1, "gaussian_kl"), q(M4, "gaussian_kl"), ">=", 2),
        "ratio of Gaussian KL",
    ),
    _claim(
        8,
        "Figure 3, left",
        "More modules than modes cost nothing.",
        every(ratio(_fit(M5), _fit(M4), "<=", 1.05), ratio(_fit(M7), _fit(M4), "<=", 1.05)),
        "ratio of error + KL",
        revised="D33",
    ),
    _claim(
        9,
        "Figure 5",
        "Selection acts as a planner: the error falls with the iterations, then oscillates around the target.",
        every(
            # At an iteration of the distance's own parity: there is no module for staying.
            ratio(q(VIM4, "composition_error_best_in_parity"), q(VIM4, "composition_error_first"), "<=", 1 / 3),
            at_least(q(VIM4, "composition_oscillation"), 1.0),
        ),
        "ratio of position errors",
        revised="D29",
    ),
    _claim(
        10,
        "Figure 4",
        "With several iterations VIM tracks compositions that it has never seen better than with one.",
        falling(q(VIM4, "composition_tracking_1"), q(VIM4, "composition_tracking_8")),
        "pixels",
    ),
    _claim(
        11,
        "Figure 4",
        "It tracks them better than G-SWM and multi-step G-SWM, which do track atomic walks.",
        every(
            falling(q(GSWM, "composition_tracking_1"), q(M4, "composition_tracking_8")),
            falling(q(GSWM, "composition_tracking_8"), q(M4, "composition_tracking_8")),
            falling(q(GSWM_STEPS, "composition_tracking_2"), q(M4, "composition_tracking_8")),
            falling(q(GSWM_STEPS, "composition_tracking_8"), q(M4, "composition_tracking_8")),
            at_most(q(GSWM, "tracking_error"), 1.0),
            at_most(q(GSWM_STEPS, "tracking_error"), 1.0),
        ),
        "pixels",
        page="rivals",
    ),
    _claim(
        12,
        "Figure 6",
        "Trained on compositions only, VIM-2 finds the atomic moves.",
        at_least(q("vim2-m5/composed", "atomic_rule_accuracy_interior"), 0.9),
        "share of ball-steps",
    ),
    _claim(
        13,
        "Figure 7",
        "The moves of objects of unseen shape, size and colour are recognised and transferred to known balls.",
        at_least(q(VIM4, "transfer_accuracy"), 0.9),
        "share of steps",
    ),
    _claim(
        14,
        "Table 1",
        "VIM reconstructs far better than SCOFF and RIM predict.",
        every(
            ratio(q(M5, "error_5_frames"), q(SCOFF, "error_5_frames"), "<=", 0.1),
            ratio(q(M5, "error_5_frames"), q(RIM, "error_5_frames"), "<=", 0.1),
        ),
        "ratio of errors",
        page="rivals",
        value=round(4.2 / 81.9, 3),
    ),
    _claim(
        15,
        "Figure 8, section 5.4",
        "SCOFF and RIM predict the mean of all futures.",
        every(
            between(q(SCOFF, "error_over_floor"), 1.0, 1.2),
            between(q(RIM, "error_over_floor"), 1.0, 1.2),
            at_least(q(SCOFF, "mean_frame_correlation"), 0.95),
            at_least(q(RIM, "mean_frame_correlation"), 0.95),
        ),
        "error over the exact floor",
        page="rivals",
    ),
    _claim(
        16,
        "Table 1",
        "SCOFF is better than RIM.",
        falling(q(RIM, "error_5_frames"), q(SCOFF, "error_5_frames")),
        "squared error per frame",
        page="rivals",
        value=81.9,
        against=91.7,
    ),
    _claim(
        17,
        "Figure 8, Appendix B",
        "SCOFF's object files bind to objects.",
        # Of where files look: masks of predictions cannot reach it.
        at_least(q(SCOFF, "foreground_ari_attention"), 0.9),
        "adjusted Rand index",
        page="rivals",
        revised="D34",
    ),
    _claim(
        18,
        "Appendix A.2",
        "Training slots first stabilises and speeds up the training that follows.",
        every(
            falling(q(SCRATCH, "negative_elbo"), q(BRIEF, "negative_elbo")),
            more_often(q(BRIEF, "rules_found"), q(SCRATCH, "rules_found")),
        ),
        "nats per frame",
    ),
    _claim(
        19,
        "Section 5",
        "Predictions are multimodal: sampled moves follow the true distribution and every sample is sharp.",
        every(at_most(q(VIM4, "sampled_moves_tv"), 0.05), at_least(q(VIM4, "sample_sharpness"), 0.9)),
        "total variation",
    ),
]

"""What the thesis prints and what its author's public code does, beside what our catalogue says.

Values of the thesis are those of its Tables 3.1, 4.1, 4.4, A.1 and A.2; of the author's code, those of its settings
files for Moving MNIST and Moving Sprites, and the parameters that its models have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from torch import nn

from rulebook.catalogue import CATALOGUE
from rulebook.catalogue.oc_rims_recipes import MNIST, PAPER_CLIPS
from rulebook.layers.thesis_vision import (
    ComponentDecoder,
    ConcatenatingDecoder,
    MapEncoder,
    SpatialBroadcastDecoder,
    VectorEncoder,
)
from rulebook.measures.costs import multiply_adds, parameters
from rulebook.models.base import VideoModel
from rulebook.models.gru import GRUSpec
from rulebook.models.oc_rims import OCRIMs, OCRIMsSpec
from rulebook.models.rims import CellModel
from rulebook.publishing.thesis_tables import described, millions
from rulebook.training.config import Profile, RunConfig, Training

# ---- Table 3.1: architectures ---------------------------------------------------------------------------------------

COMPARED = {
    "GRU": ("gru-cat/moving-mnist", ("Image Embedding", "✗", "Monolithic GRU", "CAT")),
    "RIMs": ("rims-cat-6/moving-mnist", ("Image Embedding or Feature Map", "✗", "Modular GRU", "CAT")),
    "VIM": ("vim-m5/atomic", ("Feature Map", "✗", "Modular MLP and LayerNorm", "SBD")),
    "OC-RIMs": ("oc-rims-bcd-6-3/moving-mnist", ("Slots", "✓", "Modular GRU", "SBD/BCD")),
    "OC-SCOFF": ("oc-scoff-bcd/moving-mnist", None),
}
"""Model -> entry that stands for it, and the thesis's row: input, per-frame slot refinement, dynamics, decoder."""

ASPECTS = ("input", "slots refined in every frame", "dynamics", "decoder")


def architectures() -> pd.DataFrame:
    """Table 3.1, read off the models as they are built, and the row that the thesis prints."""
    rows = []
    for name, (entry, printed) in COMPARED.items():
        config = CATALOGUE.entries[entry].run("laptop", 0)
        model = config.model.build(config.world.frame_shape)
        told = dict(zip(ASPECTS, _aspects(model), strict=True))
        rows.append({"model": name, **told, "printed in the thesis": ", ".join(printed) if printed else "-"})
    return pd.DataFrame(rows)


def _aspects(model: VideoModel) -> tuple[str, str, str, str]:
    parts = dict(model.named_children())
    if not isinstance(model, CellModel):
        if "perception" in parts:
            return (
                "feature map",
                "one round, in inference",
                "MLPs to choose from, LayerNorm",
                "a picture per slot (SBD)",
            )
        return (
            SEEN_BY[type(parts["encoder"])],
            "✗",
            f"one {type(parts['cell']).__name__}",
            DRAWN_BY[type(parts["decoder"])],
        )
    refined = isinstance(model, OCRIMs) and model.slots is not None
    spec = model.cells.spec
    cells = f"{spec.cells} GRUs, one per cell"
    if spec.schemata:
        cells = f"{spec.schemata} GRUs, from which {spec.cells} object files choose"
    seen = (
        f"{model.spec.slots} slots"
        if refined and isinstance(model.spec, OCRIMsSpec)
        else SEEN_BY[type(parts["encoder"])]
    )
    return seen, "✓" if refined else "✗", cells, DRAWN_BY[type(parts["decoder"])]


SEEN_BY: dict[type[nn.Module], str] = {VectorEncoder: "one vector", MapEncoder: "feature map"}
DRAWN_BY: dict[type[nn.Module], str] = {
    ConcatenatingDecoder: "one picture of all (CAT)",
    ComponentDecoder: "a picture per cell (BCD; or SBD)",
    SpatialBroadcastDecoder: "a picture per cell (SBD; or BCD)",
}


# ---- Table 4.1: hyperparameters -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setting:
    """One line of the table: what the thesis and its code have, and how to read ours."""

    name: str
    thesis: str
    code: str
    ours: Callable[[RunConfig, OCRIMsSpec], str]


def _rate(training: Training) -> str:
    decay = "" if training.hold == 1 else f", cosine decay over the last {1 - training.hold:.0%}"
    warm = f", {training.warmup} steps of warm-up" if training.warmup else ""
    return f"{training.learning_rate:g}{warm}{decay}"


def _drawn(config: RunConfig, spec: OCRIMsSpec) -> str:
    """Of this row, and of those that draw no picture per cell."""
    others = CATALOGUE.entries["gru-cat/moving-mnist"].recipes[config.profile].model
    assert isinstance(others, GRUSpec)
    own, other = (str(drawn or 19) for drawn in (spec.drawn_frames, others.drawn_frames))
    return own if own == other else f"{own}; GRU, RIMs, ConvLSTM, CAT: {other}"


def _epochs(config: RunConfig) -> str:
    """As many clips as so many of the thesis's epochs have."""
    return f"{config.training.stages[0].batch * config.training.steps / PAPER_CLIPS[MNIST]:.3g}"


BEGINNINGS = {"pytorch": "PyTorch's", "signal": "dark pictures, louder values"}
"""What ``begin_with`` means, in a table."""

SETTINGS = (
    Setting("learning rate", "0.0007", "0.0007, constant", lambda run, _: _rate(run.training)),
    Setting("batch size", "32", "32", lambda run, _: str(run.training.stages[0].batch)),
    Setting("optimizer", "Adam", "Adam", lambda run, _: run.training.optimiser.title()),
    Setting("weights before training", "-", "PyTorch's", lambda _, spec: BEGINNINGS[spec.begin_with]),
    Setting("gradient clipped at", "-", "norm 1", lambda run, _: f"norm {run.training.clip_norm:g}"),
    Setting("epochs (code, ours: of 10,000 clips)", "400", "400", lambda run, _: _epochs(run)),
    Setting("steps (Moving MNIST)", "-", "125,000", lambda run, _: f"{run.training.steps:,}"),
    Setting("loss", "MSE, summed over steps", "MSE, summed over steps", lambda run, _: "MSE, summed over steps"),
    Setting("predicted frames drawn per step", "19", "19", lambda run, spec: _drawn(run, spec)),
    Setting("frame size", "64", "64", lambda run, _: str(run.world.frame_shape[1])),
    Setting("input size", "64", "64", lambda _, spec: str(spec.vision.dim)),
    Setting("input key size", "64", "64", lambda _, spec: str(spec.cells.key)),
    Setting("input value size", "200", "200", lambda _, spec: str(spec.cells.value)),
    Setting("input dropout", "0.1", "0.1", lambda _, spec: f"{spec.cells.input_dropout:g}"),
    Setting("slot size", "64", "64", lambda _, spec: str(spec.slot_dim)),
    Setting("slot iterations", "-", "3", lambda _, spec: str(spec.slot_iterations)),
    Setting("hidden state size", "100", "100", lambda _, spec: str(spec.cells.state)),
    Setting("state before the first frame", "zeros", "N(0, 1)", lambda _, spec: spec.cells.start),
    Setting("communication heads", "1 (3.18)", "2", lambda _, spec: str(spec.cells.heads)),
    Setting("communication key size", "32", "32", lambda _, spec: str(spec.cells.communication_key)),
    Setting("communication dropout", "0.1", "0.1", lambda _, spec: f"{spec.cells.communication_dropout:g}"),
    Setting(
        "active cells",
        "all",
        "all",
        lambda _, spec: "all" if spec.cells.active is None else str(spec.cells.active),
    ),
    Setting("which weights are reported", "not said", "best epoch on the test set", lambda _, __: "last step"),
)


def hyperparameters(entry: str = "oc-rims-bcd-6-3/moving-mnist") -> pd.DataFrame:
    """Table 4.1: thesis, author's code, and ours in both profiles, read from the catalogue."""
    runs = {profile: CATALOGUE.entries[entry].run(profile, 0) for profile in ("paper", "laptop")}
    rows = []
    for setting in SETTINGS:
        row = {"hyperparameter": setting.name, "thesis": setting.thesis, "author's code": setting.code}
        for profile, run in runs.items():
            assert isinstance(run.model, OCRIMsSpec)
            row[f"ours, {profile}"] = setting.ours(run, run.model)
        rows.append(row)
    return pd.DataFrame(rows)


# ---- Table 4.4: consistent lengths ----------------------------------------------------------------------------------

TRACKED: dict[str, dict[str, float]] = {
    "oc-rims-ff-sbd-6/moving-sprites": {"acl": 0.7214, "mcl": 0.8071},
    "oc-rims-ff-bcd-6/moving-sprites": {"acl": 0.6897, "mcl": 0.7835},
    "oc-rims-sbd-3-3/moving-sprites": {"acl": 0.6440, "mcl": 0.7568},
    "oc-rims-sbd-6-3/moving-sprites": {"acl": 0.6485, "mcl": 0.7521},
    "oc-rims-sbd-6-6/moving-sprites": {"acl": 0.6341, "mcl": 0.7225},
    "oc-rims-bcd-3-3/moving-sprites": {"acl": 0.7267, "mcl": 0.7977},
    "oc-rims-bcd-6-3/moving-sprites": {"acl": 0.6757, "mcl": 0.7691},
    "oc-rims-bcd-6-6/moving-sprites": {"acl": 0.6709, "mcl": 0.7733},
}
"""Entry -> the thesis's ACL and MCL, in the order of its table."""


# ---- What every row of the catalogue costs --------------------------------------------------------------------------

AUTHOR_PARAMETERS = {
    "gru-cat/moving-mnist": 3_890_497,
    "rims-cat-6/moving-mnist": 3_607_393,
    "oc-rims-bcd-6-3/moving-mnist": 1_474_610,
    "oc-rims-sbd-6-3/moving-mnist": 1_241_238,
    "oc-rims-cat-6-3/moving-mnist": 3_522_465,
    "oc-rims-ff-sbd-6/moving-mnist": 1_187_286,
    "oc-rims-sbd-6-3/moving-sprites": 1_468_008,
    "oc-scoff-bcd/moving-mnist": 804_282,
}
"""Counted on the author's code."""

COUNTED_FRAMES = 20
"""Frames of the clip on which multiply-adds are counted, as the evaluation of a run counts them: positions, embedded
once per batch of pictures, weigh less in longer clips."""


def cost(entry: str, profile: Profile) -> tuple[int, int]:
    """Parameters, and multiply-adds per predicted frame, of the model that this recipe builds."""
    config = CATALOGUE.entries[entry].run(profile, 0)
    model = config.model.build(config.world.frame_shape)
    return parameters(model), multiply_adds(model, config.world.frame_shape, COUNTED_FRAMES)


def costs() -> pd.DataFrame:
    """Every row of the thesis's tables and of its sweep; rows that differ in what costs nothing are still rows,
    but not those of the laptop profile alone, which are their twins trained otherwise."""
    rows = []
    for key, entry in CATALOGUE.entries.items():
        if entry.experiment != "oc-rims" or "paper" not in entry.recipes:
            continue
        row: dict[str, object] = {"entry": key, "world": entry.world_name, **described(key)}
        profiles: tuple[Profile, ...] = ("laptop", "paper")
        for profile in profiles:
            weights, operations = cost(key, profile)
            row |= {f"parameters, {profile}": weights, f"multiply-adds, {profile}": millions(operations)}
        rows.append(row | {"parameters, author's code": AUTHOR_PARAMETERS.get(key)})
    table = pd.DataFrame(rows)
    return table.astype({"parameters, author's code": "Int64"})

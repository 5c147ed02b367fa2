"""How the thesis's models are made and trained in each profile, and what a row of its tables is.

``paper``: 64x64 frames, MNIST's digits, the hyperparameters of thesis Table 4.1 and the layers of the author's code.
``laptop``: 32x32 frames, the digits that come with the package, fewer channels; cells, slots and their sizes are the
thesis's. 8 of the 19 predicted frames are drawn per step, 4 where a decoder draws every cell on its own and takes most
of a step: a fraction of the cost, the same error on average. All rows of a profile take as many steps of as many clips.

Laptop rows are trained by Muon, from dark pictures and, in OC-RIMs, a start that lets the frame be heard. As PyTorch
starts them, with Adam, every model learns more slowly, OC-RIMs on sprites by far: the ``-plain`` rows. On digits slots
stay alike under Muon alone; in the ``-led`` rows Adam leads. With sparse activation Muon may break a training; in the
``-proportion`` rows groups with smaller gradients take smaller steps.

Multiply-adds stand in the costs; 25 GFLOP/s of useful work per core and 6 FLOP per multiply-add of a training step turn
them into minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rulebook.catalogue.tree import Entry, Recipe
from rulebook.layers.rim_cells import CellsSpec
from rulebook.layers.thesis_vision import ThesisVisionSpec
from rulebook.models.conv_lstm import ConvLSTMSpec
from rulebook.models.gru import GRUSpec
from rulebook.models.next_frame import NextFrameSpec
from rulebook.models.oc_rims import OCRIMsSpec
from rulebook.models.rims import RIMsSpec
from rulebook.training.config import PROFILES, Lead, Profile, Ramp, Stage, Training
from rulebook.worlds.base import World
from rulebook.worlds.digits import MnistDigits
from rulebook.worlds.moving_mnist import MovingMnist
from rulebook.worlds.moving_sprites import MovingSprites

MNIST, SPRITES = "moving-mnist", "moving-sprites"

WORLDS: dict[str, dict[Profile, World]] = {
    MNIST: {
        "smoke": MovingMnist(size=16),
        "laptop": MovingMnist(size=32),
        "paper": MovingMnist(digits=MnistDigits()),
    },
    SPRITES: {
        "smoke": MovingSprites(size=16, train_clips=64, validation_clips=16, test_clips=16),
        "laptop": MovingSprites(size=32),
        "paper": MovingSprites(),
    },
}

SMOKE_VISION = ThesisVisionSpec(
    channels=(4, 8),
    kernels=(4, 3),
    strides=(2, 1),
    hidden=8,
    dim=8,
    bcd_channels=(8, 4),
    bcd_kernels=(3, 3),
    sbd_channels=(8, 4),
    sbd_kernels=(3, 3, 3),
)
"""Eyes and brushes at smoke size: the same code path in milliseconds."""

LAPTOP_VISION = ThesisVisionSpec(
    channels=(16, 32),
    kernels=(4, 4),
    strides=(2, 2),
    bcd_channels=(32, 16, 8),
    bcd_kernels=(3, 3, 3),
    sbd_channels=(32, 16, 8),
    sbd_kernels=(3, 3, 3, 3),
)
"""A feature map of 6x6 cells, as the thesis has it at 64x64; decoders of half the channels, from 4x4 to 32x32."""

VISION: dict[str, dict[Profile, ThesisVisionSpec]] = {
    MNIST: {"smoke": SMOKE_VISION, "laptop": LAPTOP_VISION, "paper": ThesisVisionSpec()},
    SPRITES: {
        "smoke": SMOKE_VISION,
        "laptop": LAPTOP_VISION,
        "paper": ThesisVisionSpec(channels=(32, 64, 128), hidden=256, sbd_channels=(64, 64, 32)),
    },
}

DRAWN: dict[Profile, int | None] = {"smoke": 3, "laptop": 8, "paper": None}
DRAWN_BY_CELLS = 4
"""Frames drawn per step, laptop profile, where every cell is drawn on its own."""
SMOKE_CELLS = {"state": 12, "key": 8, "value": 16, "communication_key": 4, "schema_key": 4}

PAPER_CLIPS = {MNIST: 10_000, SPRITES: 11_520}
"""Clips of an epoch."""
PAPER_EPOCHS = 400
LAPTOP_STEPS = 4000
LEARNING_RATE, BATCH, CLIP_NORM = 7e-4, 32, 1.0
MUON: dict[str, Any] = {"optimiser": "muon", "learning_rate": 3e-3}
LEAD = Lead(steps=1000, learning_rate=1e-3)
"""Adam for all weights, until slots divide the frame, which they then go on to do under Muon."""


def training(
    world: str, profile: Profile, steps: int | None = None, plain: bool = False, muon: Mapping[str, Any] | None = None
) -> Training:
    """How the rows of this world and profile train; ``steps`` where a row takes another number of them; ``plain``: by
    Adam in the laptop profile too; ``muon``: what is set otherwise about Muon, there."""
    channels, height, width = WORLDS[world][profile].frame_shape
    frames = 6 if profile == "smoke" else 20
    # The thesis sums the mean error of all steps (3.30): so weighted, gradients are clipped where the author's were.
    weight = (frames - 1) / (channels * height * width)
    shared: dict[str, Any] = {"weights": {"error": Ramp(first=weight, last=weight)}, "clip_norm": CLIP_NORM}
    if profile == "smoke":
        return Training(
            steps=steps or 20,
            stages=(Stage(frames=frames, batch=4),),
            learning_rate=1e-3,
            warmup=4,
            hold=0.5,
            validate_every=10,
            validation_clips=4,
            log_every=5,
            save_every=10,
            **shared,
        )
    if profile == "laptop":
        return Training(
            steps=steps or LAPTOP_STEPS,
            stages=(Stage(frames=frames, batch=BATCH // 2),),
            warmup=100,
            hold=0.5,
            validate_every=250,
            bf16=True,
            **shared,
            **({"learning_rate": 1e-3} if plain else {**MUON, **(muon or {})}),
        )
    return Training(
        steps=steps or PAPER_EPOCHS * PAPER_CLIPS[world] // BATCH,
        stages=(Stage(frames=frames, batch=BATCH),),
        learning_rate=LEARNING_RATE,
        validate_every=2500,
        validation_clips=256,
        log_every=100,
        save_every=2500,
        bf16=True,
        **shared,
    )


@dataclass(frozen=True)
class Row:
    """One model variant on one world: a row of a table."""

    variant: str
    world: str
    kind: str
    """gru, conv-lstm, rims or oc-rims."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the model, those of its cells under 'cells'."""
    needed_by: tuple[str, ...] = ()
    thesis: tuple[float, float] | None = None
    """MSE and SSIM in the thesis."""
    laptop: str = ""
    """Multiply-adds per predicted frame and minutes, laptop profile."""
    paper: str = ""
    """Multiply-adds per predicted frame, paper profile."""
    seeds: int = 1
    laptop_steps: int | None = None
    plain: bool = False
    """Laptop profile: PyTorch's start, Adam, and as many frames drawn as other models draw."""
    led: bool = False
    """Laptop profile: Adam leads, and slots' draws are as loud as PyTorch makes them."""
    proportional: bool = False
    """Laptop profile: Muon's steps in proportion, group by group."""

    def model(self, profile: Profile) -> NextFrameSpec:
        vision, drawn = VISION[self.world][profile], DRAWN[profile]
        small = profile == "smoke"
        shared: dict[str, Any] = {"drawn_frames": drawn}
        if profile == "laptop" and not self.plain:
            shared["begin_with"] = "signal"
            if self.kind == "oc-rims" and self.settings.get("decoder") != "cat":
                shared["drawn_frames"] = DRAWN_BY_CELLS
            if self.led:
                shared["quiet_draws"] = False
        if self.kind == "conv-lstm":
            sizes = {"smoke": ((4, 4), 3), "laptop": ((32, 32), 3), "paper": ((128, 64, 64), 5)}[profile]
            return ConvLSTMSpec(channels=sizes[0], kernel=sizes[1], **shared)
        if self.kind == "gru":
            return GRUSpec(vision=vision, state=24 if small else 600, **shared)
        others = dict(self.settings)
        cells = CellsSpec(**{**others.pop("cells", {}), **(SMOKE_CELLS if small else {})})
        if self.kind == "rims":
            return RIMsSpec(vision=vision, cells=cells, **shared)
        if small:
            others |= {"slot_dim": 8}
        return OCRIMsSpec(vision=vision, cells=cells, **shared, **others)

    @property
    def muon(self) -> dict[str, Any]:
        """What this row sets otherwise about Muon."""
        return ({"lead": LEAD} if self.led else {}) | ({"in_proportion": True} if self.proportional else {})

    def recipe(self, profile: Profile) -> Recipe:
        steps = self.laptop_steps if profile == "laptop" else None
        floor = "below copying frame 9 and below the mean frame"
        thesis = f"thesis: MSE {self.thesis[0]}, SSIM {self.thesis[1]}" if self.thesis else floor
        return Recipe(
            self.model(profile),
            training(self.world, profile, steps, self.plain, self.muon),
            seeds=(0,) if profile == "smoke" else tuple(range(self.seeds)),
            cost={"smoke": "2 seconds of one core", "laptop": self.laptop, "paper": self.paper}[profile],
            expected={"smoke": "nothing: it only shows that the path works", "laptop": floor, "paper": thesis}[profile],
            world=WORLDS[self.world][profile],
        )

    def entry(self) -> Entry:
        return Entry(
            experiment="oc-rims",
            variant=self.variant,
            world_name=self.world,
            world=WORLDS[self.world]["paper"],
            needed_by=self.needed_by,
            recipes={profile: self.recipe(profile) for profile in PROFILES if self.differs(profile)},
        )

    def differs(self, profile: Profile) -> bool:
        """Rows that train otherwise do so in the laptop profile alone; at paper size they would be their twins."""
        return profile != "paper" or not (self.plain or self.led or self.proportional)


def exhibits(*labels: str) -> tuple[str, ...]:
    """Ids of the thesis's exhibits: 'table-4-2' becomes 'oc-rims-table-4-2'."""
    return tuple(f"oc-rims-{label}" for label in labels)


COST = {
    "gru": ("2.6 M multiply-adds a frame, 20 minutes of one core", "24 M multiply-adds a frame; 2 hours of one H200"),
    "rims": ("2.3 M multiply-adds a frame, 20 minutes of one core", "24 M multiply-adds a frame; 3 hours of one H200"),
    "cat": ("3.0 M multiply-adds a frame, 22 minutes of one core", "25 M multiply-adds a frame; 3 hours of one H200"),
    "bcd": ("6.8 M multiply-adds a frame, 25 minutes of one core", "115 M multiply-adds a frame; 4 hours of one H200"),
    "sbd": ("9.2 M multiply-adds a frame, 25 minutes of one core", "216 M multiply-adds a frame; 5 hours of one H200"),
    "conv-lstm": (
        "8.3 M multiply-adds a frame, 14 minutes of one core",
        "997 M multiply-adds a frame; 8 hours of one H200",
    ),
}
"""Per decoder (6 cells, Moving MNIST): laptop, paper; hours on a GPU are estimates, minutes were measured on steps."""

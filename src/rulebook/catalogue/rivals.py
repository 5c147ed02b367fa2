"""VIM's rivals on the same walk: SCOFF and RIM (Table 1, Figure 8), G-SWM and its multi-step variant (Figure 4).

Fair budgets, ``laptop`` and ``paper``: a rival sees at least as many frames as VIM does in its second stage and has at
least as many weights as VIM with 5 modules (so RIM's one cell is wider); SCOFF and RIM start from the same slots.
"""

from __future__ import annotations

from dataclasses import replace

from rulebook.catalogue.slots import LAPTOP_EYE, SMOKE_EYE
from rulebook.catalogue.tree import Catalogue, Entry, Recipe
from rulebook.layers.perception import PerceptionSpec
from rulebook.models.gswm import GSWMSpec
from rulebook.models.scoff import SCOFFSpec
from rulebook.training.config import Profile, Stage, Training
from rulebook.worlds.random_walk import RandomWalk

SLOTS = "slot-ae/atomic"

EYES: dict[Profile, PerceptionSpec] = {"smoke": SMOKE_EYE, "laptop": LAPTOP_EYE, "paper": PerceptionSpec()}

SCOFF_TRAINING: dict[Profile, Training] = {
    "smoke": Training(
        steps=20,
        stages=(Stage(frames=3, batch=4),),
        learning_rate=1e-3,
        warmup=4,
        hold=0.5,
        validate_every=10,
        validation_clips=4,
        log_every=5,
        save_every=10,
    ),
    # 5 predictions per clip, as Table 1 counts them.
    "laptop": Training(
        steps=5200,
        stages=(Stage(frames=6, batch=32),),
        learning_rate=5e-4,
        warmup=200,
        hold=0.1,
        decay="exponential",
        floor=0.03,
        clip_norm=50.0,
        bf16=True,
    ),
    "paper": Training(
        steps=12500,
        stages=(Stage(frames=6, batch=32), Stage(frames=11, batch=32, begin=2500)),
        learning_rate=4e-4,
        warmup=300,
        hold=0.1,
        decay="exponential",
        floor=0.03,
        clip_norm=50.0,
        bf16=True,
    ),
}

DRAWN: dict[Profile, int | None] = {"smoke": 2, "laptop": 3, "paper": None}
"""Predicted frames that SCOFF and RIM draw per clip and step."""


def with_mlp(profile: Profile, fixed: bool) -> Training:
    """SCOFF and RIM with slot attention's MLP. Where every ball has its direction the rate is held for longer: more is
    to be learned there than a mean."""
    changed = {"tamed": True} | ({"hold": 0.5, "decay": "cosine"} if fixed else {})
    return SCOFF_TRAINING[profile].model_copy(update=changed)


def scoff(schemata: int, file: int, *, mlp: bool = False, fixed: bool = False) -> dict[Profile, Recipe]:
    """SCOFF, or RIM where there is one schema, in the three profiles."""
    core = "45" if mlp else "30"
    cost = {
        "smoke": "2 seconds of one core",
        "laptop": f"{core} minutes of one core",
        "paper": "10 minutes of one H200",
    }
    return {
        profile: Recipe(
            SCOFFSpec(
                perception=eye,
                schemata=schemata,
                file=file if profile != "smoke" else 20,
                mlp=mlp,
                drawn_frames=DRAWN[profile],
            ),
            with_mlp(profile, fixed) if mlp else SCOFF_TRAINING[profile],
            seeds=(0,) if profile == "smoke" else (0, 1, 2),
            cost=cost[profile],
            expected="error below a tenth of that of the best deterministic prediction, had these balls moved at random"
            if fixed
            else "error 1.0 to 1.2 times that of the best deterministic prediction",
        )
        for profile, eye in EYES.items()
    }


PAPER_GSWM = GSWMSpec(discovery_dropout=0.9)
"""The authors' sizes. No ball comes or goes on this walk: where half of the clips may discover again in every frame, as
the authors let them, balls are found anew and not followed."""

LAPTOP_GSWM = PAPER_GSWM.model_copy(
    update={"objects": 5, "what": 32, "dyna": 32, "state": 64, "hidden": 64, "width": 16, "glimpse_width": 8}
)
"""Half the authors' widths."""

SMOKE_GSWM = GSWMSpec(objects=4, what=8, dyna=8, state=16, hidden=16, width=4, glimpse=8, glimpse_width=4)


def gswm_training(profile: Profile) -> Training:
    """The authors' curriculum of clip lengths: 2, 4, 6, ... frames, and their clipping of gradients: without it the
    error jumps, and boxes that were right are lost."""
    if profile == "smoke":
        return Training(
            steps=16,
            stages=(Stage(frames=2, batch=8), Stage(frames=3, batch=4, begin=8)),
            learning_rate=1e-3,
            warmup=4,
            hold=0.5,
            validate_every=8,
            validation_clips=4,
            log_every=4,
            save_every=8,
        )
    if profile == "laptop":
        return Training(
            steps=8500,
            stages=(
                Stage(frames=2, batch=32),
                Stage(frames=4, batch=32, begin=1500),
                Stage(frames=6, batch=24, begin=4000),
                Stage(frames=10, batch=12, begin=5800),
            ),
            learning_rate=1e-3,
            warmup=100,
            hold=0.6,
            floor=0.05,
            clip_norm=1.0,
        )
    return Training(
        steps=14000,
        stages=(
            Stage(frames=2, batch=64),
            Stage(frames=4, batch=64, begin=3000),
            Stage(frames=6, batch=64, begin=6000),
            Stage(frames=8, batch=64, begin=9000),
            Stage(frames=10, batch=64, begin=11000),
        ),
        learning_rate=4e-4,
        warmup=300,
        hold=0.6,
        floor=0.05,
        clip_norm=1.0,
    )


def several_training(profile: Profile) -> Training:
    """Several propagations, learned by a model that follows balls with one already. A second one loses them at first;
    boxes and glimpses are known. At half the rate, which decays early."""
    steps: dict[Profile, int] = {"smoke": 8, "laptop": 2000, "paper": 4000}
    stages: dict[Profile, tuple[Stage, ...]] = {
        "smoke": (Stage(frames=3, batch=4),),
        "laptop": (Stage(frames=6, batch=24), Stage(frames=10, batch=12, begin=1000)),
        "paper": (Stage(frames=10, batch=64),),
    }
    one = gswm_training(profile)
    changed = {"steps": steps[profile], "stages": stages[profile], "learning_rate": one.learning_rate / 2, "hold": 0.4}
    return one.model_copy(update=changed)


def gswm(propagations: int) -> dict[Profile, Recipe]:
    """G-SWM in the three profiles; with several propagations the training that follows the one with one."""
    models: dict[Profile, GSWMSpec] = {"smoke": SMOKE_GSWM, "laptop": LAPTOP_GSWM, "paper": PAPER_GSWM}
    cost: dict[Profile, str] = {
        "smoke": "2 seconds of one core",
        "laptop": "50 minutes of one core" if propagations == 1 else "45 minutes of one core",
        "paper": "30 minutes of one H200" if propagations == 1 else "15 minutes of one H200",
    }
    return {
        profile: Recipe(
            model.model_copy(update={"propagations": propagations}),
            gswm_training(profile) if propagations == 1 else several_training(profile),
            seeds=(0,) if profile == "smoke" else (0, 1, 2),
            cost=cost[profile],
            expected="every ball in a box of its own; position error below 1 pixel over 10 frames",
        )
        for profile, model in models.items()
    }


def add_rivals(catalogue: Catalogue) -> None:
    walk, fixed, torus = RandomWalk(), RandomWalk.deterministic(border="reflect"), RandomWalk.deterministic()
    sizes = {"scoff": (5, 80), "rim": (1, 160)}
    pages = {"scoff": ("vim-table-1", "vim-figure-8"), "rim": ("vim-table-1",)}
    # The balls are the same on all walks, and so is what the eye learns from stills.
    for variant, size in sizes.items():
        catalogue.add(Entry("rivals", variant, "atomic", walk, scoff(*size), pages[variant], SLOTS))
        recipes = scoff(*size, mlp=True)
        catalogue.add(Entry("rivals", f"{variant}-mlp", "atomic", walk, recipes, pages[variant], SLOTS))
        recipes = scoff(*size, mlp=True, fixed=True)
        catalogue.add(Entry("rivals", f"{variant}-mlp", "fixed", fixed, recipes, ("fixed-walk",), SLOTS))
    # Beside it, without the MLP and with one seed, a torus, at whose edge balls come apart.
    recipes = {name: replace(recipe, seeds=(0,)) for name, recipe in scoff(*sizes["scoff"]).items()}
    catalogue.add(Entry("rivals", "scoff", "deterministic", torus, recipes, ("fixed-walk",), SLOTS))
    for variant, propagations, before in (("gswm", 1, None), ("gswm-multi", 2, "gswm/atomic")):
        catalogue.add(Entry("rivals", variant, "atomic", walk, gswm(propagations), ("vim-figure-4",), before))

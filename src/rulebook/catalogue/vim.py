"""VIM on the random walk: the number of modules, compositions, border rules, and what the training needs.

All variants of a seed start from a slot autoencoder of that seed (VIM A.2), unless their name says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rulebook.catalogue.slots import FIVE, LAPTOP_EYE, SMOKE_EYE
from rulebook.catalogue.tree import Catalogue, Entry, Recipe
from rulebook.layers.perception import PerceptionSpec
from rulebook.models.vim import VIMSpec
from rulebook.models.vim_dreams import DreamingVIMSpec
from rulebook.models.vim_swaps import SwappingVIMSpec
from rulebook.training.config import Profile, Ramp, Stage, Training
from rulebook.worlds.random_walk import RandomWalk

EYES: dict[Profile, PerceptionSpec] = {"smoke": SMOKE_EYE, "laptop": LAPTOP_EYE, "paper": PerceptionSpec()}

HIDDEN = {1: 641, 2: 320, 4: 160, 5: 128, 7: 91}
"""Modules -> width of a module, so that all modules together have the same number of weights (section 5.1)."""

ERROR = Ramp(first=0.5, last=0.5)
"""Weight of the squared error: a Gaussian observation of unit variance."""


def warm_up(steps: int) -> dict[str, Ramp]:
    """Modules split first, because they are cheap and the Gaussian is dear; then both weigh 1."""
    return {
        "error": ERROR,
        "module_kl": Ramp(first=0.05, last=1, end=steps),
        "gaussian_kl": Ramp(first=10, last=1, end=steps),
    }


DRAWN: dict[Profile, int | None] = {"smoke": 2, "laptop": 3, "paper": None}
"""Frames that are drawn per clip and step."""

TORUS = RandomWalk(border="torus", start_margin=4.0)
"""All four moves are possible everywhere. Balls begin whole: slots are matched to them in the first frame, by centre,
and a ball that lies across the edge has its centre where it is not. Position errors mean nothing here: from the first
crossing on, centres do not wrap."""

PLAIN = {"error": ERROR}
"""The evidence lower bound as the paper prints it."""


def training(profile: Profile, warm: bool = True) -> Training:
    """The schedule of one profile. Clips grow while the learning rate falls: at its peak, every new length undoes what
    the one before has taught."""
    if profile == "smoke":
        return Training(
            steps=24,
            stages=(Stage(frames=3, batch=4), Stage(frames=4, batch=2, begin=12)),
            learning_rate=1e-3,
            warmup=4,
            hold=0.5,
            tamed=True,
            weights=warm_up(12) if warm else PLAIN,
            validate_every=12,
            validation_clips=4,
            log_every=4,
            save_every=8,
        )
    if profile == "laptop":
        return Training(
            steps=5900,
            stages=(
                # Cut from anywhere: where clips begin, balls stand apart, and which slot is whose is never in question.
                Stage(frames=4, batch=32, within=12),
                Stage(frames=6, batch=28, begin=2300, within=14),
                Stage(frames=10, batch=20, begin=2800, within=18),
                Stage(frames=14, batch=14, begin=4500, within=20),
                Stage(frames=20, batch=10, begin=5300),
            ),
            learning_rate=1e-3,
            warmup=200,
            hold=0.2,
            decay="exponential",
            floor=0.05,
            clip_norm=500.0,
            tamed=True,
            weights=warm_up(2000) if warm else PLAIN,
            bf16=True,
        )
    # As many frames as the paper says, from 6 by 2 to 20; the first length longest, as modules have to split in it.
    begins = (0, 3000, 4000, 5000, 6000, 7000, 7700, 8400)
    lengths = tuple(Stage(frames=6 + 2 * i, batch=32, begin=begin) for i, begin in enumerate(begins))
    return Training(
        steps=9000,
        stages=lengths,
        learning_rate=7e-4,
        warmup=300,
        hold=0.25,
        decay="exponential",
        floor=0.03,
        clip_norm=500.0,
        tamed=True,
        weights=warm_up(3000) if warm else PLAIN,
        bf16=True,
    )


DREAMT = {"dream_choice": Ramp(first=1, last=1), "dream_attention": Ramp(first=30, last=30)}
"""Weights of what dreams teach."""

QUERIES = ("perception.attention.to_query", "perception.attention.to_key")
"""Where a slot's claim on a cell is made. Directions of a product of matrices grow in proportion to what they already
are; at the pace of the rest, the last of the three colours would wait for longer than anybody trains."""


def dreaming(profile: Profile) -> Training:
    """The stage in which VIM dreams too, from the weights that the bound alone has made (``models/vim_dreams.py``)."""
    if profile == "smoke":
        short = {"steps": 8, "stages": (Stage(frames=4, batch=2, within=6),), "warmup": 2}
        return training(profile).model_copy(update=short | {"weights": {"error": ERROR, **DREAMT}})
    sizes = {"laptop": (1500, Stage(frames=10, batch=8, within=20)), "paper": (3000, Stage(frames=16, batch=32))}
    steps, stage = sizes[profile]
    return Training(
        steps=steps,
        stages=(stage,),
        learning_rate=2e-4,
        warmup=50,
        hold=0.0,
        floor=0.05,
        clip_norm=500.0,
        tamed=True,
        weights={"error": ERROR, **DREAMT},
        pace={part: Ramp(first=10, last=10) for part in QUERIES},
        bf16=True,
    )


def longer(profile: Profile) -> Training:
    """The stage of dreams without dreams: what as many more steps by the bound alone bring."""
    return dreaming(profile).model_copy(update={"weights": {"error": ERROR}})


def dreaming_on(profile: Profile) -> Training:
    """More dreams, at half the rate, on whole clips: there balls are lost for long. More steps on halves of clips, in
    place of these, were not tried."""
    whole = {
        "smoke": Stage(frames=6, batch=2),
        "laptop": Stage(frames=20, batch=4),
        "paper": Stage(frames=20, batch=24),
    }
    steps = {"smoke": 8, "laptop": 1000, "paper": 2000}[profile]
    change = {"steps": steps, "stages": (whole[profile],), "learning_rate": 1e-4}
    return dreaming(profile).model_copy(update=change)


def dreaming_longer(profile: Profile) -> Training:
    """Twice as many such steps again. With five modules the error on validation clips was still falling at the end of
    the stage before, by a fifth to a third over its last 500 steps."""
    steps = {"smoke": 8, "laptop": 2000, "paper": 4000}[profile]
    return dreaming_on(profile).model_copy(update={"steps": steps})


def brief(profile: Profile, warm: bool = True) -> Training:
    """A shorter schedule, for questions that need many runs: when do modules split, and into what? It ends where balls
    are told apart, and so it is compared with itself alone."""
    full = training(profile, warm)
    if profile == "smoke":
        return full
    if profile == "laptop":
        steps, split = 3200, 1500
        stages = (
            Stage(frames=4, batch=32, within=12),
            Stage(frames=6, batch=28, begin=2200, within=14),
            Stage(frames=10, batch=20, begin=2700, within=18),
        )
    else:
        steps, split = 4500, 2000
        stages = (
            Stage(frames=6, batch=32),
            Stage(frames=8, batch=32, begin=3000),
            Stage(frames=10, batch=32, begin=3800),
        )
    return full.model_copy(
        update={"steps": steps, "stages": stages, "hold": 0.35, "weights": warm_up(split) if warm else PLAIN}
    )


def recipes(
    modules: int,
    iterations: int = 1,
    schedule: Callable[[Profile], Training] = training,
    temperature: float = 1.0,
    seeds: tuple[int, ...] = (0, 1, 2),
) -> dict[Profile, Recipe]:
    """The same model in the three profiles."""
    cost = {"smoke": "4 seconds of one core", "laptop": "35 minutes of one core", "paper": "10 minutes of one H200"}
    expected = "error 7 to 11 over 10 frames with 4 modules or more; interior rule accuracy above 0.9"
    if modules not in (4, 5) or iterations > 1:
        cost |= {"laptop": "45 minutes of one core"}
        expected = "not settled: see the pages on interpretability and compositionality"
    if schedule is not training:
        cost |= {"laptop": "25 minutes of one core", "paper": "5 minutes of one H200"}
        expected = "four rules, if they can be found: accuracy 0.95 where modules are searched by drawing"
    return {
        profile: Recipe(
            VIMSpec(
                perception=eye,
                modules=modules,
                iterations=iterations,
                hidden=HIDDEN[modules] if profile != "smoke" else 16,
                trunk=128 if profile != "smoke" else 16,
                drawn_frames=DRAWN[profile],
                temperature=temperature,
            ),
            schedule(profile),
            seeds=(0,) if profile == "smoke" else seeds,
            cost=cost[profile],
            expected=expected,
        )
        for profile, eye in EYES.items()
    }


def dreams(
    awake: dict[Profile, Recipe],
    schedule: Callable[[Profile], Training],
    laptop: str = "10 minutes of one core",
    paper: str = "5 minutes of one H200",
) -> dict[Profile, Recipe]:
    """A stage of dreams that follows these recipes."""
    cost = {"smoke": "2 seconds of one core", "laptop": laptop, "paper": paper}
    return {
        profile: replace(
            recipe,
            model=DreamingVIMSpec(**recipe.model.model_dump(), dreams=8 if profile == "smoke" else 64),
            training=schedule(profile),
            cost=cost[profile],
        )
        for profile, recipe in awake.items()
    }


SWAPPED = {"swap_error": ERROR}


def swaps(plain: dict[Profile, Recipe]) -> dict[Profile, Recipe]:
    """The same recipes, but that moves change places (``models/vim_swaps.py``)."""
    cost = {"smoke": "4 seconds of one core", "laptop": "45 minutes of one core", "paper": "8 minutes of one H200"}
    return {
        profile: replace(
            recipe,
            model=SwappingVIMSpec(**recipe.model.model_dump()),
            training=recipe.training.model_copy(update={"weights": recipe.training.weights | SWAPPED}),
            cost=cost[profile],
            expected="not settled: see the page on compositionality",
        )
        for profile, recipe in plain.items()
    }


HOT = 3.0
"""Temperature at which choices are mixtures of all modules: what the modules mix to has to reach the longest pairs of
moves and pays for all beyond, so that modules end at the corners, and those are the moves. At 1 they end anywhere."""


def hot(profile: Profile) -> Training:
    """Modules split at a high temperature; here the Gaussian stays dear, as mixtures leave it much to mend."""
    full = training(profile)
    if profile == "smoke":
        return full.model_copy(update={"weights": full.weights | SWAPPED})
    steps = 2000 if profile == "laptop" else 3000
    stage = Stage(frames=4, batch=32, within=12) if profile == "laptop" else Stage(frames=6, batch=32)
    dear = {"module_kl": Ramp(first=0.05, last=0.5, end=steps), "gaussian_kl": Ramp(first=10, last=10)}
    change = {"steps": steps, "stages": (stage,), "hold": 0.6, "weights": {"error": ERROR, **dear, **SWAPPED}}
    return full.model_copy(update=change)


def cooled(profile: Profile) -> Training:
    """What follows at temperature 1: choices become choices, and clips grow."""
    full = training(profile)
    if profile == "smoke":
        return full.model_copy(update={"weights": full.weights | SWAPPED})
    if profile == "laptop":
        steps, cheap = 2800, 500
        stages: tuple[Stage, ...] = (
            Stage(frames=4, batch=32, within=12),
            Stage(frames=6, batch=28, begin=300, within=14),
            Stage(frames=10, batch=20, begin=700, within=18),
            Stage(frames=14, batch=14, begin=1800, within=20),
            Stage(frames=20, batch=10, begin=2400),
        )
    else:
        steps, cheap = 6500, 1000
        begins = (0, 1000, 2000, 3000, 3700, 4400, 5100, 5800)
        stages = tuple(Stage(frames=6 + 2 * i, batch=32, begin=begin) for i, begin in enumerate(begins))
    back = {"module_kl": Ramp(first=0.5, last=1, end=cheap), "gaussian_kl": Ramp(first=10, last=1, end=cheap)}
    change = {"steps": steps, "stages": stages, "weights": {"error": ERROR, **back, **SWAPPED}}
    return full.model_copy(update=change)


def without_dreams(awake: dict[Profile, Recipe]) -> dict[Profile, Recipe]:
    """Their control."""
    cost = {"smoke": "2 seconds of one core", "laptop": "8 minutes of one core", "paper": "4 minutes of one H200"}
    return {profile: replace(recipe, training=longer(profile), cost=cost[profile]) for profile, recipe in awake.items()}


def without_slot_stage(catalogue: Catalogue, profile: Profile, recipe: Recipe) -> Recipe:
    """The recipe over as many more steps as it takes to see the frames of the slot stage too (A.2)."""
    stills = catalogue.entries["slot-ae/atomic"].recipes[profile].training.frames_seen
    seen = recipe.training.frames_seen
    cost = {"smoke": "8 seconds of one core", "laptop": "60 minutes of one core", "paper": "12 minutes of one H200"}
    return replace(recipe, training=recipe.training.stretched((stills + seen) / seen), cost=cost[profile])


def add_vim(catalogue: Catalogue) -> None:
    walk = RandomWalk()
    shown: dict[int, tuple[str, ...]] = {4: ("vim-figure-3", "vim-figure-4"), 5: ("vim-figure-3", "vim-table-1")}
    for modules in (4, 5, 1, 2, 7):
        catalogue.add(
            Entry(
                "vim",
                f"vim-m{modules}",
                "atomic",
                walk,
                recipes(modules),
                shown.get(modules, ("vim-figure-3",)),
                "slot-ae/atomic",
            )
        )
    dreamt = {4: ("vim-figure-2", "vim-figure-5", "vim-figure-7"), 5: ("vim-figure-2", "vim-table-1")}
    for modules, uses in dreamt.items():
        name, made, on = f"vim-m{modules}", dreams(recipes(modules), dreaming), dreams(recipes(modules), dreaming_on)
        catalogue.add(Entry("vim", f"{name}-dreams", "atomic", walk, made, ("interpretability",), f"{name}/atomic"))
        catalogue.add(Entry("vim", f"{name}-dreams-on", "atomic", walk, on, uses, f"{name}-dreams/atomic"))
    longest = dreams(recipes(5), dreaming_longer, "20 minutes of one core", "10 minutes of one H200")
    before = "vim-m5-dreams-on/atomic"
    catalogue.add(Entry("vim", "vim-m5-dreams-longer", "atomic", walk, longest, ("interpretability",), before))
    made = without_dreams(recipes(4))
    catalogue.add(Entry("vim", "vim-m4-longer", "atomic", walk, made, ("interpretability",), "vim-m4/atomic"))
    composed = RandomWalk.compositional(2)
    # Five modules, as printed, can follow pairs without being the moves; four that can are the moves (page 12 counts).
    for modules, uses in ((5, ("vim-figure-6",)), (4, ("identifiability",))):
        made = recipes(modules, iterations=2)
        catalogue.add(Entry("vim", f"vim2-m{modules}", "composed", composed, made, uses, "slot-ae/atomic"))
    catalogue.add(Entry("vim", "vim-m4", "torus", TORUS, recipes(4), ("identifiability",), "slot-ae/torus"))
    add_brief(catalogue)


def add_brief(catalogue: Catalogue) -> None:
    """Border rules, and what the training needs: many runs of the shorter schedule, with a control of its own."""
    walk = RandomWalk()
    control = recipes(4, schedule=brief, seeds=FIVE)
    uses = ("identifiability", "sensitivity")
    catalogue.add(Entry("vim", "vim-m4-brief", "atomic", walk, control, uses, "slot-ae/atomic"))
    worlds = {
        "torus": TORUS,
        "redraw": RandomWalk(border="redraw"),
        "stay": RandomWalk(border="stay"),
        "lattice": RandomWalk(start="lattice"),
    }
    for name, world in worlds.items():
        made = recipes(4, schedule=brief)
        catalogue.add(Entry("vim", "vim-m4-brief", name, world, made, ("identifiability",), "slot-ae/atomic"))
    # The same on the torus, but for stage 1: slots that have met balls in two parts.
    made = recipes(4, schedule=brief)
    catalogue.add(Entry("vim", "vim-m4-brief-own-slots", "torus", TORUS, made, ("identifiability",), "slot-ae/torus"))
    pairs = RandomWalk.compositional(2)
    for modules in (4, 5):
        made = recipes(modules, iterations=2, schedule=brief)
        for name, recipe in ((f"vim2-m{modules}-brief", made), (f"vim2-m{modules}-brief-swaps", swaps(made))):
            catalogue.add(Entry("vim", name, "composed", pairs, recipe, ("identifiability",), "slot-ae/atomic"))
        stage = swaps(recipes(modules, iterations=2, schedule=hot, temperature=HOT))
        then = swaps(recipes(modules, iterations=2, schedule=cooled))
        for name, recipe, before in (("hot", stage, "slot-ae/atomic"), ("cooled", then, "")):
            start = before or f"vim2-m{modules}-swaps-hot/composed"
            name = f"vim2-m{modules}-swaps-{name}"
            catalogue.add(Entry("vim", name, "composed", pairs, recipe, ("identifiability",), start))
        # Dreams are of one module at a time: so the posterior meets the single moves that no clip shows.
        made, name = dreams(recipes(modules, iterations=2), dreaming, "20 minutes of one core"), "swaps-dreams"
        before = f"vim2-m{modules}-swaps-cooled/composed"
        entry = Entry("vim", f"vim2-m{modules}-{name}", "composed", pairs, made, ("identifiability",), before)
        catalogue.add(entry)
    others = {
        "plain-kl": recipes(4, schedule=lambda profile: brief(profile, warm=False), seeds=FIVE),
        "tau0.5": recipes(4, schedule=brief, temperature=0.5),
        "tau2": recipes(4, schedule=brief, temperature=2.0),
    }
    for name, made in others.items():
        entry = Entry("vim", f"vim-m4-brief-{name}", "atomic", walk, made, ("sensitivity",), "slot-ae/atomic")
        catalogue.add(entry)
    made = recipes(4, schedule=brief)
    alone = {profile: without_slot_stage(catalogue, profile, recipe) for profile, recipe in made.items()}
    catalogue.add(Entry("vim", "vim-m4-brief-from-scratch", "atomic", walk, alone, ("sensitivity",)))

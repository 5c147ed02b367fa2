# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   rulebook:
#     writes: [figures/random_walk.png, tables/random_walk.csv, tables/random_walk_floors.csv]
# ---

# %% [markdown]
# # The random walk
#
# The world of VIM {cite}`vim2022`: coloured balls on black, each of which makes one of four moves between two frames.
# It is drawn by the code while you read, without limit and without a download; the same seed gives the same clip on
# every machine. This page is its data card.

# %% tags=["hide-input"]
import pandas as pd
import torch
from IPython.display import HTML

from rulebook.clips import MOVES
from rulebook.figures.strips import Row, film_strip
from rulebook.figures.style import save, use_house_style
from rulebook.registry import dump
from rulebook.results import Results
from rulebook.worlds.floors import mean_next_frame, next_frame_floor
from rulebook.worlds.random_walk import RandomWalk, spec_digest

use_house_style()
results = Results()
forms = {
    "atomic": RandomWalk.atomic(),
    "compositional, 2 moves": RandomWalk.compositional(2),
    "compositional, 1 to 5 moves": RandomWalk.compositional(1, 5),
    "unseen attributes": RandomWalk.ood_attributes(),
    "deterministic, reflect": RandomWalk.deterministic(border="reflect"),
    "deterministic, torus": RandomWalk.deterministic(),
}

# %% [markdown]
# ## Its forms
#
# *Atomic* is what most models train on. *Compositional* makes several moves between two frames, of which only the sum
# is seen. *Unseen attributes* has shapes, sizes and colours that never occur in training. In the *deterministic* forms
# every colour has its direction, so the next frame can be known: with *reflect* balls turn back at the border (the
# world `fixed` of {doc}`20_rivals`), on a *torus* they leave on one side and come in on the other.

# %% tags=["hide-input"]
rows = [Row(name, world.sample(1, seed=3, length=10, split="test").frames[0]) for name, world in forms.items()]
figure = film_strip(rows)

# %% tags=["remove-cell"]
strip = film_strip([Row("", forms["atomic"].sample(1, seed=3, length=10, split="test").frames[0])])
save(strip, results.folder / "figures" / "random_walk.png")

# %% [markdown]
# ## What a clip knows
#
# Beside the frames, a clip holds the truth behind them: positions, every atomic move, depth order, colours, shapes,
# radii, and a mask for each ball. Below, one ball of the first clip, step by step.

# %% tags=["hide-input"]
clip = forms["atomic"].sample(256, seed=3, length=10, split="test")
truth = pd.DataFrame(
    {
        "frame": range(clip.length - 1),
        "x (pixels)": clip.positions[0, :-1, 0, 0].double().numpy().round(1),
        "y (pixels)": clip.positions[0, :-1, 0, 1].double().numpy().round(1),
        "move": [MOVES[move] for move in clip.moves[0, :, 0, 0].tolist()],
        "all four moves possible": clip.free[0, :, 0].tolist(),
    }
).set_index("frame")
truth

# %% [markdown]
# Moves are uniform where all four are possible. At the border, one that would leave the frame is replaced by its
# opposite (`border: reflect`), and a share of all ball-steps is of that kind: measures of rules are given with and
# without them.

# %% tags=["hide-input"]
shares = pd.DataFrame(
    {
        "share of all ball-steps": torch.bincount(clip.moves.flatten(), minlength=4) / clip.moves.numel(),
        "share where all are possible": torch.bincount(clip.moves[clip.free].flatten(), minlength=4)
        / clip.moves[clip.free].numel(),
    },
    index=MOVES,
)
print(f"All four moves are possible in {clip.free.float().mean():.2f} of ball-steps.")
shares.round(2)

# %% [markdown]
# ## How well can it be predicted?
#
# A model that names *one* next frame cannot know which of the four moves comes. The best that it can do is the mean
# over all of them, and the error which that leaves can be computed from the positions by going through all moves: a
# floor under every deterministic model, in the unit of VIM's Table 1 (squared error summed over pixels and channels).
# VIM's paper does not give it. Beside it: the error of saying that nothing moves. The floor is exact for every state;
# its mean over clips is an estimate with a standard error, so on other test clips, as on {doc}`11_interpretability` and
# {doc}`20_rivals`, it comes out a little higher or lower.

# %% tags=["hide-input"]
floors = {name: next_frame_floor(world, clips=128, length=6) for name, world in forms.items()}
floor_table = pd.DataFrame(
    [
        {
            "form": name,
            "best deterministic (error per frame)": floor.mean_move,
            "standard error": floor.mean_move_se,
            "copy the last frame (error per frame)": floor.copy_last,
        }
        for name, floor in floors.items()
    ]
).set_index("form")
# A floor of zero is a difference of equal sums: some 1e-16, of either sign, as the processor rounds.
floor_table = floor_table.round(4) + 0.0
results.save_table("random_walk_floors", floor_table.reset_index())
floor_table.round(1)

# %% [markdown]
# What the best deterministic prediction looks like: four faint balls for each one that may move.

# %% tags=["hide-input"]
world, few = forms["atomic"], forms["atomic"].sample(1, seed=3, length=10, split="test")
means = torch.stack([mean_next_frame(world, few, t)[0] for t in range(few.length - 1)])
figure = film_strip([Row("next frame", few.frames[0, 1:]), Row("best single guess", means)])

# %% [markdown]
# ## The settings
#
# Every field has a default and a check that refuses what is impossible, in a sentence.

# %% tags=["hide-input"]
fields = RandomWalk.model_fields
settings = pd.DataFrame(
    [
        {
            "field": name,
            "default": str(dump(forms["atomic"])[name]),
            "meaning": " ".join((fields[name].description or "").split()),
        }
        for name in fields
    ]
)
results.save_table("random_walk", settings)
HTML(settings.to_html(index=False, justify="left"))

# %% [markdown]
# ## Checksums
#
# The sha256 of the first test clips of every form: if yours is another, your clips are not these.

# %% tags=["hide-input"]
digests = {name: f"<code>{spec_digest(world)}</code>" for name, world in forms.items()}
HTML(pd.DataFrame({"sha256": digests}).to_html(escape=False, justify="left"))

# %% [markdown]
# Remake this page: `rulebook notebooks 00_random_walk --force`.

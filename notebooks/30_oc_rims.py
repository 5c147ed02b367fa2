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
#     writes: [figures/rims.svg, figures/oc_rims.svg, tables/oc_rims_hyperparameters.csv, tables/oc_rims_costs.csv]
# ---

# %% [markdown]
# # RIMs and OC-RIMs: the models
#
# What the models of the thesis {cite}`lin2022` are made of: its two diagrams drawn anew, its tables of layers and
# settings read off the models that run here, and what every row of its result tables costs.

# %% tags=["hide-input"]
from IPython.display import SVG, display

from rulebook.catalogue import CATALOGUE
from rulebook.figures.diagrams import as_svg
from rulebook.figures.style import use_house_style
from rulebook.figures.thesis_diagrams import modular_network, oc_rims_overview
from rulebook.publishing.pages import say
from rulebook.publishing.thesis_layers import encoder_table
from rulebook.publishing.thesis_printed import AUTHOR_PARAMETERS, architectures, costs, hyperparameters
from rulebook.publishing.thesis_tables import differing, styled
from rulebook.results import Results

use_house_style()
results = Results()


def shown(figure, name):
    """A drawing on the page, and in results/figures for those who want it elsewhere."""
    drawing = as_svg(figure)
    path = results.folder / "figures" / f"{name}.svg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(drawing)
    display(SVG(drawing))


# %% [markdown]
# ## RIMs: cells that compete for what is seen
#
# A frame becomes one vector $x_t$. Cells look at it, and at a row of zeros: whoever looks at the zeros most is idle
# and keeps its state. The active cells step, each with a GRU of its own, and listen to each other. One decoder draws
# the next frame from all states together.

# %% tags=["hide-input", "exhibit:oc-rims-figure-3-1"]
shown(modular_network(), "rims")

# %% [markdown]
# ## OC-RIMs: a slot in front, a picture behind
#
# One vector holds the whole scene; scaled differently, it is all that the cells of RIMs can get. OC-RIMs give them
# slots to choose from, found afresh in every frame, and have each cell draw a picture of its own and a mask that says
# where it is seen. Masks add up to one at every pixel. Two cells may choose the same slot: their pictures then share
# the object.

# %% tags=["hide-input", "exhibit:oc-rims-figure-3-2"]
shown(oc_rims_overview(), "oc_rims")

# %% [markdown]
# ## Table 3.1: who is built how
#
# Read off the models as they are built here. *Object-centric SCOFF* (section 3.5 of the thesis) shares a few GRUs
# between all its object files, where RIMs have one for every cell.

# %% tags=["hide-input", "exhibit:oc-rims-table-3-1"]
styled(architectures(), "architectures")

# %% [markdown]
# ## Table 4.1: hyperparameters
#
# What the thesis prints, what its author's public code does, and what the catalogue of this book says in its two
# profiles. Bold: ours differs from the thesis. *Laptop* is what one core can train within half an hour. All rows of a
# table train on the same clips for as many steps (the sweep for half of them); two things differ besides the model, the
# frames drawn per step and how loud inputs are at the start ({doc}`../../differences`, D27).

# %% tags=["hide-input", "exhibit:oc-rims-table-4-1"]
settings = hyperparameters()
_ = results.save_table("oc_rims_hyperparameters", settings)
differing(styled(settings, "settings"), "thesis", "ours, paper", "ours, laptop")

# %% [markdown]
# ## Layers of the encoders
#
# The encoders of profile `paper` are run on noise; what happened between two layers is found in the numbers. On the
# right the line that the thesis prints. LayerNorms are over all of a picture and have no weights, as in the author's
# code.
#
# ### Table A.1: a frame becomes a vector (GRU, RIMs)

# %% tags=["hide-input", "exhibit:oc-rims-table-a-1"]
styled(encoder_table("Table A.1"), "a1")

# %% [markdown]
# ### Table A.2: a frame becomes a feature map (slots, FF)

# %% tags=["hide-input", "exhibit:oc-rims-table-a-2"]
styled(encoder_table("Table A.2"), "a2")

# %% [markdown]
# The thesis prints a Flatten where SpatialFlatten has left nothing to flatten, and one Linear. Its author's code has
# two Linears and a LayerNorm before them, and so has ours: with one, the numbers of parameters below would not agree.

# %% [markdown]
# ## What every row costs
#
# Parameters, and multiply-adds per predicted frame (matrix products and convolutions, forwards), of every entry of the
# catalogue for this thesis, counted on the model that the entry builds. Rows with fewer *active* cells cost the same:
# idle cells are computed and not used.

# %% tags=["hide-input"]
table = costs()
_ = results.save_table("oc_rims_costs", table)
costly = table.drop(columns="entry").assign(world=table["world"].str.removeprefix("moving-"))
styled(costly, "costs").format(thousands=",", na_rep="-")

# %% tags=["hide-input"]
known = table.dropna(subset=["parameters, author's code"])
more = (known["parameters, paper"] - known["parameters, author's code"]).tolist()
norms = 6 * CATALOGUE.entries["oc-rims-bcd-6-3/moving-mnist"].recipes["paper"].model.slot_dim
cells = table.set_index("entry")["parameters, paper"]
say(
    f"{len(AUTHOR_PARAMETERS)} models were counted in the author's code.",
    f"{more.count(0)} of ours have exactly as many parameters; {more.count(norms)} have {norms} more: the weights of"
    " three LayerNorms inside slot attention, which Locatello et al. have and the author's code leaves out.",
    "Object-centric SCOFF differs for good: the author's code has gated attentions with values of another size, ours is"
    " what the thesis prints (3.24 to 3.28).",
)
say(
    "The winner of the thesis is not the largest model: with a component-wise decoder OC-RIMs have"
    f" {cells['oc-rims-bcd-6-3/moving-mnist'] / cells['gru-cat/moving-mnist']:.0%} of the GRU's parameters. It pays in"
    " arithmetic, since every cell draws a whole picture."
)

# %% [markdown]
# Remake this page: `rulebook notebooks 30_oc_rims --force`.

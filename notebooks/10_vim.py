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
#     writes: [figures/vim.svg, tables/vim_parameters.csv]
# ---

# %% [markdown]
# # VIM: the model
#
# What VIM {cite}`vim2022` is made of: its Figure 1 drawn anew, and its Tables 2 to 4 computed from the modules that
# run, beside what the paper prints. The code is read line by line in {doc}`../../vim_code`.

# %% tags=["hide-input"]
import pandas as pd
from IPython.display import SVG, display

from rulebook.catalogue import CATALOGUE
from rulebook.figures.diagrams import as_svg, vim_overview
from rulebook.figures.style import use_house_style
from rulebook.publishing.layer_tables import beside, vim_tables
from rulebook.publishing.pages import say
from rulebook.results import Results

use_house_style()
results = Results()

# %% [markdown]
# ## How it works
#
# A frame becomes slots. Every module proposes a next state for every slot; one of them is selected, and decides where
# the slot goes. A Gaussian update $z$ may add what no module explains. *Prior* and *posterior* differ in what they
# look at: the posterior's query is made from what the slot sees of the next frame, $\hat{x}$, instead of the slot
# itself, and its Gaussian reads $\hat{x}$ too. Each has networks of its own, for keys, queries and Gaussian.

# %% tags=["hide-input", "exhibit:vim-figure-1"]
drawing = as_svg(vim_overview())
path = results.folder / "figures" / "vim.svg"
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text(drawing)
display(SVG(drawing))

# %% [markdown]
# Red is the path of the chosen module. Generation follows the dashed query, inference the solid one, from what the
# slot reads of the next frame. That the posterior's Gaussian reads it as well is not drawn.

# %% [markdown]
# ## Its layers
#
# The model of profile `paper` is built and run once on noise. Every layer that was called is a row; whether a ReLU
# followed is read off the numbers that the next layer received. On the right: the row that the paper prints.
# Why some rows differ: {doc}`../../differences`.

# %% tags=["hide-input"]
spec = CATALOGUE.entries["vim-m5/atomic"].recipes["paper"].model
world = CATALOGUE.entries["vim-m5/atomic"].world
tables = {
    name: beside(*both) for name, both in vim_tables(spec.build(world.frame_shape).eval(), world.frame_shape).items()
}


def shown(name):
    """The table with the rows that differ from the paper in bold, and how many rows those are."""
    table = tables[name]

    def bold(row):
        return ["" if row["difference"] == "same" else "font-weight: bold"] * len(row)

    display(table.style.hide(axis="index").apply(bold, axis=1).set_uuid(name.replace(" ", "")))
    same = int((table["difference"] == "same").sum())
    say(f"{same} of {len(table)} rows are as printed; the others are in bold.")


# %% [markdown]
# ### Table 2: encoder

# %% tags=["hide-input", "exhibit:vim-table-2"]
shown("Table 2")

# %% [markdown]
# ### Table 3: broadcast decoder

# %% tags=["hide-input", "exhibit:vim-table-3"]
shown("Table 3")

# %% [markdown]
# ### Table 4: transition modules

# %% tags=["hide-input", "exhibit:vim-table-4"]
shown("Table 4")

# %% [markdown]
# ## As many weights, however many modules
#
# Figure 3 compares models with 1 to 7 modules. So that it compares numbers of modules and not of weights, a module is
# the wider the fewer there are ("larger per-module capacity", section 5.1).

# %% tags=["hide-input"]
rows = []
for modules in (1, 2, 4, 5, 7):
    for profile in ("laptop", "paper"):
        chosen = CATALOGUE.entries[f"vim-m{modules}/atomic"].recipes[profile].model
        model = chosen.build(world.frame_shape)
        ours = [*model.transition.first.parameters(), *model.transition.second.parameters()]
        rows.append(
            {
                "modules": modules,
                "profile": profile,
                "hidden width of a module": chosen.hidden,
                "weights in all modules": sum(weight.numel() for weight in ours),
                "weights in the whole model": sum(weight.numel() for weight in model.parameters()),
            }
        )
parameters = pd.DataFrame(rows).sort_values(["profile", "modules"], ignore_index=True)
results.save_table("vim_parameters", parameters)
parameters.style.hide(axis="index").set_uuid("parameters")

# %% tags=["hide-input"]
spread = {
    profile: rows["weights in the whole model"].max() / rows["weights in the whole model"].min() - 1
    for profile, rows in parameters.groupby("profile")
}
say(
    "Largest against smallest model: "
    + ", ".join(f"{100 * value:.2f} % more weights (`{profile}`)" for profile, value in spread.items())
    + "."
)

# %% [markdown]
# Remake this page: `rulebook notebooks 10_vim --force`.

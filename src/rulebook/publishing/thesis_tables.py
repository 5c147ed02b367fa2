"""Rows of the thesis's tables: its value beside ours and every seed, what a model costs, what takes no learning.

Columns: ``MSE`` is the squared error of predicted frames 10 to 19, summed over the pixels of the profile's frames;
``at 64×64`` the same of those frames enlarged to the thesis's size, each pixel a square: so many times the error as
there are more pixels. Only that column has the unit of the thesis's numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from pandas.io.formats.style import Styler

from rulebook.catalogue import CATALOGUE
from rulebook.catalogue.oc_rims import MNIST_ROWS, SINGLE_NORM_ROWS, SPRITES_ROWS
from rulebook.claims.claim import number
from rulebook.claims.rules import Summary
from rulebook.models.conv_lstm import ConvLSTMSpec
from rulebook.models.gru import GRUSpec
from rulebook.models.next_frame import NextFrameSpec
from rulebook.models.oc_rims import OCRIMsSpec
from rulebook.models.rims import RIMsSpec
from rulebook.publishing.pages import Shelf, neat
from rulebook.publishing.values import rounded
from rulebook.results import Results, Run

THESIS_SIZE = 64
"""Height and width of the thesis's frames."""

FLOORS = {
    "black": "black",
    "mean_frame": "the mean frame",
    "copy_last": "copy of frame 9",
    "tracker": "constant-velocity tracker",
}
"""Suffix of the metrics -> what is predicted without learning; the tracker knows what no learner is told."""

THESIS: dict[str, dict[str, float]] = {
    f"{row.variant}/{row.world}": dict(zip(("mse", "ssim"), row.thesis, strict=True))
    for row in (*MNIST_ROWS, *SPRITES_ROWS)
    if row.thesis
}
"""Entry -> what the thesis prints, by metric."""

SCORES = {"mse": "MSE", "ssim": "SSIM", "f1": "F1"}
MISSING = "not trained yet"
FIRST_PREDICTED = 10
"""Frames are counted from 0, and the first ten are given."""
PROSE = ("the claim", "because")
"""Columns that hold sentences."""


class OneProfile(Shelf):
    """Runs that stand side by side in one table or figure: all of one profile, since frames differ in size.

    It is the profile in which most of the entries have runs: 'paper' where both have as many.
    """

    def __init__(self, results: Results, *entries: str):
        super().__init__(results, *entries)
        counts = {one: sum(bool(self._found(entry, one)) for entry in entries) for one in ("paper", "laptop")}
        self.profile = max(counts, key=lambda one: counts[one])

    def runs(self, entry: str) -> list[Run]:
        if entry not in self._runs:
            self._runs[entry] = self._found(entry, self.profile)
        return self._runs[entry]

    def _found(self, entry: str, profile: str) -> list[Run]:
        return [run for run in self.results.of(entry, profile) if run.metrics and run.finished]

    def left_out(self) -> str:
        """A sentence that names the runs of the other profile; empty if there are none."""
        other = "laptop" if self.profile == "paper" else "paper"
        names = [f"`{entry}`" for entry in self.entries if self._found(entry, other)]
        return f"Not shown beside them: runs of profile `{other}` of {', '.join(names)}." if names else ""


# ---- What a model is called -----------------------------------------------------------------------------------------


def described(entry: str) -> dict[str, str]:
    """Model, decoder and numbers of modules of a catalogue entry, as the thesis's tables have them."""
    row = _described(entry)
    laptop = CATALOGUE.entries[entry].recipes["laptop"].model
    assert isinstance(laptop, NextFrameSpec)
    ways = {"-led/": " (Adam leads)", "-proportion/": " (in proportion)"}
    how = next((way for mark, way in ways.items() if mark in entry), "")
    how = " (plain)" if laptop.begin_with != "signal" else how
    return row | {"model": row["model"] + how}


def _described(entry: str) -> dict[str, str]:
    recipes = CATALOGUE.entries[entry].recipes
    spec = recipes.get("paper", recipes["laptop"]).model
    if isinstance(spec, ConvLSTMSpec):
        return {"model": "ConvLSTM", "decoder": "-", "modules": "-"}
    if isinstance(spec, GRUSpec):
        return {"model": "GRU", "decoder": "CAT", "modules": "-"}
    assert isinstance(spec, RIMsSpec | OCRIMsSpec), f"{entry} is not a model of the thesis."
    cells = spec.cells
    count = str(cells.cells) if cells.active is None else f"{cells.active} / {cells.cells}"
    if isinstance(spec, RIMsSpec):
        return {"model": "RIMs", "decoder": "CAT", "modules": count}
    name = "OC-SCOFF" if cells.schemata else "OC-RIMs"
    name += "" if spec.inputs == "slots" else " (FF)"
    name += "" if cells.renormalise else ", one normalisation"
    usual = OCRIMsSpec()
    name += "" if spec.slot_dim == usual.slot_dim else f", slots of {spec.slot_dim}"
    name += "" if cells.value == usual.cells.value else f", values of {cells.value}"
    modules = f"{count}, {spec.slots}" if spec.inputs == "slots" else count
    return {"model": name, "decoder": spec.decoder.upper(), "modules": modules}


def label(entry: str) -> str:
    """'OC-RIMs BCD 6, 3': a model in a legend."""
    return " ".join(part for part in described(entry).values() if part != "-")


# ---- Rows ------------------------------------------------------------------------------------------------------------


def line(
    shelf: Shelf,
    entry: str,
    *,
    suffix: str = "",
    thesis: Mapping[str, float] | None = None,
    name: str | None = None,
    costs: bool = True,
) -> dict[str, Any]:
    """One row of a table of predictions: the thesis's values, ours, every seed, costs; '-' where there is no run.

    ``suffix``: of the metrics ('_dense_test'); ``thesis``: its values where they are not those of the entry's row;
    ``name``: of the model, where the entry's does not say it.
    """
    printed = THESIS.get(entry, {}) if thesis is None and not suffix else (thesis or {})
    found = {metric: list(shelf.by_seed(entry, f"{metric}{suffix}").values()) for metric in SCORES}
    row: dict[str, Any] = described(entry) | ({"model": name} if name else {})
    row |= _scores(found, printed, enlargement(shelf, entry))
    if costs:
        row |= {"weights": _cost(shelf, entry, "parameters"), "multiply-adds": _cost(shelf, entry, "multiply_adds")}
    runs = shelf.runs(entry)
    return row | {"profile": runs[0].profile if runs else MISSING}


def floor_lines(shelf: Shelf, *entries: str) -> list[dict[str, Any]]:
    """What takes no learning, on the same clips: one row per floor and profile, from the first run that knows it."""
    rows, told = [], set()
    for entry in entries:
        for run in shelf.runs(entry)[:1]:
            for suffix, name in FLOORS.items():
                known = f"mse_{suffix}" in run.metrics and (run.world, run.profile, suffix) not in told
                if known:
                    told.add((run.world, run.profile, suffix))
                    found = {metric: [number(run.metrics[f"{metric}_{suffix}"]["value"])] for metric in SCORES}
                    scores = _scores(found, {}, enlargement(shelf, entry)) | {"every seed": "-"}
                    blank = {"decoder": "-", "modules": "-"}
                    costs = {"weights": "-", "multiply-adds": "-"}
                    kind = "told the laws" if suffix == "tracker" else "no learning"
                    rows.append({"model": f"{kind}: {name}", **blank, **scores, **costs, "profile": run.profile})
    return rows


def prediction_table(shelf: Shelf, *entries: str, floors: bool = True) -> pd.DataFrame:
    """One line per model, in this order; then the floors. What has no run is a row that says so."""
    rows = [line(shelf, entry) for entry in entries]
    return pd.DataFrame(rows + (floor_lines(shelf, *entries) if floors else []))


def enlargement(shelf: Shelf, entry: str) -> float:
    """How many pixels of a thesis frame one pixel of these runs stands for."""
    for run in shelf.runs(entry)[:1]:
        return (THESIS_SIZE / run.config["world"]["size"]) ** 2
    return float("nan")


def _scores(found: Mapping[str, list[float]], printed: Mapping[str, float], factor: float) -> dict[str, str]:
    """The columns of MSE, SSIM and F1."""
    errors, mean = found["mse"], {metric: _mean(values) for metric, values in found.items()}
    return {
        "MSE, thesis": _printed(printed.get("mse"), 2),
        "at 64×64": _shown(mean["mse"] * factor if errors else None),
        "MSE": _shown(mean["mse"] if errors else None),
        "every seed": ", ".join(rounded(value) for value in errors) or "-",
        "SSIM, thesis": _printed(printed.get("ssim"), 4),
        "SSIM": _shown(mean["ssim"] if found["ssim"] else None),
        "F1": _shown(mean["f1"] if found["f1"] else None),
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def _shown(value: float | None) -> str:
    return "-" if value is None else rounded(value)


def _printed(value: float | None, decimals: int) -> str:
    """As many decimals as the thesis prints."""
    return "-" if value is None else f"{value:.{decimals}f}"


def _cost(shelf: Shelf, entry: str, metric: str) -> str:
    found = list(shelf.by_seed(entry, metric).values())
    return millions(found[0]) if found else "-"


def millions(value: float) -> str:
    """'1.47 M'."""
    return f"{rounded(value / 1e6)} M"


def styled(table: pd.DataFrame, name: str) -> Styler:
    """A neat table, folded to the width of a page, its sentences to the left."""
    table = folded(table)
    words = [column for column in table.columns if column in PROSE]
    style = neat(table, name)
    left = [{"selector": "", "props": [("text-align", "left")]}]
    return style.set_table_styles(dict.fromkeys(words, left), overwrite=False) if words else style


def folded(table: pd.DataFrame) -> pd.DataFrame:
    """A table of predictions with fewer columns, as pages have room for: the parts of a model in one, and below the
    mean of MSE every seed, where there are several. Files of tables keep all columns."""
    if not {"model", "decoder", "modules", "MSE", "every seed"} <= set(table.columns):
        return table

    def parts(row: pd.Series) -> str:
        return " ".join(part for part in (row["decoder"], row["modules"]) if part != "-") or "-"

    def error(row: pd.Series) -> str:
        return f"{row['MSE']}<br><small>{row['every seed']}</small>" if "," in row["every seed"] else row["MSE"]

    table = table.assign(decoder=table.apply(parts, axis=1), MSE=table.apply(error, axis=1))
    return table.drop(columns=["modules", "every seed"]).rename(columns={"decoder": "decoder, modules"})


def differing(style: Styler, reference: str, *columns: str) -> Styler:
    """Cells of these columns in bold where they do not say what the reference column says."""

    def bold(row: pd.Series) -> list[str]:
        return ["font-weight: bold" if name in columns and row[name] != row[reference] else "" for name in row.index]

    return style.apply(bold, axis=1)


# ---- Which of two is better, and what is judged ----------------------------------------------------------------------


def compared(shelf: Shelf, metric: str, entry: str, other: str) -> str:
    """'12.3 against 15.1, 95 % intervals apart', or what keeps it from being said."""
    mine, theirs = (list(shelf.by_seed(one, metric).values()) for one in (entry, other))
    if not mine or not theirs:
        absent = entry if not mine else other
        return f"not to be said yet: `{absent}` has no such number"
    profiles = {shelf.runs(one)[0].profile for one in (entry, other)}
    if len(profiles) > 1:
        return "not to be said yet: the runs are of different profiles"
    a, b = Summary.of(mine), Summary.of(theirs)
    if a.low is None or b.low is None:
        apart = "one seed is no interval"
    else:
        apart = "95 % intervals apart" if a.below(b) or b.below(a) else "95 % intervals overlap"
    return f"{rounded(a.mean)} against {rounded(b.mean)}, {apart}"


def scale_of(shelf: Shelf) -> str:
    """What must be known to hold MSE against the thesis's numbers."""
    for entry in shelf.entries:
        for run in shelf.runs(entry)[:1]:
            size, factor = run.config["world"]["size"], enlargement(shelf, entry)
            if factor == 1:
                return f"Frames have the thesis's size, {size}×{size}."
            return (
                f"Frames are {size}×{size} here. *At 64×64* is the error of the same frames enlarged to the thesis's"
                f" size: {factor:g} times as many pixels."
            )
    return ""


def against_floors(shelf: Shelf, *entries: str) -> str:
    """Whether every model beats copying frame 9 and the mean frame, over all predicted frames and frame by frame."""
    known, lost = 0, []
    for entry in entries:
        errors = shelf.by_seed(entry, "mse")
        for suffix in ("copy_last", "mean_frame"):
            level = shelf.by_seed(entry, f"mse_{suffix}")
            seeds = errors.keys() & level.keys()
            above = [seed for seed in seeds if not errors[seed] < level[seed]]
            known += len(seeds)
            if above:
                lost.append(f"{label(entry)} against {FLOORS[suffix]} ({len(above)} of {len(seeds)} seeds)")
    if not known:
        return ""
    if not lost:
        return " ".join(
            (
                "Over all predicted frames every model, with every seed, beats copying frame 9 and the mean frame.",
                _late(shelf, *entries),
            )
        ).strip()
    return "**Not every model beats copying frame 9 and the mean frame.** Beaten are: " + "; ".join(lost) + "."


def _late(shelf: Shelf, *entries: str) -> str:
    """From which frame on the mean frame is nearer, where it is: there a prediction in doubt costs more than none."""
    told = []
    for entry in entries:
        errors, levels = (shelf.by_seed(entry, f"mse{suffix}_by_frame") for suffix in ("", "_mean_frame"))
        firsts = [
            frame
            for seed in errors.keys() & levels.keys()
            for frame, (error, level) in enumerate(zip(errors[seed], levels[seed], strict=True), FIRST_PREDICTED)
            if error > level
        ]
        if firsts:
            told.append(f"{label(entry)} from frame {min(firsts)} on")
    if not told:
        return ""
    return f"Frame by frame, in one seed at least, the mean frame has less error than {'; '.join(told)}."


def broken(shelf: Shelf, *entries: str) -> str:
    """Names the runs in whose training the loss jumped up and stayed there; empty if there are none."""
    names = [
        f"{label(entry)} (seed {seed})"
        for entry in entries
        for seed, jumped in shelf.by_seed(entry, "loss_jump").items()
        if jumped
    ]
    if not names:
        return ""
    return (
        f"**Broke in training: {', '.join(names)}.** The training loss jumped up and stayed there; the numbers"
        " are those of the last step, as for every run, and say more of this accident than of the model."
    )


def single_norm_pairs() -> dict[str, str]:
    """Entry with both normalisations of the input attention -> the same with the first alone (thesis 4.3)."""
    names = [f"{row.variant}/{row.world}" for row in SINGLE_NORM_ROWS]
    return {name.replace("-single-norm", ""): name for name in names}

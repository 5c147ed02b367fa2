"""Every figure and table of the papers: where the book shows it, and whether it really does.

An exhibit is 'computed' only if the page holds it: a cell tagged ``exhibit:<id>`` whose output is an image or a
table, in the built page where there is one, else in the executed notebook from which that page will be built.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from rulebook.catalogue import CATALOGUE

Status = Literal["computed", "to come"]
TAG = "exhibit:"

_DRAWN = ("image/png", "image/svg+xml", "image/jpeg")


@dataclass(frozen=True)
class Exhibit:
    """One figure or table of a paper."""

    id: str
    paper: str
    label: str
    """As the paper calls it: 'Figure 2'."""
    caption: str
    """What it shows, in our own words."""
    notebook: str
    """Stem of the notebook that computes it."""

    @property
    def page(self) -> str:
        """The page of the book that its notebook becomes."""
        return f"results/notebooks/{self.notebook}"

    @property
    def runs(self) -> list[str]:
        """Catalogue entries whose runs it needs."""
        return [key for key, entry in CATALOGUE.entries.items() if self.id in entry.needed_by]


def _all(paper: str, rows: str) -> list[Exhibit]:
    """One exhibit per line: label | notebook | caption."""
    exhibits = []
    for line in rows.strip().splitlines():
        label, notebook, caption = (part.strip() for part in line.split("|"))
        slug = label.lower().replace(" ", "-").replace(".", "-")
        exhibits.append(Exhibit(f"{paper}-{slug}", paper, label, caption, notebook))
    return exhibits


VIM_EXHIBITS = _all(
    "vim",
    """
    Figure 1 | 10_vim              | How VIM works: slots, selection of modules, transition, mixture decoder
    Figure 2 | 11_interpretability | Which module explains which move, and one module applied again and again
    Figure 3 | 11_interpretability | Error and KL against the number of modules, and who takes which move
    Figure 4 | 20_rivals           | Tracking of unseen compositions: VIM and G-SWM, one step and several
    Figure 5 | 12_compositionality | Position error per selection-update iteration, and the frame at each
    Figure 6 | 12_compositionality | Moves and modules of VIM-2, trained on compositions only
    Figure 7 | 13_transfer         | Moves read off unseen objects, applied to known balls
    Figure 8 | 20_rivals           | SCOFF's prediction: the mean over all moves
    Table 1  | 20_rivals           | Reconstruction error over 5 frames: RIM, SCOFF, VIM, and the exact floor
    Table 2  | 10_vim              | Layers of the encoder
    Table 3  | 10_vim              | Layers of the broadcast decoder
    Table 4  | 10_vim              | Layers of the transition modules
    """,
)

OC_RIMS_EXHIBITS = _all(
    "oc-rims",
    """
    Figure 3.1  | 30_oc_rims    | A modular network for video prediction
    Figure 3.2  | 30_oc_rims    | OC-RIMs: slot attention in front of the cells, one picture per cell behind them
    Table 3.1   | 30_oc_rims    | Architectures compared: GRU, RIMs, VIMs, OC-RIMs
    Table 4.1   | 30_oc_rims    | Hyperparameters: thesis, author's code, ours
    Figure 4.1  | 31_prediction | Training and validation loss on Moving MNIST (thesis: test)
    Figure 4.2  | 31_prediction | Training and validation loss on Moving Sprites (thesis: test)
    Figure 4.3  | 31_prediction | Predicted frames on Moving MNIST: GRU, RIMs, OC-RIMs
    Table 4.2   | 31_prediction | Prediction error on Moving MNIST
    Figure 4.4  | 31_prediction | Predicted frames on Moving Sprites: GRU, RIMs, OC-RIMs
    Table 4.3   | 31_prediction | Prediction error on Moving Sprites
    Figure 4.5  | 32_objects    | The picture of each cell on Moving MNIST
    Figure 4.6  | 32_objects    | The picture of each cell on Moving Sprites, under its mask
    Figure 4.7  | 32_objects    | The same without the mask: hidden parts completed
    Table 4.4   | 32_objects    | How long a cell follows one object
    Table 4.5   | 33_ablations  | Numbers of cells and slots, decoders, on Moving MNIST
    Table 4.6   | 33_ablations  | Numbers of cells and slots, decoders, on Moving Sprites
    Figure 4.8  | 33_ablations  | Which cell attends to which slot
    Figure 4.9  | 33_ablations  | Which cells are active over time
    Table 4.7   | 33_ablations  | Number of active cells, OC-RIMs
    Table 4.8   | 33_ablations  | Number of active cells, RIMs; trained sparse and tested dense
    Figure 4.10 | 33_ablations  | How much the prediction hangs on each cell over time
    Figure 4.11 | 33_ablations  | Where each slot looks
    Figure 4.12 | 33_ablations  | Prediction without communication between cells
    Figure 4.13 | 33_ablations  | Prediction with two cells switched off
    Figure 4.14 | 34_oc_scoff   | Training loss of object-centric SCOFF, all runs
    Figure 4.15 | 34_oc_scoff   | MSE of object-centric SCOFF on validation clips, all runs (thesis: test)
    Figure 4.16 | 34_oc_scoff   | F1 of object-centric SCOFF on validation clips, all runs (thesis: test)
    Table A.1   | 30_oc_rims    | Encoder of the RIMs baseline
    Table A.2   | 30_oc_rims    | Encoder that yields the flattened feature map
    Figure B.1  | 35_sweep      | Training loss over epochs, whole sweep
    Figure B.2  | 35_sweep      | MSE on validation clips over training, whole sweep (thesis: test)
    Figure B.3  | 35_sweep      | F1 on validation clips over training, whole sweep (thesis: test)
    Figure B.4  | 35_sweep      | SSIM on validation clips over training, whole sweep (thesis: test)
    Figure B.5  | 35_sweep      | F1 against MSE
    Figure B.6  | 35_sweep      | SSIM against MSE
    Figure B.7  | 35_sweep      | Test MSE against sizes of values, slots, and numbers of cells and slots
    Figure B.8  | 35_sweep      | Test MSE against training loss
    Figure B.9  | 35_sweep      | Test MSE against numbers of cells and slots
    """,
)

EXHIBITS: list[Exhibit] = [*VIM_EXHIBITS, *OC_RIMS_EXHIBITS]


def status(exhibit: Exhibit, root: Path) -> Status:
    """'computed' if the built page holds it, or, where none is built from the notebook of today, the notebook does."""
    notebook = root / "results" / "notebooks" / f"{exhibit.notebook}.ipynb"
    page = root / "_build" / "html" / f"{exhibit.page}.html"
    if not (root / "_build" / "html" / "index.html").exists() or _older(page, notebook):
        return "computed" if in_book(exhibit, root) else "to come"
    return "computed" if page.exists() and in_page(exhibit.id, page.read_text()) else "to come"


def _older(page: Path, notebook: Path) -> bool:
    """A page of an earlier build, from a notebook that was executed again since."""
    return page.exists() and notebook.exists() and page.stat().st_mtime < notebook.stat().st_mtime


def in_book(exhibit: Exhibit, root: Path) -> bool:
    """The executed notebook holds it, and the table of contents holds the notebook."""
    notebook = root / "results" / "notebooks" / f"{exhibit.notebook}.ipynb"
    contents = (root / "book" / "_toc.yml").read_text()
    return f"file: {exhibit.page}\n" in contents and notebook.exists() and in_notebook(exhibit.id, notebook)


def in_page(exhibit_id: str, html: str) -> bool:
    """A cell of the built page carries the tag, and its output shows an image or a table."""
    starts = [match.start() for match in re.finditer(r'<div class="cell[ "]', html)] + [len(html)]
    tag = re.compile(rf"\btag_{re.escape(TAG + exhibit_id)}[\s\"]")
    for begin, end in pairwise(starts):
        cell = html[begin:end]
        output = cell.partition('class="cell_output')[2]
        if tag.search(cell[: cell.find(">") + 1]) and re.search(r"<(img|table|svg)\b", output):
            return True
    return False


def in_notebook(exhibit_id: str, path: Path) -> bool:
    """A cell of the executed notebook carries the tag, and its output holds an image or a table."""
    for cell in json.loads(path.read_text())["cells"]:
        if TAG + exhibit_id not in cell.get("metadata", {}).get("tags", []):
            continue
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if any(kind in data for kind in _DRAWN) or "<table" in "".join(data.get("text/html", "")):
                return True
    return False


def listing(root: Path) -> list[dict[str, Any]]:
    """What ``rulebook exhibits --json`` prints."""
    return [
        {
            "id": exhibit.id,
            "paper": exhibit.paper,
            "label": exhibit.label,
            "caption": exhibit.caption,
            "page": exhibit.page,
            "notebook": f"notebooks/{exhibit.notebook}.py",
            "runs": exhibit.runs,
            "status": status(exhibit, root),
        }
        for exhibit in EXHIBITS
    ]

"""Every training run that some figure or table needs: ``CATALOGUE``, assembled from one file per line of work.

The file ``slots.py`` adds its entries by ``add_slots(catalogue)``, and so on: a new file is all it takes.
"""

import importlib
import pkgutil

from rulebook.catalogue.tree import Catalogue, Entry, Recipe

HELPERS = {"tree", "oc_rims_recipes"}
"""Files that others are built on, and that add nothing themselves."""

CATALOGUE = Catalogue()
for _file in sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in HELPERS):
    _module = importlib.import_module(f"{__name__}.{_file}")
    getattr(_module, f"add_{_file}")(CATALOGUE)

__all__ = ["CATALOGUE", "Catalogue", "Entry", "Recipe"]

"""Fingerprints of code: has anything changed that a stored result depends on?

The fingerprint of a module covers the module and every module of this package that it imports, directly or not.
Comments, docstrings and layout do not count.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent
PACKAGE = "rulebook"


def module_path(name: str) -> Path | None:
    """The file of a module of this package, or None if there is no such module."""
    base = ROOT.joinpath(*name.split(".")[1:])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def defines(module: str, function: str) -> bool:
    """Whether a module of this package has such a function; it is read, not imported."""
    path = module_path(module)
    nodes = _parsed(path).body if path is not None else []
    return any(isinstance(node, ast.FunctionDef) and node.name == function for node in nodes)


def imported(tree: ast.AST) -> set[str]:
    """Names of this package's modules that a tree imports."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == PACKAGE and module_path(name)}


def closure(*modules: str) -> set[str]:
    """The modules and all that they import from this package."""
    seen: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = module_path(name)
        if name in seen or path is None:
            continue
        seen.add(name)
        waiting += imported(_parsed(path))
    return seen


def shape(node: Any) -> str:
    """A syntax tree as text, without docstrings and empty fields: equal code is equal on every version of Python."""
    if isinstance(node, list):
        return f"[{','.join(shape(item) for item in node if not _explains(item))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [
        f"{name}={shape(child)}"
        for name, child in ast.iter_fields(node)
        if child is not None and child != [] and name not in ("ctx", "type_comment", "kind")
    ]
    return f"{type(node).__name__}({','.join(fields)})"


def _explains(node: Any) -> bool:
    """A string that stands alone as a statement: it does nothing but explain."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(shape(_parsed(path)).encode()).hexdigest()


def of_code(*modules: str, apart: Collection[str] = ()) -> str:
    """One sha256 for the modules and all that they import; those set ``apart`` may change as they like."""
    names = sorted(closure(*modules).difference(apart))
    lines = [f"{name} {_digest(path)}" for name in names if (path := module_path(name))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()

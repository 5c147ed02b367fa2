"""Evaluation: a finished run and its test clips become metrics.json. One file per experiment, found by its name."""

from rulebook.evaluation.evaluate import evaluate_run, is_fresh
from rulebook.evaluation.sheet import Sheet

__all__ = ["Sheet", "evaluate_run", "is_fresh"]

"""Train one run, or go on with it.

    rulebook train slot-ae/atomic/laptop/s0 --minutes 20
    rulebook train slot-ae/atomic/smoke/s0 --training.steps 100 --training.stages.0.batch 4
    rulebook train slot-ae/atomic/smoke/s0 --help          (lists all settings of this run)

Give the run's name first. Any setting can be changed by its dotted name, or by a YAML file (--config); lists take
several words. A run whose settings differ from the catalogue's gets a name that says so (slot-ae+steps=100/...),
unless --variant gives it one. Several processes: torchrun --nproc-per-node 2 -m rulebook train ...
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import tyro
import yaml
from pydantic import BaseModel, create_model

from rulebook.catalogue import CATALOGUE
from rulebook.evaluation.looks import look_of
from rulebook.results import runs_root
from rulebook.training.config import RunConfig
from rulebook.training.faults import Fault
from rulebook.training.leases import lease
from rulebook.training.loop import train
from rulebook.training.precision import choose_device
from rulebook.training.settings import differences, digest, overlay, parse, plain, read_yaml


class Call(BaseModel, use_attribute_docstrings=True):
    """What ``rulebook train`` takes beside the settings of the run."""

    run: Annotated[str | None, tyro.conf.Positional] = None
    """Name of the run, variant/world/profile/s<seed>; 'rulebook runs' lists them."""
    config: Path | None = None
    """YAML file of settings, laid over the catalogue's."""
    root: Path | None = None
    """Folder of all runs; results/runs of the project where none is named."""
    device: str = "auto"
    """auto (CUDA where there is one; of several devices the one with the fewest runs), cpu, cuda, cuda:1, ..."""
    minutes: float | None = None
    """Stop cleanly after so many minutes; the same command goes on from there."""


def main(arguments: list[str]) -> int:
    if {"-h", "--help"} & set(arguments):
        show_help(arguments)
        return 0
    call, rest = tyro.cli(
        Call, args=arguments, prog="rulebook train", description=__doc__, return_unknown_args=True, config=CONF
    )
    if call.minutes is not None and not call.minutes >= 0:
        raise Fault(f"--minutes {call.minutes:g} makes no sense: give a number that is not negative.")
    config = settle(call.run, call.config, rest)
    device = choose_device(call.device)
    if call.device == "auto":
        device = lease(device, config.name)
    outcome = train(config, runs_root(call.root), device, call.minutes, look_of(config))
    if outcome.sentence:
        print(outcome.sentence)
    return 0


CONF = (tyro.conf.FlagConversionOff,)


def show_help(arguments: list[str]) -> None:
    """The options, and where a run is named all of its settings with the values that they have."""
    form: type[BaseModel] = Call
    default: Any = Call()
    if arguments and not arguments[0].startswith("-"):
        config = from_catalogue(arguments[0])
        fields = {name: getattr(config, name) for name in RunConfig.model_fields}
        types = {name: (field.annotation, field) for name, field in RunConfig.model_fields.items()}
        types |= {name: (type(fields[name]), types[name][1]) for name in ("world", "model")}
        form = create_model("Call", __base__=Call, **types)  # type: ignore[call-overload]
        default = form.model_construct(**dict(Call(run=config.name)), **fields)
    try:
        tyro.cli(form, default=default, args=["--help"], prog="rulebook train", description=__doc__, config=CONF)
    except SystemExit:
        return


def settle(run: str | None, file: Path | None, words: list[str]) -> RunConfig:
    """The settings of a call: the catalogue's, then the file's, then the command line's."""
    values: dict[str, Any] = {}
    if run is not None:
        values = plain(from_catalogue(run))
    elif file is None:
        raise Fault("Say which run to train ('rulebook runs' lists them), or give a --config file.")
    if file is not None:
        values = overlay(values, read_yaml(file))
    values = overlay(values, changes(words, values))
    return named(parse(values, str(file) if file and not words else "The command line"))


def from_catalogue(run: str) -> RunConfig:
    try:
        return CATALOGUE.find(run)
    except KeyError as error:
        raise Fault(str(error.args[0])) from error


def changes(words: list[str], values: dict[str, Any]) -> dict[str, Any]:
    """``--training.steps 100 --world.radius 2 4`` as nested settings; each word is read as YAML.

    (tyro writes the help, but stops at the first kind of error; here all of them reach pydantic together.)
    """
    if words and not words[0].startswith("--"):
        raise Fault(f"'{words[0]}' belongs to no setting: write --training.steps 100.")
    nested: dict[str, Any] = {}
    for name, texts in grouped(words):
        path = name.replace("-", "_").split(".")
        if not texts:
            raise Fault(f"--{name} needs a value.")
        insist_on_items(name, path, values)
        try:
            read = [yaml.safe_load(text) for text in texts]
        except yaml.YAMLError as error:
            raise Fault(f"The value of --{name} cannot be read: {' '.join(texts)}") from error
        several = len(read) > 1 or (isinstance(now(values, path), list) and not isinstance(read[0], list))
        place = nested
        for part in path[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise Fault(f"--{name} and --{name.partition('.')[0]} ... set the same thing: give one of them.")
        place[path[-1]] = read if several else read[0]
    return nested


def grouped(words: list[str]) -> list[tuple[str, list[str]]]:
    """Every ``--name`` (or ``--name=value``) with the words that follow it."""
    groups: list[tuple[str, list[str]]] = []
    for word in words:
        if word.startswith("--"):
            name, equals, text = word[2:].partition("=")
            groups.append((name, [text] if equals else []))
        else:
            groups[-1][1].append(word)
    return groups


def insist_on_items(name: str, path: list[str], values: Any) -> None:
    """A number in a dotted name is that of an item that the list has."""
    for i, part in enumerate(path):
        items = now(values, path[:i])
        if isinstance(items, list) and not (part.isdecimal() and int(part) < len(items)):
            of = ".".join(path[:i])
            known = f"{of}.0" + (f" to {of}.{len(items) - 1}" if len(items) > 1 else "")
            raise Fault(f"--{name} names no item of {of}: there {'are' if len(items) > 1 else 'is'} {known}.")


def now(values: Any, path: list[str]) -> Any:
    """The value that a setting has so far."""
    for part in path:
        if isinstance(values, list):
            values = dict(enumerate(values)).get(int(part)) if part.isdigit() else None
        else:
            values = values.get(part) if isinstance(values, dict) else None
    return values


def named(config: RunConfig) -> RunConfig:
    """A run whose settings are not the catalogue's says in its variant's name what differs."""
    try:
        original = CATALOGUE.find(config.name)
    except KeyError:
        return config
    changed = differences(plain(original), plain(config))
    if not changed:
        return config
    suffix = "+".join(f"{short(name)}={new}" for name, (_, new) in changed.items())
    clean = "".join(c if c.isalnum() or c in "=.+-_" else "_" for c in suffix)
    if len(clean) > 80:
        clean = f"{len(changed)}-changes-{digest({name: new for name, (_, new) in changed.items()})[:8]}"
    return config.model_copy(update={"variant": f"{config.variant}+{clean}"})


def short(name: str) -> str:
    """The end of a dotted name that tells what it is: ``steps``, or ``radius.0`` in a list."""
    parts = name.split(".")
    return ".".join(parts[-2:] if parts[-1].isdigit() else parts[-1:])

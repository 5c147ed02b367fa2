"""Clips that begin anywhere: windows of longer ones."""

import pytest
import torch
from pydantic import ValidationError

from rulebook.catalogue import CATALOGUE
from rulebook.seeds import derive, generator
from rulebook.training.config import Stage
from rulebook.training.distribution import Team
from rulebook.training.trainer import Trainer, windows

NUMBERED = torch.arange(12.0).expand(200, 12)[:, :, None]
"""200 clips whose frames are their own numbers."""


def test_windows_are_whole_and_begin_everywhere():
    cut = windows(NUMBERED, 4, generator(0, "window"))[:, :, 0]
    assert torch.equal(cut.diff(dim=1), torch.ones(200, 3))
    assert set(cut[:, 0].tolist()) == set(range(9)), "every place, the first and the last included"


def test_a_window_as_long_as_the_clip_is_the_clip():
    assert torch.equal(windows(NUMBERED, 12, generator(0, "window")), NUMBERED)


def test_a_window_longer_than_its_clip_is_refused():
    with pytest.raises(ValidationError, match="6 frames cannot be cut from a clip of 5"):
        Stage(frames=6, batch=2, within=5)


def test_a_stage_trains_on_windows_of_its_world(tmp_path, monkeypatch):
    config = CATALOGUE.find("slot-ae/atomic/smoke/s0")
    stage = Stage(frames=1, batch=4, within=9)
    config = config.model_copy(update={"training": config.training.model_copy(update={"stages": (stage,)})})
    trainer, seen = Trainer(config, tmp_path, Team(torch.device("cpu"))), []
    objective = trainer.objective
    monkeypatch.setattr(trainer, "objective", lambda frames, noise: (seen.append(frames), objective(frames, noise))[1])
    trainer.advance()
    (frames,) = seen
    whole = config.world.sample(4, derive(config.seed, "data", 0, 0), length=9, split="train").frames
    places = [
        [t for t in range(9) if torch.equal(frame[0], clip[t])] for frame, clip in zip(frames, whole, strict=True)
    ]
    assert all(len(place) == 1 for place in places) and len({place[0] for place in places}) > 1

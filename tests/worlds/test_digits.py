"""Digit sources and data files: what is right is read, what is wrong ends in one sentence and leaves nothing behind."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from rulebook import cli
from rulebook.worlds import datafiles, digits
from rulebook.worlds.datafiles import DataError
from rulebook.worlds.digits import EmbeddedDigits, scaled_digits
from rulebook.worlds.moving_mnist import MovingMnist

IMAGES = "train-images-idx3-ubyte"


def idx(array: np.ndarray, magic: int = 2051) -> bytes:
    return struct.pack(f">{1 + array.ndim}i", magic, *array.shape) + array.tobytes()


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    """An empty data folder, the only one that is searched."""
    monkeypatch.setenv("RULEBOOK_DATA", str(tmp_path))
    monkeypatch.setattr(datafiles, "data_folders", lambda: [tmp_path])
    digits._mnist.cache_clear()
    scaled_digits.cache_clear()
    yield tmp_path
    digits._mnist.cache_clear()
    scaled_digits.cache_clear()


@pytest.fixture
def small(monkeypatch) -> np.ndarray:
    """Images that pass for MNIST's, of each of the four files."""
    images = np.random.default_rng(0).integers(0, 256, (7, 28, 28), dtype=np.uint8)
    sums = {}
    for name in datafiles.MNIST_FILES:
        content = idx(images) if "images" in name else idx(images[:, 0, 0], 2049)
        sums[name] = datafiles.hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(datafiles, "MNIST_FILES", sums)
    return images


def test_embedded_digits_are_sklearns():
    load_digits = pytest.importorskip("sklearn.datasets").load_digits
    assert np.array_equal(digits.embedded_pixels(), load_digits().images.astype(np.uint8))


def test_embedded_file_is_small_and_carries_its_licence():
    assert digits.EMBEDDED_FILE.stat().st_size < 100_000
    assert "CC BY" in (digits.__doc__ or "") and "Alpaydin" in digits.EMBEDDED_FILE.with_suffix(".md").read_text()


def test_embedded_splits_share_no_digit():
    ranges = [set(range(*digits.EMBEDDED_SPLITS[split])) for split in ("train", "validation", "test")]
    assert sum(map(len, ranges)) == len(set().union(*ranges)) == 1797
    assert [len(EmbeddedDigits().images(split)) for split in ("train", "validation", "test")] == [
        len(r) for r in ranges
    ]


def test_embedded_digits_lie_in_the_field_like_mnists():
    images = EmbeddedDigits().images("train").float() / 255
    assert images.shape[1:] == (28, 28)
    assert images[:, :4].max() == images[:, :, -4:].max() == 0
    assert images.square().sum((1, 2)).mean() == pytest.approx(87.4, rel=0.03)  # MNIST's mean


def test_smaller_digits_keep_their_light_per_area():
    whole, half = (scaled_digits(EmbeddedDigits(), "test", side).float() for side in (28, 14))
    assert torch.allclose(half.mean((1, 2)), whole.mean((1, 2)), atol=0.5)


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_are_read_packed_or_not(data, small, packed):
    content = idx(small)
    name = IMAGES + (".gz" if packed else "")
    datafiles.write_whole(data / "mnist" / name, gzip.compress(content) if packed else content)
    assert np.array_equal(datafiles.load_mnist(IMAGES), small)


BROKEN = {
    "empty": (lambda good: b"", "cut off"),
    "truncated": (lambda good: good[:-5], "cut off or too long"),
    "only a head": (lambda good: good[:8], "cut off or too long"),
    "too long": (lambda good: good + b"x", "cut off or too long"),
    "packed and truncated": (lambda good: gzip.compress(good)[:-20], "cannot be unpacked"),
    "packed and flipped": (lambda good: flip(gzip.compress(good)), "cannot be unpacked"),
    "wrong magic": (lambda good: b"\x00\x00\x00\x01" + good[4:], "begins with the number 1 instead of 2051"),
    "another file": (lambda good: good[:-1] + bytes([good[-1] ^ 1]), "sha256"),
}


def flip(packed: bytes) -> bytes:
    middle = len(packed) // 2
    return packed[:middle] + bytes([packed[middle] ^ 0xFF]) + packed[middle + 1 :]


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_mnist_file_is_one_sentence(data, small, case):
    spoil, sentence = BROKEN[case]
    datafiles.write_whole(data / "mnist" / IMAGES, spoil(idx(small)))
    with pytest.raises(DataError, match=sentence) as error:
        datafiles.load_mnist(IMAGES)
    assert IMAGES in str(error.value) and "\n" not in str(error.value)


def test_missing_mnist_says_what_to_do(data):
    world = MovingMnist(digits={"source": "mnist"})
    with pytest.raises(DataError, match=r"rulebook data mnist.*embedded"):
        world.sample(1, 0)


def test_mnist_splits_are_disjoint(data, small, monkeypatch):
    monkeypatch.setattr(digits, "MNIST_VALIDATION", 2)
    for name in ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte"):
        datafiles.write_whole(data / "mnist" / name, idx(small))
    source = digits.MnistDigits()
    assert torch.equal(torch.cat([source.images("train"), source.images("validation")]), torch.from_numpy(small))
    assert len(source.images("train")) == 5 and len(source.images("test")) == 7


def test_download_checks_and_leaves_nothing_half_written(data, small):
    good = {f"{name}.gz": gzip.compress(content_of(name, small)) for name in datafiles.MNIST_FILES}
    said: list[str] = []
    paths = datafiles.download_mnist(data / "mnist", said.append, lambda address: good[address.split("/")[-1]], ["s"])
    assert np.array_equal(datafiles.load_mnist(IMAGES), small) and len(said) == len(paths) == 4
    again = datafiles.download_mnist(data / "mnist", said.append, refuse, ["s"])
    assert again == paths  # nothing is fetched twice


def content_of(name: str, images: np.ndarray) -> bytes:
    return idx(images) if "images" in name else idx(images[:, 0, 0], 2049)


def refuse(address: str) -> bytes:
    raise OSError("no network here")


@pytest.mark.parametrize("bad", ["refused", "truncated", "html"])
def test_a_failed_download_names_every_source_and_leaves_nothing(data, small, bad):
    answers = {"truncated": gzip.compress(idx(small))[:-9], "html": b"<html>not found</html>"}
    get = refuse if bad == "refused" else lambda address: answers[bad]
    with pytest.raises(DataError, match=r"one/.*two/.*by hand"):
        datafiles.download_mnist(data / "mnist", print, get, ["one", "two"])
    assert not any(path.is_file() for path in data.rglob("*"))


def test_a_write_that_fails_leaves_nothing(data, monkeypatch):
    monkeypatch.setattr(datafiles.os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        datafiles.write_whole(data / "mnist" / IMAGES, b"half")
    assert not list((data / "mnist").iterdir())


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (np.zeros((20, 3, 64, 64), np.uint8), r"shape \(20, 3, 64, 64\), not uint8 of shape \(20, 10000, 64, 64\)"),
        (np.zeros((20, 3, 64, 64), np.float32), "float32"),
        (b"no array at all", "no NumPy file"),
    ],
)
def test_a_wrong_standard_test_file_is_one_sentence(data, content, sentence):
    path = data / datafiles.STANDARD_TEST
    path.write_bytes(content) if isinstance(content, bytes) else np.save(path, content)
    with pytest.raises(DataError, match=sentence):
        MovingMnist(test_clips="standard").sample(1, 0, split="test")


def test_a_wrong_standard_test_file_is_told_before_a_training(data, tmp_path, capsys):
    np.save(data / datafiles.STANDARD_TEST, np.zeros((20, 3, 64, 64), np.uint8))
    wanted = ["--world.size", "64", "--world.test-clips", "standard"]
    assert cli.main(["train", "gru-cat/moving-mnist/smoke/s0", "--root", str(tmp_path / "runs"), *wanted]) == 1
    assert "this is not the standard Moving MNIST test set" in capsys.readouterr().err
    assert not list((tmp_path / "runs").rglob("config.yaml"))


def standard(data: Path, monkeypatch, clips: int = 6) -> np.ndarray:
    stored = np.random.default_rng(0).integers(0, 256, (20, clips, 64, 64), dtype=np.uint8)
    np.save(data / datafiles.STANDARD_TEST, stored)
    monkeypatch.setattr(datafiles, "STANDARD_TEST_SHAPE", stored.shape)
    return stored


def test_a_standard_test_file_with_other_content_is_refused(data, monkeypatch):
    standard(data, monkeypatch)
    with pytest.raises(DataError, match="md5"):
        MovingMnist(test_clips="standard").sample(1, 0, split="test")


def test_the_standard_test_clips_are_used_where_asked(data, monkeypatch):
    stored = standard(data, monkeypatch)
    digest = datafiles.hashlib.md5((data / datafiles.STANDARD_TEST).read_bytes()).hexdigest()
    monkeypatch.setattr(datafiles, "STANDARD_TEST_MD5", digest)
    world = MovingMnist(test_clips="standard")
    clip = world.sample(6, 3, split="test")
    assert clip.frames.shape == (6, 20, 1, 64, 64)
    assert np.array_equal((clip.frames[:, :, 0] * 255).round().byte().numpy().swapaxes(0, 1), stored)
    few = world.sample(4, 3, split="test", length=12).frames
    assert few.shape[:2] == (4, 12)
    assert len({picture.numpy().tobytes() for picture in few}) == 4  # without repetition
    with pytest.raises(ValueError, match="6 clips of 20 frames, not 7"):
        world.sample(7, 0, split="test")
    assert torch.equal(world.sample(2, 0).frames, MovingMnist().sample(2, 0).frames)  # train is drawn as ever


def test_known_sums_are_the_published_list():
    listed = {}
    for line in (Path(__file__).parents[2] / "data" / "checksums.txt").read_text().splitlines():
        _, digest, path = line.split()
        listed[path.removeprefix("mnist/")] = digest
    assert listed == {**datafiles.MNIST_FILES, datafiles.STANDARD_TEST: datafiles.STANDARD_TEST_MD5}


def test_command_looks_and_explains(data, small, capsys, monkeypatch):
    datafiles.write_whole(data / "mnist" / IMAGES, idx(small))
    monkeypatch.setattr("rulebook.commands.data.data_folders", lambda: [data])
    assert cli.main(["data"]) == 0
    told = capsys.readouterr().out
    assert f"{IMAGES}: right, 7 x 28 x 28" in told and "t10k-images-idx3-ubyte: There is no" in told
    datafiles.write_whole(data / "mnist" / IMAGES, idx(small)[:-1])
    assert cli.main(["data"]) == 1, "a file that is there and broken"
    assert "cut off" in capsys.readouterr().out


def test_command_without_network_ends_in_one_sentence(data, monkeypatch, capsys):
    monkeypatch.setattr(datafiles.urllib.request, "urlopen", lambda *_, **__: refuse(""))
    assert cli.main(["data", "mnist", "--folder", str(data / "new")]) == 1
    told = capsys.readouterr().err.strip()
    assert "could not be downloaded" in told and "\n" not in told
    assert not any(path.is_file() for path in data.rglob("*"))

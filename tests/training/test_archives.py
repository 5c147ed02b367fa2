"""Archives: what was packed comes back whole, and what was tampered with is refused before anything is written."""

import hashlib
import io
import json
import shutil
import tarfile

import pytest
import torch

from rulebook.training import checkpoints
from rulebook.training.archives import CARRIED, INDEX, REPORTED, SHIPPED, file_run, pack, read
from rulebook.training.checkpoints import LAST
from rulebook.training.faults import Fault
from rulebook.training.loop import train
from rulebook.training.runfolder import BROKEN, check_manifest

RUN = "slot-ae/atomic/smoke/s0"


@pytest.fixture
def archive(whole, tmp_path):
    done = pack(whole.parents[3], [RUN], SHIPPED, tmp_path / "out", megabytes=16, most=8)
    assert done.runs == [RUN] and not done.left
    return done.archives[0]


def size_of(folder) -> int:
    return sum((folder / name).stat().st_size for name in SHIPPED)


def test_a_finished_run_comes_back(archive, whole, tmp_path):
    root = tmp_path / "elsewhere"
    assert file_run(root, RUN, read([archive])[RUN]) == f"{RUN}: finished"
    for name in SHIPPED:
        assert (root / RUN / name).read_bytes() == (whole / name).read_bytes()
    assert check_manifest(root / RUN) == []
    assert file_run(root, RUN, read([archive])[RUN]) == f"{RUN}: already there"


def test_equal_runs_make_equal_archives(archive, whole, tmp_path):
    again = pack(whole.parents[3], [RUN], SHIPPED, tmp_path / "again", megabytes=16, most=8).archives[0]
    assert archive.read_bytes() == again.read_bytes()


def test_large_files_are_cut_and_joined(whole, tmp_path):
    limit = size_of(whole) // 2 + 12_000
    done = pack(whole.parents[3], [RUN], SHIPPED, tmp_path, megabytes=limit / 1e6, most=8)
    assert len(done.archives) > 1 and all(path.stat().st_size <= limit for path in done.archives)
    files = read(done.archives)[RUN]
    assert files["weights.safetensors"] == (whole / "weights.safetensors").read_bytes()
    with pytest.raises(Fault, match=r"part \d of \d is in none of those given"):
        read(done.archives[:-1])


def test_what_does_not_fit_is_left_for_the_next_call(whole, tmp_path):
    root = tmp_path / "runs"
    names = [f"slot-ae/atomic/smoke/s{seed}" for seed in range(3)]
    for name in names:
        shutil.copytree(whole, root / name)
    room_for_one = (size_of(whole) + 25_000) / 1e6
    done = pack(root, names, SHIPPED, tmp_path / "out", megabytes=room_for_one, most=1)
    assert (done.runs, done.left) == (names[:1], names[1:])
    assert len(pack(root, names, SHIPPED, tmp_path / "out", megabytes=room_for_one, most=3).archives) == 3
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"runs-00{i}.tar" for i in range(4)]


def test_a_foreign_name_beside_the_archives_is_passed_over(whole, tmp_path):
    for name in ("runs-old.tar", "runs-007.tar.tmp", "runs-002.tar"):
        (tmp_path / name).write_bytes(b"")
    (archive,) = pack(whole.parents[3], [RUN], SHIPPED, tmp_path, megabytes=16, most=8).archives
    assert archive.name == "runs-003.tar"


@pytest.mark.parametrize("backwards", [False, True], ids=["in order", "in reverse"])
def test_of_several_deliveries_the_furthest_counts_in_any_order(backwards, go, folder, tmp_path):
    def delivered(names):
        limit = (sum((folder / name).stat().st_size for name in names) // 2 + 12_000) / 1e6
        return pack(tmp_path / "runs", [RUN], names, tmp_path / "out", megabytes=limit, most=8).archives

    def filed(archives, root):
        return file_run(tmp_path / root, RUN, read(archives[::-1] if backwards else archives)[RUN])

    go(minutes=0)
    carried = delivered(CARRIED)
    go(minutes=0)
    carried += delivered(CARRIED)
    assert len(carried) > 2, "in parts"
    assert filed(carried, "carried") == f"{RUN}: step 2, to go on with"
    go()
    both = [*carried, *delivered(SHIPPED)]
    assert filed(both, "finished") == f"{RUN}: finished"
    assert sorted(path.name for path in (tmp_path / "finished" / RUN).iterdir()) == sorted((*SHIPPED, "run.lock"))


def test_a_run_that_broke_is_reported_where_nothing_better_is_known(archive, go, folder, tmp_path):
    go(minutes=0)
    (folder / LAST).rename(folder / "kept")
    note = b'{"step": 1, "why": "The loss is not a finite number at step 1."}'
    (folder / BROKEN).write_bytes(note)
    report = pack(tmp_path / "runs", [RUN], REPORTED, tmp_path / "reports", megabytes=16, most=1).archives
    (folder / "kept").rename(folder / LAST)
    carried = pack(tmp_path / "runs", [RUN], (*CARRIED, BROKEN), tmp_path / "reports", megabytes=16, most=1).archives

    root = tmp_path / "elsewhere"
    assert file_run(root, RUN, read(report)[RUN]) == f"{RUN}: broken at step 1"
    assert sorted(path.name for path in (root / RUN).iterdir()) == sorted((*REPORTED, "run.lock"))
    assert (root / RUN / BROKEN).read_bytes() == note
    assert file_run(root, RUN, read([*carried, *report])[RUN]) == f"{RUN}: step 1, to go on with"
    assert file_run(root, RUN, read(report)[RUN]) == f"{RUN}: step 1 is already there"
    assert (root / RUN / BROKEN).read_bytes() == note
    assert file_run(root, RUN, read([archive, *report])[RUN]) == f"{RUN}: finished"
    assert not (root / RUN / BROKEN).exists()


def test_a_report_that_says_nothing_of_the_break_is_refused(go, folder, tmp_path):
    go(minutes=0)
    names = ("config.yaml", "history.jsonl")
    archives = pack(tmp_path / "runs", [RUN], names, tmp_path / "out", megabytes=16, most=1).archives
    with pytest.raises(Fault, match=r"without its broken\.json"):
        file_run(tmp_path / "elsewhere", RUN, read(archives)[RUN])


def rewritten(archive, change):
    """The archive with its members (a dict of name to bytes) changed."""
    with tarfile.open(archive) as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar.getmembers()}
    change(members)
    with tarfile.open(archive, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return archive


def reindexed(members, **changes):
    """Change the first entry of the index."""
    index = json.loads(members[INDEX])
    index["members"][0].update(changes)
    members[INDEX] = json.dumps(index).encode()


def test_a_changed_byte_is_seen(archive):
    def change(members):
        members[f"{RUN}/weights.safetensors"] = members[f"{RUN}/weights.safetensors"][:-1] + b"x"

    with pytest.raises(Fault, match="does not match its sha256: nothing was imported"):
        read([rewritten(archive, change)])


def test_a_file_that_matches_the_index_but_not_the_runs_manifest(archive, tmp_path):
    def change(members):
        members[f"{RUN}/config.yaml"] = b"seed: 1\n"
        reindexed(members, sha256=hashlib.sha256(b"seed: 1\n").hexdigest())

    with pytest.raises(Fault, match=r"config.yaml does not match the run's own manifest"):
        file_run(tmp_path / "runs", RUN, read([rewritten(archive, change)])[RUN])
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "run, file",
    [
        ("../../../outside", "config.yaml"),
        ("/absolute/a/smoke/s0", "config.yaml"),
        ("slot-ae/../smoke/s0", "config.yaml"),
        ("a/b/smoke/s0", "../config.yaml"),
        ("a/b/smoke/s0", "code.py"),
        ("a/b/smoke/s0\n", "config.yaml"),
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(archive, run, file):
    def change(members):
        members[f"{run}/{file}"] = members.pop(f"{RUN}/config.yaml")
        reindexed(members, run=run, file=file)

    with pytest.raises(Fault, match="is no file of a run: nothing was imported"):
        read([rewritten(archive, change)])


def test_links_and_unnamed_members_are_refused(archive, tmp_path):
    with pytest.raises(Fault, match="which its index does not name"):
        read([rewritten(archive, lambda members: members.update(extra=b""))])
    with tarfile.open(tmp_path / "link.tar", "w") as tar:
        info = tarfile.TarInfo(f"{RUN}/config.yaml")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(info)
    with pytest.raises(Fault, match="no plain file of a run"):
        read([tmp_path / "link.tar"])


def test_no_archive_at_all(tmp_path):
    (tmp_path / "a.tar").write_bytes(b"not a tar")
    for path in (tmp_path / "a.tar", tmp_path / "missing.tar"):
        with pytest.raises(Fault, match="Cannot read the archive") as caught:
            read([path])
        assert "\n" not in str(caught.value)


def test_other_weights_are_not_overwritten(archive, go, folder, changed, tmp_path):
    go()
    provenance = json.loads((folder / "provenance.json").read_text())
    (folder / "provenance.json").write_text(json.dumps({**provenance, "weights_sha256": "0"}))
    with pytest.raises(Fault, match="with other weights: delete that folder"):
        file_run(tmp_path / "runs", RUN, read([archive])[RUN])


def test_numbers_come_along_whatever_the_order(whole, tmp_path):
    bare, measured = tmp_path / "bare", tmp_path / "measured"
    for root in (bare, measured):
        shutil.copytree(whole, root / RUN)
    (measured / RUN / "metrics.json").write_text("{}")
    names = (*SHIPPED, "metrics.json")
    first = pack(bare, [RUN], names, tmp_path / "one", megabytes=16, most=8).archives
    second = pack(measured, [RUN], names, tmp_path / "two", megabytes=16, most=8).archives
    for order in ([*first, *second], [*second, *first]):
        assert read(order)[RUN]["metrics.json"] == b"{}"
    assert file_run(bare, RUN, read(second)[RUN]) == f"{RUN}: already there; its numbers are new"
    assert (bare / RUN / "metrics.json").read_text() == "{}"
    (bare / RUN / "metrics.json").write_text("[]")
    assert file_run(bare, RUN, read(second)[RUN]) == f"{RUN}: already there"
    assert (bare / RUN / "metrics.json").read_text() == "[]", "numbers that are there stay"


def test_one_run_with_two_weights_is_not_chosen_from(archive, go, changed, tmp_path):
    go(changed(learning_rate=1e-4))
    other = pack(tmp_path / "runs", [RUN], SHIPPED, tmp_path / "two", megabytes=16, most=8).archives
    with pytest.raises(Fault, match="twice, with other weights each time: import the one that you want alone"):
        read([archive, *other])


def test_an_unfinished_run_goes_on_elsewhere(go, folder, whole, same_run, smoke, tmp_path):
    go(minutes=0)
    done = pack(tmp_path / "runs", [RUN], CARRIED, tmp_path / "out", megabytes=16, most=1)
    files, root = read(done.archives)[RUN], tmp_path / "elsewhere"
    assert file_run(root, RUN, files) == f"{RUN}: step 1, to go on with"
    assert file_run(root, RUN, files) == f"{RUN}: step 1 is already there"
    assert checkpoints.load(root / RUN)["step"] == 1
    train(smoke, root, torch.device("cpu"))
    same_run(whole, root / RUN)
    assert file_run(root, RUN, files) == f"{RUN}: already there"

"""fastnn.save when the disk is full, the process is killed, or others save at the same time."""

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from programs import environment

import fastnn
from fastnn.io import files


def small(tmp_path):
    path = tmp_path / "small.safetensors"
    fastnn.save({"w": np.arange(3, dtype=np.float32)}, path)
    return path


@pytest.mark.parametrize("call", ["write", "fsync", "replace", "fchmod"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "no space"), KeyboardInterrupt()])
def test_faults_leave_the_old_file_and_nothing_else(tmp_path, monkeypatch, call, error):
    path = small(tmp_path)
    before = path.read_bytes()

    def fail(*args):
        raise error

    if call == "write":

        class Full:
            def __init__(self, handle, mode):
                self.file = open(handle, mode)

            def __enter__(self):
                return self

            def __exit__(self, *args):
                self.file.close()

            def write(self, content):
                self.file.write(content[: len(content) // 2])
                raise error

        monkeypatch.setattr(files, "open", Full, raising=False)
    else:
        monkeypatch.setattr(files.os, call, fail)
    with pytest.raises(type(error)):
        fastnn.save({"w": np.ones(1000)}, path)
    monkeypatch.undo()
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    fastnn.save({"w": np.ones(1000)}, path)
    assert fastnn.load(path)["w"].shape == (1000,)


def test_links_and_permissions_stay(tmp_path):
    path, link = tmp_path / "file", tmp_path / "link"
    link.symlink_to("file")
    mask = os.umask(0o027)
    try:
        fastnn.save({"a": np.zeros(1)}, link)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o600)
        fastnn.save({"a": np.ones(1)}, link)
    finally:
        os.umask(mask)
    assert link.is_symlink() and fastnn.load(path)["a"].item() == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_next_save_sweeps_what_a_killed_one_left(tmp_path):
    path = tmp_path / "file"
    for name in (".file.0123abcd.tmp", ".file.ffffffff.tmp"):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / ".other.0123abcd.tmp").write_bytes(b"of another file")
    handle, busy = files._create_beside(str(path))  # a save that is still running
    fastnn.save({"a": np.ones(1)}, path)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == sorted([".other.0123abcd.tmp", os.path.basename(busy), "file"])
    os.close(handle)
    fastnn.save({"a": np.ones(1)}, path)
    assert not os.path.exists(busy)


def test_saves_at_the_same_time_leave_one_whole_file(tmp_path):
    path = tmp_path / "file"
    errors = []

    def work(i):
        try:
            for _ in range(20):
                fastnn.save({"a": np.full(500, i)}, path)
                assert len(set(fastnn.load(path)["a"].tolist())) == 1
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and list(tmp_path.iterdir()) == [path]


def test_a_full_disk_loses_nothing(tmp_path):
    path = small(tmp_path)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
        with pytest.raises(OSError):
            fastnn.save({"w": np.ones(10_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


SAVE_FOREVER = """
import sys, numpy as np, fastnn
i = 0
print("ready", flush=True)
while True:
    i += 1
    fastnn.save({"w": np.full(300_000, i), "i": np.array(i)}, sys.argv[1])
"""


@pytest.mark.parametrize("delay", [0.02, 0.033, 0.05, 0.07])
def test_a_killed_save_loses_nothing(tmp_path, delay):
    path = small(tmp_path)
    command = [sys.executable, "-P", "-c", SAVE_FOREVER, str(path)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        time.sleep(delay)
        process.kill()
    loaded = fastnn.load(path)
    if "i" in loaded:
        assert set(loaded["w"].tolist()) == {loaded["i"].item()}
    fastnn.save({"w": np.ones(1)}, path)
    assert list(tmp_path.iterdir()) == [path]

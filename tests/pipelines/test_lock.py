import subprocess
import sys
import time
from datetime import timedelta

import msgspec
import pytest

from pipelines import lock, s3, storage
from pipelines.errors import InputRefused, StageFailed
from pipelines.lock import Holder, locked


def test_a_local_folder_is_held_once(tmp_path):
    with locked(str(tmp_path)), pytest.raises(InputRefused, match="another run is at work"), locked(str(tmp_path)):
        pass
    with locked(str(tmp_path)):
        pass


def test_a_folder_on_a_store_is_held_once_and_given_back(s3_folder):
    with locked(s3_folder) as lease:
        lease.check()
        with pytest.raises(
            InputRefused, match=r"another run is at work there \(process \d+ on .*its lock ends in \d+ s"
        ):
            lock._lease(s3_folder)
    assert storage.files_below(s3_folder) == []
    with locked(s3_folder):
        pass


def test_of_two_that_begin_at_once_one_is_refused(s3_folder, monkeypatch):
    """Both see no lock; the put of the second is refused."""
    monkeypatch.setattr(lock, "_condition", lambda *_: s3.ABSENT)
    first = lock._lease(s3_folder)
    assert first is not None
    with pytest.raises(InputRefused, match="has just begun there"):
        lock._lease(s3_folder)


def test_a_put_whose_answer_was_lost_is_our_own_lock(s3_folder, s3_proxy):
    """The server takes the put, the answer is lost, and the client's own retry is refused."""
    lost = [1]

    def fault(method, path):
        return "lost" if method == "PUT" and lost and lost.pop() else None

    s3_proxy.fault = fault
    with locked(s3_folder) as lease:
        lease.check()
    assert not lost


def leave_a_lock(folder, **changes):
    me = msgspec.structs.replace(lock._me(), **changes)
    s3.put(f"{folder}/{lock.FILE}", msgspec.json.encode(me))


def test_the_lock_of_a_process_that_died_here_is_taken_at_once(s3_folder):
    code = "import os, pipelines.lock as l, sys; sys.stdout.write(str(os.getpid()) + ' ' + l._me().started)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    leave_a_lock(s3_folder, process=int(said[0]), started=said[1])
    with locked(s3_folder):
        pass


def test_a_process_number_that_is_used_again_is_not_the_dead_holder(s3_folder):
    leave_a_lock(s3_folder, started="1")
    with locked(s3_folder):
        pass


def test_the_lock_of_another_machine_is_waited_for_and_then_taken(s3_folder, monkeypatch):
    leave_a_lock(s3_folder, space="another machine", process=1)
    with pytest.raises(InputRefused, match="process 1 on"):
        lock._lease(s3_folder)
    monkeypatch.setattr(lock, "LEASE", timedelta(seconds=1))
    time.sleep(2.1)  # the store tells time in whole seconds
    with locked(s3_folder):
        pass


def test_a_lock_is_renewed_and_a_lost_one_is_noticed(s3_folder, monkeypatch):
    monkeypatch.setattr(lock, "RENEW_EVERY", 0.05)
    path = f"{s3_folder}/{lock.FILE}"
    with locked(s3_folder) as lease:
        before = s3.head(path).modified
        time.sleep(2.1)
        assert s3.head(path).modified > before
        lease.check()
        leave_a_lock(s3_folder, token="another's")
        assert lease.lost.wait(10)
        with pytest.raises(StageFailed, match="another run has taken the folder"):
            lease.check()
    assert msgspec.json.decode(s3.read(path), type=Holder).token == "another's"


def test_a_store_without_conditions_has_no_lock_and_says_so(s3_folder, s3_proxy, capfd):
    s3_proxy.fault = lambda method, path: 501 if method == "PUT" else None
    with locked(s3_folder) as lease:
        assert lease is None
    assert "this object store has no locks; let no other run write there" in capfd.readouterr().err

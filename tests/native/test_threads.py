"""Workers that stay alive, and how many threads may work at once."""

import ctypes
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from chainrule.native import seats, threads
from chainrule.native.runtime import PROGRAM
from chainrule.native.seats import Seats
from chainrule.native.target import host

# Each thread adds its number and one to the sum of its own slice of a vector.
SUM = f"""
define void @run(ptr %context, i64 %thread) nounwind {{
  %slice.at = getelementptr i64, ptr %context, i64 {PROGRAM}
  %slice = load i64, ptr %slice.at
  %data.at = getelementptr i64, ptr %context, i64 {PROGRAM + 1}
  %data = load ptr, ptr %data.at
  %results.at = getelementptr i64, ptr %context, i64 {PROGRAM + 2}
  %results = load ptr, ptr %results.at
  %first = mul i64 %thread, %slice
  %end = add i64 %first, %slice
  %result.at = getelementptr i64, ptr %results, i64 %thread
  br label %each

each:
  %i = phi i64 [ %first, %0 ], [ %next, %each ]
  %sum = phi i64 [ 0, %0 ], [ %sum.next, %each ]
  %at = getelementptr i64, ptr %data, i64 %i
  %x = load i64, ptr %at
  %sum.next = add i64 %sum, %x
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %end
  br i1 %more, label %each, label %done

done:
  store i64 %sum.next, ptr %result.at
  ret void
}}
"""


@pytest.fixture
def slices(loaded, context):
    """Sums of as many slices as there are threads, computed by them."""
    code = loaded(SUM)

    def run(count, slice_=1000):
        data = np.arange(count * slice_, dtype=np.int64)
        results = np.zeros(count, np.int64)
        words = context(slice_, data.ctypes.data, results.ctypes.data)
        threads.call(code.address("run"), words.ctypes.data, count)
        return results.tolist(), data.reshape(count, slice_).sum(axis=1).tolist()

    return run


@pytest.mark.parametrize("count", [1, 2, 3, 4, 17])
def test_each_thread_does_its_part(slices, count):
    for _ in range(20):
        actual, expected = slices(count)
        assert actual == expected


def test_workers_are_kept(slices):
    slices(3)
    before = threading.active_count()
    for _ in range(50):
        slices(3)
    assert threading.active_count() == before


def test_workers_that_went_to_sleep_come_back(slices):
    for pause in (0, 1e-4, 1e-3, 1e-2):
        time.sleep(pause)
        actual, expected = slices(3)
        assert actual == expected


def test_several_python_threads_call_at_once(slices):
    wrong = []

    def work():
        for _ in range(200):
            actual, expected = slices(3, 100)
            if actual != expected:
                wrong.append(actual)

    callers = [threading.Thread(target=work) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert wrong == []


def test_barriers_of_several_calls_do_not_meet(in_step, context):
    wrong = []

    def work():
        for _ in range(20):
            counters = np.zeros(16, np.int64)
            words = context(100, counters.ctypes.data)
            threads.call(in_step.address("run"), words.ctypes.data, 2)
            if counters[::8].tolist() != [100, 100]:
                wrong.append(counters)

    callers = [threading.Thread(target=work) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert wrong == []


def test_python_goes_on_during_a_call(loaded, context):
    # The program waits for a word that only Python changes.
    code = loaded(f"""
define void @run(ptr %context, i64 %thread) nounwind {{
  %at = getelementptr i64, ptr %context, i64 {PROGRAM}
  br label %look

look:
  %word = load atomic i64, ptr %at acquire, align 8
  %set = icmp ne i64 %word, 0
  br i1 %set, label %done, label %look

done:
  ret void
}}
""")
    words = context(0)
    place = words[PROGRAM:].ctypes.data
    arguments = (code.address("run"), words.ctypes.data, 2)
    caller = threading.Thread(target=threads.call, args=arguments)
    caller.start()
    time.sleep(0.01)
    assert caller.is_alive()
    ctypes.c_int64.from_address(place).value = 1
    caller.join(timeout=30)
    assert not caller.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_starts_workers_of_its_own(slices):
    slices(3)
    with threads.claim(2):
        child = os.fork()
        if child == 0:
            try:
                actual, expected = slices(3)
                with threads.claim(1) as count:
                    os._exit(0 if actual == expected and count == 1 else 1)
            finally:
                os._exit(2)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    actual, expected = slices(3)
    assert actual == expected


PROGRAM_TO_END = """
import sys, threading
import numpy as np
sys.path.insert(0, {folder!r})
from conftest import _context, _loaded
from chainrule.native import threads
code = _loaded({text!r})
data, results = np.arange(300), np.zeros(3, np.int64)
words = _context(100, data.ctypes.data, results.ctypes.data)
def work():
    while True:
        threads.call(code.address("run"), words.ctypes.data, 3)
if {busy}:
    threading.Thread(target=work, daemon=True).start()
threads.call(code.address("run"), words.copy().ctypes.data, 1)
work_once = threads.call(code.address("run"), words.ctypes.data, 3) if not {busy} else 0
print("done")
"""


@pytest.mark.parametrize("busy", [False, True])
def test_a_process_ends_with_its_workers(busy):
    folder = os.path.dirname(__file__)  # noqa: PTH120 - shown as text in a program
    code = PROGRAM_TO_END.format(folder=folder, text=SUM, busy=busy)
    for _ in range(3):
        done = subprocess.run(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


@pytest.fixture
def unlimited(monkeypatch):
    for name in ("CHAINRULE_THREADS", "OMP_NUM_THREADS", "LOKY_MAX_CPU_COUNT"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_as_many_threads_are_available_as_cores(unlimited):
    assert threads.available() == host().cores


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "LOKY_MAX_CPU_COUNT"])
def test_others_limit_what_is_available(unlimited, name):
    for text, expected in [
        ("1", 1),
        ("1,2", 1),
        ("9999", host().cores),
        ("", host().cores),
        ("0", host().cores),
        ("many", host().cores),
    ]:
        unlimited.setenv(name, text)
        assert threads.available() == expected


def test_the_user_says_how_many_threads_there_are(unlimited):
    unlimited.setenv("OMP_NUM_THREADS", "1")
    unlimited.setenv("CHAINRULE_THREADS", "5")
    assert threads.available() == 5


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_a_number_of_threads_that_is_none(unlimited, text):
    unlimited.setenv("CHAINRULE_THREADS", text)
    with pytest.raises(ValueError, match=f"CHAINRULE_THREADS={text} is not a number"):
        threads.available()


@pytest.fixture
def budget(unlimited, tmp_path):
    """A budget of four threads, of this process alone."""
    unlimited.setattr(threads, "available", lambda: 4)
    fresh = threads._Budget()
    fresh._seats = Seats(4, tmp_path / "seats")
    unlimited.setattr(threads, "_BUDGET", fresh)
    return fresh


@pytest.mark.usefixtures("budget")
def test_claims_share_what_is_available():
    with threads.claim(3) as first, threads.claim(3) as second:
        assert (first, second) == (3, 1)
        with threads.claim(3) as third:
            assert third == 1
    with threads.claim(9) as all_of_them:
        assert all_of_them == 4
    with threads.claim(0) as least:
        assert least == 1


@pytest.mark.usefixtures("budget")
def test_a_claim_ends_with_an_error():
    with pytest.raises(ZeroDivisionError), threads.claim(4):
        raise ZeroDivisionError
    with threads.claim(4) as count:
        assert count == 4


needs_locks = pytest.mark.skipif(seats.fcntl is None, reason="no locks here")

NEIGHBOUR = """
import sys
from pathlib import Path
from chainrule.native.seats import Seats
seats = Seats(4, Path(sys.argv[1]))
for line in sys.stdin:
    print(*seats.take(int(line)), flush=True)
"""


@pytest.fixture
def neighbour(tmp_path):
    """Another process that takes as many seats as it is told, and says how it went."""
    running = []

    def start():
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-c", NEIGHBOUR, str(tmp_path / "seats")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)

        def take(count):
            process.stdin.write(f"{count}\n")
            process.stdin.flush()
            return [int(place) for place in process.stdout.readline().split()]

        return take, process

    yield start
    for process in running:
        process.communicate()


@needs_locks
@pytest.mark.usefixtures("budget")
def test_processes_share_what_is_available(neighbour):
    take, process = neighbour()
    assert take(3) == [0, 1, 2]
    with threads.claim(4) as count:
        assert count == 1
    process.communicate()
    with threads.claim(4) as count:
        assert count == 4


@needs_locks
@pytest.mark.usefixtures("budget")
def test_who_finds_no_seat_is_let_sit_later(neighbour):
    take, process = neighbour()
    with threads.claim(4):
        assert take(4) == [4]
    with threads.claim(4) as count:
        assert count == 3
    process.communicate()


@needs_locks
@pytest.mark.usefixtures("budget")
def test_a_process_that_is_killed_gives_its_seats_back(neighbour):
    take, process = neighbour()
    assert take(4) == [0, 1, 2, 3]
    process.kill()
    process.wait()
    with threads.claim(4) as count:
        assert count == 4


@needs_locks
def test_what_the_user_says_is_not_shared(budget, neighbour, unlimited):
    take, process = neighbour()
    take(4)
    unlimited.setenv("CHAINRULE_THREADS", "4")
    with threads.claim(4) as count:
        assert count == 4
    process.communicate()


def test_without_a_file_a_process_shares_with_itself_only(tmp_path):
    alone = Seats(2, tmp_path / "missing" / "seats")
    first = alone.take(1)
    second = alone.take(2)
    third = alone.take(2)
    assert (first, second, third) == ([0], [1], [2])
    alone.leave(first + second)
    assert alone.take(2) == [0, 1]
    alone.close()


@needs_locks
def test_own_places_to_stand_are_kept_while_looking_for_others(tmp_path, neighbour):
    own = Seats(4, tmp_path / "seats")
    sitting, standing = own.take(4), own.take(1)
    assert (sitting, standing) == ([0, 1, 2, 3], [4])
    assert own._crowd() == 0
    take, process = neighbour()
    assert take(1) == [5]
    assert own._crowd() == 1
    process.communicate()
    own.close()

"""Small programs in the language of LLVM, for the tests of what runs them."""

import numpy as np
import pytest

from chainrule.native.image import load
from chainrule.native.linking import link
from chainrule.native.machine_code import assemble
from chainrule.native.runtime import PROGRAM, support
from chainrule.native.target import host


@pytest.fixture
def loaded():
    """Of a text, its functions in memory."""
    return _loaded


@pytest.fixture
def context():
    """Of some words, a context whose own they are: an array of 64-bit words."""
    return _context


@pytest.fixture
def in_step():
    return _loaded(_IN_STEP)


def _loaded(text):
    return load(link(assemble(support(host()) + text, host())))


def _context(*words):
    room = np.zeros(PROGRAM + len(words) + 8, np.int64)
    skipped = -room.ctypes.data % 64 // 8
    aligned = room[skipped : skipped + PROGRAM + len(words)]
    aligned[PROGRAM:] = words
    return aligned


# Each thread adds one to its own counter if all counters are as high as its own: what
# it sees is right only if it waits for all others before it reads and before it writes.
_IN_STEP = f"""
define void @run(ptr %context, i64 %thread) nounwind {{
  %threads = load i64, ptr %context
  %rounds.at = getelementptr i64, ptr %context, i64 {PROGRAM}
  %rounds = load i64, ptr %rounds.at
  %counters.at = getelementptr i64, ptr %context, i64 {PROGRAM + 1}
  %counters = load ptr, ptr %counters.at
  %place = shl i64 %thread, 3
  %own = getelementptr i64, ptr %counters, i64 %place
  br label %round

round:
  %i = phi i64 [ 0, %0 ], [ %next, %write ]
  br label %other

other:
  %k = phi i64 [ 0, %round ], [ %k.next, %other ]
  %sum = phi i64 [ 0, %round ], [ %sum.next, %other ]
  %other.place = shl i64 %k, 3
  %other.at = getelementptr i64, ptr %counters, i64 %other.place
  %count = load i64, ptr %other.at
  %sum.next = add i64 %sum, %count
  %k.next = add i64 %k, 1
  %more = icmp slt i64 %k.next, %threads
  br i1 %more, label %other, label %check

check:
  %expected = mul i64 %i, %threads
  %right = icmp eq i64 %sum.next, %expected
  %step = zext i1 %right to i64
  call void @barrier(ptr %context)
  br label %write

write:
  %before = load i64, ptr %own
  %after = add i64 %before, %step
  store i64 %after, ptr %own
  call void @barrier(ptr %context)
  %next = add i64 %i, 1
  %again = icmp slt i64 %next, %rounds
  br i1 %again, label %round, label %done

done:
  ret void
}}
"""

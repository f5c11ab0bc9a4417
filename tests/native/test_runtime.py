"""What programs carry with them: the barrier, flushing of denormals, the clock."""

import ctypes

import numpy as np
import pytest

from chainrule.native import clock, threads
from chainrule.native.machine_code import assembly
from chainrule.native.runtime import PROGRAM, SLEEPERS, support
from chainrule.native.target import named

SMALLEST = np.finfo(np.float32).tiny

# Halves the number in word PROGRAM twice: while denormals are flushed, and after.
HALVES = f"""
define void @run(ptr %context, i64 %thread) nounwind {{
  %first = getelementptr float, ptr %context, i64 {2 * PROGRAM}
  %second = getelementptr float, ptr %context, i64 {2 * PROGRAM + 1}
  %former = call i64 @enter()
  br label %flushed

flushed:
  %x = load volatile float, ptr %first
  %half = fmul float %x, 0.5
  store volatile float %half, ptr %first
  call void @leave(i64 %former)
  br label %kept

kept:
  %y = load volatile float, ptr %second
  %other = fmul float %y, 0.5
  store volatile float %other, ptr %second
  ret void
}}
"""

ROUNDING = """
define i64 @state() nounwind {
  %former = call i64 @enter()
  %inside = call i64 @enter()
  call void @leave(i64 %inside)
  call void @leave(i64 %former)
  ret i64 %former
}
"""


@pytest.mark.parametrize("count", [1, 2])
def test_denormals_are_flushed_inside_and_kept_outside(loaded, context, count):
    code = loaded(HALVES)
    words = context(0)
    words[PROGRAM:].view(np.float32)[:] = SMALLEST, SMALLEST
    threads.call(code.address("run"), words.ctypes.data, count)
    flushed, kept = words[PROGRAM:].view(np.float32)
    assert flushed == 0
    assert kept > 0


def test_denormal_inputs_count_as_zero(loaded, context):
    code = loaded(HALVES.replace("0.5", "2.0"))
    words = context(0)
    words[PROGRAM:].view(np.float32)[:] = SMALLEST / 2, SMALLEST / 2
    threads.call(code.address("run"), words.ctypes.data, 1)
    assert words[PROGRAM:].view(np.float32).tolist() == [0, SMALLEST]


def test_the_state_of_the_caller_is_restored(loaded):
    code = loaded(ROUNDING)
    state = ctypes.CFUNCTYPE(ctypes.c_int64)(code.address("state"))
    assert state() == state()
    assert np.float32(SMALLEST) / np.float32(2) > 0


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_threads_wait_for_one_another_at_each_barrier(in_step, context, count):
    rounds = 300
    counters = np.zeros(8 * count, np.int64)
    words = context(rounds, counters.ctypes.data)
    threads.call(in_step.address("run"), words.ctypes.data, count)
    assert counters[::8].tolist() == [rounds] * count


def test_nobody_is_left_asleep(in_step, context):
    # More threads than cores, so that waiting ends in sleep again and again.
    count = 2 * threads.available() + 1
    counters = np.zeros(8 * count, np.int64)
    words = context(1000, counters.ctypes.data)
    for _ in range(5):
        counters[:] = 0
        threads.call(in_step.address("run"), words.ctypes.data, count)
        assert counters[::8].tolist() == [1000] * count
    assert words[SLEEPERS : SLEEPERS + 2].max() <= count


@pytest.mark.parametrize("name", ["x86-64", "x86-64-v3", "x86-64-v4", "aarch64"])
def test_every_target_has_its_own_instructions(name):
    text = assembly(support(named(name)), named(name))
    control, wait = ("FPCR", "isb") if name == "aarch64" else ("ldmxcsr", "pause")
    assert control in text
    assert wait in text


def test_the_clock_goes_on():
    first, second = clock.ticks(), clock.ticks()
    assert first < second


def test_the_clock_s_speed_is_that_of_a_processor_or_a_timer():
    assert 1e6 < clock.ticks_per_second() < 1e10
    assert clock.ticks_per_second() == clock.ticks_per_second()

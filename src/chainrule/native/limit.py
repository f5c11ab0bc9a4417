"""How fast this machine multiplies and adds: what a program can be measured against.

A loop of vector multiply-adds in registers, as independent of one another as it takes
to keep the processor busy, with no memory in sight: no program for the same processor
computes faster.
"""

from functools import cache
from importlib import import_module

from chainrule.ir import DType
from chainrule.native import cache as disk
from chainrule.native import threads as workers
from chainrule.native.clock import ticks_per_second
from chainrule.native.context import cache_lines
from chainrule.native.image import Image, load
from chainrule.native.runtime import PROGRAM, support
from chainrule.native.target import Target, host

_CHAINS = 12  # sums side by side: what two units with a latency of 4 to 6 can use
_TURNS = 1 << 17  # of the loop, which takes about half a millisecond
_TRIALS = 6
_LINE = 8  # words in a cache line
_SEEN = PROGRAM + _LINE  # from here on each thread has two lines: its time, its sums


@cache
def flops_per_second(threads: int, dtype: DType) -> float:
    """Multiplications and additions that many threads can do together in a second.

    Measured once in a process, in some milliseconds: the best of a few trials.
    """
    code = load(Image.from_bytes(_image(dtype)))
    words = cache_lines(_SEEN + 2 * _LINE * threads)
    each = 2.0 * _TURNS * _CHAINS * host().lanes(dtype)
    best = 0.0
    for _ in range(_TRIALS):
        workers.call(code.address("run"), words.ctypes.data, threads)
        ticks = words[_SEEN :: 2 * _LINE][:threads]
        best = max(best, float((each / ticks).sum()))
    return best * ticks_per_second()


def _image(dtype: DType) -> bytes:
    target = host()
    text = kernel(target, dtype)

    def build() -> bytes:
        machine_code = import_module("chainrule.native.machine_code")
        made: Image = machine_code.image(text, target)
        return made.to_bytes()

    return disk.fetch(text, build, target)


def kernel(target: Target, dtype: DType) -> str:
    """LLVM text of the loop. Every sum tends to 2, so none overflows or vanishes."""
    lanes = target.lanes(dtype)
    scalar = "float" if dtype.itemsize == 4 else "double"
    vector = f"<{lanes} x {scalar}>"
    ones = ", ".join([f"{scalar} 1.0"] * lanes)
    halves = ", ".join([f"{scalar} 0.5"] * lanes)
    suffix = f"v{lanes}f{8 * dtype.itemsize}"
    sums = [
        f"  %x{i} = phi {vector} [ <{ones}>, %entry ], [ %y{i}, %head ]"
        for i in range(_CHAINS)
    ]
    if target.has_fma:
        steps = [
            f"  %y{i} = call {vector} @llvm.fma.{suffix}({vector} %x{i}, "
            f"{vector} <{halves}>, {vector} <{ones}>)"
            for i in range(_CHAINS)
        ]
    else:
        steps = [
            f"  %h{i} = fmul {vector} %x{i}, <{halves}>\n"
            f"  %y{i} = fadd {vector} %h{i}, <{ones}>"
            for i in range(_CHAINS)
        ]
    total = [f"  %t0 = fadd {vector} %y0, %y1"] + [
        f"  %t{i} = fadd {vector} %t{i - 1}, %y{i + 1}" for i in range(1, _CHAINS - 1)
    ]
    lines = [
        "define void @run(ptr %context, i64 %thread) nounwind {",
        "entry:",
        f"  %row = mul i64 %thread, {2 * _LINE}",
        f"  %own = add i64 %row, {_SEEN}",
        "  %time.at = getelementptr i64, ptr %context, i64 %own",
        f"  %sums.at = getelementptr i64, ptr %time.at, i64 {_LINE}",
        "  call void @barrier(ptr %context)",
        "  %start = call i64 @clock()",
        "  br label %head",
        "head:",
        "  %turn = phi i64 [ 0, %entry ], [ %next, %head ]",
        *sums,
        *steps,
        "  %next = add i64 %turn, 1",
        f"  %more = icmp ult i64 %next, {_TURNS}",
        "  br i1 %more, label %head, label %done",
        "done:",
        "  %end = call i64 @clock()",
        *total,
        f"  store {vector} %t{_CHAINS - 2}, ptr %sums.at, align 64",
        "  %took = sub i64 %end, %start",
        "  store i64 %took, ptr %time.at",
        "  ret void",
        "}",
    ]
    if target.has_fma:
        arguments = ", ".join([vector] * 3)
        lines.append(f"declare {vector} @llvm.fma.{suffix}({arguments})")
    return "\n".join([*lines, support(target)])

"""The function that a program begins with: all steps, all phases, all barriers.

Every thread runs it. A step is its phases with a barrier between any two and one at the
end. After that all threads look at one word to see whether there is anything more to
do. Two steps in a row have different words: the first thread may be ahead by a step,
and what it writes there must not reach one that is still looking at the step before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chainrule.native.frame import Frame, Storage
from chainrule.native.nest import Function
from chainrule.native.runtime import PROGRAM
from chainrule.passes.partition import Program


@dataclass(frozen=True)
class Call:
    """A nest, and the word of the context with which its table of buffers begins."""

    function: Function
    table: int
    words: tuple[int, ...]


def entry(
    program: Program,
    calls: Sequence[Call],
    slots: int,
    watched: Storage | None,
    *,
    timed: bool,
) -> str:
    """The text of `void @run(ptr context, i64 thread)`.

    `slots` are the words of a frame. The program stops after a step in which an index
    was wrong, or the output `watched` is not finite. `timed` programs note how long
    each group takes.
    """
    clock = _Clock(len(program.groups)) if timed else None
    lines = [
        "define void @run(ptr %context, i64 %thread) nounwind {",
        "entry:",
        "  %former = call i64 @enter()",
        *_word("steps", Frame.STEPS, "i64"),
        *_word("frames", Frame.FRAMES, "ptr"),
        *_word("which", Frame.FRAME_OF_STEP, "ptr"),
        *_word("times", Frame.TIMES, "ptr"),
        *_place("flag", Frame.FLAG),
        *_place("stops", Frame.STOP),
        *_place("done", Frame.DONE),
        "  %first = icmp eq i64 %thread, 0",
        *(clock.started() if clock else []),
        "  br label %head",
        "head:",
        "  %step = phi i64 [ 0, %entry ], [ %next, %after ]",
        "  %more = icmp slt i64 %step, %steps",
        "  br i1 %more, label %body, label %exit",
        "body:",
        "  %number.at = getelementptr i64, ptr %which, i64 %step",
        "  %number = load i64, ptr %number.at",
        f"  %offset = mul i64 %number, {slots}",
        "  %frame = getelementptr i64, ptr %frames, i64 %offset",
        "  %odd = and i64 %step, 1",
        "  %stop.at = getelementptr i64, ptr %stops.at, i64 %odd",
        *_phases(program, calls, clock),
        "  br i1 %first, label %look, label %looked",
        "look:",
        "  %wrong = load atomic i64, ptr %flag.at monotonic, align 8",
        *_infinite(watched),
        "  %enough = or i64 %wrong, %infinite",
        "  store atomic i64 %enough, ptr %stop.at monotonic, align 8",
        "  br label %looked",
        "looked:",
        "  call void @barrier(ptr %context)",
        *(clock.waited() if clock else []),
        "  %next = add i64 %step, 1",
        "  br i1 %first, label %count, label %after.count",
        "count:",
        "  store i64 %next, ptr %done.at",
        "  br label %after.count",
        "after.count:",
        "  %stop = load atomic i64, ptr %stop.at monotonic, align 8",
        "  %halt = icmp ne i64 %stop, 0",
        "  br i1 %halt, label %exit, label %after",
        "after:",
        "  br label %head",
        "exit:",
        "  call void @leave(i64 %former)",
        "  ret void",
        "}",
        # What a demand that fails is like: next to never.
        '!0 = !{!"branch_weights", i32 1, i32 100000}',
    ]
    return "\n".join(lines)


def _place(name: str, word: int) -> Iterator[str]:
    yield f"  %{name}.at = getelementptr i64, ptr %context, i64 {PROGRAM + word}"


def _word(name: str, word: int, kind: str) -> Iterator[str]:
    yield from _place(name, word)
    yield f"  %{name} = load {kind}, ptr %{name}.at"


def _phases(
    program: Program, calls: Sequence[Call], clock: "_Clock | None"
) -> Iterator[str]:
    """The groups in order, with barriers between phases."""
    number = 0
    for phase, groups in enumerate(program.phases):
        if phase:
            yield "  call void @barrier(ptr %context)"
            yield from clock.waited() if clock else ()
        for group in groups:
            nest, table = calls[number].function, calls[number].table
            at = f"getelementptr i64, ptr %context, i64 {PROGRAM + table}"
            yield f"  %table{number} = {at}"
            call = f"call void @{nest.name}(ptr %context, i64 %thread, i64 %step, "
            call += f"ptr %frame, ptr %table{number})"
            if program.shares[group] is None:
                yield f"  br i1 %first, label %alone{number}, label %all{number}"
                yield f"alone{number}:"
                yield f"  {call}"
                yield f"  br label %all{number}"
                yield f"all{number}:"
            else:
                yield f"  {call}"
            yield from clock.worked(number) if clock else ()
            number += 1


# An exponent that is all ones belongs to infinities and NaN.
_EXPONENT = {4: ("i32", 0x7F800000), 8: ("i64", 0x7FF0000000000000)}


def _infinite(storage: Storage | None) -> Iterator[str]:
    """Whether the output of this step is not finite."""
    if storage is None:
        yield "  %infinite = add i64 0, 0"
        return
    bits, mask = _EXPONENT[storage.dtype.itemsize]
    yield from _word("outputs", storage.word, "ptr")
    yield f"  %output.at = getelementptr {bits}, ptr %outputs, i64 %step"
    yield f"  %output = load {bits}, ptr %output.at"
    yield f"  %exponent = and {bits} %output, {mask}"
    yield f"  %ones = icmp eq {bits} %exponent, {mask}"
    yield "  %infinite = zext i1 %ones to i64"


class _Clock:
    """Adds up, for every thread, the time in each group and the time of waiting."""

    def __init__(self, groups: int) -> None:
        self.row = groups + 1
        self.count = 0

    def started(self) -> list[str]:
        """From here on there is something to look back to."""
        return [
            "  %start.time = call i64 @clock()",
            f"  %start.row = mul i64 %thread, {self.row + 1}",
            f"  %start.i = add i64 %start.row, {self.row}",
            "  %start.at = getelementptr i64, ptr %times, i64 %start.i",
            "  store i64 %start.time, ptr %start.at",
        ]

    def waited(self) -> list[str]:
        return self.worked(self.row - 1)

    def worked(self, number: int) -> list[str]:
        """Since the last look at the clock this was done."""
        self.count += 1
        n = self.count
        return [
            f"  %now{n} = call i64 @clock()",
            f"  %row{n} = mul i64 %thread, {self.row + 1}",
            f"  %last.i{n} = add i64 %row{n}, {self.row}",
            f"  %last.at{n} = getelementptr i64, ptr %times, i64 %last.i{n}",
            f"  %last{n} = load i64, ptr %last.at{n}",
            f"  store i64 %now{n}, ptr %last.at{n}",
            f"  %took{n} = sub i64 %now{n}, %last{n}",
            f"  %sum.i{n} = add i64 %row{n}, {number}",
            f"  %sum.at{n} = getelementptr i64, ptr %times, i64 %sum.i{n}",
            f"  %sum{n} = load i64, ptr %sum.at{n}",
            f"  %more{n} = add i64 %sum{n}, %took{n}",
            f"  store i64 %more{n}, ptr %sum.at{n}",
        ]

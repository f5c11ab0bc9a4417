"""LLVM text of the worker threads' loop: how a call reaches them, how they wait.

All of it is native, so that waking a worker needs neither Python nor its lock. Whoever
waits, a worker for a task or a caller for its workers, spins for a short while, in case
what it waits for comes at once, and then sleeps on a semaphore of the system.

Blocks of 64-bit words are shared between Python and this code. Of a worker: `STATE`,
`SEMAPHORE`, `SYSTEM` (the block below), and the task: what to call, with which context
and thread number, for which team. Of a team, which is one call: how many workers are
still `LEFT`, with a bit that says that the caller sleeps, `SEMAPHORE`, `SYSTEM`, two
semaphores for `BARRIERS`, and from `MEMBERS` on the addresses of its workers' blocks.
Of the system: the functions that wait for a semaphore and signal one, how many pauses
to spin for, and how many `CORES` there are.
"""

from chainrule.native import runtime
from chainrule.native.target import Target

STATE = LEFT = WAIT = 0
SEMAPHORE = SIGNAL = 1
SYSTEM = SPINS = 2
CORES = 3
BARRIERS = 4
MEMBERS = 8

_IDLE, _ASLEEP, _TASK = 0, 1, 2
_SLEEPING = 1 << 32
# Where threads outnumber the cores, the one that is waited for is waiting for a core,
# and spinning keeps it from having this one: it is 2**8 times shorter.
_CROWDED = 8


def pool(target: Target) -> str:
    """LLVM text of the functions that `threads` calls.

    `void @work(ptr worker)` is what a worker thread does for ever.
    `void @dispatch(ptr team, ptr run, ptr context, i64 threads)` fills in the words of
    the context that `runtime` names and calls `run(context, i)` on thread i for each
    i < threads, this thread being number 0.
    `i64 @ticks()` reads the clock of `runtime.support`; `void @rest(i64 pauses)` tells
    the processor that many times that this thread only waits.
    """
    pause = runtime.PAUSE[target.architecture]
    parts = (
        runtime.support(target),
        _work(pause),
        _dispatch(pause),
        _rest(pause),
        _TICKS,
    )
    return "\n".join(parts)


_TICKS = """\
define i64 @ticks() nounwind {
  %ticks = call i64 @clock()
  ret i64 %ticks
}
"""


def _rest(pause: str) -> str:
    return f"""\
define void @rest(i64 %pauses) nounwind {{
  br label %each

each:
  %left = phi i64 [ %pauses, %0 ], [ %less, %each ]
  {pause}
  %less = sub i64 %left, 1
  %more = icmp sgt i64 %less, 0
  br i1 %more, label %each, label %done

done:
  ret void
}}
"""


def _work(pause: str) -> str:
    return f"""\
define void @work(ptr %worker) nounwind {{
  %semaphore.at = getelementptr i64, ptr %worker, i64 {SEMAPHORE}
  %system.at = getelementptr i64, ptr %worker, i64 {SYSTEM}
  %semaphore = load ptr, ptr %semaphore.at
  %system = load ptr, ptr %system.at
  %wait = load ptr, ptr %system
  %signal.at = getelementptr i64, ptr %system, i64 {SIGNAL}
  %signal = load ptr, ptr %signal.at
  %spins.at = getelementptr i64, ptr %system, i64 {SPINS}
  %spins = load i64, ptr %spins.at
  %run.at = getelementptr i64, ptr %worker, i64 8
  %context.at = getelementptr i64, ptr %worker, i64 9
  %thread.at = getelementptr i64, ptr %worker, i64 10
  %team.at = getelementptr i64, ptr %worker, i64 11
  br label %watch

watch:
  %left = phi i64 [ %spins, %0 ], [ %spins, %finish ], [ %spins, %wake ],
                  [ %less, %pause ]
  %state = load atomic i64, ptr %worker acquire, align 8
  %called = icmp eq i64 %state, {_TASK}
  br i1 %called, label %task, label %spin

spin:
  %tired = icmp sle i64 %left, 0
  br i1 %tired, label %sleep, label %pause

pause:
  {pause}
  %less = sub i64 %left, 1
  br label %watch

sleep:
  %slept = cmpxchg ptr %worker, i64 {_IDLE}, i64 {_ASLEEP} acq_rel acquire, align 8
  %sleeps = extractvalue {{ i64, i1 }} %slept, 1
  br i1 %sleeps, label %doze, label %task

doze:
  call i32 %wait(ptr %semaphore, i64 -1)
  %now = load atomic i64, ptr %worker acquire, align 8
  %dreams = icmp eq i64 %now, {_ASLEEP}
  br i1 %dreams, label %doze, label %task

task:
  %run = load ptr, ptr %run.at
  %context = load ptr, ptr %context.at
  %thread = load i64, ptr %thread.at
  %team = load ptr, ptr %team.at
  %caller.at = getelementptr i64, ptr %team, i64 {SEMAPHORE}
  %caller = load ptr, ptr %caller.at
  store atomic i64 {_IDLE}, ptr %worker monotonic, align 8
  call void %run(ptr %context, i64 %thread)
  %before = atomicrmw sub ptr %team, i64 1 acq_rel, align 8
  %awaited = icmp eq i64 %before, {_SLEEPING + 1}
  br i1 %awaited, label %wake, label %finish

wake:
  call i32 %signal(ptr %caller, i64 1, i64 0)
  br label %watch

finish:
  br label %watch
}}
"""


def _dispatch(pause: str) -> str:
    words = "".join(
        f"""\
  %word.{word} = getelementptr i64, ptr %context, i64 {word}
  store {value}, ptr %word.{word}
"""
        for word, value in {
            runtime.THREADS: "i64 %threads",
            runtime.SPINS: "i64 %patience",
            runtime.WAIT: "ptr %wait",
            runtime.SIGNAL: "ptr %signal",
            runtime.SEMAPHORES: "i64 %even",
            runtime.SEMAPHORES + 1: "i64 %odd",
            runtime.ARRIVALS: "i64 0",
            runtime.SLEEPERS: "i64 0",
            runtime.SLEEPERS + 1: "i64 0",
        }.items()
    )
    return f"""\
define void @dispatch(ptr %team, ptr %run, ptr %context, i64 %threads) nounwind {{
  %system.at = getelementptr i64, ptr %team, i64 {SYSTEM}
  %system = load ptr, ptr %system.at
  %wait = load ptr, ptr %system
  %signal.at = getelementptr i64, ptr %system, i64 {SIGNAL}
  %signal = load ptr, ptr %signal.at
  %spins.at = getelementptr i64, ptr %system, i64 {SPINS}
  %spins = load i64, ptr %spins.at
  %cores.at = getelementptr i64, ptr %system, i64 {CORES}
  %cores = load i64, ptr %cores.at
  %crowd = icmp sgt i64 %threads, %cores
  %fewer = lshr i64 %spins, {_CROWDED}
  %patience = select i1 %crowd, i64 %fewer, i64 %spins
  %workers = sub i64 %threads, 1
  store atomic i64 %workers, ptr %team monotonic, align 8
  %even.at = getelementptr i64, ptr %team, i64 {BARRIERS}
  %even = load i64, ptr %even.at
  %odd.at = getelementptr i64, ptr %team, i64 {BARRIERS + 1}
  %odd = load i64, ptr %odd.at
{words}  br label %each

each:
  %i = phi i64 [ 0, %0 ], [ %next, %post ], [ %next, %wake ]
  %more = icmp slt i64 %i, %workers
  %next = add i64 %i, 1
  br i1 %more, label %post, label %own

post:
  %place = add i64 %i, {MEMBERS}
  %worker.at = getelementptr i64, ptr %team, i64 %place
  %worker = load ptr, ptr %worker.at
  %run.at = getelementptr i64, ptr %worker, i64 8
  store ptr %run, ptr %run.at
  %context.at = getelementptr i64, ptr %worker, i64 9
  store ptr %context, ptr %context.at
  %thread.at = getelementptr i64, ptr %worker, i64 10
  store i64 %next, ptr %thread.at
  %team.at = getelementptr i64, ptr %worker, i64 11
  store ptr %team, ptr %team.at
  %state = atomicrmw xchg ptr %worker, i64 {_TASK} acq_rel, align 8
  %asleep = icmp eq i64 %state, {_ASLEEP}
  br i1 %asleep, label %wake, label %each

wake:
  %semaphore.at = getelementptr i64, ptr %worker, i64 {SEMAPHORE}
  %semaphore = load ptr, ptr %semaphore.at
  call i32 %signal(ptr %semaphore, i64 1, i64 0)
  br label %each

own:
  call void %run(ptr %context, i64 0)
  br label %watch

watch:
  %left = phi i64 [ %spins, %own ], [ %less, %pause ]
  %busy = load atomic i64, ptr %team acquire, align 8
  %finished = icmp eq i64 %busy, 0
  br i1 %finished, label %done, label %spin

spin:
  %tired = icmp sle i64 %left, 0
  br i1 %tired, label %sleep, label %pause

pause:
  {pause}
  %less = sub i64 %left, 1
  br label %watch

sleep:
  %before = atomicrmw or ptr %team, i64 {_SLEEPING} acq_rel, align 8
  %already = icmp eq i64 %before, 0
  %caller.at = getelementptr i64, ptr %team, i64 {SEMAPHORE}
  %caller = load ptr, ptr %caller.at
  br i1 %already, label %done, label %doze

doze:
  call i32 %wait(ptr %caller, i64 -1)
  %now = load atomic i64, ptr %team acquire, align 8
  %dreams = icmp ne i64 %now, {_SLEEPING}
  br i1 %dreams, label %doze, label %done

done:
  ret void
}}
"""

"""What every program carries with it: the barrier, flushing of denormals, the clock.

LLVM text, written per architecture, of functions that generated code calls. A program
is entered by each of its threads with the same context, a row of 64-bit words, at the
start of a cache line, of which the first are defined here. Objects never name a symbol
outside themselves: what they need of the operating system comes with the context.

`pool` fills in these words at each call: how many `THREADS` there are; how many pauses
to spin for at a barrier, `SPINS`; the functions that wait for a semaphore and signal
one, `WAIT` and `SIGNAL` (0 for both: spin until it is over), and two `SEMAPHORES`. Then
come the barrier's own: `ARRIVALS`, its `GENERATION`, and two counts of `SLEEPERS`, in
cache lines of their own, as some threads write what others read. From `PROGRAM` on, the
context is the program's.
"""

from chainrule.native.target import Target

THREADS = 0
SPINS = 1
WAIT = 2
SIGNAL = 3
SEMAPHORES = 4
ARRIVALS = 8
GENERATION = 16
SLEEPERS = 24
PROGRAM = 64


def support(target: Target) -> str:
    """LLVM text of the functions that a program for `target` may call.

    `void @barrier(ptr context)`: returns once all threads of the context have called
    it, and shows each what the others wrote before. Who waits spins for a while, and
    then sleeps. It does not merely offer its core to others, again and again: beside
    busy programs that costs all of its share, while one who sleeps is soon woken.

    `i64 @enter()`: from here on this thread rounds to nearest and takes denormals for
    zero; returns the former state, which `void @leave(i64)` restores. Arithmetic meant
    to lie between the two must stand in other basic blocks than they do.

    `i64 @clock()`: the ticks of a steady clock, read in some 10 ns.
    """
    own = {"x86_64": _X86, "aarch64": _AARCH64}[target.architecture]
    return own + _barrier(PAUSE[target.architecture])


# Tells the processor that this thread is only waiting.
PAUSE = {
    "x86_64": "call void @llvm.x86.sse2.pause()",
    "aarch64": "call void @llvm.aarch64.isb(i32 15)",
}


# The last to arrive starts the next generation and then looks for sleepers; who goes to
# sleep counts itself and then looks at the generation: so one of the two sees the
# other. Generations take turns with two semaphores, so that nobody takes a signal that
# is meant for one who still sleeps in the generation before. A signal that nobody took
# wakes someone too early later on, who just sleeps again.
def _barrier(pause: str) -> str:
    return f"""\
define internal void @barrier(ptr %context) noinline nounwind {{
  %threads = load i64, ptr %context
  %alone = icmp ule i64 %threads, 1
  br i1 %alone, label %done, label %arrive

arrive:
  %arrivals = getelementptr i64, ptr %context, i64 {ARRIVALS}
  %generation = getelementptr i64, ptr %context, i64 {GENERATION}
  %now = load atomic i64, ptr %generation monotonic, align 8
  %turn = and i64 %now, 1
  %sleepers.word = add i64 %turn, {SLEEPERS}
  %sleepers.at = getelementptr i64, ptr %context, i64 %sleepers.word
  %before = atomicrmw add ptr %arrivals, i64 1 acq_rel, align 8
  %count = add i64 %before, 1
  %last = icmp eq i64 %count, %threads
  br i1 %last, label %release, label %prepare

release:
  store atomic i64 0, ptr %arrivals monotonic, align 8
  atomicrmw add ptr %generation, i64 1 seq_cst, align 8
  %sleepers = load atomic i64, ptr %sleepers.at seq_cst, align 8
  %awake = icmp eq i64 %sleepers, 0
  br i1 %awake, label %done, label %rouse

prepare:
  %spins.at = getelementptr i64, ptr %context, i64 {SPINS}
  %spins = load i64, ptr %spins.at
  br label %spin

spin:
  %left = phi i64 [ %spins, %prepare ], [ %less, %pause ]
  %seen = load atomic i64, ptr %generation acquire, align 8
  %passed = icmp ne i64 %seen, %now
  br i1 %passed, label %done, label %wait

wait:
  %patient = icmp sgt i64 %left, 0
  br i1 %patient, label %pause, label %tired

pause:
  {pause}
  %less = sub i64 %left, 1
  br label %spin

tired:
  %wait.at = getelementptr i64, ptr %context, i64 {WAIT}
  %sleep = load ptr, ptr %wait.at
  %restless = icmp eq ptr %sleep, null
  br i1 %restless, label %pause, label %count.in

count.in:
  %semaphore = call ptr @semaphore(ptr %context, i64 %turn)
  atomicrmw add ptr %sleepers.at, i64 1 seq_cst, align 8
  br label %look

look:
  %then = load atomic i64, ptr %generation seq_cst, align 8
  %over = icmp ne i64 %then, %now
  br i1 %over, label %done, label %doze

doze:
  call i32 %sleep(ptr %semaphore, i64 -1)
  br label %look

rouse:
  %all = atomicrmw xchg ptr %sleepers.at, i64 0 acq_rel, align 8
  %theirs = call ptr @semaphore(ptr %context, i64 %turn)
  %signal.at = getelementptr i64, ptr %context, i64 {SIGNAL}
  %signal = load ptr, ptr %signal.at
  br label %each

each:
  %i = phi i64 [ %all, %rouse ], [ %rest, %wake ]
  %more = icmp sgt i64 %i, 0
  br i1 %more, label %wake, label %done

wake:
  call i32 %signal(ptr %theirs, i64 1, i64 0)
  %rest = sub i64 %i, 1
  br label %each

done:
  ret void
}}

define internal ptr @semaphore(ptr %context, i64 %turn) noinline nounwind {{
  %word = add i64 %turn, {SEMAPHORES}
  %at = getelementptr i64, ptr %context, i64 %word
  %semaphore = load ptr, ptr %at
  ret ptr %semaphore
}}
"""


# The control word that programs run with: round to nearest, no traps, denormal results
# and operands count as zero.
_X86 = f"""\
define internal i64 @enter() noinline nounwind {{
  %word = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %word)
  %former = load i32, ptr %word
  store i32 {0x9FC0}, ptr %word
  call void @llvm.x86.sse.ldmxcsr(ptr %word)
  %wide = zext i32 %former to i64
  ret i64 %wide
}}

define internal void @leave(i64 %former) noinline nounwind {{
  %word = alloca i32
  %narrow = trunc i64 %former to i32
  store i32 %narrow, ptr %word
  call void @llvm.x86.sse.ldmxcsr(ptr %word)
  ret void
}}

define internal i64 @clock() noinline nounwind {{
  %ticks = call i64 @llvm.readcyclecounter()
  ret i64 %ticks
}}

declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)
declare void @llvm.x86.sse2.pause()
declare i64 @llvm.readcyclecounter()
"""

# The cycle counter of ARM belongs to the kernel; its timer may be read by all.
_AARCH64 = f"""\
define internal i64 @enter() noinline nounwind {{
  %former = call i64 @llvm.aarch64.get.fpcr()
  call void @llvm.aarch64.set.fpcr(i64 {1 << 24})
  ret i64 %former
}}

define internal void @leave(i64 %former) noinline nounwind {{
  call void @llvm.aarch64.set.fpcr(i64 %former)
  ret void
}}

define internal i64 @clock() noinline nounwind {{
  %ticks = call i64 @llvm.read_volatile_register.i64(metadata !{{!"cntvct_el0"}})
  ret i64 %ticks
}}

declare i64 @llvm.aarch64.get.fpcr()
declare void @llvm.aarch64.set.fpcr(i64)
declare i64 @llvm.read_volatile_register.i64(metadata)
declare void @llvm.aarch64.isb(i32)
"""

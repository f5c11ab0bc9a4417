"""What every program carries with it: the barrier, flushing of denormals, the clock.

LLVM text, written per architecture, of functions that generated code calls. A program
is entered by each of its threads with the same context, a row of 64-bit words of which
the first are defined here; objects never name a symbol outside themselves, so what they
need of the operating system comes to them in the context, too.
"""

from chainrule.native.target import Target

# The words of a context, each of 8 bytes. Arrivals and the generation of the barrier
# are in cache lines of their own, as all threads write the one and read the other.
THREADS = 0
SPINS = 1
YIELD = 2
ARRIVALS = 8
GENERATION = 16
PROGRAM = 64


def support(target: Target) -> str:
    """LLVM text of the functions that a program for `target` may call.

    `void @barrier(ptr context)`: returns once all threads of the context have called
    it, and shows each what the others wrote before. A waiting thread spins for as many
    pauses as the context says and then lets others have the core.

    `i64 @enter()`: from here on this thread rounds to nearest and takes denormals for
    zero; returns the former state, which `void @leave(i64)` restores. Arithmetic meant
    to lie between the two must stand in other basic blocks than they do.

    `i64 @clock()`: the ticks of a steady clock, read in some 10 ns.
    """
    if target.architecture == "x86_64":
        return _X86 + _barrier(PAUSE["x86_64"])
    return _AARCH64 + _barrier(PAUSE["aarch64"])


# Tells the processor that this thread is only waiting.
PAUSE = {
    "x86_64": "call void @llvm.x86.sse2.pause()",
    "aarch64": "call void @llvm.aarch64.isb(i32 15)",
}


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
  %before = atomicrmw add ptr %arrivals, i64 1 acq_rel, align 8
  %count = add i64 %before, 1
  %last = icmp eq i64 %count, %threads
  br i1 %last, label %release, label %prepare

release:
  store atomic i64 0, ptr %arrivals monotonic, align 8
  %next = add i64 %now, 1
  store atomic i64 %next, ptr %generation release, align 8
  br label %done

prepare:
  %spins.at = getelementptr i64, ptr %context, i64 {SPINS}
  %spins = load i64, ptr %spins.at
  %yield.at = getelementptr i64, ptr %context, i64 {YIELD}
  %yield = load ptr, ptr %yield.at
  %polite = icmp ne ptr %yield, null
  br label %spin

spin:
  %left = phi i64 [ %spins, %prepare ], [ %less, %pause ], [ 4, %give ]
  %seen = load atomic i64, ptr %generation acquire, align 8
  %passed = icmp ne i64 %seen, %now
  br i1 %passed, label %done, label %wait

wait:
  %tired = icmp sle i64 %left, 0
  %giving = and i1 %tired, %polite
  br i1 %giving, label %give, label %pause

pause:
  {pause}
  %less = sub i64 %left, 1
  br label %spin

give:
  call i32 %yield()
  br label %spin

done:
  ret void
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

"""What some processors have no instructions for, in those that they have.

LLVM calls functions of the C library for them, which an object that stands alone must
bring along. They are exact, so that all processors give the same numbers, but take
many times as long: whoever can do without them on such a processor should.
"""

from chainrule.native.target import Target


def substitutes(text: str, target: Target) -> str:
    """LLVM text of the functions that `text` needs in addition on `target`.

    Each number type has its own: `fmaf` for `llvm.fma` of `float`, `floor` for that of
    `double`, and so on.
    """
    if target.has_fma:
        return ""
    parts = [_ODD_SUM, _FMAF, _FMA] if "@llvm.fma." in text else []
    for name, body in _ROUNDING.items():
        if f"@llvm.{name}." in text:
            parts += [_rounding(name, kind, body) for kind in ("float", "double")]
    return "\n".join(parts)


# p + c, rounded to odd: if it is not exact, the last bit is 1. Rounding that again to
# a number of fewer bits is as if the exact sum were rounded once (Boldo and Melquiond,
# "Emulation of a FMA and correctly rounded sums", 2008). The error is Knuth's.
_ODD_SUM = """\
define internal double @odd_sum(double %p, double %c) noinline nounwind {
  %s = fadd double %p, %c
  %p.part = fsub double %s, %c
  %c.part = fsub double %s, %p.part
  %p.rest = fsub double %p, %p.part
  %c.rest = fsub double %c, %c.part
  %error = fadd double %p.rest, %c.rest
  %bits = bitcast double %s to i64
  %inexact = fcmp one double %error, 0.0
  %last = and i64 %bits, 1
  %even = icmp eq i64 %last, 0
  %moves = and i1 %inexact, %even
  %up = fcmp ogt double %error, 0.0
  %negative = icmp slt i64 %bits, 0
  %away = xor i1 %up, %negative
  %step = select i1 %away, i64 1, i64 -1
  %moved = add i64 %bits, %step
  %odd = select i1 %moves, i64 %moved, i64 %bits
  %result = bitcast i64 %odd to double
  ret double %result
}
"""

# The product of two floats is exact in double.
_FMAF = """\
define hidden float @fmaf(float %x, float %y, float %z) nounwind {
  %a = fpext float %x to double
  %b = fpext float %y to double
  %c = fpext float %z to double
  %p = fmul double %a, %b
  %s = call double @odd_sum(double %p, double %c)
  %result = fptrunc double %s to float
  ret float %result
}
"""

# x y = p + e exactly (Dekker), unless the halves or the error leave the range: then
# there are two roundings.
_FMA = f"""\
define hidden double @fma(double %x, double %y, double %z) nounwind {{
  %p = fmul double %x, %y
  %plain = fadd double %p, %z
  %x.bits = bitcast double %x to i64
  %y.bits = bitcast double %y to i64
  %p.bits = bitcast double %p to i64
  %x.positive = and i64 %x.bits, {2**63 - 1}
  %y.positive = and i64 %y.bits, {2**63 - 1}
  %p.positive = and i64 %p.bits, {2**63 - 1}
  %x.size = bitcast i64 %x.positive to double
  %y.size = bitcast i64 %y.positive to double
  %p.size = bitcast i64 %p.positive to double
  %x.fits = fcmp olt double %x.size, {2.0**990!r}
  %y.fits = fcmp olt double %y.size, {2.0**990!r}
  %p.fits = fcmp olt double %p.size, {2.0**1000!r}
  %p.large = fcmp ogt double %p.size, {2.0**-900!r}
  %both.fit = and i1 %x.fits, %y.fits
  %in.range = and i1 %p.fits, %p.large
  %exact = and i1 %both.fit, %in.range
  br i1 %exact, label %twice, label %once

once:
  ret double %plain

twice:
  %x.scaled = fmul double %x, {2.0**27 + 1!r}
  %x.over = fsub double %x.scaled, %x
  %x.high = fsub double %x.scaled, %x.over
  %x.low = fsub double %x, %x.high
  %y.scaled = fmul double %y, {2.0**27 + 1!r}
  %y.over = fsub double %y.scaled, %y
  %y.high = fsub double %y.scaled, %y.over
  %y.low = fsub double %y, %y.high
  %hh = fmul double %x.high, %y.high
  %hl = fmul double %x.high, %y.low
  %lh = fmul double %x.low, %y.high
  %ll = fmul double %x.low, %y.low
  %e1 = fsub double %hh, %p
  %e2 = fadd double %e1, %hl
  %e3 = fadd double %e2, %lh
  %e = fadd double %e3, %ll
  %t = fadd double %z, %e
  %z.part = fsub double %t, %e
  %e.part = fsub double %t, %z.part
  %z.rest = fsub double %z, %z.part
  %e.rest = fsub double %e, %e.part
  %t.error = fadd double %z.rest, %e.rest
  %v = fadd double %p, %t
  %p.part = fsub double %v, %t
  %t.part = fsub double %v, %p.part
  %p.rest = fsub double %p, %p.part
  %t.rest = fsub double %t, %t.part
  %v.error = fadd double %p.rest, %t.rest
  %rest = call double @odd_sum(double %t.error, double %v.error)
  %result = fadd double %v, %rest
  %finite = fcmp ord double %result, 0.0
  %chosen = select i1 %finite, double %result, double %plain
  ret double %chosen
}}
"""

# From x and its whole part t, towards zero, the rounded number. FIRST is the power of
# two from which on all numbers are whole.
_ROUNDING = {
    "floor": """\
  %beyond = fcmp ogt TYPE %t, %x
  %one = uitofp i1 %beyond to TYPE
  %y = fsub TYPE %t, %one
""",
    "ceil": """\
  %beyond = fcmp olt TYPE %t, %x
  %one = uitofp i1 %beyond to TYPE
  %y = fadd TYPE %t, %one
""",
    "trunc": """\
  %y = fadd TYPE %t, 0.0
""",
    "rint": """\
  %shift.bits = or WHOLE %sign, BITS
  %shift = bitcast WHOLE %shift.bits to TYPE
  %shifted = fadd TYPE %x, %shift
  %y = fsub TYPE %shifted, %shift
""",
}


def _rounding(name: str, kind: str, body: str) -> str:
    """A function for numbers of a kind; the result has the sign of x, as a zero too."""
    wide = kind == "double"
    digits = 52 if wide else 23
    words = {
        "NAME": name if wide else f"{name}f",
        "TYPE": kind,
        "WHOLE": "i64" if wide else "i32",
        "FIRST": repr(2.0**digits),
        "BITS": str(digits + (1023 if wide else 127) << digits),
        "SIGN": str(-(2 ** (63 if wide else 31))),
    }
    text = _FRAME.replace("BODY", body)
    for word, value in words.items():
        text = text.replace(word, value)
    return text


_FRAME = """\
define hidden TYPE @NAME(TYPE %x) nounwind {
  %bits = bitcast TYPE %x to WHOLE
  %sign = and WHOLE %bits, SIGN
  %rest = xor WHOLE %bits, %sign
  %size = bitcast WHOLE %rest to TYPE
  %small = fcmp olt TYPE %size, FIRST
  br i1 %small, label %round, label %whole

whole:
  ret TYPE %x

round:
  %i = fptosi TYPE %x to WHOLE
  %t = sitofp WHOLE %i to TYPE
BODY  %y.bits = bitcast TYPE %y to WHOLE
  %signed = or WHOLE %y.bits, %sign
  %result = bitcast WHOLE %signed to TYPE
  ret TYPE %result
}
"""

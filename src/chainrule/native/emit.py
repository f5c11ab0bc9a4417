"""Loop nests as the text of LLVM's intermediate representation.

One line for an instruction, a few for a loop. Nothing is decided here: vectors are as
wide as the nest says, no instruction is reordered, and none is allowed to round in
another way than IEEE 754 says.
"""

import struct
from collections.abc import Callable, Sequence

import numpy as np

from chainrule.ir import DType
from chainrule.native.nest import (
    BOOL,
    POINTER,
    Block,
    Function,
    Instruction,
    Loop,
    Register,
)

_TYPES = {"f2": "half", "f4": "float", "f8": "double"}
_BYTE = np.dtype(np.int8)


def type_of(dtype: DType, lanes: int = 1) -> str:
    """LLVM's name of a scalar or vector type."""
    if dtype == POINTER:
        name = "ptr"
    elif dtype == BOOL:
        name = "i1"
    else:
        name = _TYPES.get(dtype.str[1:], f"i{8 * dtype.itemsize}")
    return name if lanes == 1 else f"<{lanes} x {name}>"


def _type(register: Register) -> str:
    return type_of(register.dtype, register.lanes)


def number(value: float | int, dtype: DType) -> str:
    """A literal: floats by the bits of the double that they are."""
    if dtype.kind == "f":
        wide = float(np.asarray(value, dtype))
        return f"0x{struct.unpack('<Q', struct.pack('<d', wide))[0]:016X}"
    if dtype == BOOL:
        return "true" if value else "false"
    return str(int(value))


def emit(functions: Sequence[Function]) -> str:
    """The text of functions `void name(arguments)`, and of what they need declared."""
    declared: dict[str, None] = {}
    texts = [_Text(function, declared).text() for function in functions]
    return "\n".join([*texts, *declared])


class _Text:
    """The text of one function."""

    def __init__(self, function: Function, declared: dict[str, None]) -> None:
        self.function = function
        self.declared = declared
        self.lines: list[str] = []
        self.labels = 0
        self.names = 0
        self.here = "entry"
        self.renamed: dict[int, str] = {}

    def text(self) -> str:
        function = self.function
        arguments = ", ".join(
            f"{_type(a)} noalias %r{a.number}"
            if a.dtype == POINTER
            else f"{_type(a)} %r{a.number}"
            for a in function.arguments
        )
        self.lines = [
            f"define internal void @{function.name}({arguments}) noinline nounwind {{",
            "entry:",
        ]
        self.block(function.body)
        self.lines += ["  ret void", "}"]
        return "\n".join(self.lines)

    def block(self, block: Block) -> None:
        for item in block.items:
            if isinstance(item, Loop):
                self.loop(item)
            else:
                self.instruction(item)

    def loop(self, loop: Loop) -> None:
        self.labels += 1
        n = self.labels
        before, index = self.here, f"%r{loop.index.number}"
        self.line(f"br label %head{n}")
        self.lines.append(f"head{n}:")
        latch = len(self.lines)  # the labels of the last block are not known yet
        self.lines += [""] * (1 + len(loop.carried))
        self.line(f"%c{n} = icmp slt i64 {index}, {self.ref(loop.stop)}")
        self.line(f"br i1 %c{n}, label %body{n}, label %exit{n}")
        self.lines.append(f"body{n}:")
        self.here = f"body{n}"
        self.block(loop.body)
        self.line(f"%n{n} = add nsw i64 {index}, {self.ref(loop.step)}")
        self.line(f"br label %head{n}")
        last = self.here
        self.lines[latch] = (
            f"  {index} = phi i64 [ {self.ref(loop.start)}, %{before} ], "
            f"[ %n{n}, %{last} ]"
        )
        for i, (c, first, after) in enumerate(
            zip(loop.carried, loop.first, loop.after, strict=True)
        ):
            self.lines[latch + 1 + i] = (
                f"  %r{c.number} = phi {_type(c)} [ {self.ref(first)}, %{before} ], "
                f"[ {self.ref(after)}, %{last} ]"
            )
        self.lines.append(f"exit{n}:")
        self.here = f"exit{n}"

    # --- words --------------------------------------------------------------------

    def line(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def fresh(self) -> str:
        self.names += 1
        return f"%t{self.names}"

    def ref(self, x: Register) -> str:
        """The register without its type."""
        if x.literal is None:
            return self.renamed.get(x.number, f"%r{x.number}")
        text = number(x.literal, x.dtype)
        if x.lanes == 1:
            return text
        return f"splat ({type_of(x.dtype)} {text})"

    def typed(self, x: Register) -> str:
        return f"{_type(x)} {self.ref(x)}"

    def declare(self, result: str, name: str, arguments: str) -> None:
        self.declared[f"declare {result} @{name}({arguments})"] = None

    # --- instructions -------------------------------------------------------------

    def instruction(self, item: Instruction) -> None:
        special: Callable[[Instruction], None] | None = getattr(
            self, f"_{item.name}", None
        )
        if special is not None:
            special(item)
            return
        x = item.inputs[0]
        key = "f" if x.dtype.kind == "f" else "u" if x.dtype.kind in "ub" else "i"
        forms = _FORMS[item.name]
        form = forms.get(key) or forms["*"]
        operands = ", ".join(self.ref(y) for y in item.inputs)
        self.line(f"{self.name(item)} = {form} {_type(x)} {operands}")

    def name(self, item: Instruction) -> str:
        assert item.result is not None  # noqa: S101 - stores have forms of their own
        return f"%r{item.result.number}"

    def _call(self, item: Instruction, intrinsic: str) -> None:
        assert item.result is not None  # noqa: S101 - as above
        x = item.result
        suffix = ("f" if x.dtype.kind == "f" else "i") + str(8 * x.dtype.itemsize)
        full = f"llvm.{intrinsic}." + (
            suffix if x.lanes == 1 else f"v{x.lanes}{suffix}"
        )
        kinds = ", ".join(_type(y) for y in item.inputs)
        self.declare(_type(x), full, kinds)
        inputs = ", ".join(self.typed(y) for y in item.inputs)
        self.line(f"{self.name(item)} = call {_type(x)} @{full}({inputs})")

    def _left(self, item: Instruction) -> None:
        assert item.result is not None  # noqa: S101 - as above
        self.renamed[item.result.number] = self.ref(item.inputs[0])

    def _fma(self, item: Instruction) -> None:
        self._call(item, "fma")

    def _sqrt(self, item: Instruction) -> None:
        self._call(item, "sqrt")

    def _estimated_root(self, item: Instruction) -> None:
        assert item.result is not None  # noqa: S101 - as above
        kind, mask = _type(item.result), f"i{item.result.lanes}"
        letter = "s" if item.result.dtype.itemsize == 4 else "d"
        name = f"llvm.x86.avx512.rsqrt14.p{letter}.512"
        self.declare(kind, name, f"{kind}, {kind}, {mask}")
        x = self.typed(item.inputs[0])
        inputs = f"{x}, {kind} zeroinitializer, {mask} -1"
        self.line(f"{self.name(item)} = call {kind} @{name}({inputs})")

    def _absolute(self, item: Instruction) -> None:
        self._call(item, "fabs")

    def _floor(self, item: Instruction) -> None:
        self._call(item, "floor")

    def _round(self, item: Instruction) -> None:
        self._call(item, "rint")

    def _negate(self, item: Instruction) -> None:
        (x,) = item.inputs
        if x.dtype.kind == "f":
            self.line(f"{self.name(item)} = fneg {self.typed(x)}")
        else:
            zero = "0" if x.lanes == 1 else "zeroinitializer"
            self.line(f"{self.name(item)} = sub {_type(x)} {zero}, {self.ref(x)}")

    def _select(self, item: Instruction) -> None:
        inputs = ", ".join(self.typed(x) for x in item.inputs)
        self.line(f"{self.name(item)} = select {inputs}")

    def _spread(self, item: Instruction) -> None:
        assert item.result is not None  # noqa: S101 - as above
        (x,) = item.inputs
        vector, one = _type(item.result), self.fresh()
        self.line(f"{one} = insertelement {vector} poison, {self.typed(x)}, i32 0")
        self.line(
            f"{self.name(item)} = shufflevector {vector} {one}, {vector} poison, "
            f"<{item.result.lanes} x i32> zeroinitializer"
        )

    def _lanes(self, item: Instruction) -> None:
        assert item.result is not None  # noqa: S101 - as above
        x = item.result
        kind = type_of(x.dtype)
        numbers = ", ".join(f"{kind} {i}" for i in range(x.lanes))
        self.line(f"{self.name(item)} = or {_type(x)} zeroinitializer, <{numbers}>")

    def _shuffle(self, item: Instruction) -> None:
        x, y = item.inputs
        order = ", ".join(f"i32 {i}" for i in item.extra)
        self.line(
            f"{self.name(item)} = shufflevector {self.typed(x)}, {self.typed(y)}, "
            f"<{len(item.extra)} x i32> <{order}>"
        )

    def _lane(self, item: Instruction) -> None:
        (x,), (number,) = item.inputs, item.extra
        self.line(f"{self.name(item)} = extractelement {self.typed(x)}, i32 {number}")

    def _bits(self, item: Instruction) -> None:
        assert item.result is not None  # noqa: S101 - as above
        (x,) = item.inputs
        self.line(
            f"{self.name(item)} = bitcast {self.typed(x)} to {_type(item.result)}"
        )

    def _cast(self, item: Instruction) -> None:
        assert item.result is not None  # noqa: S101 - as above
        (x,), y = item.inputs, item.result
        name = self.name(item)
        if y.dtype == BOOL:
            test = "fcmp une" if x.dtype.kind == "f" else "icmp ne"
            zero = "zeroinitializer" if x.lanes > 1 else number(0, x.dtype)
            self.line(f"{name} = {test} {self.typed(x)}, {zero}")
            return
        verb = _conversion(x.dtype, y.dtype)
        if verb is None:
            self.renamed[y.number] = self.ref(x)
            return
        if verb in ("fptosi", "fptoui"):
            # An integer that is out of range has no value in LLVM; so pick one.
            sign = "s" if verb == "fptosi" else "u"
            names = [
                (f"v{r.lanes}" if r.lanes > 1 else "")
                + ("f" if r.dtype.kind == "f" else "i")
                + str(8 * r.dtype.itemsize)
                for r in (y, x)
            ]
            full = f"llvm.fpto{sign}i.sat.{names[0]}.{names[1]}"
            self.declare(_type(y), full, _type(x))
            self.line(f"{name} = call {_type(y)} @{full}({self.typed(x)})")
            return
        self.line(f"{name} = {verb} {self.typed(x)} to {_type(y)}")

    def _address(self, item: Instruction) -> None:
        assert item.result is not None  # noqa: S101 - as above
        (pointer, index), (dtype,) = item.inputs, item.extra
        kind = "i8" if dtype == BOOL else type_of(dtype)
        base = f"ptr {self.ref(pointer)}"
        self.line(
            f"{self.name(item)} = getelementptr {kind}, {base}, {self.typed(index)}"
        )

    def _load(self, item: Instruction) -> None:
        assert item.result is not None  # noqa: S101 - as above
        place, *masks = item.inputs
        y = item.result
        memory = _BYTE if y.dtype == BOOL else y.dtype
        kind, size = type_of(memory, y.lanes), memory.itemsize or 8
        name = self.name(item)
        loaded = self.fresh() if y.dtype == BOOL else name
        if place.lanes > 1:
            full = f"llvm.masked.gather.{_suffix(memory, y.lanes)}.v{y.lanes}p0"
            mask = (
                self.typed(masks[0]) if masks else f"<{y.lanes} x i1> splat (i1 true)"
            )
            pointers = f"<{y.lanes} x ptr>"
            self.declare(kind, full, f"{pointers}, <{y.lanes} x i1>, {kind}")
            self.line(
                f"{loaded} = call {kind} @{full}({pointers} align {size} "
                f"{self.ref(place)}, {mask}, {kind} zeroinitializer)"
            )
        elif masks:
            full = f"llvm.masked.load.{_suffix(memory, y.lanes)}.p0"
            self.declare(kind, full, f"ptr, <{y.lanes} x i1>, {kind}")
            self.line(
                f"{loaded} = call {kind} @{full}(ptr align {size} {self.ref(place)}, "
                f"{self.typed(masks[0])}, {kind} zeroinitializer)"
            )
        else:
            self.line(f"{loaded} = load {kind}, ptr {self.ref(place)}, align {size}")
        if y.dtype == BOOL:
            zero = "0" if y.lanes == 1 else "zeroinitializer"
            self.line(f"{name} = icmp ne {kind} {loaded}, {zero}")

    def _store(self, item: Instruction) -> None:
        x, place, *masks = item.inputs
        memory = _BYTE if x.dtype == BOOL else x.dtype
        kind, size, stored = type_of(memory, x.lanes), memory.itemsize, self.ref(x)
        if x.dtype == BOOL:
            wide = self.fresh()
            self.line(f"{wide} = zext {self.typed(x)} to {kind}")
            stored = wide
        if place.lanes > 1:
            full = f"llvm.masked.scatter.{_suffix(memory, x.lanes)}.v{x.lanes}p0"
            mask = (
                self.typed(masks[0]) if masks else f"<{x.lanes} x i1> splat (i1 true)"
            )
            pointers = f"<{x.lanes} x ptr>"
            self.declare("void", full, f"{kind}, {pointers}, <{x.lanes} x i1>")
            self.line(
                f"call void @{full}({kind} {stored}, {pointers} align {size} "
                f"{self.ref(place)}, {mask})"
            )
        elif masks:
            full = f"llvm.masked.store.{_suffix(memory, x.lanes)}.p0"
            self.declare("void", full, f"{kind}, ptr, <{x.lanes} x i1>")
            self.line(
                f"call void @{full}({kind} {stored}, ptr align {size} "
                f"{self.ref(place)}, {self.typed(masks[0])})"
            )
        else:
            self.line(f"store {kind} {stored}, ptr {self.ref(place)}, align {size}")

    def _demand(self, item: Instruction) -> None:
        holds, flag, *masks = item.inputs
        fails, mask = self.fresh(), None
        kind = _type(holds)
        true = "true" if holds.lanes == 1 else "splat (i1 true)"
        self.line(f"{fails} = xor {kind} {self.ref(holds)}, {true}")
        if masks:
            mask, kept = self.ref(masks[0]), fails
            fails = self.fresh()
            self.line(f"{fails} = and {kind} {kept}, {mask}")
        if holds.lanes > 1:
            full = f"llvm.vector.reduce.or.v{holds.lanes}i1"
            self.declare("i1", full, kind)
            each, fails = fails, self.fresh()
            self.line(f"{fails} = call i1 @{full}({kind} {each})")
        self.labels += 1
        n = self.labels
        self.line(f"br i1 {fails}, label %fail{n}, label %pass{n}, !prof !0")
        self.lines.append(f"fail{n}:")
        self.line(f"store i64 1, ptr {self.ref(flag)}, align 8")
        self.line(f"br label %pass{n}")
        self.lines.append(f"pass{n}:")
        self.here = f"pass{n}"


def _suffix(dtype: DType, lanes: int) -> str:
    kind = "f" if dtype.kind == "f" else "i"
    return f"v{lanes}{kind}{8 * dtype.itemsize}"


def _conversion(x: DType, y: DType) -> str | None:
    """The verb that turns a number of `x` into one of `y`; none if they look alike."""
    if x.kind == "f" and y.kind == "f":
        return "fpext" if y.itemsize > x.itemsize else "fptrunc"
    if x.kind == "f":
        return "fptosi" if y.kind == "i" else "fptoui"
    if y.kind == "f":
        return "sitofp" if x.kind == "i" else "uitofp"
    width = 0 if x == BOOL else x.itemsize
    if width == y.itemsize:
        return None
    if width > y.itemsize:
        return "trunc"
    return "sext" if x.kind == "i" else "zext"


_FORMS: dict[str, dict[str, str]] = {
    "add": {"f": "fadd", "*": "add"},
    "subtract": {"f": "fsub", "*": "sub"},
    "multiply": {"f": "fmul", "*": "mul"},
    "divide": {"f": "fdiv"},
    "quotient": {"i": "sdiv", "u": "udiv"},
    "rest": {"i": "srem", "u": "urem"},
    "less": {"f": "fcmp olt", "i": "icmp slt", "u": "icmp ult"},
    "less_equal": {"f": "fcmp ole", "i": "icmp sle", "u": "icmp ule"},
    "equal": {"f": "fcmp oeq", "*": "icmp eq"},
    "bitwise_and": {"*": "and"},
    "bitwise_or": {"*": "or"},
    "bitwise_xor": {"*": "xor"},
    "shift_left": {"*": "shl"},
    "shift_right": {"*": "lshr"},
    "shift_right_signed": {"*": "ashr"},
}

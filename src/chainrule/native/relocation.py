"""How one place in machine code refers to another: the relocations of x86 and ARM.

Only those that say how far the other place is away; code in which an address stands
would have to be changed wherever it is put. The formulas are those of the ABIs: S is
the place of the symbol, A the addend, P the place that is written.
"""

import struct
from collections.abc import Callable


class RelocationError(ValueError):
    """A relocation that needs an address, or reaches too far."""


def relocate(
    architecture: str, kind: int, code: bytearray, place: int, target: int
) -> None:
    """Make the bytes of `code` at P = `place` refer to S + A = `target`.

    Raises:
        RelocationError: if `kind` is not relative, or the distance too large for it.
    """
    try:
        write = _KINDS[architecture][kind]
    except KeyError:
        raise RelocationError(
            f"relocation {kind} of {architecture} does not keep code position "
            f"independent; declare what it refers to as internal or private"
        ) from None
    write(code, place, target)


_Write = Callable[[bytearray, int, int], None]


def _relative(form: str) -> _Write:
    """S + A - P, as a whole number."""

    def write(code: bytearray, place: int, target: int) -> None:
        try:
            struct.pack_into(form, code, place, target - place)
        except struct.error as error:
            raise RelocationError(f"a distance of {target - place} bytes") from error

    return write


def _branch(bits: int, shift: int) -> _Write:
    """S + A - P, as a signed number of instructions within an instruction of ARM."""

    def write(code: bytearray, place: int, target: int) -> None:
        distance = (target - place) >> 2
        if not -(1 << (bits - 1)) <= distance < 1 << (bits - 1):
            raise RelocationError(f"a jump over {target - place} bytes")
        _insert(code, place, bits, shift, distance)

    return write


def _page(code: bytearray, place: int, target: int) -> None:
    """Page(S + A) - Page(P), in pages of 4096 bytes; code begins at one."""
    pages = (target >> 12) - (place >> 12)
    _insert(code, place, 2, 29, pages)
    _insert(code, place, 19, 5, pages >> 2)


def _in_page(scale: int) -> _Write:
    """S + A within its page, in units of the 1 << `scale` bytes that are accessed."""

    def write(code: bytearray, place: int, target: int) -> None:
        if target % (1 << scale):
            raise RelocationError(f"{1 << scale} bytes at {target} are not aligned")
        _insert(code, place, 12, 10, (target & 0xFFF) >> scale)

    return write


def _insert(code: bytearray, place: int, bits: int, shift: int, value: int) -> None:
    mask = (1 << bits) - 1
    (instruction,) = struct.unpack_from("<I", code, place)
    instruction = instruction & ~(mask << shift) | (value & mask) << shift
    struct.pack_into("<I", code, place, instruction)


_KINDS: dict[str, dict[int, _Write]] = {
    "x86_64": {
        2: _relative("<i"),  # PC32
        4: _relative("<i"),  # PLT32: there is no table of procedures, all is here
        24: _relative("<q"),  # PC64
    },
    "aarch64": {
        260: _relative("<q"),  # PREL64
        261: _relative("<i"),  # PREL32
        275: _page,  # ADR_PREL_PG_HI21
        277: _in_page(0),  # ADD_ABS_LO12_NC
        278: _in_page(0),  # LDST8_ABS_LO12_NC
        279: _branch(14, 5),  # TSTBR14
        280: _branch(19, 5),  # CONDBR19
        282: _branch(26, 0),  # JUMP26
        283: _branch(26, 0),  # CALL26
        284: _in_page(1),  # LDST16_ABS_LO12_NC
        285: _in_page(2),  # LDST32_ABS_LO12_NC
        286: _in_page(3),  # LDST64_ABS_LO12_NC
        299: _in_page(4),  # LDST128_ABS_LO12_NC
    },
}

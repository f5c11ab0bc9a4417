"""Objects made into images: machine code that can be run from wherever it is put.

`link` lays the sections of an ELF object out in one row of bytes and resolves what they
say of one another's places, all of it relative; `load` maps such a row so that it can
be executed. Neither needs LLVM, so a cached program starts in well under 1 ms.
"""

import json
import platform
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from chainrule.native import elf
from chainrule.native.mapping import Mapping as MappedCode
from chainrule.native.relocation import relocate

_MAGIC = b"chainrule image 1\n"
_HEADER = struct.Struct(f"<{len(_MAGIC)}sII")
_LENGTH = struct.Struct("<I")


class ImageError(ValueError):
    """An object that cannot become an image, or bytes that are none."""


@dataclass(frozen=True)
class Image:
    """Position-independent machine code, and where in it each function begins."""

    architecture: str
    code: bytes
    symbols: Mapping[str, int]

    def to_bytes(self) -> bytes:
        """The image in a form that `from_bytes` reads, with a checksum."""
        names = json.dumps([self.architecture, dict(self.symbols)]).encode()
        payload = _LENGTH.pack(len(names)) + names + self.code
        return _HEADER.pack(_MAGIC, zlib.crc32(payload), len(payload)) + payload

    @staticmethod
    def from_bytes(content: bytes) -> "Image":
        """The image that `to_bytes` gave `content` for.

        Raises:
            ImageError: if it is of another version, or damaged.
        """
        if len(content) < _HEADER.size or not content.startswith(_MAGIC):
            raise ImageError("these bytes are not an image of this version")
        _, checksum, size = _HEADER.unpack_from(content)
        payload = memoryview(content)[_HEADER.size :]
        if len(payload) != size or zlib.crc32(payload) != checksum:
            raise ImageError("the image is damaged")
        start = _LENGTH.size + _LENGTH.unpack_from(payload)[0]
        architecture, symbols = json.loads(bytes(payload[_LENGTH.size : start]))
        return Image(architecture, bytes(payload[start:]), symbols)


class Loaded:
    """An image in executable memory, which stays there as long as this object does."""

    def __init__(self, image: Image) -> None:
        self._code = MappedCode(image.code)
        self.symbols = image.symbols

    def address(self, symbol: str) -> int:
        """Where the function `symbol` begins."""
        return self._code.address + self.symbols[symbol]


def link(content: bytes) -> Image:
    """The image of an ELF object.

    Raises:
        ImageError: if it refers to anything outside itself, or has data to write to.
    """
    source = elf.read(content)
    sections = dict(enumerate(source.sections))
    kept = {i: section for i, section in sections.items() if _is_kept(section)}
    places, size = _lay_out(kept)
    code = bytearray(size)
    for i, section in kept.items():
        code[places[i] : places[i] + len(section.content)] = section.content
    for relocation in source.relocations:
        if relocation.section in kept:
            symbol = relocation.symbol
            if symbol.section not in places:
                raise ImageError(f"the object refers to {symbol.name!r} outside itself")
            target = places[symbol.section] + symbol.offset + relocation.addend
            place = places[relocation.section] + relocation.offset
            relocate(source.architecture, relocation.kind, code, place, target)
    symbols = {
        symbol.name: places[symbol.section] + symbol.offset
        for symbol in source.symbols
        if symbol.is_global and symbol.section in places
    }
    return Image(source.architecture, bytes(code), symbols)


def load(image: Image) -> Loaded:
    """Make the functions of `image` callable in this process.

    Raises:
        ImageError: if it is for another kind of processor.
        MappingError: if the system grants no executable memory.
    """
    here = {"amd64": "x86_64", "arm64": "aarch64"}
    machine = platform.machine().lower()
    if image.architecture != here.get(machine, machine):
        raise ImageError(
            f"an image for {image.architecture} cannot run on this {machine} processor"
        )
    return Loaded(image)


def _is_kept(section: elf.Section) -> bool:
    # Tables for unwinding: no exception passes through generated code.
    is_table = section.name.startswith((".eh_frame", ".xdata", ".pdata"))
    if not section.loaded or is_table:
        return False
    if section.writable and section.content:
        raise ImageError(f"the object has data to write to, in {section.name!r}")
    return True


def _lay_out(sections: Mapping[int, elf.Section]) -> tuple[dict[int, int], int]:
    """Where each section begins, and the size of them all."""
    places, end = {}, 0
    for i, section in sections.items():
        begin = -(-end // section.alignment) * section.alignment
        places[i], end = begin, begin + len(section.content)
    return places, end

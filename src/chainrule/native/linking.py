"""Objects made into images.

The sections of an ELF object are laid out in one row of bytes, and what they say of one
another's places is resolved, all of it relative.
"""

from collections.abc import Mapping

from chainrule.native import elf
from chainrule.native.image import Image, ImageError
from chainrule.native.relocation import relocate


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

"""Reading ELF objects: their sections, symbols and relocations, 64-bit little endian.

The layout is that of the System V ABI, chapter 4.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

ARCHITECTURES = {62: "x86_64", 183: "aarch64"}

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATION = struct.Struct("<QQq")

_SYMBOLS, _RELOCATIONS, _NO_BITS = 2, 4, 8  # kinds of section
_WRITE, _ALLOCATE = 1, 2  # flags of sections
_GLOBAL = 1  # bindings from here on can be seen from outside


@dataclass(frozen=True)
class Section:
    """A run of bytes that belongs together; `loaded` if a program needs it to run."""

    name: str
    kind: int
    content: bytes
    alignment: int
    loaded: bool
    writable: bool
    link: int
    info: int


@dataclass(frozen=True)
class Symbol:
    """A named place: `offset` bytes into section number `section` (0: elsewhere)."""

    name: str
    section: int
    offset: int
    is_global: bool


@dataclass(frozen=True)
class Relocation:
    """At `offset` in section number `section`, `symbol` plus `addend` is referred to.

    How, `kind` says, a number with a meaning of its own on each architecture.
    """

    section: int
    offset: int
    kind: int
    symbol: Symbol
    addend: int


@dataclass(frozen=True)
class Object:
    """What an ELF object holds."""

    architecture: str
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]
    relocations: tuple[Relocation, ...]


def read(content: bytes) -> Object:
    """The sections, symbols and relocations of an ELF object.

    Raises:
        ValueError: if it is not one, for a 64-bit x86 or ARM processor.
    """
    if content[:6] != b"\x7fELF\x02\x01" or len(content) < _HEADER.size:
        raise ValueError("not a 64-bit little-endian ELF object")
    header = _HEADER.unpack_from(content)
    if header[2] not in ARCHITECTURES:
        raise ValueError(f"an ELF object for machine number {header[2]}")
    sections = tuple(_sections(content, header[6], header[12], header[13]))
    symbols = tuple(_symbols(sections))
    return Object(
        ARCHITECTURES[header[2]],
        sections,
        symbols,
        tuple(_relocations(sections, symbols)),
    )


def _sections(content: bytes, start: int, count: int, names: int) -> Iterator[Section]:
    rows = [
        _SECTION.unpack_from(content, start + i * _SECTION.size) for i in range(count)
    ]
    texts = content[rows[names][4] :]
    for name, kind, flags, _, offset, size, link, info, alignment, _ in rows:
        has_bits = kind != _NO_BITS
        yield Section(
            name=_text(texts, name),
            kind=kind,
            content=content[offset : offset + size] if has_bits else bytes(size),
            alignment=max(alignment, 1),
            loaded=bool(flags & _ALLOCATE),
            writable=bool(flags & _WRITE),
            link=link,
            info=info,
        )


def _symbols(sections: tuple[Section, ...]) -> Iterator[Symbol]:
    for table in sections:
        if table.kind == _SYMBOLS:
            texts = sections[table.link].content
            for name, info, _, section, value, _ in _SYMBOL.iter_unpack(table.content):
                # A section's own symbol has no name but the section's.
                is_real = 0 < section < len(sections)
                text = _text(texts, name) or (sections[section].name if is_real else "")
                yield Symbol(text, section, value, info >> 4 >= _GLOBAL)


def _relocations(
    sections: tuple[Section, ...], symbols: tuple[Symbol, ...]
) -> Iterator[Relocation]:
    for table in sections:
        if table.kind == _RELOCATIONS:
            for offset, info, addend in _RELOCATION.iter_unpack(table.content):
                symbol, kind = symbols[info >> 32], info & 0xFFFFFFFF
                yield Relocation(table.info, offset, kind, symbol, addend)


def _text(texts: bytes, start: int) -> str:
    return texts[start : texts.index(b"\0", start)].decode()

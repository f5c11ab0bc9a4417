"""Images: machine code that can be run from wherever it is put.

`chainrule.native.linking` makes them of what LLVM gives; `load` maps one so that it can
be executed, which needs no LLVM, so a cached program starts in well under 1 ms.
"""

import json
import platform
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from chainrule.native.mapping import Mapping as MappedCode

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

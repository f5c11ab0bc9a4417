"""Objects made into images, which run without LLVM."""

import ctypes
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chainrule.native import elf
from chainrule.native.image import Image, ImageError, load
from chainrule.native.linking import link
from chainrule.native.machine_code import assemble
from chainrule.native.relocation import RelocationError, relocate
from chainrule.native.target import host, named

# Constants of several sizes, a table, a second function called and one pointed to.
TEXT = """
@table = internal constant [4 x i64] [i64 3, i64 5, i64 7, i64 11]

define internal i64 @look(i64 %i) noinline nounwind {
  %at = getelementptr [4 x i64], ptr @table, i64 0, i64 %i
  %value = load i64, ptr %at
  ret i64 %value
}

define internal i64 @apply(ptr %f, i64 %i) noinline nounwind {
  %y = call i64 %f(i64 %i)
  ret i64 %y
}

define i64 @third() nounwind {
  %y = call i64 @apply(ptr @look, i64 2)
  ret i64 %y
}

define void @scale(ptr %x) nounwind {
  %a = load <8 x float>, ptr %x, align 4
  %b = fmul <8 x float> %a, <float 1.0, float 2.0, float 3.0, float 4.0,
                             float 5.0, float 6.0, float 7.0, float 8.0>
  %c = fadd <8 x float> %b, <float 0.5, float 0.5, float 0.5, float 0.5,
                             float 0.5, float 0.5, float 0.5, float 0.5>
  store <8 x float> %c, ptr %x, align 4
  ret void
}
"""


@pytest.fixture(scope="module")
def image():
    return link(assemble(TEXT, host()))


def test_an_image_reads_its_constants_and_calls_its_functions(image):
    code = load(Image.from_bytes(image.to_bytes()))
    assert ctypes.CFUNCTYPE(ctypes.c_int64)(code.address("third"))() == 7
    x = np.ones(8, np.float32)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code.address("scale"))(x.ctypes.data)
    assert x.tolist() == [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5]


def test_only_global_functions_can_be_asked_for(image):
    assert set(image.symbols) == {"third", "scale"}


def test_an_image_runs_wherever_it_is_put(image):
    codes = [load(image) for _ in range(3)]
    assert len({code.address("third") for code in codes}) == 3
    for code in codes:
        assert ctypes.CFUNCTYPE(ctypes.c_int64)(code.address("third"))() == 7


def mapped(address):
    """What the system lets be done at an address, as `r-xp`; `None` for nothing."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        first, last = (int(x, 16) for x in line.split()[0].split("-"))
        if first <= address < last:
            return line.split()[1]
    return None


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_code_is_not_writable_and_goes_with_its_object(image):
    code = load(image)
    address = code.address("third")
    assert mapped(address) == "r-xp"
    del code
    assert mapped(address) != "r-xp"


@pytest.mark.parametrize("name", ["x86-64", "x86-64-v3", "x86-64-v4", "aarch64"])
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_objects_for_every_target_can_be_linked(name, system):
    target = named(name, system)
    linked = link(assemble(TEXT, target))
    assert linked.architecture == target.architecture
    assert set(linked.symbols) == {"third", "scale"}


def test_a_symbol_from_outside_is_named():
    text = "declare double @cos(double)\ndefine double @f(double %x) {\n"
    text += "  %y = call double @cos(double %x)\n  ret double %y\n}"
    with pytest.raises(ImageError, match="'cos' outside itself"):
        link(assemble(text, host()))


def test_data_to_write_to_is_refused():
    text = "@count = internal global i64 5\ndefine i64 @f() {\n"
    text += "  %y = load i64, ptr @count\n  store i64 0, ptr @count\n  ret i64 %y\n}"
    with pytest.raises(ImageError, match="data to write to"):
        link(assemble(text, host()))


def test_addresses_in_the_code_are_refused():
    with pytest.raises(RelocationError, match="position independent"):
        relocate("x86_64", 1, bytearray(8), 0, 0)


def test_what_is_not_an_object_is_refused():
    for content in (b"", b"MZ" * 100, b"\x7fELF\x01\x01" + bytes(100)):
        with pytest.raises(ValueError, match="not a 64-bit little-endian ELF"):
            elf.read(content)


@pytest.mark.parametrize("place", [0, 20, 30, -1])
def test_a_damaged_image_is_noticed(image, place):
    content = bytearray(image.to_bytes())
    content[place] ^= 1
    with pytest.raises(ImageError):
        Image.from_bytes(bytes(content))


def test_a_cut_image_is_noticed(image):
    content = image.to_bytes()
    for length in (0, 10, len(content) // 2, len(content) - 1):
        with pytest.raises(ImageError):
            Image.from_bytes(content[:length])


def test_an_image_survives_being_written(image):
    assert Image.from_bytes(image.to_bytes()) == image


def test_an_image_for_another_processor_is_not_loaded(image):
    with pytest.raises(ImageError, match="for sparc"):
        load(replace(image, architecture="sparc"))


def test_images_are_loaded_without_llvm(image, tmp_path):
    file = tmp_path / "image"
    file.write_bytes(image.to_bytes())
    program = f"""
import ctypes, sys
from chainrule.native.image import Image, load
code = load(Image.from_bytes(open({str(file)!r}, "rb").read()))
assert ctypes.CFUNCTYPE(ctypes.c_int64)(code.address("third"))() == 7
assert not any(name.startswith("llvmlite") for name in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603 - ours


@pytest.mark.parametrize(
    ("kind", "before", "place", "target", "after"),
    [
        # bl, b: a distance of 26 bits, in instructions
        (283, 0x94000000, 0, 0x100, 0x94000040),
        (282, 0x14000000, 0x100, 0, 0x17FFFFC0),
        # cbz x0: 19 bits; tbz w0, 0: 14 bits
        (280, 0xB4000000, 0, 8, 0xB4000040),
        (279, 0x36000000, 8, 0, 0x3607FFC0),
        # adrp x0: the distance in pages, its two low bits apart
        (275, 0x90000000, 0x10, 0x5008, 0xB0000020),
        # add x0, x0: the place in its page; ldr q0, [x0]: in units of 16 bytes
        (277, 0x91000000, 0, 0x5008, 0x91002000),
        (299, 0x3DC00000, 0, 0x5020, 0x3DC00800),
        (286, 0xF9400000, 0, 0x5008, 0xF9400400),
    ],
)
def test_relocations_of_arm(kind, before, place, target, after):
    code = bytearray(place) + before.to_bytes(4, "little")
    relocate("aarch64", kind, code, place, target)
    assert int.from_bytes(code[place:], "little") == after


def test_distances_that_are_too_large():
    for architecture, kind, target in [
        ("x86_64", 2, 1 << 31),
        ("aarch64", 283, 1 << 27),
        ("aarch64", 261, -(1 << 31) - 1),
        ("aarch64", 299, 8),
    ]:
        with pytest.raises(RelocationError):
            relocate(architecture, kind, bytearray(8), 0, target)

"""LLVM text to objects, for this processor and others."""

import re
import subprocess
import sys

import pytest

from chainrule.native.machine_code import MachineCodeError, assemble, assembly
from chainrule.native.runtime import support
from chainrule.native.target import named

NAMES = ["x86-64", "x86-64-v3", "x86-64-v4", "aarch64"]

PRODUCT = """
define void @run(ptr %p, i64 %thread) nounwind {
  %x = load <16 x float>, ptr %p
  %y = fmul <16 x float> %x, %x
  store <16 x float> %y, ptr %p
  ret void
}
"""


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("name", NAMES)
def test_objects_are_elf_for_every_processor_and_system(name, system):
    target = named(name, system)
    assert assemble(support(target) + PRODUCT, target)[:4] == b"\x7fELF"


@pytest.mark.parametrize(
    ("name", "register"),
    [("x86-64", "%xmm"), ("x86-64-v3", "%ymm"), ("x86-64-v4", "%zmm")],
)
def test_vectors_are_as_wide_as_the_target_s(name, register):
    text = assembly(PRODUCT, named(name))
    product = next(line for line in text.splitlines() if "mulps" in line)
    assert register in product


def test_the_same_text_gives_the_same_object():
    target = named("x86-64-v3")
    assert assemble(PRODUCT, target) == assemble(PRODUCT, target)


@pytest.mark.parametrize(
    "text",
    [
        "define void @run( {",
        "define i32 @run(i64 %x) {\n  ret i64 %x\n}",
        "define i64 @run() {\n  ret i64 %unknown\n}",
    ],
)
def test_text_that_llvm_rejects(text):
    with pytest.raises(MachineCodeError, match="LLVM rejects"):
        assemble(text, named("x86-64"))


@pytest.mark.parametrize(
    ("stand_in", "message"),
    [
        ("raise ImportError('no such library')", "cannot be imported here .no such"),
        ("llvm_version_info = (20, 1, 8)", "llvmlite 0.48 or later.*LLVM 20"),
    ],
)
def test_a_broken_or_old_llvmlite_is_named(tmp_path, stand_in, message):
    package = tmp_path / "llvmlite"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "binding.py").write_text(stand_in)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    code += "import chainrule.native.machine_code"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 1
    assert re.search(f"ImportError: .*{message}", done.stderr)

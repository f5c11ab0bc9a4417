"""LLVM text to machine code: the only module that imports llvmlite.

Importing it takes 0.15 s and 60 MB, so it is imported only once something has to be
compiled; what the object cache holds is loaded without it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from chainrule.native.image import Image
from chainrule.native.linking import link
from chainrule.native.substitutes import substitutes
from chainrule.native.target import Target, host

try:
    import llvmlite.binding as llvm
except (ImportError, OSError, AttributeError) as error:
    raise ImportError(
        "chainrule compiles through llvmlite, which cannot be imported here "
        f"({error}); install it anew: python -m pip install --force-reinstall llvmlite"
    ) from error

_OLDEST = 22  # the first LLVM that reads what is written here: llvmlite 0.48

if llvm.llvm_version_info[0] < _OLDEST:
    raise ImportError(
        f"chainrule compiles through llvmlite 0.48 or later; this one has LLVM "
        f"{llvm.llvm_version_info[0]}: python -m pip install --upgrade llvmlite"
    )

# The level of code generation, 0 to 3. The text is vectorised and hoisted already: from
# level 1 on, programs are equally fast, and this is the quickest to compile.
_LEVEL = 1

# Loop strength reduction takes a third of the time and gains nothing: addresses are
# stepped as they should be. The option is LLVM's own, which others in this process may
# use, so it is put back.
_FASTER = "--disable-lsr"


def assemble(text: str, target: Target) -> bytes:
    """The ELF object of LLVM `text`, for `target`.

    Raises:
        MachineCodeError: if LLVM does not accept the text; says where.
    """
    with _options():
        return bytes(_machine(target).emit_object(_module(text, target)))


def image(text: str, target: Target) -> Image:
    """What LLVM `text` says, ready to be loaded."""
    return link(assemble(text, target))


def assembly(text: str, target: Target) -> str:
    """The same in assembly language, to look at."""
    with _options():
        return str(_machine(target).emit_assembly(_module(text, target)))


class MachineCodeError(RuntimeError):
    """LLVM does not accept what it was given: a defect of the compiler."""


@contextmanager
def _options() -> Iterator[None]:
    llvm.set_option("chainrule", _FASTER)
    try:
        yield
    finally:
        llvm.set_option("chainrule", f"{_FASTER}=false")


def _module(text: str, target: Target) -> Any:
    machine = _machine(target)
    try:
        module = llvm.parse_assembly(text + substitutes(text, target))
        module.triple = target.triple
        module.data_layout = str(machine.target_data)
        module.verify()
    except RuntimeError as error:
        raise MachineCodeError(f"LLVM rejects the generated code: {error}") from error
    return module


@cache
def _machine(target: Target) -> Any:
    _initialize(ours=target.architecture == host().architecture)
    return llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu,
        features=target.features,
        opt=_LEVEL,
        reloc="pic",
        codemodel="small",
    )


@cache
def _initialize(*, ours: bool) -> None:
    """Let LLVM know this kind of processor, or all kinds, which takes 10 MB more."""
    if ours:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
    else:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()

"""Run the pages' code and bring what they show up to date.

    python docs/refresh.py                  # every page
    python docs/refresh.py docs/glossary.md

A page is run as a notebook: its `python` blocks in order, in one namespace, in an
empty folder in which only `examples/` stands. Right after a block comes what it shows:

- a `text` block with what it printed and the value of the expression it ends with,
- and, where that expression is a drawing, an image. Its file is in `docs/pictures/`.

A `sh` block is run where a `text` block follows it. The README's code is run as well;
it shows what it likes of the output. The tests refresh every page in memory and fail
if anything is not as committed. Pictures that no page draws are drawn by the scripts
in `docs/pictures/`.
"""

import ast
import base64
import contextlib
import io
import linecache
import math
import os
import re
import subprocess
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imread

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS / "pictures"))

import networks  # noqa: E402 - from the folder just added
import style  # noqa: E402

SCRIPTED: dict[str, Callable[[], str]] = networks.PICTURES

BLOCK = re.compile(
    r"^```(?P<language>python|sh)\n(?P<code>.*?)^```\n"
    r"(?:\n```text\n(?P<output>.*?)^```\n)?"
    r"(?:\n!\[(?P<alt>[^\]]*)\]\((?P<picture>[^)]+\.svg)\)\n)?",
    re.MULTILINE | re.DOTALL,
)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
PASSING = re.compile(r"\d+(?:\.\d+)? (?:s|seconds)\b|(?<=\.md):\d+")
PIXELS = re.compile(r"data:image/png;base64,([^\"]*)")
SHADE = 0.02  # how far the pixels of two images may be apart, on average
EPOCHS = re.compile(r"(?:^epoch #.*\n)+", re.MULTILINE)


@dataclass
class Refreshed:
    """A page as it should be, and the pictures it draws, by path."""

    text: str
    pictures: dict[Path, str] = field(default_factory=dict)


def pages() -> list[Path]:
    """Every page, and the README, whose code runs by the same rules."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def refresh(page: Path, *, exact: bool = True) -> Refreshed:
    """Run the code of `page`; output that says the same as before stays as it was.

    Unless `exact`, what commands print may differ in its numbers: another processor
    rounds the last digit differently, and after many epochs all digits.
    """
    alike = {"python": _lasting, "sh": _lasting if exact else _skeleton}
    source = page.read_text(encoding="utf-8")
    refreshed = Refreshed(source)
    with _notebook(page) as run_python, mpl.rc_context(style.SETTINGS):

        def rerun(block: re.Match[str]) -> str:
            line = source.count("\n", 0, block.start("code"))
            if block["language"] == "sh":
                printed = _run_shell(block["code"]) if _is_run(block) else ""
                return _with_output(block, printed, page, alike["sh"])
            printed, value = run_python(block["code"], line)
            if block["picture"]:
                path = (page.parent / block["picture"]).resolve()
                refreshed.pictures[path] = draw(value, block["alt"])
            elif value is not None:
                printed += f"{value!r}\n"
            return _with_output(block, printed, page, alike["python"])

        refreshed.text = BLOCK.sub(rerun, source)
    return refreshed


def draw(value: Any, title: str) -> str:
    """The SVG of what a notebook would draw of `value`."""
    if isinstance(value, Figure):
        return style.to_svg(value, title)
    if hasattr(value, "to_svg"):
        return str(value.to_svg())
    raise TypeError(f"no picture can be made of {value!r}")


def same_picture(a: str, b: str) -> bool:
    """Whether two SVGs look the same: up to a pixel, a shade, and identifiers.

    Another processor rounds the last digit of a curve differently.
    """
    shades = [[_pixels(found) for found in PIXELS.findall(svg)] for svg in (a, b)]
    a, b = (PIXELS.sub("", re.sub(r"\bcr[0-9a-f]{6}\b", "id", svg)) for svg in (a, b))
    if NUMBER.sub("#", a) != NUMBER.sub("#", b):
        return False
    pairs = zip(NUMBER.findall(a), NUMBER.findall(b), strict=True)
    return all(math.isclose(float(x), float(y), abs_tol=1) for x, y in pairs) and all(
        x.shape == y.shape and np.abs(x - y).mean() <= SHADE
        for x, y in zip(*shades, strict=True)
    )


def _pixels(encoded: str) -> Any:
    """The colours of an image within an SVG, from 0 to 1."""
    return imread(io.BytesIO(base64.b64decode(encoded)))


def _lasting(output: str) -> str:
    """What is printed, without how long it took and on which line of the page it is."""
    return PASSING.sub("", output)


def _skeleton(output: str) -> str:
    """What a command says, without the numbers and however long it took."""
    words = NUMBER.sub("#", output)
    return EPOCHS.sub("", re.sub(r"([ ─])\1+", r"\1", words))


def _with_output(
    block: re.Match[str], printed: str, page: Path, gist: Callable[[str], str]
) -> str:
    """The block followed by its output: the one on the page if its gist is the same."""
    shown = block["output"]
    if shown is not None and gist(shown) == gist(printed):
        printed = shown
    code = f"```{block['language']}\n{block['code']}```\n"
    output = f"\n```text\n{printed}```\n"
    if (shown is None and page.name == "README.md") or not (printed or _is_run(block)):
        output = ""
    image = f"\n![{block['alt']}]({block['picture']})\n" if block["picture"] else ""
    return code + output + image


def _is_run(block: re.Match[str]) -> bool:
    """Whether it is a command to be run: one whose output is shown."""
    return block["language"] == "sh" and block["output"] is not None


@contextlib.contextmanager
def _notebook(page: Path) -> Iterator[Callable[[str, int], tuple[str, Any]]]:
    """A function that runs code from a line of `page`: what it prints, its value."""
    module = types.ModuleType("page")
    name = str(page.relative_to(ROOT))

    def run(code: str, line: int) -> tuple[str, Any]:
        body = ast.increment_lineno(ast.parse(code, name), line).body
        last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            statements = compile(ast.Module(body, []), name, "exec")
            exec(statements, vars(module))  # noqa: S102 - our own pages
            value = None
            if isinstance(last, ast.Expr):
                expression = compile(ast.Expression(last.value), name, "eval")
                value = eval(expression, vars(module))  # noqa: S307 - likewise
        return _trimmed(printed.getvalue()), value

    sys.modules["page"] = module
    # So that messages can show the line that they name, as in a notebook.
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
    linecache.cache[name] = (0, None, lines, name)
    try:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            Path("examples").symlink_to(ROOT / "examples")
            yield run
    finally:
        del sys.modules["page"], linecache.cache[name]


def _run_shell(code: str) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(  # noqa: S603 - our own pages
        ["bash", "-c", code],  # noqa: S607 - the reader's own shell
        env={**os.environ, "PATH": path, "COLUMNS": "88"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return _trimmed(done.stdout)


def _trimmed(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def main(arguments: list[str]) -> None:
    """Write what has changed, and say what."""
    chosen = [Path(argument).resolve() for argument in arguments] or pages()
    pictures = {DOCS / "pictures" / name: draw() for name, draw in SCRIPTED.items()}
    for page in chosen:
        refreshed = refresh(page)
        pictures |= refreshed.pictures
        _write(page, refreshed.text, page.read_text(encoding="utf-8") == refreshed.text)
    for path, svg in pictures.items():
        known = path.exists() and same_picture(path.read_text(encoding="utf-8"), svg)
        _write(path, svg, known)


def _write(path: Path, content: str, unchanged: bool) -> None:
    if not unchanged:
        path.write_text(content, encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main(sys.argv[1:])

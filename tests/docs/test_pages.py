"""What the documentation says is so: its code runs, its output is fresh."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chainrule.ir import Operation

ROOT = Path(__file__).parents[2]

pytest.importorskip("matplotlib", reason="the pictures are drawn with it")

from matplotlib.figure import Figure  # noqa: E402 - only where it is installed


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


refresh = load(ROOT / "docs" / "refresh.py")

PAGES = refresh.pages()
PICTURES = sorted((ROOT / "docs" / "pictures").glob("*.svg"))
ADVICE = "run `python docs/refresh.py`, look at what changed, and commit it"


def title(page):
    return str(page.relative_to(ROOT))


@pytest.fixture(autouse=True)
def operations():
    """A page may define an operation; it is forgotten afterwards."""
    known = dict(Operation.registry)
    yield
    Operation.registry.clear()
    Operation.registry.update(known)


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_the_code_of_a_page_gives_what_the_page_shows(page):
    fresh = refresh.refresh(page, exact=False)
    assert fresh.text == page.read_text(encoding="utf-8"), ADVICE
    for path, svg in fresh.pictures.items():
        shown = path.read_text(encoding="utf-8") if path.exists() else ""
        assert refresh.same_picture(shown, svg), f"{path.name} is stale: {ADVICE}"


@pytest.mark.parametrize("name", refresh.SCRIPTED)
def test_a_picture_is_what_its_script_draws(name):
    shown = (ROOT / "docs" / "pictures" / name).read_text(encoding="utf-8")
    assert refresh.same_picture(shown, refresh.SCRIPTED[name]()), ADVICE


def test_every_picture_is_drawn_by_code_and_shown():
    drawn = {
        (page.parent / block["picture"]).resolve()
        for page in PAGES
        for block in refresh.BLOCK.finditer(page.read_text(encoding="utf-8"))
        if block["picture"]
    }
    drawn |= {ROOT / "docs" / "pictures" / name for name in refresh.SCRIPTED}
    shown = {target for page in PAGES for target, _ in links(page)}
    assert set(PICTURES) == drawn
    assert drawn <= shown


# --- links ------------------------------------------------------------------------


def prose(page):
    """The text of a page without its code."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def links(page):
    """(file, anchor) of every link of a page to a file of ours."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if not re.match(r"[a-z]+:", target):
            file, _, anchor = target.partition("#")
            yield ((page.parent / file).resolve() if file else page), anchor


def anchors(page):
    """The anchors of the headings of a page, as GitHub and mkdocs name them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), flags=re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading).strip().lower() for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"], ids=title
)
def test_links_lead_somewhere(page):
    for file, anchor in links(page):
        assert file.exists(), f"there is no {file}"
        assert not anchor or anchor in anchors(file), f"{file.name} has no #{anchor}"


def test_the_pages_become_a_site(tmp_path):
    pytest.importorskip("material", reason="the pages are built with mkdocs-material")
    site = tmp_path / "site"
    done = subprocess.run(  # noqa: S603 - our own pages
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", site],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not list(site.rglob("*.py"))
    for html in site.rglob("*.html"):
        # Nothing is fetched from elsewhere: fonts, scripts, styles, pictures.
        assert not re.search(
            r'(?:src|href)="(?:https?:)?//[^"]+\.(?:js|css|woff2?|svg|png)"',
            html.read_text(),
        ), html


def test_the_gallery_shows_each_of_its_pages_with_a_picture():
    gallery = ROOT / "docs" / "gallery.md"
    pages = set((ROOT / "docs" / "gallery").glob("*.md"))
    shown = [file for file, _ in links(gallery)]
    assert pages <= set(shown)
    for page in pages:
        block = refresh.BLOCK.finditer(page.read_text(encoding="utf-8"))
        pictures = {
            (page.parent / b["picture"]).resolve() for b in block if b["picture"]
        }
        assert pictures & set(shown), f"the gallery shows no picture of {page.name}"


def test_the_map_of_the_source_is_complete():
    architecture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    map_, _, _ = architecture.partition("## From Python")
    source = ROOT / "src" / "chainrule"
    packages = [path.parent for path in source.glob("*/__init__.py")]
    modules = [path for path in source.glob("*.py") if not path.stem.startswith("__")]
    for path in packages:
        assert f"`{path.name}/`" in map_, f"the map lacks {path.name}/"
    for path in modules:
        assert f"`{path.name}`" in map_, f"the map lacks {path.name}"
    for named in re.findall(r"`([a-z_/]+(?:\.py|/))`", architecture):
        assert named == "src/chainrule/" or (source / named).exists(), named


# --- the tests' own tool ----------------------------------------------------------


PAGE = """# A page

```python
x = 2
print("x is", x)
x * 21
```

```text
x is 2
42
```
"""


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.setattr(refresh, "ROOT", tmp_path)
    (tmp_path / "examples").mkdir()

    def write(text):
        path = tmp_path / "page.md"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_what_is_fresh_stays(page):
    assert refresh.refresh(page(PAGE)).text == PAGE


def test_stale_output_is_replaced(page):
    assert refresh.refresh(page(PAGE.replace("42", "41"))).text == PAGE


def test_missing_output_is_added(page):
    without = PAGE.partition("\n```text")[0]
    assert refresh.refresh(page(without)).text == PAGE


def test_output_that_is_no_more_is_removed(page):
    quiet = PAGE.replace('print("x is", x)\nx * 21\n', "")
    assert "text" not in refresh.refresh(page(quiet)).text


def test_code_that_fails_names_its_line(page):
    with pytest.raises(ZeroDivisionError) as caught:
        refresh.refresh(page(PAGE.replace("21", "(1 / 0)")))
    last = caught.traceback[-1]
    assert (str(last.path), last.lineno + 1) == ("page.md", 6)


def test_commands_run_where_their_output_is_shown(page):
    text = "```sh\nfalse && touch hidden\n```\n\n```sh\nls\n```\n\n```text\n```\n"
    assert refresh.refresh(page(text)).text.endswith("```text\nexamples\n```\n")


def test_times_may_differ(page):
    text = "```python\nprint('it took 1.5 s')\n```\n\n```text\nit took 7 s\n```\n"
    assert refresh.refresh(page(text)).text == text


def test_numbers_of_commands_may_differ_where_another_machine_made_them(page):
    text = "```sh\necho 'loss   0.25'; echo epoch 1\n```\n\n```text\n{}```\n"
    other = text.format("loss 0.5\nepoch 1\nepoch 2\n")
    assert refresh.refresh(page(other), exact=False).text == other
    assert refresh.refresh(page(other)).text == text.format("loss   0.25\nepoch 1\n")
    worse = text.format("gain 0.25\nepoch 1\n")
    assert refresh.refresh(page(worse), exact=False).text != worse


def test_the_value_before_an_image_is_drawn(page):
    code = "import chainrule as cr\ncr.tensor(3.0)"
    text = f"```python\n{code}\n```\n\n![three](three.svg)\n"
    path = page(text)
    drawn = refresh.refresh(path)
    assert drawn.text == text
    assert drawn.pictures[path.parent / "three.svg"].startswith("<svg")


def test_what_cannot_be_drawn_is_refused(page):
    with pytest.raises(TypeError, match="no picture can be made of 3"):
        refresh.refresh(page("```python\n3\n```\n\n![three](three.svg)\n"))


def test_pictures_may_differ_by_less_than_a_pixel():
    a = '<svg class="cr12ab90"><path d="M 10.25 7 L 3 4.5"/></svg>'
    assert refresh.same_picture(
        a, a.replace("10.25", "10.9").replace("12ab90", "ffff00")
    )
    assert not refresh.same_picture(a, a.replace("10.25", "11.9"))
    assert not refresh.same_picture(a, a.replace("path", "line"))


def test_images_in_pictures_may_differ_by_a_shade():
    def drawn(shade):
        figure = Figure(figsize=(2, 1))
        axes = figure.subplots()
        axes.imshow(np.full((4, 6, 3), shade), interpolation="none")
        return refresh.draw(figure, "shade")

    grey = drawn(0.5)
    assert "data:image/png;base64," in grey
    assert refresh.same_picture(grey, drawn(0.51))
    assert not refresh.same_picture(grey, drawn(0.6))

"""Colours one can read, and SVGs that stand on their own."""

import base64
import re
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest

from chainrule.view.theme import PALETTE, Labels, css_variables, new_figure, to_svg


def luminance(colour):
    """Relative luminance, WCAG 2.2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one, other):
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "panel"])
@pytest.mark.parametrize("name", sorted(set(PALETTE) - {"paper", "panel", "grid"}))
def test_every_colour_can_be_read_as_text(name, ground, mode):
    assert contrast(PALETTE[name][mode], PALETTE[ground][mode]) >= 4.5


def test_light_colours_are_told_apart_when_drawn():
    light = [light for light, _ in PALETTE.values()]
    assert len(set(light)) == len(light)


def test_dark_is_for_screens_only():
    css = css_variables(":root")
    assert "@media screen and (prefers-color-scheme:dark)" in css
    assert (
        css.index(PALETTE["ink"][0])
        < css.index("@media")
        < css.index(PALETTE["ink"][1])
    )


def parsed(svg):
    return ET.fromstring(svg)  # noqa: S314 (our own output)


def draw(words="words", salt=""):
    labels = Labels()
    with new_figure(300, 200) as figure:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], "o", color=PALETTE["blue"][0], label=labels(words))
        axes.legend()
        return to_svg(figure, f"A title{salt}", "What it shows", labels)


def test_svg_is_well_formed_described_and_self_contained():
    svg = draw()
    root = parsed(svg)
    space = "{http://www.w3.org/2000/svg}"
    assert (root.get("role"), root.get("viewBox")) == ("img", "0 0 300 200")
    title, described = root.find(f"{space}title"), root.find(f"{space}desc")
    assert (title.text, described.text) == ("A title", "What it shows")
    assert root.get("aria-labelledby") == f"{title.get('id')} {described.get('id')}"
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
    assert "DejaVu" not in svg
    assert "*{" not in svg, "matplotlib's own style would hold for the whole page"


def test_svg_names_its_colours_by_variables():
    style = re.compile(r'style="[^"]*"')
    styles = " ".join(style.findall(draw()))
    assert f"var(--cr-blue,{PALETTE['blue'][0]})" in styles
    assert f"var(--cr-muted,{PALETTE['muted'][0]})" in styles
    assert not re.search(r"(?<!,)#[0-9a-f]{6}", styles), "a colour without a variable"


def test_svgs_of_one_page_share_no_id_and_refer_to_their_own():
    one, other = draw(salt="1"), draw(salt="2")
    ids = [set(re.findall(r' id="([^"]+)"', svg)) for svg in (one, other)]
    assert not ids[0] & ids[1]
    for svg, own in zip((one, other), ids, strict=True):
        used = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg)
        assert used
        assert {a or b for a, b in used} <= own


def test_images_are_within_the_svg_as_one_address():
    with new_figure(100, 100) as figure:
        figure.subplots().imshow([[0.0, 1.0], [1.0, 0.5]], interpolation="none")
        svg = to_svg(figure, "image", "")
    (image,) = ET.fromstring(svg).iterfind(".//{*}image")  # noqa: S314 (our own)
    kind, _, pixels = image.get("href").partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(pixels, validate=True).startswith(b"\x89PNG")


def test_the_same_chart_gives_the_same_svg():
    assert draw() == draw()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "words", ["$5 to $10", "\\frac{1", "日本語", "<script>", "a\x00b", "", "_", "%d"]
)
def test_words_come_out_as_they_are(words):
    texts = [t.text for t in parsed(draw(words)).iter() if t.tag.endswith("text")]
    assert words.replace("\x00", "\ufffd") in [text or "" for text in texts]


def test_the_users_settings_neither_show_nor_change():
    expected = draw()
    with mpl.rc_context():
        mpl.rcParams.update(
            {"text.usetex": True, "font.size": 30, "lines.linewidth": 9}
        )
        before = dict(mpl.rcParams)
        assert draw() == expected
        assert dict(mpl.rcParams) == before


def test_a_chart_without_matplotlib_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'chainrule\[plot\]'"):
        draw()

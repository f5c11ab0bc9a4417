"""The whole page: self-contained, escaped, and written whole or not at all."""

import re
from dataclasses import replace
from importlib.resources import files

import pytest

from chainrule.tabular.evaluation import Influence
from chainrule.training.history import History
from chainrule.view.report import render_report, write_report

ATTACK = "<script>alert('x')</script>"


def check_page(page, html):
    """What holds for every report."""
    assert len(page.ids) == len(set(page.ids)), "an id occurs twice"
    assert {link[1:] for link in page.links} <= set(page.ids), "a link leads nowhere"
    assert all(link.startswith("#") for link in page.links)
    assert "script" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not {"src", "action", "formaction", "srcset"} & dict(page.attributes).keys()
    urls = re.findall(r"https?://[^\"' <]+", html)
    assert set(urls) <= {"http://www.w3.org/2000/svg"}
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)
    assert len(html.encode()) < 600_000


def test_binary(read, binary_report):
    html = render_report(binary_report)
    page = read(html)
    check_page(page, html)
    assert html.startswith("<!doctype html>\n<html lang=")
    assert page.tags.count("svg") == 4
    assert page.tags.count("h1") == 1


def test_more_classes(read, make_class_report):
    html = render_report(make_class_report(["setosa", "versicolor", "virginica"]))
    check_page(read(html), html)


@pytest.mark.parametrize("scale", [1.0, 1e6, 1e-9])
def test_regression(read, make_regression_report, scale):
    html = render_report(make_regression_report(scale))
    page = read(html)
    check_page(page, html)
    assert page.tags.count("svg") == 4


def test_a_hundred_classes_and_five_hundred_columns(read, make_class_report):
    report = make_class_report([f"class {k} " * 9 for k in range(100)], rows=5000)
    columns = [Influence(f"column {k} " * 20, 0.9**k, 0.0) for k in range(500)]
    schema = report.schema
    wide = replace(
        schema,
        inputs=tuple(replace(schema.inputs[0], name=c.column) for c in columns),
    )
    html = render_report(replace(report, influence=columns, schema=wide))
    check_page(read(html), html)


def test_one_epoch_and_nothing_else(read, binary_report):
    report = replace(
        binary_report,
        history=History([{"epoch": 1, "loss": 0.7}]),
        influence=(),
        baselines={},
        layers=(),
        next_commands=(),
        split={},
    )
    html = render_report(report)
    check_page(read(html), html)


def test_names_from_the_table_are_never_markup(read, make_class_report):
    report = make_class_report([ATTACK, '" onload="x', "&amp;", "$x$"])
    schema = report.schema
    attacked = replace(schema.inputs[0], name=f"{ATTACK} column")
    report = replace(
        report,
        title=f"{ATTACK} title",
        schema=replace(
            schema,
            inputs=(attacked,),
            target=replace(schema.target, name=f"{ATTACK} target"),
            notes=(f"{ATTACK} note",),
        ),
        provenance=replace(
            report.provenance, command=f"{ATTACK} command", source=f"{ATTACK} source"
        ),
        baselines={f"{ATTACK} baseline": report.test},
        influence=[Influence(f"{ATTACK} influence", 1.0, 0.1)],
    )
    html = render_report(report)
    page = read(html)
    check_page(page, html)
    assert "<script" not in html
    for what in ("title", "column", "target", "note", "command", "source", "influence"):
        assert f"{ATTACK} {what}" in page.text
    assert "&amp;" in page.text, "it was text in the table and is still the same text"


def test_the_page_forbids_scripts_and_the_network(binary_report):
    html = render_report(binary_report)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)[1]
    assert "default-src &#x27;none&#x27;" in policy
    assert "script-src" not in policy


def test_everything_can_be_read_without_seeing(read, binary_report):
    html = render_report(binary_report)
    for svg in re.findall(r"<svg[^>]*>", html):
        assert 'role="img"' in svg
        assert "aria-label" in svg
    for table in re.findall(r"<table.*?</table>", html, re.DOTALL):
        assert "<caption" in table
        assert "<th" in table
    for figure in re.findall(r"<figure>.*?</figure>", html, re.DOTALL):
        assert "<figcaption>" in figure


def test_the_same_run_gives_the_same_file(binary_report):
    assert render_report(binary_report) == render_report(binary_report)


def test_it_is_written_whole(tmp_path, binary_report):
    path = tmp_path / "run" / "report.html"
    write_report(binary_report, path)
    assert path.read_text(encoding="utf-8") == render_report(binary_report)
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


def test_a_report_that_fails_leaves_the_old_one(tmp_path, binary_report, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError, match="chainrule"):
        write_report(binary_report, path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_headings_of_scores_wrap_on_a_phone():
    """No rule that is more exact keeps them on one line, which is wider than it."""
    css = (files("chainrule.view") / "report.css").read_text(encoding="utf-8")
    phone = css.partition("@media (max-width: 40rem) {")[2].partition("@media print")[0]
    assert ".scores thead th + th { white-space: normal; }" in phone
    assert css.index("@media (max-width") > css.index(".scores thead th + th")

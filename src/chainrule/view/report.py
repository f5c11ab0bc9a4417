"""The report of a run: one HTML file that needs nothing else.

No network, no scripts, no fonts to fetch: it can be mailed, archived and printed.
Everything that comes from the user's table is escaped, and the page's own security
policy forbids scripts besides.
"""

from importlib.resources import files
from pathlib import Path
from typing import Final

from chainrule.files import write_text
from chainrule.view.facts import Layer, Provenance, Report
from chainrule.view.markup import Html, join, tag
from chainrule.view.sections import sections
from chainrule.view.theme import FONTS, css_variables

__all__ = ["Layer", "Provenance", "Report", "render_report", "write_report"]

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def write_report(report: Report, path: str | Path) -> None:
    """Write `report` as one self-contained HTML file, whole or not at all.

    Raises `ModuleNotFoundError` where matplotlib is missing, and `OSError` where the
    file cannot be written.
    """
    write_text(Path(path), render_report(report))


def render_report(report: Report) -> str:
    """The page as text."""
    shown = sections(report)
    links = [tag("a", heading, href=f"#{anchor}") for anchor, heading, _ in shown]
    body = [
        tag("section", tag("h2", heading), content, id=anchor)
        for anchor, heading, content in shown
    ]
    run = report.provenance
    about = f"A network trained by chainrule {run.version} on {run.date}"
    header = tag("header", tag("h1", report.title), tag("p", about))
    contents = tag("nav", *links, aria_label="Sections")
    page = tag(
        "html",
        _head(report.title),
        tag("body", header, contents, tag("main", *body)),
        lang="en",
    )
    return f"<!doctype html>\n{page}\n"


def _head(title: str) -> Html:
    style = files("chainrule.view").joinpath("report.css").read_text(encoding="utf-8")
    variables = css_variables(":root") + f":root{{--fonts:{FONTS}}}"
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", join(Html(variables), Html(style))),
    )

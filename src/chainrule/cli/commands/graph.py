"""`chainrule graph`: a formula as the graph that the chain rule walks."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["EXAMPLES", "graph"]

EXAMPLES = (
    ('chainrule graph "z*(2*x + y)" x=3 y=-4 z=5', "the value and the gradient"),
    ('chainrule graph "u = 2*x + y; L = z*u" x=3 y=-4 z=5', "with names for the parts"),
    (
        'chainrule graph "sum((W @ x - t)**2)" "x=[1,2]" "t=[0,1]" "W=[[1,2],[3,4]]"',
        "vectors and matrices",
    ),
    (
        'chainrule graph "-log(sigmoid(w*x + b))" w=2 x=1.5 b=-1 --svg neuron.svg',
        "a picture to keep",
    ),
)


def graph(
    formula: Annotated[
        str,
        typer.Argument(
            metavar="FORMULA",
            help="A formula that gives one number: + - * / ** @, comparisons, and "
            "functions such as exp, log, sqrt, sin, tanh, sigmoid, relu, maximum, "
            "where, sum, mean and softmax.",
        ),
    ],
    values: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME=VALUE...", help="The value of each variable."),
    ] = None,
    svg: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw it to an SVG file too."),
    ] = None,
    json: Annotated[
        bool,
        typer.Option("--json", help="Print the values and gradients only, as JSON."),
    ] = False,
) -> None:
    """Draw the computational graph of a formula, with every value and every gradient.

    Each node shows its value and the gradient of the result with respect to it, each
    edge the local derivative; by the chain rule, gradients are products along the way.
    """
    from chainrule.cli.graphing import draw  # noqa: PLC0415 - heavy

    draw(formula, values or [], svg, as_json=json)

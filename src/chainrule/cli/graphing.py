"""Draws a formula with its values and gradients."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.cli.console import new_console, say_json, say_note
from chainrule.cli.errors import Failure, expecting
from chainrule.cli.formula import Formula, FormulaError, parse_variable
from chainrule.files import write_text
from chainrule.tensor import Tensor

__all__ = ["draw"]


def draw(text: str, values: Sequence[str], svg: Path | None, *, as_json: bool) -> None:
    """Compute the formula and its gradients, and draw them on the terminal."""
    if svg is not None and not svg.absolute().parent.is_dir():
        raise Failure(f"{svg} cannot be written: there is no folder {svg.parent}")
    try:
        result, variables = _differentiated(text, values)
    except FormulaError as error:
        pointer = [f"  {line}" for line in error.pointer().splitlines()]
        raise Failure(error.message, *pointer, code=2) from error
    if as_json:
        say_json(_facts(text, result, variables))
    else:
        result.show()
    if not as_json and not np.isfinite(result.data):
        say_note(f"the result is {result.item()}: a value went out of its domain")
    if svg is not None:
        with expecting():
            write_text(svg, result.to_svg())
        if not as_json:
            line = f"drawn to {svg}"
            new_console(stderr=True).print(line, markup=False, soft_wrap=True)


def _facts(
    text: str, result: Tensor, variables: Mapping[str, Tensor]
) -> dict[str, Any]:
    """What `--json` prints: the result, and of each variable value and gradient."""
    return {
        "formula": text,
        "result": result.item(),
        "variables": {
            name: {
                "value": x.numpy().tolist(),
                "gradient": None if x.grad is None else x.grad.numpy().tolist(),
            }
            for name, x in variables.items()
        },
    }


def _differentiated(
    text: str, values: Sequence[str]
) -> tuple[Tensor, dict[str, Tensor]]:
    formula = Formula(text)
    variables: dict[str, Tensor] = {}
    for value in values:
        variable = parse_variable(value)
        name = str(variable.name)
        if name in variables:
            raise FormulaError(f"{name} is given two values", text)
        variables[name] = variable
    result = formula(variables)
    if result.dtype.kind != "f":
        message = "this is true or false, and gradients need a number"
        raise FormulaError(message, formula.text, 0, len(formula.text))
    if result.size != 1:
        message = (
            f"this has {result.size} numbers, of shape {result.shape}, and gradients "
            "start at one: take the sum(...) or mean(...) of it"
        )
        raise FormulaError(message, formula.text, 0, len(formula.text))
    result.backward()
    return result, variables

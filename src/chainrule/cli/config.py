"""Options in a file: `chainrule train --config run.toml`.

What is said on the command line wins over the file, and the file over the defaults.
"""

import csv
import inspect
import io
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

import typer

from chainrule.cli.errors import Failure, expecting
from chainrule.files import write_text

__all__ = ["use_config", "write_config"]

# What is about one call of the command, and no setting.
_NOT_IN_FILES: Final = ("config", "write_config", "resume", "help")


def use_config(context: typer.Context, path: Path | None) -> Path | None:
    """Take the options of a command from a TOML file, where it is given none else."""
    if path is not None and not context.resilient_parsing:
        found = _read(path)
        context.default_map = dict(_options(path, found, context))
    return path


def _read(path: Path) -> dict[str, Any]:
    with expecting():
        content = path.read_bytes()
    try:
        return tomllib.loads(content.decode())
    except ValueError as error:  # of TOML, or of UTF-8
        raise Failure(f"{path} is not TOML: {error}") from None


def _known(context: typer.Context) -> dict[str, Any]:
    """The options and arguments that a file can hold, by name."""
    parameters = {str(p.name): p for p in context.command.params}
    return {name: p for name, p in parameters.items() if name not in _NOT_IN_FILES}


def _options(
    path: Path, found: Mapping[str, Any], context: typer.Context
) -> Iterator[tuple[str, Any]]:
    known = _known(context)
    types = get_type_hints(inspect.unwrap(context.command.callback or _same))
    for key, value in found.items():
        name = key.replace("-", "_")
        if name not in known:
            close = get_close_matches(name, known, n=1)
            guess = f"; did you mean {close[0]!r}?" if close else ""
            raise Failure(f"{path}: there is no option {key!r}{guess}", code=2)
        if name == "json" and value:
            raise Failure(f"{path}: --json is for the command line", code=2)
        try:
            yield name, _as_typed(known[name], types[name], value)
        except TypeError as error:
            wrong = f"{path}: {key} = {_toml(value)} is {error}"
            raise Failure(wrong, code=2) from None


def _as_typed(parameter: Any, hint: Any, value: Any) -> Any:
    """A value as it would be typed on the command line.

    Raises `TypeError` which says what it should not be.
    """
    for kind in (hint, *get_args(hint)):
        if kind in _KINDS:
            what, *kinds = _KINDS[kind]
            if type(value) not in kinds:
                raise TypeError(what)
            return value
    if isinstance(value, Mapping):
        return _listed(f"{k}={_word(v)}" for k, v in value.items())
    if getattr(parameter, "multiple", False):
        items = value if isinstance(value, list) else [value]
        return [_listed([_word(item)]) for item in items]
    if isinstance(value, list):
        return _listed(map(_word, value))
    return _word(value)


_KINDS: Final[Mapping[Any, Any]] = {
    bool: ("neither true nor false", bool),
    int: ("no whole number", int),
    float: ("no number", int, float),
}


def _word(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise TypeError("neither text nor a number")
    return str(value)


def _listed(words: Iterable[str]) -> str:
    """Words parted by commas, in quotes where they hold one themselves."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(list(words))
    return line.getvalue()


# --- writing ------------------------------------------------------------------------


def write_config(
    context: typer.Context, path: Path, readers: Mapping[str, Callable[[Any], Any]]
) -> None:
    """Write all options to a TOML file: those that were given, the others as comments.

    `readers` turn what was typed into values, by option.

    Raises `Failure` if the file is there already.
    """
    if path.exists():
        raise Failure(f"{path} is there already: choose another name")
    given = context.params
    text = "".join(_lines(context, given, readers))
    with expecting():
        write_text(path, text)


def _lines(
    context: typer.Context,
    given: Mapping[str, Any],
    readers: Mapping[str, Callable[[Any], Any]],
) -> Iterator[str]:
    yield f"# {context.command_path} --config FILE\n"
    yield "# What the command line says wins over what is written here.\n"
    topic = ""
    for name, parameter in _known(context).items():
        if name == "json":
            continue
        panel = getattr(parameter, "rich_help_panel", None) or "The table"
        if panel != topic:
            topic = panel
            yield f"\n# --- {topic}\n"
        value = given.get(name)
        read = readers.get(name, _same)
        yield f"\n# {_advice(parameter)}\n"
        nothing = value is None or (isinstance(value, (list, tuple)) and not value)
        if nothing:
            yield f"# {name} = ...\n"
        elif value == parameter.default:
            yield f"# {name} = {_toml(read(value))}\n"
        else:
            yield f"{name} = {_toml(read(value))}\n"


def _advice(parameter: Any) -> str:
    return " ".join((parameter.help or "").split())


def _same(value: Any) -> Any:
    return value


def _toml(value: Any) -> str:
    """A value as TOML writes it.

    >>> _toml({"yes": 3.0, "not yet": 1.0}), _toml(["a", 1]), _toml(True)
    ('{ yes = 3.0, "not yet" = 1.0 }', '["a", 1]', 'true')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        items = (f"{_key(k)} = {_toml(v)}" for k, v in value.items())
        return f"{{ {', '.join(items)} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, (int, float)):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)

"""Help pages: what a command does, its options by topic, and examples."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from chainrule.cli.console import new_console

__all__ = ["Command", "Example", "Group", "with_examples"]

Example = tuple[str, str]  # what is typed, and what it does

_WIDEST: Final = 100
_PLAIN: Final = "Options"


class Command(TyperCommand):
    """A command whose `--help` is a page of ours."""

    examples: Sequence[Example] = ()
    usages: Sequence[str] = ()  # where they are not what the parameters say

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the page."""
        formatter.write(_page(self, ctx))


class Group(TyperGroup):
    """The program, whose `--help` lists its commands."""

    examples: Sequence[Example] = ()

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the page."""
        formatter.write(_page(self, ctx))


def with_examples(*pairs: Example, usages: Sequence[str] = ()) -> type[Command]:
    """The class of a command that has these examples, and is used in these ways."""
    return type("Command", (Command,), {"examples": pairs, "usages": usages})


def _page(command: Command | Group, ctx: Any) -> str:
    console = new_console()
    console.width = min(console.width, _WIDEST)
    with console.capture() as captured:
        _print_page(console, command, ctx)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def _print_page(console: Console, command: Command | Group, ctx: Any) -> None:
    for k, usage in enumerate(_usages(command, ctx)):
        console.print(Text.assemble(("       " if k else "Usage: ", "bold"), usage))
    for paragraph in (command.help or "").split("\n\n"):
        console.print()
        console.print(Text(" ".join(paragraph.split())))
    if isinstance(command, Group):
        _print_section(console, "Commands", _commands(command, ctx))
    for title, rows in _topics(command.get_params(ctx)):
        _print_section(console, title, rows)
    if command.examples:
        console.print(Text("\nExamples", style="bold"))
        for typed, what in command.examples:
            console.print(Padding(Text(f"# {what}", style="dim"), (0, 0, 0, 2)))
            console.print(Text(f"  {typed}", style="cyan"), soft_wrap=True)


def _usages(command: Command | Group, ctx: Any) -> Iterator[str]:
    for usage in command.usages if isinstance(command, Command) else ():
        yield f"{ctx.command_path} {usage} [OPTIONS]"
    if isinstance(command, Group) or not command.usages:
        yield _usage(command, ctx)


def _usage(command: Command | Group, ctx: Any) -> str:
    words = [ctx.command_path]
    if isinstance(command, Group):
        words.append("COMMAND")
    for parameter in command.get_params(ctx):
        if parameter.param_type_name == "argument":
            name = _metavar(parameter)
            words.append(name if parameter.required else f"[{name}]")
        elif parameter.required:
            words.append(f"{parameter.opts[0]} {_metavar(parameter)}")
    return " ".join([*words, "[OPTIONS]"])


def _commands(group: Group, ctx: Any) -> Iterator[tuple[Text, Text]]:
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        text = (command.help if command else None) or ""
        summary = " ".join(text.split("\n\n")[0].split())
        yield Text(name, style="cyan"), Text(summary)


def _topics(
    parameters: Iterable[Any],
) -> Iterator[tuple[str, list[tuple[Text, Text]]]]:
    """The parameters by the topic that they belong to, in order; the rest last."""
    topics: dict[str, list[tuple[Text, Text]]] = {"Arguments": []}
    plain: list[tuple[Text, Text]] = []
    for parameter in parameters:
        if getattr(parameter, "hidden", False):
            continue
        if parameter.param_type_name == "argument":
            rows = topics["Arguments"]
        else:
            topic = getattr(parameter, "rich_help_panel", None)
            rows = topics.setdefault(topic, []) if topic else plain
        rows.append((_names(parameter), _meaning(parameter)))
    yield from ((title, rows) for title, rows in topics.items() if rows)
    yield _PLAIN, plain


def _names(parameter: Any) -> Text:
    if parameter.param_type_name == "argument":
        return Text(_metavar(parameter), style="cyan")
    # Long names in one column, whether or not there is a short one.
    options = sorted([*parameter.opts, *parameter.secondary_opts], key=len)
    text = Text(", ".join(options), style="cyan")
    if not parameter.is_flag:
        text.append(f" {_metavar(parameter)}", style="default")
    return text


def _metavar(parameter: Any) -> str:
    return parameter.metavar or str(parameter.name).upper()


def _meaning(parameter: Any) -> Text:
    meaning, default, stated = (parameter.help or "").partition("Default: ")
    text = Text(meaning.rstrip())
    value = None if getattr(parameter, "is_flag", True) else parameter.default
    if default:
        text.append(f" Default: {stated}", style="dim")
    elif parameter.required and parameter.param_type_name == "option":
        text.append(" Required.", style="dim")
    elif value is not None and not callable(value):
        text.append(f" Default: {value}.", style="dim")
    return text


def _print_section(
    console: Console, title: str, rows: Iterable[tuple[Text, Text]]
) -> None:
    console.print(Text(f"\n{title}", style="bold"))
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for names, meaning in rows:
        table.add_row(names, meaning)
    page: RenderableType = Padding(table, (0, 0, 0, 2))
    console.print(page)

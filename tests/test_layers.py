"""Imports only go down the layers, and form no cycle."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "chainrule"

# The lowest layer first. A module belongs to the longest prefix that names it.
LAYERS = [
    {"files", "differences", "settings", "version"},
    {"ir"},
    {"ops"},
    {"passes"},
    {"native"},
    {"expressions", "drawing"},
    {"config", "trace", "tree"},
    {"tensor"},
    {"functions", "creation", "taps", "transforms"},
    {"compile", "gradient_check", "stages", "testing"},
    {"random"},
    {"nn", "losses", "optim", "tables"},
    {"training"},
    {"insight", "tabular", "sklearn", "export"},
    {"view", "cli"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

# Optional dependencies are imported where they are wrapped.
OPTIONAL = {"matplotlib", "pyarrow", "narwhals", "typer", "rich", "sklearn"}


def modules():
    return sorted(SOURCE.rglob("*.py"))


def name_of(path):
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path):
    """(module, whether it stands inside a function) of each import in a file."""
    tree = ast.parse(path.read_text())
    inside = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in inside
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                known = path_of(submodule) is not None
                yield submodule if known else node.module, id(node) in inside


def path_of(module):
    if module.split(".")[0] != "chainrule":
        return None
    base = SOURCE.parent.joinpath(*module.split("."))
    if base.with_suffix(".py").exists():
        return base.with_suffix(".py")
    package = base / "__init__.py"
    return package if package.exists() else None


def level_of(module):
    return LEVEL[module.split(".")[1]]


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_go_down(path):
    module = name_of(path)
    if module in ("chainrule", "chainrule.__main__"):
        return
    for imported, _ in imports_of(path):
        if imported.startswith("chainrule."):
            assert level_of(imported) <= level_of(module), (
                f"{module} imports {imported} from a layer above it"
            )
        assert imported != "chainrule", f"{module} imports the whole package"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_only_optional_dependencies_are_imported_inside_functions(path):
    for imported, inside in imports_of(path):
        root = imported.split(".")[0]
        if inside and path.name != "__init__.py" and root not in OPTIONAL:
            assert level_of(name_of(path)) == len(LAYERS) - 1, (
                f"{name_of(path)} imports {imported} inside a function"
            )


def test_no_module_imports_itself_through_others():
    graph = {
        name_of(path): {
            imported
            for imported, _ in imports_of(path)
            if imported.startswith("chainrule.") and path_of(imported) is not None
        }
        for path in modules()
        if path.name != "__init__.py"
    }
    done, path = set(), []

    def visit(module):
        assert module not in path, f"cycle: {' -> '.join([*path, module])}"
        if module in done or module not in graph:
            return
        path.append(module)
        for imported in sorted(graph[module]):
            if imported != module:
                visit(imported)
        path.pop()
        done.add(module)

    for module in graph:
        visit(module)

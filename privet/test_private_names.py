"""Private names of libraries are used only by the modules whose docstrings list them.

A private name begins with one underscore. An upgrade may change it without notice, so code that uses one must save at
least 15 % of a user's waiting time (`bench/tricks.py`), and have a test that reports what an upgrade changed.
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

PRIVATE_NAMES = {
    "documents/weasyprint_internals.py": {"_fonts", "_resources"},
    "documents/test_weasyprint_internals.py": {"_fonts", "_resources"},
}
# Documented names of Django's models, managers and storages, of namedtuples and of os.
DOCUMENTED = {"_meta", "_state", "_db", "_save", "_replace", "_asdict", "_exit"}
PATCHING = {"getattr", "setattr", "hasattr", "delattr", "object"}  # functions that take the name as a string


def sources() -> dict[str, ast.Module]:
    """Return the syntax trees of all Python files except migrations, by path."""
    packages = [path for path in settings.BASE_DIR.iterdir() if (path / "__init__.py").exists() or path.name == "e2e"]
    files = [*settings.BASE_DIR.glob("*.py"), *(file for package in packages for file in package.rglob("*.py"))]
    return {
        str(file.relative_to(settings.BASE_DIR)): ast.parse(file.read_text())
        for file in files
        if "migrations" not in file.parts
    }


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name.isidentifier() and name not in DOCUMENTED


def defined(tree: ast.Module) -> set[str]:
    """Return the private names of functions, classes, methods and variables that a file defines."""
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return {name for name in names if is_private(name)}


def used(tree: ast.Module) -> Iterator[str]:
    """Yield the attribute names and imported names that a file uses, except attributes that it sets on `self`."""
    own = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not (is_self(node.value) and node.attr in own):
            yield node.attr
        if isinstance(node, ast.Call) and called(node) in PATCHING:
            yield from (argument.value for argument in node.args if is_text(argument))
        if isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)


def is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def test_private_names_of_libraries_are_used_only_where_they_are_listed():
    trees = sources()
    ours = set().union(*map(defined, trees.values()))
    found = {path: {name for name in used(tree) if is_private(name)} - ours for path, tree in trees.items()}

    assert {path: names for path, names in found.items() if names} == PRIVATE_NAMES


def test_modules_that_use_private_names_list_them():
    for path, names in PRIVATE_NAMES.items():
        if not Path(path).name.startswith("test_"):
            docstring = ast.get_docstring(ast.parse((settings.BASE_DIR / path).read_text()))
            assert [name for name in names if f"`{name}`" not in docstring] == []


def test_no_private_method_of_a_library_is_overridden():
    ours = {path.removesuffix(".py").replace("/", ".") for path in sources()}
    classes = [
        cls
        for name in ours & sys.modules.keys()
        for cls in vars(sys.modules[name]).values()
        if inspect.isclass(cls) and cls.__module__ == name
    ]
    overridden = {
        f"{cls.__qualname__}.{name}"
        for cls in classes
        for name, value in vars(cls).items()
        if is_private(name) and inspect.isfunction(value) and value.__module__ in ours
        for base in cls.__mro__[1:]
        if base.__module__ not in ours and name in vars(base)
    }
    assert len(classes) > 100
    assert overridden == set()

"""Imports between packages follow the layers in pyproject.toml, and modules have no import cycles."""

import ast
import shutil
import subprocess
import sys
import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from foundation.env import BASE_DIR

CONFIGURATION = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["tool"]["importlinter"]
PACKAGES = CONFIGURATION["root_packages"]
TESTS = ("test_*.py", "conftest.py", "testing.py")


@pytest.fixture
def project(tmp_path) -> Path:
    """A copy of the project without tests, which may import anything."""
    for package in PACKAGES:
        ignored = shutil.ignore_patterns(*TESTS, "__pycache__", "migrations")
        shutil.copytree(BASE_DIR / package, tmp_path / package, ignore=ignored)
    shutil.copy(BASE_DIR / "pyproject.toml", tmp_path)
    return tmp_path


def lint(project: Path) -> tuple[int, str]:
    program = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([program, "--no-cache"], cwd=project, capture_output=True, text=True, timeout=60)
    return run.returncode, run.stdout + run.stderr


def find_cycle(project: Path) -> list[str]:
    """Return modules that form an import cycle. Imports inside functions and for type checking count."""
    modules = {_name(path.relative_to(project)): path for path in project.rglob("*.py")}
    graph = {name: _imported(path, modules) - {name} for name, path in modules.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _imported(path: Path, modules: dict[str, Path]) -> set[str]:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            submodules = {f"{node.module}.{alias.name}" for alias in node.names} & modules.keys()
            imported |= submodules or {node.module}
    return imported & modules.keys()


def test_imports_follow_the_layers(project):
    status, report = lint(project)
    assert status == 0, report


def test_modules_have_no_import_cycles(project):
    assert find_cycle(project) == []


def test_layers_list_every_package():
    packages = {path.parent.name for path in BASE_DIR.glob("*/__init__.py")} - {"e2e"}
    layers = {name for layer in CONFIGURATION["contracts"][0]["layers"] for name in layer.split(" | ")}
    assert packages == set(PACKAGES) == layers


@pytest.mark.parametrize(
    ("module", "upward_import"),
    [
        ("foundation/russian/money.py", "from managers.models import Manager"),
        ("documents/rendering.py", "from contracts.models import Contract"),
        ("managers/limits.py", "from clients.models import Client"),
        ("clients/search.py", "import devices.models"),
        ("clients/models.py", "from support import bridge"),
        ("photos/uploads.py", "from devices.models import Device"),
        ("passport/models.py", "from devices.models import Device"),
        ("devices/surcharge.py", "from passport.models import Passport"),
        ("devices/models.py", "from contracts.models import Contract"),
        ("support/log.py", "from contracts.models import Contract"),
        ("contracts/payment.py", "from erasure.models import Erasure"),
        ("erasure/retention.py", "from operations import health"),
        ("contracts/models.py", "from privet import settings"),
        ("devices/mirror.py", "import boto3"),
        ("foundation/env.py", "import neighbour.app"),
        ("neighbour/app.py", "import foundation.env"),
    ],
)
def test_reverse_import_is_detected(project, module, upward_import):
    with open(project / module, "a") as file:
        file.write(f"\n{upward_import}\n")
    status, report = lint(project)
    assert status == 1
    assert "BROKEN" in report


def test_import_cycle_is_detected(project):
    with open(project / "devices/shared.py", "a") as file:
        file.write("\n\ndef imports_on_use():\n    from devices import mirror\n")
    assert {"devices.shared", "devices.mirror"} <= set(find_cycle(project))

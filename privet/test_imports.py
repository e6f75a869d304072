"""Imports point one way; the rules are in pyproject.toml."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from foundation.env import BASE_DIR

APPS = ("privet", "managers", "clients", "agreements", "passport", "devices", "contracts", "support", "erasure")


@pytest.fixture
def project(tmp_path) -> Path:
    """The project without its tests, which may import anything."""
    for app in APPS:
        shutil.copytree(
            BASE_DIR / app, tmp_path / app, ignore=shutil.ignore_patterns("test_*.py", "conftest.py", "__pycache__")
        )
    shutil.copy(BASE_DIR / "pyproject.toml", tmp_path)
    return tmp_path


def lint(project: Path) -> tuple[int, str]:
    program = Path(sys.executable).with_name("lint-imports")
    answer = subprocess.run([program, "--no-cache"], cwd=project, capture_output=True, text=True, timeout=60)
    return answer.returncode, answer.stdout + answer.stderr


def test_imports_point_one_way(project):
    status, report = lint(project)
    assert status == 0, report


@pytest.mark.parametrize(
    ("module", "back_edge"),
    [
        ("managers/limits.py", "from clients.models import Client"),
        ("clients/search.py", "import devices.models"),
        ("passport/models.py", "from devices.models import Device"),
        ("devices/surcharge.py", "from passport.models import Passport"),
        ("devices/models.py", "from contracts.models import Contract"),
        ("support/log.py", "from contracts.models import Contract"),
        ("contracts/payment.py", "from erasure.models import Erasure"),
        ("clients/models.py", "from support import bridge"),
        ("clients/models.py", "from privet import onboarding"),
        ("contracts/models.py", "from privet import images"),
        ("managers/models.py", "from privet import kept"),
        ("devices/photos.py", "import boto3"),
    ],
)
def test_a_back_edge_is_found(project, module, back_edge):
    with open(project / module, "a") as file:
        file.write(f"\n{back_edge}\n")
    status, report = lint(project)
    assert status == 1
    assert "BROKEN" in report

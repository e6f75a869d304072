"""The hooks before a commit run commands that the checks run too."""

import re

import pytest

from foundation.env import BASE_DIR

CONFIGURATION = (BASE_DIR / ".pre-commit-config.yaml").read_text()
COMMANDS = [line for line in re.findall(r"entry: .*\.venv/bin/(.+)", CONFIGURATION) if not line.startswith("pytest ")]


@pytest.mark.parametrize("command", COMMANDS)
def test_command_of_a_hook_is_a_stage_of_the_checks(command):
    stages = (BASE_DIR / ".ci" / "run").read_text().replace("ruff format --check", "ruff format")
    assert re.search(rf"^(stage|  ).* {re.escape(command)}$", stages, re.MULTILINE)


def test_nothing_is_downloaded_for_a_hook():
    assert re.findall(r"repo: (.+)", CONFIGURATION) == ["local"]
    assert set(re.findall(r"language: (.+)", CONFIGURATION)) == {"system"}

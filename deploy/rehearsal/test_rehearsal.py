import base64
import re

import pytest

from foundation.env import BASE_DIR
from rehearsal import documents, versions
from rehearsal.dockerfile import Build, Step, context, ignored, steps
from rehearsal.visitor import code


def test_a_step_may_go_on_over_lines_and_comments():
    text = "# A comment\nFROM one AS two\n\nRUN first && \\\n    # why\n    second\n  # indented\nUSER privet\n"
    assert steps(text) == [Step("FROM", "one AS two"), Step("RUN", "first &&  second"), Step("USER", "privet")]


def test_every_step_of_our_dockerfile_can_be_carried_out():
    words = {step.word for step in steps((BASE_DIR / "Dockerfile").read_text())}
    assert [word for word in words if not hasattr(Build, f"_{word.lower()}")] == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("docs/architecture.md", True),
        ("clients/docs/page.md", False),
        ("clients/test_list.py", True),
        ("conftest.py", True),
        ("requirements-dev.txt", True),
        ("requirements.lock", False),
        ("privet/settings.py", False),
    ],
)
def test_files_are_left_out_as_docker_leaves_them_out(name, expected):
    patterns = ["docs", "requirements*.txt", "**/test_*.py", "**/conftest.py"]
    assert ignored(name, patterns) is expected


def test_an_image_holds_the_program_and_neither_its_tests_nor_secrets():
    given = context(BASE_DIR)
    assert {"manage.py", "gunicorn.conf.py", "requirements.lock", "deploy/healthy.py"} <= set(given)
    unwanted = ("test_", "conftest", ".env", ".git")
    assert [name for name in given if name.split("/")[-1].startswith(unwanted) and name != ".env.example"] == []


def test_what_is_typed_on_a_machine_of_ones_own_is_found_and_nothing_else():
    typed = documents.commands(BASE_DIR / "docs/deployment.md")
    assert "deploy/install privet.localhost\n" in typed
    assert "docker" not in typed
    assert documents.DOMAIN not in typed


def test_the_versions_of_the_examples_are_those_that_a_machine_is_given():
    typed = documents.commands(BASE_DIR / "docs/operations.md")
    deployed = re.findall(r"bin/deploy (\S+)", typed)
    assert deployed == [versions.NEXT, versions.FIRST]


def test_the_visitors_app_shows_the_codes_of_rfc_6238():
    key = base64.b32encode(b"12345678901234567890").decode()
    assert [code(key, at) for at in (59, 1111111109, 20000000000)] == ["287082", "081804", "353130"]

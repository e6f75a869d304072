import json
from pathlib import Path

import pytest

from deploy.rehearsal.__main__ import arguments
from deploy.rehearsal.debian import RehearsalError, call
from deploy.rehearsal.machine import PASSWORD_PROMPT, wait_for
from deploy.rehearsal.production import excess_settings


def test_production_is_the_default():
    assert arguments(["folder"]).command is None


def test_readme_needs_a_known_release(capsys):
    chosen = arguments(["folder", "readme", "bookworm", "/python"])
    assert (chosen.command, chosen.release, chosen.python) == ("readme", "bookworm", Path("/python"))
    with pytest.raises(SystemExit):
        arguments(["folder", "readme", "buster"])
    assert "buster" in capsys.readouterr().err


def test_a_failed_command_is_reported_with_its_output():
    with pytest.raises(RehearsalError, match="(?s)exit 3.*out.*err"):
        call(["sh", "-c", "echo out; echo err >&2; exit 3"])


def test_a_command_gets_its_input():
    assert call(["cat"], stdin="text") == "text"


def test_waiting_returns_the_result_or_fails():
    results = iter([None, 0, "ready"])
    assert wait_for(lambda: next(results), seconds=5, error="late") == "ready"
    with pytest.raises(RehearsalError, match="late"):
        wait_for(lambda: None, seconds=0.2, error="late")


@pytest.mark.parametrize(
    ("output", "asks"), [("Password: ", True), ("Пароль (ещё раз): ", True), ("Password: changed\n", False)]
)
def test_password_prompts_are_recognised(output, asks):
    assert bool(PASSWORD_PROMPT.search(output)) is asks


def test_services_with_settings_that_they_do_not_need_are_found():
    services = {
        "privet_manager_web": {
            "environment": {"DATABASE_URL": "a", "DATABASE_OWNER_URL": "b", "POSTGRES_PASSWORD": ""}
        },
        "privet_manager_worker": {"environment": {"DATABASE_MAINTENANCE_URL": "c"}},
        "privet_manager_caddy": {},
    }
    assert excess_settings(json.dumps({"services": services})) == ["privet_manager_web gets DATABASE_OWNER_URL"]

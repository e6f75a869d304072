"""The documented role of every command, and the services that know the URLs of more than the web role."""

import re
from configparser import RawConfigParser

import pytest
from django.core.management import get_commands

from foundation.database.roles import ROLE_OF_COMMAND, Role
from foundation.env import BASE_DIR

SERVICES = BASE_DIR / "deploy" / "systemd"
PRIVILEGED = "-/etc/privet/privileged.env"


def documented_commands(role: Role) -> set[str]:
    text = (BASE_DIR / "docs/operations.md").read_text()
    (row,) = re.findall(rf"^\| [^|]+ \| `{role.variable}` \| (.+) \|$", text, re.MULTILINE)
    return set(re.findall(r"`(\w+)`", row))


@pytest.mark.parametrize("role", [Role.OWNER, Role.MAINTENANCE])
def test_documented_commands_of_a_role(role):
    assert documented_commands(role) == {name for name, needed in ROLE_OF_COMMAND.items() if needed == role}


def test_other_documented_commands_run_as_the_web_role():
    assert documented_commands(Role.WEB) & ROLE_OF_COMMAND.keys() == set()


def test_commands_with_a_role_exist():
    assert ROLE_OF_COMMAND.keys() <= get_commands().keys()


def commands_of(service: dict[str, str]) -> set[str]:
    """Return the commands of manage.py that a service runs, itself or by a script."""
    line = service["ExecStart"].replace("/opt/privet/current/", "")
    if found := re.findall(r"manage\.py (\w+)", line):
        return set(found)
    script = BASE_DIR / line.split()[0]
    if not script.exists():  # gunicorn
        return set()
    text = script.read_text()
    loop = re.search(r"for command in (.+); do", text)
    return set(loop[1].split()) if loop else set(re.findall(r"manage\.py (\w+)", text))


@pytest.mark.parametrize("path", sorted(SERVICES.glob("*.service")), ids=lambda path: path.stem)
def test_only_services_that_need_more_rights_know_the_urls(path):
    parser = RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read(path)
    service = dict(parser["Service"])
    needs_more = any(ROLE_OF_COMMAND.get(command) for command in commands_of(service))
    assert (service.get("EnvironmentFile") == PRIVILEGED) is needs_more
    assert commands_of(service) or path.stem == "privet"

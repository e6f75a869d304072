"""Files and names that documents refer to exist: `devices/saving.py`, `devices/saving.py: save_device`."""

import re

import pytest

from foundation.database.roles import role_of_command
from foundation.env import BASE_DIR

# Not docs/contract-text.md: it names files that readers create. privet/test_security_docs.py checks docs/security.md.
PAGES = ("architecture", "dependencies", "operations", "scaling")
DECISIONS = [f"docs/decisions/{page.name}" for page in (BASE_DIR / "docs" / "decisions").glob("*.md")]
DOCUMENTS = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", *(f"docs/{page}.md" for page in PAGES), *DECISIONS]
# The recipes of CONTRIBUTING.md create them.
INVENTED = re.compile(r"(templates/)?inspection/|migrations/__init__\.py|templates/contracts/invoices\.html")
COMMAND = re.compile(r"^\| `manage\.py (\w+)[^|]* \| .+ \| (\w+) \|$", re.MULTILINE)
OUR_COMMANDS = {path.stem for path in BASE_DIR.glob("[a-z]*/management/commands/[a-z]*.py")}
REFERENCE = re.compile(r"`([\w-]+(?:/[\w.-]+)+\.(?:py|js|css|html|sql|md|yml|json|txt))(?:: ([\w.]+))?`")


def references() -> list[tuple[str, str]]:
    found = {pair for document in DOCUMENTS for pair in REFERENCE.findall((BASE_DIR / document).read_text())}
    return sorted((path, name) for path, name in found if not INVENTED.match(path))


@pytest.mark.parametrize(("path", "name"), references())
def test_documented_name_exists(path, name):
    text = (BASE_DIR / path).read_text()
    for part in name.split(".") if name else []:
        assert re.search(rf"^ *(?:(?:def|class) {part}\b|{part}(?:: .+)? = )", text, re.MULTILINE), part


def test_readme_has_the_database_role_of_each_command():
    documented = dict(COMMAND.findall((BASE_DIR / "README.md").read_text()))
    assert [documented.pop(name) for name in ("create_roles", "database_state")] == ["superuser"] * 2
    assert documented == {name: role_of_command(["manage.py", name]) for name in documented}
    assert OUR_COMMANDS - documented.keys() == {"create_roles", "database_state", "backup", "restore"}

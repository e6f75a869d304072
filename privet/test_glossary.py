"""Names of code in docs/glossary.md exist: modules, classes, functions, fields, tables and stored values."""

import re

import pytest

from foundation.env import BASE_DIR

DOMAIN_TERMS = (BASE_DIR / "docs/glossary.md").read_text().partition("## Technical terms")[0]
PACKAGES = sorted(path.parent.name for path in BASE_DIR.glob("*/__init__.py"))
FILES = [file for package in PACKAGES for file in BASE_DIR.glob(f"{package}/**/*.py") if "test" not in file.name]
SOURCES = {file.stem: "" for file in FILES}
for file in FILES:
    SOURCES[file.stem] += file.read_text()
CODE = "".join(SOURCES.values())


def names() -> list[str]:
    """Return the names in the second column: `Device`, `Contract.due`, `manager_devices`, `COMPANY_*`."""
    columns = [line.split(" | ")[1] for line in DOMAIN_TERMS.splitlines() if line.count(" | ") >= 3]
    return sorted({name for column in columns for name in re.findall(r"`([^`]+)`", column)})


def is_defined(name: str, code: str = CODE) -> bool:
    pattern = name.replace("*", r"\w*")
    return bool(re.search(rf"^ *(?:(?:def|class) {pattern}\b|{pattern}(?:: .+)? = )|\"{pattern}\"", code, re.MULTILINE))


@pytest.mark.parametrize("name", names())
def test_name_in_the_glossary_exists(name):
    owner, _, attribute = name.rpartition(".")
    if owner in SOURCES:
        assert is_defined(attribute, SOURCES[owner])
    else:
        assert is_defined(attribute) or attribute in SOURCES
        assert not owner or is_defined(owner)

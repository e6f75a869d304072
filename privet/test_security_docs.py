"""docs/security.md has a line for every requirement, and every file and test that it names exists."""

import re

import pytest

from foundation.env import BASE_DIR

PAGE = (BASE_DIR / "docs" / "security.md").read_text()
LINE = re.compile(r"^\| (\d+\.\d+\.\d+) \| (.+?) \| (.+) \|$", re.MULTILINE)
NAMED = sorted(set(re.findall(r"`([a-z0-9_]+/[a-z0-9_/]+\.py)(?:::(test_\w+))?`", PAGE)))

# ASVS 5.0.0: the last requirement of levels 1 and 2 in each section. Requirements of level 3 have higher numbers.
SECTIONS = """
    1.1.2 1.2.9 1.3.11 1.4.3 1.5.2  2.1.3 2.2.3 2.3.4 2.4.1  3.2.2 3.3.4 3.4.6 3.5.5 3.7.2  4.1.3 4.2.1 4.3.2 4.4.4
    5.1.1 5.2.3 5.3.2 5.4.3  6.1.3 6.2.12 6.3.4 6.4.4 6.5.5 6.6.3 6.8.4  7.1.3 7.2.4 7.3.2 7.4.5 7.5.2 7.6.2
    8.1.2 8.2.3 8.3.1 8.4.1  9.1.3 9.2.4  10.1.2 10.2.2 10.3.4 10.4.11 10.5.5 10.6.2 10.7.3
    11.1.2 11.2.3 11.3.3 11.4.4 11.5.1 11.6.1  12.1.3 12.2.2 12.3.4  13.1.1 13.2.5 13.3.2 13.4.5  14.1.2 14.2.4 14.3.3
    15.1.3 15.2.3 15.3.7  16.1.1 16.2.5 16.3.4 16.4.3 16.5.3  17.1.1 17.2.4 17.3.2
"""


def requirements() -> list[str]:
    sections = [requirement.rsplit(".", 1) for requirement in SECTIONS.split()]
    return [f"{section}.{number}" for section, last in sections for number in range(1, int(last) + 1)]


def test_every_requirement_of_levels_1_and_2_has_a_line():
    assert [number for number, _, _ in LINE.findall(PAGE)] == requirements()
    assert len(requirements()) == 253


def test_every_line_has_a_test_or_a_reason():
    assert [number for number, _, reason in LINE.findall(PAGE) if len(reason.strip(" `")) < 3] == []


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_named_file_and_test_exist(path, name):
    file = BASE_DIR / path
    assert file.exists()
    assert not name or re.search(rf"^ *def {name}\(", file.read_text(), re.MULTILINE)

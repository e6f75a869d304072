"""`check --deploy` accepts the rights that an installation has, and reports others."""

import re

import pytest

from neighbour.installations import copy_of
from operations.conftest import role_urls


@pytest.fixture
def beside_app(installed):
    with copy_of(installed) as copy:
        yield copy


def warnings(created) -> str:
    """Return the messages about the database shared with the app."""
    check = created.manage("check", "--deploy", "--database", "default", check=False, **role_urls(created))
    assert "System check identified" in check.stderr, check.stderr
    return "\n".join(re.findall(r"^.*privet\.[EW]03\d.*$", check.stderr, re.MULTILINE))


def test_check_accepts_a_new_installation(beside_app):
    assert warnings(beside_app) == ""


def test_rights_that_a_role_does_not_need_are_reported(beside_app):
    web = role_urls(beside_app)["DATABASE_URL"].partition("//")[2].partition(":")[0]
    beside_app.execute(
        f"GRANT DELETE ON privet.manager_disclosures TO {web};"
        f"GRANT UPDATE (pdf_sha256) ON privet.manager_contracts TO {web};"
        f"GRANT CREATE ON SCHEMA privet_inbox TO {web}; DROP INDEX users_privet_email"
    )
    found = warnings(beside_app)
    assert f"{web} can do more than it needs: DELETE on manager_disclosures" in found
    assert f"{web} can do more than it needs: UPDATE of manager_contracts.pdf_sha256" in found
    assert f"{web} can do more than it needs: create in the schema privet_inbox" in found
    assert "privet.W032" in found

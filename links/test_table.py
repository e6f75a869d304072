"""What holds for the table of links whoever writes to it: the database refuses everything else."""

import uuid

import pgtrigger
import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, transaction
from django.utils import timezone

from client_page.conftest import Phone, issue_link
from conftest import ROLES, as_owner, as_role
from contracts.conftest import issued  # noqa: F401  fixture
from links.models import CHANGING_FIELDS, MAX_PASSPORT_ATTEMPTS, Link, NothingToSign

pytestmark = pytest.mark.django_db

FROZEN = sorted({field.name for field in Link._meta.concrete_fields} - set(CHANGING_FIELDS))


@pytest.fixture
def link(issued, anna) -> Link:  # noqa: F811
    """A link that is open on the client's phone."""
    phone = Phone()
    phone.open(*issue_link(issued.client, anna, issued))
    return phone.link


def update(link: Link, **values) -> None:
    with transaction.atomic():
        assert Link.objects.filter(pk=link.pk).update(**values)


def test_frozen_fields_are_those_of_the_creation():
    created = ["client", "contract", "created_at", "created_by", "created_ip", "created_user_agent"]
    assert sorted([*created, "id", "token_hash"]) == FROZEN


@pytest.fixture
def other_values(make, boris) -> dict:
    """Another value for each frozen field."""
    return {
        "id": uuid.uuid4(),
        "client": make.client(),
        "contract": None,
        "token_hash": "0" * 64,
        "created_at": timezone.now(),
        "created_by": boris,
        "created_ip": "198.51.100.1",
        "created_user_agent": "Другой",
    }


@pytest.mark.parametrize("name", FROZEN)
def test_the_creation_never_changes(link, name, other_values):
    with pytest.raises(ProgrammingError, match="permission denied"):
        update(link, **{name: other_values[name]})
    with as_owner(), pytest.raises(DatabaseError, match="Cannot update rows"):
        update(link, **{name: other_values[name]})


@pytest.mark.parametrize("role", [ROLES.web, ROLES.maintenance])
@pytest.mark.parametrize(
    ("happened", "changed"),
    [
        ({}, {"opened_at": None, "browser_hash": ""}),
        ({}, {"browser_hash": "0" * 64}),
        ({}, {"ip": "198.51.100.1"}),
        ({}, {"user_agent": "Другой"}),
        ({"signed_at": timezone.now()}, {"signed_at": None}),
        ({"refused_at": timezone.now(), "refusal_reason": "Дорого"}, {"refused_at": None}),
        ({"refused_at": timezone.now(), "refusal_reason": "Дорого"}, {"refusal_reason": "Рад подписать"}),
        ({"replaced_at": timezone.now()}, {"replaced_at": None}),
        ({"passport_attempts": 3}, {"passport_attempts": 0}),
    ],
)
def test_what_happened_never_changes(link, happened, changed, role):
    if happened:
        update(link, **happened)
    with as_role(role), pytest.raises(DatabaseError, match="Cannot update rows"):
        update(link, **changed)


@pytest.mark.usefixtures("link")
def test_web_role_deletes_no_link():
    with pytest.raises(ProgrammingError, match="permission denied"):
        Link.objects.all().delete()


def test_switching_triggers_off_achieves_nothing(link):
    with pgtrigger.ignore(), pytest.raises(DatabaseError, match="Cannot update rows"):
        update(link, browser_hash="0" * 64)


@pytest.mark.parametrize(
    "values",
    [
        {"signed_at": timezone.now(), "refused_at": timezone.now()},
        {"passport_attempts": MAX_PASSPORT_ATTEMPTS + 1},
    ],
)
def test_impossible_rows_are_refused(link, values):
    with pytest.raises(IntegrityError):
        update(link, **values)


def test_only_one_link_of_a_client_is_in_force(link, issued, anna):  # noqa: F811
    with pytest.raises(IntegrityError), transaction.atomic():
        Link.objects.create(
            client=issued.client, contract=issued, token_hash="1" * 64, created_at=timezone.now(), created_by=anna,
            expires_at=timezone.now(),
        )  # fmt: skip


def test_signed_and_void_contracts_get_no_link(issued, anna, make):  # noqa: F811
    from contracts import issuing
    from contracts.conftest import sign

    make.device(make.fresh(issued.client), anna)
    again = issuing.issue(make.fresh(issued.client), by=anna)
    with pytest.raises(NothingToSign):
        issue_link(issued.client, anna, issued)
    sign(again, anna)
    with pytest.raises(NothingToSign):
        issue_link(issued.client, anna, again)
    assert not Link.objects.exists()

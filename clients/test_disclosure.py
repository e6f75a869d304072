import pgtrigger
import pytest
from django.db import DatabaseError
from django.urls import reverse

from clients import inbox
from clients.disclosure import Disclosure, DisclosureKind
from conftest import ROLES, as_owner, as_role, execute_as_owner


@pytest.fixture
def client(make, anna):
    return make.verified(anna)


@pytest.fixture
def disclosure(as_gleb, client) -> Disclosure:
    as_gleb.get(reverse("admin:clients_client_change", args=[client.pk]))
    return Disclosure.objects.get()


def test_opening_a_client_in_the_admin_is_recorded(disclosure, client, gleb):
    assert (disclosure.client, disclosure.by, disclosure.what) == (client, gleb, DisclosureKind.CARD)


def test_opening_a_client_card_by_support_is_recorded(as_vera, vera, client):
    as_vera.get(reverse("support:client_card", args=[client.pk]))

    assert (Disclosure.objects.get().by, Disclosure.objects.get().what) == (vera, DisclosureKind.CARD)


@pytest.mark.parametrize(
    "write",
    [
        lambda: Disclosure.objects.update(what=DisclosureKind.CONTRACT_PDF),
        lambda: Disclosure.objects.all().delete(),
        lambda: execute_as_owner("SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE manager_disclosures"),
    ],
    ids=["update", "delete", "truncate"],
)
def test_disclosures_are_append_only(disclosure, write):
    with pytest.raises(DatabaseError, match="Cannot"), as_owner():
        write()
    assert Disclosure.objects.get() == disclosure


def test_erasure_may_delete_disclosures_by_ignoring_the_trigger(disclosure):
    with as_role(ROLES.maintenance), pgtrigger.ignore("clients.Disclosure:append_only"):
        Disclosure.objects.all().delete()

    assert not Disclosure.objects.exists()


def test_closed_account_leaves_the_pool_even_after_a_disclosure(as_gleb, make):
    client = make.client()
    as_gleb.get(reverse("admin:clients_client_change", args=[client.pk]))

    execute_as_owner("UPDATE public.users SET status = 'deleted'")
    inbox.drain()

    assert not type(client).objects.filter(pk=client.pk).exists()
    assert Disclosure.objects.filter(client_id=client.pk).count() == 1


def test_list_and_csv_work_when_the_account_was_deleted(as_gleb, disclosure, client, make):
    make.delete_account(client)

    assert "учётная запись закрыта" in as_gleb.get(reverse("admin:clients_disclosure_changelist")).text
    table = b"".join(as_gleb.get(reverse("admin:clients_disclosure_csv")).streaming_content).decode()
    assert "учётная запись закрыта" in table

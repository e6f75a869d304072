"""Admin: the action on clients, the confirmation page, and the list of acts."""

import re

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.urls import reverse
from django.utils import timezone

from clients.models import Client, Status
from conftest import ROLES, as_role
from erasure import erasing
from erasure.conftest import MARK, all_rows_as_text
from erasure.models import Erasure, ErasureReason, ErasureScope
from foundation.storage import object_storage

pytestmark = pytest.mark.django_db

CLIENTS = reverse("admin:clients_client_changelist")
ACTS = reverse("admin:erasure_erasure_changelist")


def page(*clients) -> str:
    return reverse("admin:erasure_new", query={"client": [client.pk for client in clients]})


def payload(**overrides) -> dict:
    return {"reason": ErasureReason.REQUEST, "note": "Заявление вх. 15", "sure": "on"} | overrides


def select(browser, *clients):
    return browser.post(CLIENTS, {"action": "erase_clients", ACTION_CHECKBOX_NAME: [client.pk for client in clients]})


def test_action_redirects_to_the_confirmation_page(issued, make, as_gleb):
    other = make.client(name="Сидорова Ольга")
    response = as_gleb.get(select(as_gleb, issued.client, other).url)

    assert response.status_code == 200
    for text in (MARK, "Сидорова Ольга", ErasureScope.CLIENT.label, "вернуть уничтоженное нельзя"):
        assert text in response.text, text
    assert not Erasure.objects.exists()


def test_client_page_has_the_action(issued, as_gleb):
    url = reverse("admin:clients_client_change", args=[issued.client.pk])
    data = {"CHANGE_FORM-action": "erase_clients", ACTION_CHECKBOX_NAME: [issued.client.pk]}
    assert as_gleb.post(url, data).url == page(issued.client)


@pytest.mark.usefixtures("maintenance")
def test_confirmation_erases_and_redirects_to_the_acts(issued, make, as_gleb, gleb):
    response = as_gleb.post(page(issued.client), payload(), follow=True)

    erasure = Erasure.objects.get()
    assert (erasure.by, erasure.reason, erasure.note) == (gleb, ErasureReason.REQUEST, "Заявление вх. 15")
    assert make.fresh(issued.client).status == Status.ERASED
    assert f"Данные уничтожены. Акт № {erasure.number} готов." in response.text
    assert erasure.get_absolute_url() in response.text
    assert MARK not in response.text


@pytest.mark.parametrize("missing", ["note", "sure", "reason"])
def test_reason_and_confirmation_are_required(missing, issued, as_gleb):
    before = all_rows_as_text()["users_passports"]
    response = as_gleb.post(page(issued.client), payload(**{missing: ""}))

    assert response.status_code == 422
    assert "Исправьте то, что отмечено ниже" in response.text
    assert all_rows_as_text()["users_passports"] == before


@pytest.mark.parametrize("reason", ["unfinished", "stored", "x", "\x00"])
def test_retention_reasons_are_not_offered(reason, issued, as_gleb):
    assert as_gleb.post(page(issued.client), payload(reason=reason)).status_code == 422
    assert not Erasure.objects.exists()


@pytest.mark.usefixtures("maintenance")
def test_page_names_a_contract_in_force_and_offers_to_end_it(paid, as_gleb):
    text = as_gleb.get(page(paid.client)).text
    assert ErasureScope.PASSPORT.label in text
    assert f"до {timezone.localtime(paid.ends_at):%d.%m.%Y}" in text

    as_gleb.post(page(paid.client), payload(ended="on"))
    assert Erasure.objects.get().scope == ErasureScope.CLIENT


@pytest.mark.parametrize("query", ["", "?client=x", "?client=00000000-0000-0000-0000-000000000001"])
def test_empty_selection_redirects_back(query, as_gleb):
    assert as_gleb.get(reverse("admin:erasure_new") + query).url == CLIENTS


def test_erased_clients_are_skipped(issued, as_gleb, gleb):
    with as_role(ROLES.maintenance):
        erasing.erase(issued.client, ErasureReason.REQUEST, by=gleb, note="вх. 1")
    assert select(as_gleb, issued.client).url == CLIENTS
    assert as_gleb.get(page(issued.client)).url == CLIENTS


def test_at_most_twenty_clients_are_erased_at_once(make, as_gleb):
    response = select(as_gleb, *[make.client() for _ in range(21)])
    assert response.url == CLIENTS
    assert "не больше 20" in as_gleb.get(response.url).text


def test_only_admins_have_access(issued, as_anna, as_vera):
    for browser in (as_anna, as_vera):
        for url in (page(issued.client), ACTS):
            assert browser.get(url).status_code == 302
            assert browser.post(url, payload()).status_code == 302
    assert not Erasure.objects.exists()


@pytest.mark.usefixtures("maintenance")
def test_storage_outage_is_reported(issued, as_gleb, monkeypatch):
    def raise_outage(key):
        raise object_storage.StorageUnavailable(key)

    monkeypatch.setattr(object_storage, "delete", raise_outage)
    text = as_gleb.post(page(issued.client), payload(), follow=True).text
    assert "хранилище файлов не отвечает" in text
    assert "ждёт хранилища файлов" in text


def test_act_page_shows_its_lines_and_is_read_only(issued, as_gleb, gleb):
    with as_role(ROLES.maintenance):
        erasure = erasing.erase(issued.client, ErasureReason.REQUEST, by=gleb, note="вх. 1")
    url = reverse("admin:erasure_erasure_change", args=[erasure.number])
    text = as_gleb.get(url).text
    assert "users_passports" in text
    assert as_gleb.post(url, {"note": "x"}).status_code == 403


def test_erased_client_cannot_be_reassigned(issued, as_gleb, gleb, boris, make):
    with as_role(ROLES.maintenance):
        erasing.erase(issued.client, ErasureReason.REQUEST, by=gleb, note="вх. 1")
    url = reverse("admin:clients_client_change", args=[issued.client.pk])
    before = make.fresh(issued.client).manager

    as_gleb.post(CLIENTS, {"action": "reassign", "manager": boris.pk, ACTION_CHECKBOX_NAME: [issued.client.pk]})
    as_gleb.post(url, {"manager": boris.pk, "initial-manager": before.pk}, follow=True)

    assert make.fresh(issued.client).manager == before


@pytest.mark.usefixtures("maintenance")
def test_client_with_a_deleted_account_can_be_erased(issued, make, as_gleb):
    client = issued.client
    make.delete_account(client)
    assert select(as_gleb, client).url == page(client)
    assert "Учётная запись удалена" in as_gleb.get(page(client)).text

    response = as_gleb.post(page(client), payload(), follow=True)

    erasure = Erasure.objects.get()
    assert f"Данные уничтожены. Акт № {erasure.number} готов." in response.text
    assert erasure.get_absolute_url() in response.text
    assert as_gleb.get(reverse("admin:erasure_erasure_change", args=[erasure.number])).status_code == 200
    assert Client.objects.get(pk=client.pk).status == Status.ERASED


def test_checkbox_precedes_its_label(as_gleb, make):
    text = as_gleb.get(page(make.client())).text

    assert re.search(
        r'<label><input type="checkbox" name="sure"[^>]*> Понимаю: вернуть уничтоженное нельзя</label>', text
    )

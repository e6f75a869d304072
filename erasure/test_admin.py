"""Admin: the action on clients, the confirmation page, requests and their states, and the list of acts."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Group, Permission
from django.urls import reverse
from django.utils import timezone

from clients.models import Client, Status
from conftest import ROLES, as_role
from erasure import erasing, requests
from erasure.admin import STATE_FILTERS
from erasure.conftest import MARK, all_rows_as_text
from erasure.models import Erasure, ErasureReason, ErasureRequest, ErasureScope, RequestState
from foundation.storage import object_storage

pytestmark = pytest.mark.django_db

CLIENTS = reverse("admin:clients_client_changelist")
ACTS = reverse("admin:erasure_erasure_changelist")
REQUESTS = reverse("admin:erasure_erasurerequest_changelist")


def page(*clients) -> str:
    return reverse("admin:erasure_new", query={"client": [client.pk for client in clients]})


def payload(**overrides) -> dict:
    return {"reason": ErasureReason.REQUEST, "note": "Заявление вх. 15", "sure": "on"} | overrides


def request_page(row: ErasureRequest) -> str:
    return reverse("admin:erasure_erasurerequest_change", args=[row.pk])


def act_page(erasure: Erasure) -> str:
    return reverse("admin:erasure_erasure_change", args=[erasure.pk])


def run_jobs() -> None:
    """Do what the worker does in one sweep."""
    requests.carry_out_next()
    requests.finish_next()


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
def test_confirmation_saves_a_request_that_the_worker_carries_out(issued, make, as_gleb, gleb):
    response = as_gleb.post(page(issued.client), payload(), follow=True)

    row = ErasureRequest.objects.get()
    assert (row.requested_by, row.reason, row.note) == (gleb, ErasureReason.REQUEST, "Заявление вх. 15")
    assert row.scope == ErasureScope.CLIENT
    assert response.redirect_chain[-1][0] == request_page(row)
    assert "данные будут уничтожены в течение минуты" in response.text
    assert "Ждёт выполнения" in response.text
    assert "Обновить" in response.text
    assert "None" not in response.text
    assert not Erasure.objects.exists()
    assert make.fresh(issued.client).status != Status.ERASED

    run_jobs()

    erasure = Erasure.objects.get()
    assert (erasure.by, erasure.reason, erasure.note) == (gleb, ErasureReason.REQUEST, "Заявление вх. 15")
    assert make.fresh(issued.client).status == Status.ERASED
    text = as_gleb.get(request_page(row)).text
    assert "Выполнен" in text
    assert "Обновить" not in text
    assert act_page(erasure) in text
    assert MARK not in text


def test_second_request_shows_the_first(issued, as_gleb):
    as_gleb.post(page(issued.client), payload())
    first = ErasureRequest.objects.get()

    for response in (as_gleb.get(page(issued.client)), as_gleb.post(page(issued.client), payload())):
        assert response.url == request_page(first)
    assert "уже запрошено" in as_gleb.get(request_page(first)).text
    assert ErasureRequest.objects.count() == 1


def test_several_clients_lead_to_the_list(issued, make, as_gleb):
    other = make.client()
    as_gleb.post(page(other), payload())
    text = as_gleb.get(page(issued.client, other)).text
    assert "Запрос №" in text  # the other client's open request is reported, and is not on the page

    response = as_gleb.post(page(issued.client, other), payload())

    assert response.url == REQUESTS
    assert ErasureRequest.objects.count() == 2
    assert "2 запроса на уничтожение данных" in as_gleb.get(REQUESTS).text


@pytest.mark.usefixtures("maintenance")
def test_request_is_withdrawn(issued, make, as_gleb, gleb):
    as_gleb.post(page(issued.client), payload())
    row = ErasureRequest.objects.get()
    data = {"CHANGE_FORM-action": "withdraw", ACTION_CHECKBOX_NAME: [row.pk]}

    assert "отозван" in as_gleb.post(request_page(row), data, follow=True).text
    run_jobs()

    row.refresh_from_db()
    assert (row.state, row.withdrawn_by) == (RequestState.WITHDRAWN, gleb)
    assert not Erasure.objects.exists()
    assert "не отозван: он уже закрыт" in as_gleb.post(request_page(row), data, follow=True).text


@pytest.mark.usefixtures("maintenance")
def test_closed_request_cannot_be_withdrawn_from_the_list(issued, as_gleb):
    as_gleb.post(page(issued.client), payload())
    run_jobs()
    row = ErasureRequest.objects.get()

    response = as_gleb.post(REQUESTS, {"action": "withdraw", ACTION_CHECKBOX_NAME: [row.pk]}, follow=True)

    assert "не отозван" in response.text
    row.refresh_from_db()
    assert (row.state, row.withdrawn_at) == (RequestState.DONE, None)


def test_permission_is_required(issued, as_gleb, gleb):
    row = requests.request_erasure(issued.client, ErasureReason.REQUEST, by=gleb, note="вх. 1")[0]
    Group.objects.get(name="Администраторы").permissions.remove(Permission.objects.get(codename="add_erasurerequest"))

    data = {"CHANGE_FORM-action": "withdraw", ACTION_CHECKBOX_NAME: [row.pk]}
    assert as_gleb.post(request_page(row), data).status_code == 403
    assert as_gleb.post(page(issued.client), payload()).status_code == 403
    row.refresh_from_db()
    assert row.state == RequestState.WAITING


def test_request_page_is_read_only(issued, as_gleb):
    as_gleb.post(page(issued.client), payload())
    assert as_gleb.post(request_page(ErasureRequest.objects.get()), {"note": "x"}).status_code == 403


@pytest.mark.usefixtures("maintenance")
def test_filter_by_state_shows_the_rows_in_that_state(make, gleb, as_gleb, monkeypatch):
    def new() -> ErasureRequest:
        return requests.request_erasure(make.client(), ErasureReason.REQUEST, by=gleb, note="вх. 1")[0]

    done = new()
    run_jobs()
    erased = new()
    requests.carry_out_next()
    withdrawn, refused, failed, waiting = new(), new(), new(), new()
    requests.withdraw(withdrawn, by=gleb)
    ErasureRequest.objects.filter(pk=refused.pk).update(refused_at=timezone.now(), refusal="Данных уже нет.")
    ErasureRequest.objects.filter(pk=failed.pk).update(last_error="База данных не выполнила операцию.", attempts=2)
    expected = {
        RequestState.DONE: done, RequestState.ERASED: erased, RequestState.WITHDRAWN: withdrawn,
        RequestState.REFUSED: refused, RequestState.FAILED: failed, RequestState.WAITING: waiting,
    }  # fmt: skip

    assert set(STATE_FILTERS) == set(RequestState) == set(expected)
    for state, row in expected.items():
        row.refresh_from_db()
        assert row.state == state
        text = as_gleb.get(REQUESTS, {"state": state}).text
        shown = {other.pk for other in expected.values() if request_page(other) in text}
        assert shown == {row.pk}
    assert "Данных уже нет." in as_gleb.get(request_page(refused)).text
    assert "База данных не выполнила операцию. Попыток: 2, следующая" in as_gleb.get(request_page(failed)).text


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
    assert not ErasureRequest.objects.exists()


@pytest.mark.usefixtures("maintenance")
def test_page_names_a_contract_in_force_and_offers_to_end_it(paid, as_gleb):
    text = as_gleb.get(page(paid.client)).text
    assert ErasureScope.PASSPORT.label in text
    assert f"до {timezone.localtime(paid.ends_at):%d.%m.%Y}" in text

    as_gleb.post(page(paid.client), payload(ended="on"))
    run_jobs()
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
        for url in (page(issued.client), ACTS, REQUESTS):
            assert browser.get(url).status_code == 302
            assert browser.post(url, payload()).status_code == 302
    assert not ErasureRequest.objects.exists()


@pytest.mark.usefixtures("maintenance")
def test_storage_outage_is_reported(issued, as_gleb, monkeypatch):
    def raise_outage(key):
        raise object_storage.StorageUnavailable(key)

    as_gleb.post(page(issued.client), payload())
    with monkeypatch.context() as patch:
        patch.setattr(object_storage, "delete", raise_outage)
        run_jobs()
        row = ErasureRequest.objects.get()
        assert "Записи уничтожены, акт готовится" in as_gleb.get(request_page(row)).text
        assert "ждёт хранилища" in as_gleb.get(ACTS).text
        with time_machine.travel(timezone.now() + timedelta(minutes=2)):
            run_jobs()
        assert "Хранилище файлов не отвечает" in as_gleb.get(request_page(row)).text

    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        run_jobs()
    assert "Выполнен" in as_gleb.get(request_page(row)).text


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

    as_gleb.post(page(client), payload())
    run_jobs()

    erasure = Erasure.objects.get()
    assert as_gleb.get(request_page(erasure.request)).status_code == 200
    assert erasure.get_absolute_url() in as_gleb.get(act_page(erasure)).text
    assert Client.objects.get(pk=client.pk).status == Status.ERASED


def test_checkbox_precedes_its_label(as_gleb, make):
    text = as_gleb.get(page(make.client())).text

    assert re.search(
        r'<label><input type="checkbox" name="sure"[^>]*> Понимаю: вернуть уничтоженное нельзя</label>', text
    )

"""«История» and «Кто видел» in the admin site: labels, masking, pages, and CSV downloads without formulas."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from clients import inbox
from clients.disclosure import Disclosure, DisclosureKind
from conftest import appears_in, execute_as_owner
from devices.saving import delete_device
from foundation.templatetags.formats import phone
from foundation.web import csv_download
from managers import history_feed
from support import bridge

LIST = reverse("admin:clients_disclosure_changelist")
CONTACT = {"name": "Сидорова Ольга", "phone": "+7 977 555-66-77", "email": "", "address": "г. Тула"}
CSV = reverse("admin:clients_disclosure_csv")


def history(obj, suffix: str = "") -> str:
    name = f"admin:{obj._meta.app_label}_{obj._meta.model_name}_history{suffix}"
    return reverse(name, args=[obj.pk])


def shown_changes(response) -> list[str]:
    return [str(field) for entry in response.context["changes"] for field in entry.field_changes]


@pytest.fixture
def client(make, anna):
    return make.verified(anna)


def test_client_history_shows_old_and_new_values_and_the_user(as_gleb, as_anna, anna, make, client):
    make.passport(client, anna, digits="4613348353")
    device = make.device(client, anna, title="Плита")
    as_anna.post(reverse("clients:contact", args=[client.pk]), CONTACT)
    delete_device(device, by=anna)

    response = as_gleb.get(history(client))

    lines = shown_changes(response)
    assert "имя: Иванов Пётр Сергеевич → Сидорова Ольга" in lines
    assert "статус: Новый → На проверке" in lines
    assert "менеджер: — → Анна Смирнова" in lines
    assert "серия и номер: — → 46•• •••353" in lines
    assert "название: Плита → —" in lines
    assert not any(appears_in(part, response.text) for part in ("348353", "4613348353"))
    entry = next(entry for entry in response.context["changes"] if "Сидорова" in str(entry.field_changes))
    assert (entry.who, entry.ip, len(entry.request)) == ("Анна Смирнова", "127.0.0.1", 32)


def test_history_is_filtered_and_invalid_filters_are_ignored(as_gleb, as_anna, anna, gleb, make, client):
    as_anna.post(reverse("clients:contact", args=[client.pk]), CONTACT)
    total = len(as_gleb.get(history(client)).context["changes"])

    contact = as_gleb.get(history(client), {"kind": "appuserhistory"}).context["changes"]
    hers = as_gleb.get(history(client), {"by": anna.pk}).context["changes"]

    assert {change.kind for change in contact} == {"Учётная запись клиента"}
    assert {change.who for change in hers} == {"Анна Смирнова"}
    assert as_gleb.get(history(client), {"by": gleb.pk}).context["changes"] == []
    for invalid in ({"kind": "session"}, {"by": "1 OR 1"}, {"p": "x"}, {"p": "99"}):
        assert len(as_gleb.get(history(client), invalid).context["changes"]) == total


def test_phones_and_tickets_are_formatted_as_on_other_pages(as_gleb, as_anna, client):
    before = phone(client.user.phone)
    with transaction.atomic():  # before the change, about which the client is told in this ticket
        ticket = bridge.contract_ticket(client, now=datetime(2026, 11, 23, 21, 5, tzinfo=UTC))
    as_anna.post(reverse("clients:contact", args=[client.pk]), CONTACT)

    lines = shown_changes(as_gleb.get(history(client)))
    assert f"телефон: {before} → +7 (977) 555-66-77" in lines
    assert "обращение: — → Оформление договора от 24.11.2026 00:05" in lines
    csv = b"".join(as_gleb.get(history(client, "_csv")).streaming_content).decode()
    assert "обращение: — → Оформление договора от 24.11.2026 00:05" in csv
    assert str(ticket.pk) not in csv

    ticket.delete()
    assert "обращение: — → удалено" in shown_changes(as_gleb.get(history(client)))


def test_amounts_are_formatted_as_rubles(as_gleb, make):
    tariff = make.tariff(base_fee=1000)
    tariff.base_fee = Decimal("1003900.5")
    tariff.save()

    lines = shown_changes(as_gleb.get(history(tariff)))
    assert "базовая стоимость, ₽: 1\u00a0000,00\u00a0₽ → 1\u00a0003\u00a0900,50\u00a0₽" in lines


def test_history_is_paginated_with_a_constant_number_of_queries(as_gleb, make, anna, client):
    tariff = make.tariff()

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert as_gleb.get(history(tariff)).status_code == 200
        return len(captured)

    def change(number: int) -> None:
        tariff.notes = f"{number}"
        tariff.save()

    change(0)
    few = queries()
    for number in range(1, history_feed.PER_PAGE + 5):
        change(number)

    assert queries() == few
    pages = [as_gleb.get(history(tariff), {"p": number}).context["changes"] for number in (1, 2)]
    assert [len(page) for page in pages] == [history_feed.PER_PAGE, 6]


def test_viewing_a_history_is_recorded_as_a_disclosure(as_gleb, gleb, client):
    as_gleb.get(history(client))
    b"".join(as_gleb.get(history(client, "_csv")).streaming_content)

    assert (
        list(Disclosure.objects.values_list("client", "by", "what"))
        == [(client.pk, gleb.pk, DisclosureKind.HISTORY)] * 2
    )


@pytest.mark.parametrize("who", ["anna", "vera"])
def test_only_admins_can_view_the_history(who, request, client):
    browser = request.getfixturevalue(f"as_{who}")
    for url in (history(client), history(client, "_csv"), LIST, CSV):
        assert browser.get(url).status_code in (302, 404)
    assert not Disclosure.objects.exists()


def test_history_can_be_downloaded_as_csv(as_gleb, anna, client, make):
    response = as_gleb.get(history(client, "_csv"))

    text = b"".join(response.streaming_content).decode()
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert "no-store" in response["Cache-Control"]
    assert text.startswith("\ufeffКогда;Что;Как;Изменения;Кто;Адрес;Запрос\r\n")
    assert "статус: Новый → На проверке" in text


def test_managers_and_tariffs_have_a_history_page(as_gleb, anna, make):
    anna.name = "Анна Петрова"
    anna.save()

    assert "имя: Анна Смирнова → Анна Петрова" in shown_changes(as_gleb.get(history(anna)))
    assert as_gleb.get(history(make.tariff())).status_code == 200


def test_disclosures_of_one_client_are_listed(as_gleb, as_vera, gleb, client, make):
    other = make.client(name="Другой")
    for subject in (client, other):
        as_vera.get(reverse("support:client_card", args=[subject.pk]))

    response = as_gleb.get(LIST, {"client__id__exact": client.pk})

    assert [row.client for row in response.context["cl"].result_list] == [client]
    assert "Вера Орлова" in response.text
    assert "Карточка клиента" in response.text
    page = as_gleb.get(reverse("admin:clients_client_change", args=[client.pk])).text
    assert f"{LIST}?client__id__exact={client.pk}" in page


def test_disclosure_list_includes_closed_accounts_with_constant_queries(as_gleb, as_vera, make):
    clients = [make.client() for _ in range(8)]

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert as_gleb.get(LIST).status_code == 200
        return len(captured)

    as_vera.get(reverse("support:client_card", args=[clients[0].pk]))
    one = queries()
    for client in clients:
        as_vera.get(reverse("support:client_card", args=[client.pk]))
    assert queries() == one

    execute_as_owner("UPDATE public.users SET status = 'deleted' WHERE id = %s", [clients[0].user_id])
    inbox.drain()
    assert "учётная запись закрыта" in as_gleb.get(LIST).text


def test_disclosure_csv_has_the_filters_of_the_list_and_no_formulas(as_gleb, as_vera, make):
    evil, other = make.client(name='=HYPERLINK("http://evil.example";"a")'), make.client(name="Другой")
    for subject in (evil, other):
        as_vera.get(reverse("support:client_card", args=[subject.pk]))

    response = as_gleb.get(CSV, {"client__id__exact": evil.pk})
    text = b"".join(response.streaming_content).decode()

    assert text.count("\r\n") == 2
    assert "\"'=HYPERLINK(" in text
    assert "Другой" not in text


@pytest.mark.parametrize("value", ["=1+1", "+79771234567", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_spreadsheet_formulas_are_escaped(value):
    assert csv_download.escape_cell(value) == f"'{value}"
    assert csv_download.escape_cell(f"x{value}") == f"x{value}"
    assert csv_download.escape_cell(None) == ""


def test_csv_with_an_unknown_filter_redirects_to_the_list(as_gleb):
    response = as_gleb.get(CSV, {"after": ""})
    assert response.url == f"{LIST}?e=1"
    assert as_gleb.get(response.url).status_code == 200

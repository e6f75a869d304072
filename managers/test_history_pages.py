"""«История» and «Кто видел» in the admin site: in words, masked, in pages, and as tables that calculate nothing."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from clients.disclosure import Disclosure, DisclosureKind
from conftest import appears_in
from devices.saving import delete_device
from foundation.templatetags.formats import phone
from foundation.web import csv_download
from managers import history_feed
from support import bridge

LIST = reverse("admin:clients_disclosure_changelist")
CONTACT = {"name": "Сидорова Ольга", "phone": "+7 977 555-66-77", "email": "", "address": "г. Тула"}
TABLE = reverse("admin:clients_disclosure_csv")


def history(obj, suffix: str = "") -> str:
    name = f"admin:{obj._meta.app_label}_{obj._meta.model_name}_history{suffix}"
    return reverse(name, args=[obj.pk])


def told(answer) -> list[str]:
    return [str(difference) for change in answer.context["changes"] for difference in change.differences]


@pytest.fixture
def client(make, anna):
    return make.verified(anna)


def test_the_page_of_a_client_tells_who_changed_what_from_what_to_what(as_gleb, as_anna, anna, make, client):
    make.passport(client, anna, digits="4613348353")
    device = make.device(client, anna, title="Плита")
    as_anna.post(reverse("clients:contact", args=[client.pk]), CONTACT)
    delete_device(device, by=anna)

    answer = as_gleb.get(history(client))

    lines = told(answer)
    assert "имя: Иванов Пётр Сергеевич → Сидорова Ольга" in lines
    assert "статус: Новый → На проверке" in lines
    assert "менеджер: — → Анна Смирнова" in lines
    assert "серия и номер: — → 46•• •••353" in lines
    assert "название: Плита → —" in lines
    assert not any(appears_in(part, answer.text) for part in ("348353", "4613348353"))
    change = next(change for change in answer.context["changes"] if "Сидорова" in str(change.differences))
    assert (change.who, change.ip, len(change.request)) == ("Анна Смирнова", "127.0.0.1", 32)


def test_it_can_be_filtered_and_nonsense_filters_nothing(as_gleb, as_anna, anna, gleb, make, client):
    as_anna.post(reverse("clients:contact", args=[client.pk]), CONTACT)
    everything = len(as_gleb.get(history(client)).context["changes"])

    contact = as_gleb.get(history(client), {"kind": "appuserhistory"}).context["changes"]
    hers = as_gleb.get(history(client), {"by": anna.pk}).context["changes"]

    assert {change.kind for change in contact} == {"Учётная запись клиента"}
    assert {change.who for change in hers} == {"Анна Смирнова"}
    assert as_gleb.get(history(client), {"by": gleb.pk}).context["changes"] == []
    for nonsense in ({"kind": "session"}, {"by": "1 OR 1"}, {"p": "x"}, {"p": "99"}):
        assert len(as_gleb.get(history(client), nonsense).context["changes"]) == everything


def test_phones_and_tickets_read_as_on_other_pages(as_gleb, as_anna, client):
    before = phone(client.user.phone)
    as_anna.post(reverse("clients:contact", args=[client.pk]), CONTACT)
    with transaction.atomic():
        ticket = bridge.open_ticket(client, now=datetime(2026, 11, 23, 21, 5, tzinfo=UTC))

    lines = told(as_gleb.get(history(client)))
    assert f"телефон: {before} → +7 (977) 555-66-77" in lines
    assert "обращение: — → Обслуживание устройств от 24.11.2026 00:05" in lines
    table = b"".join(as_gleb.get(history(client, "_csv")).streaming_content).decode()
    assert "обращение: — → Обслуживание устройств от 24.11.2026 00:05" in table
    assert str(ticket.pk) not in table

    ticket.delete()
    assert "обращение: — → удалено" in told(as_gleb.get(history(client)))


def test_sums_are_told_as_money(as_gleb, make):
    tariff = make.tariff(base_fee=1000)
    tariff.base_fee = Decimal("1003900.5")
    tariff.save()

    lines = told(as_gleb.get(history(tariff)))
    assert "базовая стоимость, ₽: 1\u00a0000,00\u00a0₽ → 1\u00a0003\u00a0900,50\u00a0₽" in lines


def test_it_comes_in_pages_and_the_number_of_queries_does_not_grow(as_gleb, make, anna, client):
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


def test_looking_at_a_history_is_written_down(as_gleb, gleb, client):
    as_gleb.get(history(client))
    b"".join(as_gleb.get(history(client, "_csv")).streaming_content)

    assert (
        list(Disclosure.objects.values_list("client", "by", "what"))
        == [(client.pk, gleb.pk, DisclosureKind.HISTORY)] * 2
    )


@pytest.mark.parametrize("who", ["anna", "vera"])
def test_history_is_for_admins(who, request, client):
    browser = request.getfixturevalue(f"as_{who}")
    for url in (history(client), history(client, "_csv"), LIST, TABLE):
        assert browser.get(url).status_code in (302, 404)
    assert not Disclosure.objects.exists()


def test_history_as_a_table(as_gleb, anna, client, make):
    answer = as_gleb.get(history(client, "_csv"))

    text = b"".join(answer.streaming_content).decode()
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "no-store" in answer["Cache-Control"]
    assert text.startswith("\ufeffКогда;Что;Как;Изменения;Кто;Адрес;Запрос\r\n")
    assert "статус: Новый → На проверке" in text


def test_people_and_documents_have_a_history_too(as_gleb, anna, make):
    anna.name = "Анна Петрова"
    anna.save()

    assert "имя: Анна Смирнова → Анна Петрова" in told(as_gleb.get(history(anna)))
    assert as_gleb.get(history(make.tariff())).status_code == 200


def test_who_saw_a_client(as_gleb, as_vera, gleb, client, make):
    other = make.client(name="Другой")
    for seen in (client, other):
        as_vera.get(reverse("support:client_card", args=[seen.pk]))

    answer = as_gleb.get(LIST, {"client__id__exact": client.pk})

    assert [row.client for row in answer.context["cl"].result_list] == [client]
    assert "Вера Орлова" in answer.text
    assert "Карточка клиента" in answer.text
    page = as_gleb.get(reverse("admin:clients_client_change", args=[client.pk])).text
    assert f"{LIST}?client__id__exact={client.pk}" in page


def test_who_saw_whom_outlives_a_closed_account_and_needs_no_query_per_row(as_gleb, as_vera, make):
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

    with connection.cursor() as cursor:
        cursor.execute("UPDATE users SET status = 'deleted' WHERE id = %s", [clients[0].user_id])
    assert "учётная запись закрыта" in as_gleb.get(LIST).text


def test_the_table_of_who_saw_whom_is_filtered_as_the_list_and_calculates_nothing(as_gleb, as_vera, make):
    evil, other = make.client(name='=HYPERLINK("http://evil.example";"a")'), make.client(name="Другой")
    for seen in (evil, other):
        as_vera.get(reverse("support:client_card", args=[seen.pk]))

    answer = as_gleb.get(TABLE, {"client__id__exact": evil.pk})
    text = b"".join(answer.streaming_content).decode()

    assert text.count("\r\n") == 2
    assert "\"'=HYPERLINK(" in text
    assert "Другой" not in text


@pytest.mark.parametrize("value", ["=1+1", "+79771234567", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_what_a_spreadsheet_would_calculate_is_defused(value):
    assert csv_download.escape_cell(value) == f"'{value}"
    assert csv_download.escape_cell(f"x{value}") == f"x{value}"
    assert csv_download.escape_cell(None) == ""


def test_a_table_filtered_by_what_there_is_not_leads_to_the_list(as_gleb):
    answer = as_gleb.get(TABLE, {"after": ""})
    assert answer.url == f"{LIST}?e=1"
    assert as_gleb.get(answer.url).status_code == 200

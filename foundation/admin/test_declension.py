"""The admin site speaks Russian: names of models stand in the case and the number that a phrase wants."""

import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets, label_for_field
from django.urls import reverse
from django.utils import timezone

from clients.models import Client
from contracts import issuing, signing
from contracts.conftest import issued, signed
from devices.models import DeviceType
from erasure import erasing
from erasure.models import ErasureReason
from managers.models import Manager

__all__ = ["issued", "signed"]

NUMBERED = {
    "managers.Manager": "1 сотрудник, 2 сотрудника, 5 сотрудников",
    "clients.Client": "1 клиент, 2 клиента, 5 клиентов",
    "clients.Disclosure": "1 показ личных данных, 2 показа личных данных, 5 показов личных данных",
    "devices.DeviceType": "1 тип устройства, 2 типа устройств, 5 типов устройств",
    "devices.Tariff": "1 тариф, 2 тарифа, 5 тарифов",
    "contracts.Contract": "1 договор, 2 договора, 5 договоров",
    "contracts.Invoice": "1 счёт, 2 счёта, 5 счетов",
    "support.Ticket": "1 обращение, 2 обращения, 5 обращений",
    "support.LogEntry": "1 запись журнала, 2 записи журнала, 5 записей журнала",
    "erasure.Erasure": "1 акт об уничтожении данных, 2 акта об уничтожении данных, 5 актов об уничтожении данных",
}
TITLES = {
    "managers.Manager": "Изменить сотрудника",
    "clients.Client": "Изменить клиента",
    "devices.DeviceType": "Изменить тип устройства",
    "devices.Tariff": "Изменить тариф",
    "contracts.Contract": "Просмотреть договор",
    "contracts.Invoice": "Просмотреть счёт",
    "support.Ticket": "Просмотреть обращение",
    "support.LogEntry": "Просмотреть запись журнала",
    "erasure.Erasure": "Просмотреть акт об уничтожении данных",
}
# Of these no change is written down: nobody changes them, or not here.
WITHOUT_HISTORY = {"support.Ticket", "support.LogEntry", "erasure.Erasure"}
ADDED = {"managers.Manager": "сотрудника", "devices.DeviceType": "тип устройства", "devices.Tariff": "тариф"}


def model_admins() -> list[admin.ModelAdmin]:
    return [admin.site.get_model_admin(model) for model in apps.get_models() if admin.site.is_registered(model)]


def address(model, page: str, *args) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.fixture
def office(signed, gleb, make):
    """One of everything that the admin site has a page of."""
    erasing.erase(make.client(), ErasureReason.REQUEST, by=gleb, note="")


def test_every_list_has_its_words():
    assert {one.model._meta.label for one in model_admins()} == set(NUMBERED)
    assert set(NUMBERED) - set(TITLES) == {"clients.Disclosure"}, "Only what was shown to whom has no page of its own."


@pytest.mark.parametrize(("label", "numbered"), NUMBERED.items())
def test_numbers_go_with_the_plural_they_want(label, numbered):
    shown = admin.site.get_model_admin(apps.get_model(label))

    assert ", ".join(shown.format_count(number) for number in (1, 2, 5)) == numbered


def test_under_a_list_stands_how_many_there_are(as_gleb, make):
    for _ in range(3):
        make.client()

    assert "3 клиента" in as_gleb.get(address(Client, "changelist")).text
    assert "Нашлось: 3 клиента" in as_gleb.get(address(Client, "changelist"), {"q": "иванов"}).text


@pytest.mark.parametrize(("label", "title"), TITLES.items())
def test_a_page_says_what_is_done_to_whom(as_gleb, office, label, title):
    row = apps.get_model(label).objects.first()
    page = as_gleb.get(address(row, "change", row.pk))

    assert f"<h1>{title}</h1>" in page.text
    assert ("historylink" in page.text) == (label not in WITHOUT_HISTORY)


@pytest.mark.parametrize(("label", "name"), ADDED.items())
def test_adding_says_what_is_added(as_gleb, label, name):
    model = apps.get_model(label)
    page = as_gleb.get(address(model, "add"))

    assert f'class="addlink">Добавить {name}</a>' in as_gleb.get(address(model, "changelist")).text
    assert f"<h1>Добавить {name}</h1>" in page.text
    assert f'<li aria-current="page">Добавить {name}</li>' in page.text


def test_another_one_is_offered_in_the_accusative(as_gleb):
    person = {"email": "new@privet.example", "name": "Новый Человек", "role": "manager", "_addanother": "1"}
    page = as_gleb.post(address(Manager, "add"), person, follow=True)

    assert "Вы можете добавить ещё одного сотрудника ниже" in page.text
    assert f'<a href="{address(Manager, "change", Manager.objects.get(name=person["name"]).pk)}">' in page.text


def test_what_was_changed_in_a_list_is_numbered(as_gleb, make):
    DeviceType.objects.all().delete()
    kinds = [make.type("плита"), make.type("вытяжка")]
    data = {"form-TOTAL_FORMS": 2, "form-INITIAL_FORMS": 2, "_save": "1"}
    for number, kind in enumerate(kinds):
        data |= {f"form-{number}-id": kind.pk, f"form-{number}-position": 7, f"form-{number}-is_active": "on"}

    page = as_gleb.post(address(DeviceType, "changelist"), data, follow=True)

    assert "2 типа устройств были успешно изменены" in page.text


def test_all_that_was_found_can_be_chosen_in_words(as_gleb, make, monkeypatch):
    monkeypatch.setattr("clients.admin.ClientAdmin.list_per_page", 1)
    for _ in range(2):
        make.client()

    assert "Выбрать все записи (2)" in as_gleb.get(address(Client, "changelist")).text


def test_deleting_asks_in_words(as_gleb, make):
    kind = make.type("плита")

    assert "Удалить тип устройства «плита»?" in as_gleb.get(address(kind, "delete", kind.pk)).text
    as_gleb.post(address(kind, "delete", kind.pk), {"post": "yes"})
    assert not DeviceType.objects.filter(pk=kind.pk).exists()


def test_every_fact_and_column_has_a_name_in_russian():
    shown = model_admins()
    tables = [inline(one.model, admin.site) for one in shown for inline in one.inlines]
    names = {
        str(label_for_field(name, one.model, one))
        for one in (*shown, *tables)
        for name in (*getattr(one, "list_display", ()), *(one.fields or flatten_fieldsets(one.fieldsets or ())))
    }

    assert {name for name in names if not re.search("[а-яё]", name.lower())} == {"PDF"}


def test_what_is_not_there_yet_is_a_dash(as_gleb, make, anna):
    contract = issuing.issue(make.awaiting_contract(anna), by=anna)

    page = as_gleb.get(address(contract, "change", contract.pk))
    facts = re.findall(r'<div class="readonly">(.*?)</div>', page.text)
    assert {"—", "150,00\u00a0₽"} <= set(facts)
    assert {"-", "None"}.isdisjoint(facts)


def test_a_client_whom_nobody_has_says_so(as_gleb, make):
    client = make.client()

    page = as_gleb.get(address(client, "change", client.pk))
    assert '<option value="" selected>Не назначен</option>' in page.text
    assert "Select" not in re.sub(r"<script.*?</script>", "", page.text, flags=re.DOTALL)


def test_a_code_is_named_by_its_time(as_gleb, issued, anna):
    code = signing.request_code(issued, by=anna)

    assert (
        f"Код от {timezone.localtime(code.sent_at):%d.%m.%Y %H:%M}"
        in as_gleb.get(address(issued, "change", issued.pk)).text
    )

import re
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from clients.models import AppUser, Client, ClientChange, Status
from foundation.templatetags import formats
from managers.models import Manager

LIST = reverse("admin:clients_client_changelist")


def page(client):
    return reverse("admin:clients_client_change", args=[client.pk])


def save(browser, client, manager, initial=None, **extra):
    """Submit the form of the client's page that was opened when the manager was `initial`."""
    initial = client.manager if initial is None else initial
    data = {"manager": manager.pk if manager else "", "initial-manager": initial.pk if initial else ""}
    return browser.post(page(client), data | inline_forms(browser.get(page(client))) | extra)


def inline_forms(response) -> dict:
    return {
        f"{inline.formset.prefix}-{name}": "0"
        for inline in response.context["inline_admin_formsets"]
        for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")
    }


def reassign(browser, *clients, to):
    data = {"action": "reassign", "manager": to, "_selected_action": [client.pk for client in clients]}
    return browser.post(LIST, data, follow=True)


def found(browser, **query):
    return set(browser.get(LIST, query).context["cl"].queryset)


def test_reassigning_on_the_page_records_who_and_when(as_gleb, gleb, make, anna, boris):
    client = make.verified(anna)

    assert save(as_gleb, client, boris).status_code == 302

    assert make.fresh(client).manager == boris
    change = ClientChange.objects.latest("id")
    assert (change.by, change.from_manager, change.to_manager) == (gleb, anna, boris)
    assert "Борис Кузнецов" in as_gleb.get(page(client)).text


def test_action_reassigns_the_selected_clients(as_gleb, gleb, make, anna, boris):
    selected, other = [make.verified(anna), make.client()], make.verified(anna)

    response = reassign(as_gleb, *selected, to=boris.pk)

    assert "Передано клиентов: 2" in response.text
    assert [make.fresh(client).manager for client in selected] == [boris, boris]
    assert make.fresh(other).manager == anna
    assert ClientChange.objects.filter(to_manager=boris, by=gleb).count() == 2


@pytest.mark.parametrize("to", ["", "not-a-uuid", "00000000-0000-0000-0000-000000000000"])
def test_action_without_a_valid_manager_changes_nothing(as_gleb, make, anna, to):
    client = make.verified(anna)

    response = reassign(as_gleb, client, to=to)

    assert response.status_code == 200
    assert make.fresh(client).manager == anna
    assert ClientChange.objects.count() == 1


def test_action_without_a_manager_asks_for_one_and_keeps_the_ticked_clients(as_gleb, make, anna, boris, vera):
    selected = [make.verified(anna), make.client()]

    response = reassign(as_gleb, *selected, to="")
    form = re.search(r'<form method="post"[^>]*novalidate.*?</form>', response.text, re.DOTALL)[0]
    assert "Отмечено клиентов: 2" in form
    assert str(boris) in form
    assert str(vera) not in form

    data = {"manager": boris.pk}
    for name, value in re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"', form):
        data.setdefault(name, []).append(value)
    assert "Передано клиентов: 2" in as_gleb.post(LIST, data, follow=True).text
    assert [make.fresh(client).manager for client in selected] == [boris, boris]


def test_clients_cannot_be_assigned_to_support_or_inactive_managers(as_gleb, make, anna, boris, vera):
    Manager.objects.filter(pk=boris.pk).update(is_active=False)
    client = make.verified(anna)

    for manager in (vera, boris):
        assert save(as_gleb, client, manager).status_code == 200
        reassign(as_gleb, client, to=manager.pk)

    assert make.fresh(client).manager == anna


def test_client_of_an_inactive_manager_can_be_reassigned(as_gleb, make, anna, boris):
    client = make.verified(anna)
    Manager.objects.filter(pk=anna.pk).update(is_active=False)

    save(as_gleb, client, boris)

    assert make.fresh(client).manager == boris


def test_only_a_new_client_can_have_no_manager(as_gleb, make, anna):
    working, new = make.verified(anna), make.client()
    new.reassign(to=anna, by=anna)

    response = save(as_gleb, working, None)
    save(as_gleb, new, None)

    assert "Без менеджера может быть только новый клиент" in response.text
    assert make.fresh(working).manager == anna
    assert make.fresh(new).manager is None


def test_saving_a_stale_page_does_not_undo_a_reassignment(as_gleb, make, anna, boris):
    client = make.verified(anna)
    client.reassign(to=boris, by=boris)

    save(as_gleb, client, anna, initial=anna)

    assert make.fresh(client).manager == boris


def test_fields_other_than_the_manager_are_read_only(as_gleb, make, anna):
    client = make.verified(anna)
    before = (Client.objects.filter(pk=client.pk).values().get(), AppUser.objects.values().get())

    forged = {"status": "processed", "name": "Другой", "phone": "9000000000", "search": "x", "user": client.user_id}
    save(as_gleb, client, anna, **forged)

    assert (Client.objects.filter(pk=client.pk).values().get(), AppUser.objects.values().get()) == before


def test_admin_cannot_add_or_delete_clients(as_gleb, make):
    client = make.client()

    assert as_gleb.get(reverse("admin:clients_client_add")).status_code == 403
    assert as_gleb.post(reverse("admin:clients_client_delete", args=[client.pk]), {"post": "yes"}).status_code == 403
    assert Client.objects.filter(pk=client.pk).exists()


@pytest.mark.parametrize("query", ["елкина", "+7(977)123-23-23", "977 123", "jolka@", "садовая"])
def test_search_matches_like_the_list_of_managers(as_gleb, make, query):
    wanted = make.client(name="Ёлкина Юлия", phone="9771232323", email="jolka@x.example", address="ул. Садовая, 1")
    make.client()

    assert found(as_gleb, q=query) == {wanted}


def test_list_is_filtered_by_status_and_manager(as_gleb, make, anna, boris):
    of_anna, of_boris, new = make.verified(anna), make.verified(boris), make.client()

    assert found(as_gleb, status__exact=Status.IN_VERIFICATION) == {of_anna, of_boris}
    assert found(as_gleb, manager__id__exact=anna.pk) == {of_anna}
    assert found(as_gleb, manager__isnull="True") == {new}


@pytest.mark.parametrize("query", [{"status__exact": "?"}, {"manager__id__exact": "x"}, {"p": "x"}, {"q": "🙂" * 2000}])
def test_forged_query_strings_do_not_fail(as_gleb, make, query):
    make.client()

    assert as_gleb.get(LIST, query, follow=True).status_code == 200


def test_query_count_does_not_grow_with_rows(as_gleb, make, anna):
    def queries(url):
        with CaptureQueriesContext(connection) as captured:
            assert as_gleb.get(url).status_code == 200
        return len(captured)

    client = make.awaiting_contract(anna)
    queries(page(client))  # fills Django's cache of content types
    lists, pages = queries(LIST), queries(page(client))
    for _ in range(9):
        make.awaiting_contract(anna)
        make.device(client, anna)

    assert queries(LIST) == lists
    assert queries(page(client)) == pages


def test_list_count_is_capped(as_gleb, make, monkeypatch):
    monkeypatch.setattr("foundation.admin.base.MAX_COUNT", 2)
    for _ in range(4):
        make.client()

    with CaptureQueriesContext(connection) as captured:
        changelist = as_gleb.get(LIST).context["cl"]

    assert changelist.result_count == 2
    assert changelist.full_result_count is None
    counts = [query["sql"] for query in captured if "COUNT(" in query["sql"]]
    assert all("LIMIT 2" in sql for sql in counts)


def test_page_shows_the_history_oldest_first(as_gleb, make, anna, boris):
    client = make.verified(anna)
    client.reassign(to=boris, by=anna)

    text = as_gleb.get(page(client)).text

    assert text.index("Новый → На проверке") < text.index("Менеджер: Анна Смирнова → Борис Кузнецов")


def test_client_with_a_deleted_account_is_listed_found_and_opened(as_gleb, make, anna):
    client = make.awaiting_contract(anna)
    make.delete_account(client)
    call_command("sync_clients", stdout=StringIO())

    assert "Учётная запись удалена" in as_gleb.get(LIST).text
    assert found(as_gleb, q="Иванов Пётр") == {client}
    assert "Учётная запись удалена" in as_gleb.get(page(client)).text
    history = as_gleb.get(reverse("admin:clients_client_history", args=[client.pk]))
    assert (history.status_code, formats.phone(client.user.phone) in history.text) == (200, True)

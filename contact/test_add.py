"""Adding a client: its manager, and validation of phone and e-mail."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from clients.models import AccountStatus, AppUser, Client, Status
from conftest import as_superuser
from contact.forms import ContactForm
from support.models import LogEntry


def payload(**overrides):
    return {
        "name": "Ёлкина  Юлия ",
        "phone": "8 (977) 123-23-23",
        "email": "julia@mail.example",
        "address": "г. Москва, ул. Лесная, д. 5",
    } | overrides


def test_client_added_by_a_manager_belongs_to_the_manager(as_anna, anna):
    response = as_anna.post("/clients/add/", payload())

    client = Client.objects.select_related("user").get()
    assert response.url == f"/clients/{client.pk}/contact/"
    assert (client.status, client.manager) == (Status.NEW, anna)
    user = client.user
    assert (user.name, user.phone, user.email) == ("Ёлкина Юлия", "9771232323", "julia@mail.example")
    assert user.status == AccountStatus.ACTIVE
    assert user.password_hash == client.initial_password_hash
    assert "елкина" in client.search
    assert LogEntry.objects.get().body == "Клиент добавлен."
    assert client.changes.get().to_manager == anna


def test_client_added_by_an_admin_is_unclaimed(as_gleb):
    as_gleb.post("/clients/add/", payload())

    client = Client.objects.get()
    assert (client.status, client.manager) == (Status.NEW, None)


def test_other_managers_get_404_for_the_new_client(as_anna, as_boris):
    url = as_anna.post("/clients/add/", payload()).url

    assert as_anna.get(url).status_code == 200
    assert as_boris.get(url).status_code == 404


def test_two_clients_may_have_no_email(as_anna):
    as_anna.post("/clients/add/", payload(email=""))
    as_anna.post("/clients/add/", payload(email="", phone="9161112233"))

    assert list(AppUser.objects.values_list("email", flat=True)) == [None, None]


@pytest.mark.parametrize(
    "phone",
    ["9771232323", "+7 977 123-23-23", "+79771232323", "8(977)1232323", "7 977 123 23 23", "977.123.23.23"],
)
def test_russian_phone_is_accepted_in_any_notation(as_anna, phone):
    as_anna.post("/clients/add/", payload(phone=phone))

    assert AppUser.objects.get().phone == "9771232323"


@pytest.mark.parametrize(
    "phone",
    ["", "123", "977 123 23 2", "977 123 23 23 2", "+1 202 555 0143", "+375 29 123-45-67", "1234567890",
     "позвоните мне", "8-800-FLOWERS", "9771232323 доб. 12", "+7 701 123 45 67", "٩٧٧", "-9771232323000", "9" * 40],
)  # fmt: skip
def test_other_phones_are_an_error_of_the_field(as_anna, phone):
    response = as_anna.post("/clients/add/", payload(phone=phone))

    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {"phone"}
    assert "Ёлкина  Юлия" in response.text
    assert not AppUser.objects.exists()


def test_error_links_the_client_with_the_same_phone_if_the_manager_may_open_it(make, as_anna, anna, boris):
    free = make.client(phone="9771232323", name="Зуев")
    own = make.verified(anna, email="own@mail.example", name="Осипов")
    make.verified(boris, phone="9031112233", name="Тайный")

    page = as_anna.post("/clients/add/", payload(email="own@mail.example"))
    assert page.status_code == 422
    assert f'Этот телефон уже у клиента <a href="/clients/{free.pk}/">Зуев</a>' in page.text
    assert f'Эта почта уже у клиента <a href="/clients/{own.pk}/">Осипов</a>' in page.text

    page = as_anna.post("/clients/add/", payload(phone="9031112233"))
    assert "Этот телефон уже у другого клиента" in page.text
    assert "Тайный" not in page.text
    assert Client.objects.count() == 3


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"status": AccountStatus.GHOST}, "ещё не активирована. Попросите клиента войти в приложение"),
        ({"status": AccountStatus.BLOCKED}, "заблокирована. Попросите поддержку её разблокировать"),
        ({"status": AccountStatus.DELETED}, "удалена. Попросите поддержку её восстановить"),
        ({"deleted_at": timezone.now()}, "удалена. Попросите поддержку её восстановить"),
    ],
)
def test_error_explains_how_to_activate_the_account(make, as_anna, state, message):
    user = make.user(phone="9771232323", name="Тайный", email="julia@mail.example", **state)

    page = as_anna.post("/clients/add/", payload())

    assert page.status_code == 422
    for what, another in (("Этот телефон", "другой телефон"), ("Эта почта", "другую почту")):
        assert f"{what} уже есть в «Привет Супер», но учётная запись {message}" in page.text
        assert f"клиент сам появится в «Новых». Или укажите {another}." in page.text
    assert "Тайный" not in page.text

    AppUser.objects.filter(pk=user.pk).update(status=AccountStatus.ACTIVE, deleted_at=None)
    assert [card["name"] for card in as_anna.get("/clients/?tab=new").context["page"].cards] == ["Тайный"]


def test_error_does_not_reveal_that_another_managers_client_is_closed(make, as_anna, as_boris, boris):
    client = make.verified(boris, phone="9771232323", name="Тайный")
    AppUser.objects.filter(pk=client.user_id).update(status=AccountStatus.BLOCKED)

    page = as_anna.post("/clients/add/", payload())
    assert "Этот телефон уже у другого клиента" in page.text
    assert "заблокирована" not in page.text
    assert client.get_absolute_url() in as_boris.post("/clients/add/", payload()).text


def test_name_in_the_link_is_escaped(make, as_anna):
    make.user(phone="9771232323", name="<b>Зуев</b>")

    assert "&lt;b&gt;Зуев" in as_anna.post("/clients/add/", payload()).text


def test_support_gets_404(as_vera):
    assert as_vera.get("/clients/add/").status_code == 404
    assert as_vera.post("/clients/add/", payload()).status_code == 404
    assert not AppUser.objects.exists()


@pytest.mark.parametrize("email", ["Julia@Mail.example", "JULIA@MAIL.EXAMPLE", "julia@mail.example"])
def test_email_in_another_case_is_taken(make, as_anna, email):
    client = make.client(email="Julia@mail.example", name="Зуев")

    page = as_anna.post("/clients/add/", payload(email=email))

    assert page.status_code == 422
    assert f'Эта почта уже у клиента <a href="/clients/{client.pk}/">Зуев</a>' in page.text
    assert AppUser.objects.count() == 1


def test_search_for_an_email_uses_an_index(anna):
    with as_superuser(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "INSERT INTO public.users (id, phone, email, password_hash, name, has_subscription, created_at, updated_at)"
            " SELECT gen_random_uuid(), n::text, 'Client' || n || '@mail.example', 'x', 'Юлия', false, now(), now()"
            " FROM generate_series(1, 20000) AS n"
        )
        cursor.execute("SET LOCAL session_replication_role = origin")

    with CaptureQueriesContext(connection) as captured:
        assert ContactForm(payload(email="client7@mail.example"), by=anna).errors.keys() == {"email"}

    (query,) = [query["sql"] for query in captured if "LOWER" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {query}")
        assert any("users_privet_email" in line for (line,) in cursor.fetchall())

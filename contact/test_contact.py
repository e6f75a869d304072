"""Step 1: confirming and correcting the contact data, and claiming the client."""

import pytest

from clients.models import AppUser, Client, ClientChange, Status
from contact.forms import ContactForm
from support.models import LogEntry


def payload(client: Client, **overrides):
    user = client.user
    return {
        "name": user.name,
        "phone": user.phone,
        "email": user.email or "",
        "address": user.address or "",
    } | overrides


def page_of(client: Client) -> str:
    return f"/clients/{client.pk}/contact/"


def page_opened_token(browser, client: Client) -> str:
    """Open step 1 and return the token that its form sends back."""
    return browser.get(page_of(client)).context["page_opened_token"]


def log(client: Client) -> list[str]:
    return list(LogEntry.objects.filter(thread__client=client).values_list("body", flat=True))


def test_confirming_claims_the_client_and_redirects_to_step_2(make, as_anna, anna):
    client = make.client()

    response = as_anna.post(page_of(client), payload(client))

    assert response.url == f"/clients/{client.pk}/passport/"
    client = make.fresh(client)
    assert (client.status, client.manager) == (Status.IN_VERIFICATION, anna)
    assert log(client) == ["Контактные данные подтверждены, клиент взят в работу."]


def test_call_link_accepts_a_phone_in_international_format(make, as_anna):
    client = make.client(phone="+79771232323")
    assert 'href="tel:+79771232323"' in as_anna.get(page_of(client)).text


def test_confirming_updates_the_account(make, as_anna):
    client = make.client()

    as_anna.post(
        page_of(client), payload(client, name="Петров Пётр", phone="+7 903 111-22-33", email="", address="г. Орёл")
    )

    user = AppUser.objects.get()
    assert (user.name, user.phone, user.email, user.address) == ("Петров Пётр", "9031112233", None, "г. Орёл")
    assert log(client)[0].endswith("Исправлено: имя, телефон, электронная почта, адрес.")
    assert "петров" in make.fresh(client).search


def test_claimed_client_can_be_corrected(make, as_anna, anna):
    client = make.verified(anna)

    as_anna.post(page_of(client), payload(client, address="г. Орёл, ул. Мира, д. 1"))
    as_anna.post(page_of(client), payload(make.fresh(client)))

    assert AppUser.objects.get().address == "г. Орёл, ул. Мира, д. 1"
    assert log(client) == ["Исправлено: адрес."]
    assert make.fresh(client).status == Status.IN_VERIFICATION


def test_invalid_phone_from_the_app_is_accepted_while_unchanged(make, as_anna):
    client = make.client(phone="1110000001")
    form = as_anna.get(page_of(client)).context["form"]

    typed = payload(client, phone=form["phone"].value())
    assert as_anna.post(page_of(client), typed | {"phone": "111 000 00 02"}).status_code == 422
    assert as_anna.post(page_of(client), typed).status_code == 302


def test_taken_phone_and_email_are_errors_and_the_client_stays_unclaimed(make, as_anna):
    client = make.client()
    make.user(phone="9771232323", email="taken@mail.example")

    response = as_anna.post(
        page_of(client), payload(client, name="Другой", phone="9771232323", email="taken@mail.example")
    )

    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {"phone", "email"}
    assert "Другой" in response.text
    fresh = make.fresh(client)
    assert (fresh.status, fresh.manager, fresh.user.name) == (Status.NEW, None, client.user.name)
    assert not ClientChange.objects.exists()


def test_email_in_another_case_is_taken(make, as_anna):
    client = make.client()
    make.user(email="Ivan@mail.example")

    response = as_anna.post(page_of(client), payload(client, email="ivan@mail.example"))

    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {"email"}
    assert make.fresh(client).status == Status.NEW


def test_unchanged_duplicate_email_does_not_block_other_corrections(make, as_anna):
    client = make.client(email="ivan@mail.example")
    make.user(email="Ivan@mail.example")

    assert as_anna.post(page_of(client), payload(client, address="г. Орёл")).status_code == 302
    assert make.fresh(client).user.address == "г. Орёл"


def test_case_of_the_clients_own_email_can_be_changed(make, as_anna):
    client = make.client(email="Ivan@mail.example")

    assert as_anna.post(page_of(client), payload(client, email="ivan@mail.example")).status_code == 302
    assert make.fresh(client).user.email == "ivan@mail.example"


def test_losing_manager_sees_who_claimed_the_client(make, as_anna, as_boris):
    client = make.client()
    token = page_opened_token(as_boris, client)
    as_anna.post(page_of(client), payload(client))

    response = as_boris.post(page_of(client), payload(client, name="Имя от Бориса", shown_to=token))

    assert response.status_code == 409
    assert "Анна Смирнова" in response.text
    assert make.fresh(client).user.name == client.user.name


def test_open_page_of_an_erased_client_returns_404(make, as_boris):
    client = make.client()
    token = page_opened_token(as_boris, client)
    Client.objects.filter(pk=client.pk).update(status=Status.ERASED)

    assert as_boris.post(page_of(client), payload(client, shown_to=token)).status_code == 404


def test_erased_client_is_not_reported_as_claimed(make, as_anna):
    client = make.client()
    token = page_opened_token(as_anna, client)
    as_anna.post(page_of(client), payload(client))
    Client.objects.filter(pk=client.pk).update(status=Status.ERASED)

    assert as_anna.post(page_of(client), payload(client, shown_to=token)).status_code == 404


def test_other_managers_get_404(make, as_boris, as_vera, signed_out, anna):
    client, other = make.verified(anna, name="Тайный"), make.client()
    foreign_token = page_opened_token(as_boris, other)

    for browser in (as_boris, as_vera):
        assert browser.get(page_of(client)).status_code == 404
        assert browser.get(f"/clients/{client.pk}/").status_code == 404
        for token in ({}, {"shown_to": foreign_token}, {"shown_to": "x"}):
            response = browser.post(page_of(client), payload(client) | token)
            assert response.status_code == 404
            assert "Анна" not in response.text
    assert as_vera.get(page_of(other)).status_code == 404
    assert signed_out.get(page_of(client)).status_code == 302


def test_admin_edits_any_client_without_claiming(make, as_gleb, anna):
    client = make.verified(anna)

    assert as_gleb.post(page_of(client), payload(client, address="г. Орёл")).status_code == 302
    assert make.fresh(client).manager == anna


def test_all_fields_work_without_javascript(make, as_anna):
    page = as_anna.get(page_of(make.client())).text

    for name in ContactForm.base_fields:
        assert f'name="{name}"' in page
    assert page.count("data-edit") == 4


def test_step_2_redirects_to_step_1_until_it_is_confirmed(make, as_anna):
    client = make.client()

    assert as_anna.get(f"/clients/{client.pk}/passport/").url == page_of(client)


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_get_405(make, as_anna, method):
    assert getattr(as_anna, method)(page_of(make.client())).status_code == 405


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "Иван 😀", "Исправьте поле «Имя». Уберите значки (😀)"),
        ("phone", "\u202e9771232", "Исправьте поле «Телефон». Уберите невидимые символы"),
        ("email", "ivan\u202e@example.ru", "Исправьте поле «Электронная почта». Уберите невидимые символы"),
        ("email", "ivan@\U0001f600.example", "Исправьте поле «Электронная почта». Уберите значки (😀)"),
        ("address", "г. Орёл\u200b", "Исправьте поле «Адрес». Уберите невидимые символы"),
    ],
)
@pytest.mark.parametrize("step", ["passport", "agreements/personal_data", "devices", "contract"])
def test_unprintable_contact_data_must_be_corrected_before_other_steps(
    make, as_anna, anna, step, field, value, message
):
    """The app accepts any characters, even after step 1 was confirmed."""
    client = make.verified(anna)
    AppUser.objects.update(**{field: value})

    assert as_anna.get(f"/clients/{client.pk}/{step}/").url == page_of(client)
    assert message in as_anna.get(page_of(client)).text

    form = as_anna.get(page_of(client)).context["form"]
    unchanged = {name: form[name].value() or "" for name in form.fields}
    assert field in as_anna.post(page_of(client), unchanged).context["form"].errors

    as_anna.post(
        page_of(client), payload(client, name="Иван", phone="9771232323", email="ivan@example.ru", address="г. Орёл")
    )
    assert as_anna.get(f"/clients/{client.pk}/{step}/").headers.get("Location") != page_of(client)
    assert "Исправьте поле" not in as_anna.get(page_of(client)).text


# Values of any length, written by the app


def test_step_1_shows_the_beginning_of_a_long_value_and_asks_to_shorten_it(make, as_anna, anna):
    client = make.verified(anna)
    AppUser.objects.update(address="г. Орёл, " * 400_000)

    response = as_anna.get(page_of(client))

    assert "Исправьте поле «Адрес». Оно такое длинное, что показано только начало." in response.text
    assert len(response.content) < 60_000


@pytest.mark.parametrize(("field", "length"), [("name", 3_000_000), ("address", 3_000_000), ("address", 501)])
def test_long_value_is_overwritten_only_when_it_was_shortened(make, as_anna, anna, field, length):
    client = make.verified(anna)
    AppUser.objects.filter(pk=client.user_id).update(**{field: "Я" * length})
    form = as_anna.get(page_of(client)).context["form"]
    typed = {name: form[name].value() or "" for name in form.fields} | {"shown": form.original_signed}

    response = as_anna.post(page_of(client), typed | {"email": "other@mail.example"})

    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {field}
    assert AppUser.objects.filter(**{field: "Я" * length}).exists()

    assert as_anna.post(page_of(client), typed | {field: "Яна"}).status_code == 302
    assert getattr(AppUser.objects.get(), field) == "Яна"


@pytest.mark.parametrize("length", [501, 3_000_000])
def test_too_long_address_must_be_shortened_before_other_steps(make, as_anna, anna, length):
    client = make.awaiting_contract(anna)
    AppUser.objects.update(address="Я" * length)

    response = as_anna.get(f"/clients/{client.pk}/contract/")
    assert response.url == page_of(client)
    assert "Исправьте поле «Адрес»" in as_anna.get(page_of(client)).text

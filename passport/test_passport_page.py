import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.urls import reverse
from PIL import Image

from clients.exceptions import ClientReassigned
from conftest import appears_in, redirect_target
from foundation.storage import object_storage
from passport import saving
from passport.models import Passport
from passport.test_passport_form import payload
from support.models import LogEntry

HTMX = {"HX-Request": "true", "HX-Target": "main"}


def photo_file(colour="steelblue", name="passport.jpg") -> SimpleUploadedFile:
    file = io.BytesIO()
    Image.new("RGB", (300, 200), colour).save(file, "JPEG")
    return SimpleUploadedFile(name, file.getvalue(), "image/jpeg")


def page(client) -> str:
    return reverse("passport:passport", args=[client.pk])


def photo_of(client) -> str:
    return reverse("passport:photo", args=[client.pk])


def removal_of(client) -> str:
    return reverse("passport:photo_removal", args=[client.pk])


def log_of(client) -> list[str]:
    return list(LogEntry.objects.filter(thread__client=client).values_list("body", flat=True))


def break_storage(monkeypatch, function: str) -> None:
    def fail(*args, **kwargs):
        raise object_storage.StorageUnavailable

    monkeypatch.setattr(object_storage, function, fail)


@pytest.fixture
def client(make, anna):
    return make.consented(anna)


@pytest.fixture
def saved_passport(make, anna, client):
    return make.passport(client, anna, digits="4613348353")


def test_get_suggests_names_and_saves_nothing(as_anna, client):
    response = as_anna.get(page(client))

    assert response.status_code == 200
    assert response.context["form"]["last_name"].value() == "Иванов"
    assert response.context["form"]["middle_name"].value() == "Сергеевич"
    assert not Passport.objects.exists()


def test_post_saves_the_passport_and_redirects_to_devices(as_anna, anna, client):
    response = as_anna.post(page(client), payload())

    assert response.status_code == 302
    assert response.url == reverse("devices:devices", args=[client.pk])
    passport = Passport.objects.get(client=client)
    assert (passport.series, passport.number) == ("4613", "348353")
    assert passport.full_name == "Ёлкина-Дорн Юлия Сергеевна"
    assert passport.registration_address == "г. Москва, ул. Садовая, д. 1, кв. 2"
    assert passport.updated_by == anna
    assert passport.photo == ""


def test_saved_passport_is_shown_in_input_format(as_anna, client, saved_passport):
    content = as_anna.get(page(client)).content.decode()

    assert "46•• •••353" in content
    assert 'value="20.03.2015"' in content


def test_invalid_values_stay_in_the_form(as_anna, client, saved_passport):
    response = as_anna.post(page(client), payload(digits="4613 34835", issued_on="31.02.2015", issued_by="ОВД «Арбат»"))

    assert response.status_code == 422
    content = response.content.decode()
    assert 'value="4613 34835"' in content
    assert 'value="31.02.2015"' in content
    assert "ОВД «Арбат»" in content
    assert Passport.objects.get(client=client).issued_by == "ГУ МВД России по г. Москве"


def test_htmx_gets_the_fragment(as_anna, client):
    response = as_anna.post(page(client), payload(digits="4613"), headers=HTMX)

    assert response.status_code == 422
    assert b"<html" not in response.content
    assert "Нужны десять цифр" in response.content.decode()


@pytest.mark.parametrize("field", list(payload()))
@pytest.mark.parametrize("typed", ["\x00", "🙂" * 1000, "я" * 1_000_000])
def test_invalid_input_changes_nothing(as_anna, client, saved_passport, field, typed):
    before = Passport.objects.values().get()

    response = as_anna.post(page(client), payload(**{field: typed}))

    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {field}
    assert Passport.objects.values().get() == before


def test_empty_form_shows_required_passport_fields(as_anna, client):
    response = as_anna.post(page(client), {})

    assert response.status_code == 422
    assert len(response.context["form"].errors) == 7
    assert not Passport.objects.exists()


def test_number_is_not_stored_in_plain_text(as_anna, client):
    as_anna.post(page(client), payload(digits="4613 348353"))

    with connection.cursor() as cursor:
        cursor.execute("SELECT (to_jsonb(p) - 'updated_at')::text FROM users_passports p")
        [(row,)] = cursor.fetchall()
    assert Passport.objects.get().digits == "4613348353"
    for text in (row, " ".join(log_of(client))):
        assert not any(appears_in(part, text) for part in ("4613", "348353", "4613348353"))


def test_passport_of_another_client_is_rejected_without_naming_the_client(make, boris, as_anna, client):
    other = make.consented(boris, name="Петров Олег")
    make.passport(other, boris, digits="4613348353", last_name="Петров")

    response = as_anna.post(page(client), payload(digits="46 13 №348353"))

    assert response.status_code == 422
    assert "уже записан у другого клиента" in response.context["form"].errors["digits"][0]
    assert "Петров" not in response.content.decode()
    assert str(other.pk) not in response.content.decode()
    assert not Passport.objects.filter(client=client).exists()


def test_log_names_changed_fields_without_values(as_anna, client):
    as_anna.post(page(client), payload())
    as_anna.post(page(client), payload(digits="4613 348354", issued_by="ОВД «Арбат»"))
    as_anna.post(page(client), payload(digits="4613348354", issued_by="ОВД «Арбат»"))

    assert log_of(client) == ["Паспорт добавлен", "Паспорт изменён: серия и номер, кем выдан"]


def test_photo_is_saved_with_the_form(as_anna, client):
    response = as_anna.post(page(client), payload(photo=photo_file()))

    assert response.status_code == 302
    assert log_of(client) == ["Паспорт добавлен", "Фото паспорта добавлено"]
    photo = as_anna.get(photo_of(client), follow=True)
    assert [status for _, status in photo.redirect_chain] == [302]
    assert photo.status_code == 200
    assert photo.headers["Content-Type"] == "image/jpeg"
    assert photo.headers["Cache-Control"] == "private, no-store"
    assert photo.headers["X-Content-Type-Options"] == "nosniff"
    assert photo.headers["Content-Disposition"] == "inline"
    assert Image.open(io.BytesIO(photo.content)).size == (300, 200)


def test_only_the_manager_and_admins_can_see_the_photo(
    as_anna, as_boris, as_vera, as_gleb, signed_out, client, saved_passport
):
    as_anna.post(page(client), payload(photo=photo_file()))

    targets = [
        redirect_target(browser.get(photo_of(client))) for browser in (as_anna, as_gleb, as_boris, as_vera, signed_out)
    ]

    assert targets == ["storage", "storage", 404, 404, "sign-in"]
    assert as_boris.post(removal_of(client)).status_code == 404
    assert as_boris.get(page(client)).status_code == 404
    assert as_boris.post(page(client), payload(last_name="Чужой")).status_code == 404
    assert Passport.objects.get().photo
    assert Passport.objects.get().last_name == "Ёлкина-Дорн"


def test_new_photo_replaces_the_previous_object(as_anna, client, saved_passport, django_capture_on_commit_callbacks):
    as_anna.post(page(client), payload(photo=photo_file()))
    previous = Passport.objects.get().photo

    with django_capture_on_commit_callbacks(execute=True):
        as_anna.post(page(client), payload(photo=photo_file("orange")))

    new = Passport.objects.get().photo
    assert previous != new
    assert object_storage.exists(new)
    assert not object_storage.exists(previous)


def test_deleting_the_photo_keeps_the_text(as_anna, client, django_capture_on_commit_callbacks):
    as_anna.post(page(client), payload(photo=photo_file()))
    key = Passport.objects.get().photo

    with django_capture_on_commit_callbacks(execute=True):
        response = as_anna.post(removal_of(client))

    assert response.url == page(client)
    assert Passport.objects.get().photo == ""
    assert not object_storage.exists(key)
    assert as_anna.get(photo_of(client)).status_code == 404
    assert as_anna.post(removal_of(client)).status_code == 302
    assert log_of(client)[-1] == "Фото паспорта удалено"
    assert log_of(client).count("Фото паспорта удалено") == 1


def test_deleting_the_photo_of_a_reassigned_client_is_refused(as_anna, anna, boris, gleb, client):
    as_anna.post(page(client), payload(photo=photo_file()))
    passport = Passport.objects.select_related("client").get()
    client.reassign(to=boris, by=gleb)

    with pytest.raises(ClientReassigned):
        saving.delete_photo(passport, by=anna)

    assert Passport.objects.get().photo


def test_deleting_the_photo_of_a_deleted_passport_does_nothing(anna, client, saved_passport):
    passport = Passport.objects.select_related("client").get()
    saved_passport.delete()

    saving.delete_photo(passport, by=anna)

    assert "Фото паспорта удалено" not in log_of(client)


def test_deleting_the_photo_with_htmx_returns_the_empty_tile(as_anna, client):
    as_anna.post(page(client), payload(photo=photo_file()))

    response = as_anna.post(removal_of(client), headers={"HX-Request": "true", "HX-Target": "passport-photo"})

    assert response.status_code == 200
    assert response.content.strip().startswith(b"<div")
    visible = re.sub(r"<template.*?</template>", "", response.text, flags=re.DOTALL)
    assert "<img" not in visible
    assert photo_of(client) not in visible
    assert b'name="last_name"' not in response.content


def test_file_that_is_no_photo_is_rejected_and_nothing_is_saved(as_anna, client):
    html = SimpleUploadedFile("photo.jpg", b"<html><script>alert(1)</script>", "image/jpeg")

    response = as_anna.post(page(client), payload(photo=html))

    assert response.status_code == 422
    assert response.context["form"].errors["photo"] == [
        "Это не фото или файл повреждён. Подойдут JPEG, PNG, WebP и HEIC."
    ]
    assert not Passport.objects.exists()


def test_storage_outage_saves_the_text(as_anna, client, monkeypatch):
    break_storage(monkeypatch, "put")

    response = as_anna.post(page(client), payload(photo=photo_file()))

    assert response.status_code == 503
    assert "Данные паспорта сохранены, а фото — нет" in response.content.decode()
    assert "Ёлкина-Дорн" in response.content.decode()
    assert Passport.objects.get(client=client).photo == ""


def test_storage_outage_keeps_the_previous_photo(as_anna, client, monkeypatch):
    as_anna.post(page(client), payload(photo=photo_file()))
    before = Passport.objects.get().photo
    with monkeypatch.context() as patch:
        break_storage(patch, "put")
        as_anna.post(page(client), payload(photo=photo_file("orange")))
    assert Passport.objects.get().photo == before

    break_storage(monkeypatch, "get")
    assert as_anna.get(photo_of(client), follow=True).status_code == 503


def test_passport_step_requires_contact_data(make, as_anna):
    client = make.client()

    assert as_anna.get(page(client)).status_code == 302
    assert as_anna.post(page(client), payload()).status_code == 302
    assert not Passport.objects.exists()


def test_passport_page_takes_at_most_ten_queries(as_anna, client, saved_passport, django_assert_max_num_queries):
    with django_assert_max_num_queries(10):
        as_anna.get(page(client))

import uuid
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from clients.models import Status
from devices import saving, views
from devices.conftest import PHOTO, log_of, payload, photo_file
from devices.models import Device, DevicePhoto
from devices.saving import delete_device
from devices.shared import SharedDevice, SharedDevicePhoto

DIALOG = {"HX-Request": "true", "HX-Target": "device-dialog"}


def page(client) -> str:
    return reverse("devices:devices", args=[client.pk])


def add(client) -> str:
    return reverse("devices:add", args=[client.pk])


def edit(device) -> str:
    return reverse("devices:device", args=[device.pk])


def removal(device) -> str:
    return reverse("devices:removal", args=[device.pk])


def test_device_is_added_with_all_fields(as_anna, anna, make, client):
    response = as_anna.post(add(client), payload(type=make.type().pk, extra_fee="1 500,50"))

    assert response.status_code == 302
    assert response.url == page(client)
    device = Device.objects.get(client=client)
    assert device.title == "Холодильник Бирюса 118"
    assert device.extra_fee == Decimal("1500.50")
    assert (device.description, device.serial_number) == ("Белый, двухкамерный", "SN-118-0042")
    assert device.updated_by == anna
    assert log_of(client)[-1:] == ["Добавлено устройство «Холодильник Бирюса 118»"]


def test_device_is_added_with_photos(as_anna, make, client):
    as_anna.post(add(client), payload(type=make.type().pk, photos=[photo_file(), photo_file("orange")]))

    device = Device.objects.get(client=client)
    assert device.photos.count() == 2
    assert SharedDevicePhoto.objects.filter(device=device.pk).count() == 2
    assert log_of(client)[-1:] == ["Добавлено устройство «Холодильник Бирюса 118», фото: 2"]


def test_repeated_submit_creates_one_device(as_anna, make, client):
    data = payload(type=make.type().pk, new_id=str(uuid.uuid4()))

    responses = [as_anna.post(add(client), data | {"photos": [photo_file()]}) for _ in range(2)]

    assert [response.url for response in responses] == [page(client)] * 2
    assert Device.objects.count() == 1
    assert DevicePhoto.objects.count() == 1
    assert len([body for body in log_of(client) if body.startswith("Добавлено")]) == 1


def test_id_of_another_managers_device_does_not_change_it(as_boris, boris, make, device):
    own = make.verified(boris)
    make.passport(own, boris)

    as_boris.post(add(own), payload(type=make.type().pk, new_id=str(device.pk), title="Чужое"))

    assert Device.objects.get().title == device.title


def test_invalid_fees_and_titles_return_422(as_anna, make, client):
    invalid = [
        {"extra_fee": "-0.01"}, {"extra_fee": "-100"}, {"title": ""}, {"title": "   "}, {"title": "Пл\x00ита"},
        {"title": "я" * 121}, {"title": "я" * 1_000_000},
    ]  # fmt: skip

    responses = [as_anna.post(add(client), payload(type=make.type().pk) | fields) for fields in invalid]

    assert {response.status_code for response in responses} == {422}
    assert not Device.objects.exists()
    assert not SharedDevice.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        *({name: typed} for name in payload() for typed in ("\x00", "🙂", "я" * 1_000_000)),
        {"type": ""}, {"type": "abc"}, {"type": "\x00"}, {"type": "0"}, {"type": "9" * 30}, {"type": "9" * 5000},
        {"new_id": "not-a-uuid"}, {"new_id": "\x00"},
        {"purchased_on": "31.02.2024"}, {"purchased_on": "0001-01"}, {"extra_fee": "9" * 40},
    ],
    ids=lambda fields: " ".join(f"{name}={value[:12]!r}" for name, value in fields.items()),
)  # fmt: skip
def test_invalid_input_saves_nothing(as_anna, make, client, device, fields):
    before = Device.objects.values().get()
    valid = payload(type=make.type().pk)

    added = as_anna.post(add(client), valid | fields)
    assert added.status_code == 422
    assert added.context["form"].errors
    if "new_id" not in fields:
        assert as_anna.post(edit(device), valid | fields).status_code == 422
    assert Device.objects.values().get() == before


def test_empty_form_shows_required_fields(as_anna, client):
    response = as_anna.post(add(client), {})

    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {"title", "type"}


def test_typed_values_stay_in_an_invalid_form(as_anna, make, client):
    response = as_anna.post(add(client), payload(type=make.type().pk, extra_fee="сто", title="Плита «Мечта»"))

    content = response.content.decode()
    assert 'value="сто"' in content
    assert "Плита «Мечта»" in content
    assert "180 л, класс A+" in content


def test_device_is_edited(as_anna, make, client, device):
    response = as_anna.post(edit(device), payload(type=make.type("плита").pk, title="Плита Мечта", purchased_on=""))

    assert response.url == page(client)
    changed = Device.objects.get()
    assert (changed.title, changed.type.name, changed.purchased_on) == ("Плита Мечта", "плита", None)
    assert log_of(client)[-1].startswith("Изменено устройство «Плита Мечта»: название, тип, месяц и год покупки")


def test_saving_unchanged_device_keeps_the_status(as_anna, anna, make):
    client = signed(make.awaiting_contract(anna), anna)
    device, logged = client.devices.get(), log_of(client)

    as_anna.post(edit(device), {"title": device.title, "type": device.type_id, "purchased_on": "2024-05"})

    assert make.fresh(client).status == Status.PROCESSED
    assert log_of(client) == logged


def signed(client, by):
    """Set the status of a client who has signed with nothing due."""
    client.change_status(Status.PROCESSED, by=by, now=timezone.now(), allowed_from=(Status.AWAITING_CONTRACT,))
    return client


def test_new_device_of_a_processed_client_requires_a_new_contract(as_anna, anna, make):
    client = signed(make.awaiting_contract(anna), anna)

    as_anna.post(add(client), payload(type=make.type().pk))

    client = make.fresh(client)
    assert client.status == Status.AWAITING_CONTRACT
    assert client.tariff_choice.device_count == 2
    assert client.tariff_choice.total_extra_fee == 300


def test_concurrent_forms_create_two_devices(race, as_anna, anna, make, client):
    """The second request waits for the client's lock and is then saved too."""
    data = payload(type=make.type().pk)
    keys = [str(uuid.uuid4()) for _ in range(2)]

    outcomes = race(*(lambda key=key: as_anna.post(add(client), data | {"new_id": key}) for key in keys), at=client)

    assert [outcome.status_code for outcome in outcomes] == [302, 302]
    assert {str(device.pk) for device in Device.objects.all()} == set(keys)
    assert SharedDevice.objects.count() == 2


def test_concurrent_submits_of_one_form_create_one_device(race, as_anna, make, client):
    data = payload(type=make.type().pk, new_id=str(uuid.uuid4()))

    outcomes = race(*[lambda: as_anna.post(add(client), data)] * 2, at=client)

    assert [outcome.status_code for outcome in outcomes] == [302, 302]
    assert Device.objects.count() == SharedDevice.objects.count() == 1


def test_concurrently_deleted_device_is_not_recreated(as_anna, anna, make, device, monkeypatch):
    get_device_for = views.get_device_for

    def get_then_delete(request, pk):
        device = get_device_for(request, pk)
        delete_device(Device.objects.get(pk=pk), by=anna)
        return device

    monkeypatch.setattr(views, "get_device_for", get_then_delete)
    response = as_anna.post(edit(device), payload(type=make.type().pk, title="Другое"))

    assert response.status_code == 409
    assert "Это устройство уже удалено." in response.content.decode()
    assert not Device.objects.exists()
    assert not SharedDevice.objects.exists()


def test_removal_page_asks_for_confirmation(as_anna, device):
    response = as_anna.get(removal(device))

    assert response.status_code == 200
    assert f"Удалить «{device.title}»?" in response.content.decode()
    assert Device.objects.exists()


def test_device_is_deleted(as_anna, client, device):
    assert as_anna.post(removal(device)).url == page(client)

    assert not Device.objects.exists()
    assert not SharedDevice.objects.exists()
    assert log_of(client)[-1:] == ["Удалено устройство «Холодильник Бирюса 118»"]
    assert as_anna.post(removal(device)).status_code == 404


def test_dialog_gets_the_form_fragment(as_anna, client, device):
    for url in (add(client), edit(device), removal(device)):
        content = as_anna.get(url, headers=DIALOG).content.decode()
        assert content.strip().startswith("<")
        assert "<main" not in content
        assert 'hx-target="#device-dialog"' in content
        assert "<main" in as_anna.get(url).content.decode()


def test_saving_in_the_dialog_updates_the_page_below(as_anna, make, client):
    response = as_anna.post(add(client), payload(type=make.type().pk), headers=DIALOG, follow=True)

    assert response.status_code == 200
    assert response.headers["HX-Retarget"] == "#main"
    assert "Холодильник Бирюса 118" in response.content.decode()
    wrong = as_anna.post(add(client), payload(title=""), headers=DIALOG)
    assert wrong.status_code == 422
    assert "HX-Retarget" not in wrong.headers


def test_list_shows_type_month_fee_and_thumbnails(as_anna, make, anna, client, device, photos):
    make.device(client, anna, title="Плита", extra_fee=Decimal("1500.50"))

    content = as_anna.get(page(client)).content.decode()

    assert "холодильник · май 2024" in content
    assert "Доплата по тарифу" in content
    assert "1\u00a0500,50\u00a0₽" in content
    for photo in photos:
        assert f"/photos/{photo.pk}/?size=thumbnail" in content


def test_query_count_does_not_depend_on_devices(as_anna, anna, make, client):
    make.tariff()
    counts = []
    for devices, photos in ((1, 1), (7, 8)):
        for _ in range(devices):
            saving.save_device(make.device(client, anna), [PHOTO] * photos, by=anna)
        with CaptureQueriesContext(connection) as queries:
            as_anna.get(page(client))
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 10


def test_devices_step_requires_the_passport(make, as_anna, anna):
    client = make.verified(anna)

    for url in (page(client), add(client)):
        response = as_anna.get(url)
        assert response.status_code == 302
        assert response.url == reverse("passport:passport", args=[client.pk])
    as_anna.post(add(client), payload(type=make.type().pk))
    assert not Device.objects.exists()


def test_other_managers_get_404(as_boris, as_vera, signed_out, as_gleb, make, client, device):
    data = payload(type=make.type().pk, title="Чужое")
    for url in (page(client), add(client), edit(device), removal(device)):
        assert as_boris.get(url).status_code == as_vera.get(url).status_code == 404
        assert signed_out.get(url).status_code == 302
        assert as_gleb.get(url).status_code == 200
    for url in (add(client), edit(device), removal(device)):
        assert as_boris.post(url, data).status_code == as_vera.post(url, data).status_code == 404
    assert Device.objects.get().title == device.title

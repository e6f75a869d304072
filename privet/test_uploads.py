"""Photos straight from the browser into the storage, on either kind of it."""

import io
import uuid
from urllib.request import urlopen

import pytest
from django.urls import reverse
from PIL import Image

from clients.uploads import Upload
from devices.conftest import log_of, payload
from devices.models import Device, DevicePhoto
from devices.shared import SharedDevicePhoto
from passport.models import Passport
from passport.test_passport_form import payload as passport_payload
from privet import storages
from privet.answers import SESSION_ENDED

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("storage")]

JSON = {"Accept": "application/json"}


def jpeg(size=(1600, 1200), **options) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "steelblue").save(file, "JPEG", **options)
    return file.getvalue()


@pytest.fixture
def client(make, anna):
    """Анна's client, ready for step 3."""
    client = make.verified(anna)
    make.passport(client, anna)
    return make.fresh(client)


@pytest.fixture
def device(make, anna, client):
    return make.device(client, anna)


@pytest.fixture
def ask(as_anna, client):
    """Asks for an address for one file; what is said of it can be overridden."""

    def post(browser=as_anna, of=client, **said):
        said = {"purpose": "passport", "content_type": "image/jpeg", "size": 1000} | said
        return browser.post(reverse("uploads", args=[of.pk]), said, headers=JSON)

    return post


@pytest.fixture
def upload(ask, send):
    """Asks for an address and sends a file there; the upload, not completed yet."""

    def sent(content: bytes, **said) -> Upload:
        answer = ask(**said).json()
        assert send(answer["url"], answer["fields"], content) == 204
        return Upload.objects.get(pk=answer["id"])

    return sent


@pytest.fixture
def complete(as_anna, django_capture_on_commit_callbacks):
    def post(upload: Upload, browser=as_anna):
        with django_capture_on_commit_callbacks(execute=True):
            return browser.post(reverse("upload_completion", args=[upload.pk]), headers=JSON)

    return post


def picture_at(browser, url: str) -> Image.Image:
    """The picture that a page shows under this address of ours."""
    where = browser.get(url).url
    content = browser.get(where).content if where.startswith("/") else urlopen(where, timeout=20).read()  # noqa: S310
    return Image.open(io.BytesIO(content))


def test_an_address_is_handed_out_under_the_quarantine_of_the_client(ask, anna, client):
    answer = ask()

    said, upload = answer.json(), Upload.objects.get()
    assert answer.status_code == 201
    assert said["id"] == str(upload.pk)
    assert said["expires_in"] == 300
    assert said["completion"] == f"/uploads/{upload.pk}/completion/"
    assert said["fields"]["key"] == upload.key
    assert said["fields"]["Content-Type"] == "image/jpeg"
    assert upload.key.startswith(f"incoming/{client.pk}/passport-")
    assert (upload.client, upload.manager, upload.purpose, upload.size) == (client, anna, "passport", 1000)


def test_a_photo_of_a_kept_device_is_attached_at_once(upload, complete, as_anna, client, device):
    sent = upload(jpeg(), purpose="device", device=device.pk)

    answer = complete(sent)

    photo = device.photos.get()
    assert answer.status_code == 200
    assert answer.json() == {
        "id": str(sent.pk),
        "attached": True,
        "photo": f"/photos/{photo.pk}/",
        "thumbnail": f"/photos/{photo.pk}/?size=thumbnail",
        "removal": f"/photos/{photo.pk}/removal/",
    }
    assert picture_at(as_anna, answer.json()["photo"]).size == (1200, 900)
    assert picture_at(as_anna, answer.json()["thumbnail"]).size == (240, 180)
    assert SharedDevicePhoto.objects.get().pk == photo.pk
    assert not storages.exists(sent.key)
    assert log_of(client) == ["Добавлены фото устройства «Холодильник Бирюса 118»: 1"]


def test_a_photo_of_a_passport_that_is_kept_replaces_the_old_one(upload, complete, as_anna, client):
    first = complete(upload(jpeg()))
    old = Passport.objects.get().photo
    second = complete(upload(jpeg((900, 600))))

    photo = Passport.objects.get().photo
    assert first.json()["attached"] is second.json()["attached"] is True
    assert picture_at(as_anna, second.json()["photo"]).size == (900, 600)
    assert storages.exists(photo)
    assert not storages.exists(old)
    assert log_of(client) == ["Фото паспорта добавлено", "Фото паспорта заменено"]


def test_a_photo_of_a_device_that_is_not_kept_yet_comes_with_its_form(upload, complete, as_anna, make, client):
    new_id = uuid.uuid4()
    sent = upload(jpeg(), purpose="device", device=new_id)

    answer = complete(sent)

    assert answer.json() == {
        "id": str(sent.pk),
        "attached": False,
        "photo": f"/uploads/{sent.pk}/photo/",
        "thumbnail": f"/uploads/{sent.pk}/photo/?size=thumbnail",
        "removal": f"/uploads/{sent.pk}/removal/",
    }
    assert picture_at(as_anna, answer.json()["thumbnail"]).size == (240, 180)
    assert not DevicePhoto.objects.exists()

    form = payload(type=make.type().pk, new_id=new_id, uploads=[sent.pk])
    for _ in range(2):  # a form that is sent twice is one device with one photo
        assert as_anna.post(reverse("devices:add", args=[client.pk]), form).status_code == 302

    photo = Device.objects.get().photos.get()
    assert picture_at(as_anna, f"/photos/{photo.pk}/").size == (1200, 900)
    assert complete(sent).json()["photo"] == f"/photos/{photo.pk}/"


def test_a_photo_of_a_passport_that_is_not_kept_yet_comes_with_its_form(upload, complete, as_anna, make, anna):
    client = make.verified(anna)
    sent = upload(jpeg(), of=client)
    assert complete(sent).json()["attached"] is False

    answer = as_anna.post(reverse("passport:passport", args=[client.pk]), passport_payload(uploads=[sent.pk]))

    assert answer.status_code == 302
    assert picture_at(as_anna, reverse("passport:photo", args=[client.pk])).size == (1200, 900)
    assert complete(sent).json()["photo"] == reverse("passport:photo", args=[client.pk])


def test_twice_is_once(upload, complete, device):
    sent = upload(jpeg(), purpose="device", device=device.pk)

    first, second = complete(sent), complete(sent)

    assert first.json() == second.json()
    assert device.photos.count() == 1


def test_what_has_not_arrived_can_still_be_sent(ask, send, complete, device):
    said = ask(purpose="device", device=device.pk).json()
    sent = Upload.objects.get()

    answer = complete(sent)

    assert answer.status_code == 409
    assert "ещё не дошло" in answer.json()["error"]
    assert send(said["url"], said["fields"], jpeg()) == 204
    assert complete(sent).status_code == 200


def test_a_session_that_ended_is_said_in_json(signed_out, ask):
    answer = ask(browser=signed_out)

    assert (answer.status_code, answer.json()) == (401, {"error": SESSION_ENDED})


def test_sixty_in_an_hour_are_handed_to_one_manager(ask, as_gleb):
    assert {ask().status_code for _ in range(60)} == {201}

    refused = ask()

    assert refused.status_code == 429
    assert "Слишком много фотографий" in refused.json()["error"]
    assert int(refused.headers["Retry-After"]) > 0
    assert Upload.objects.count() == 60
    assert ask(browser=as_gleb).status_code == 201

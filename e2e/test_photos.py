"""Uploading 12-megapixel photos from a phone while connection and session are interrupted."""

import io
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from PIL import Image
from playwright.sync_api import Page, expect

from conftest import PASSWORD, next_code
from devices import saving
from devices.models import Device, DevicePhoto
from e2e import pictures
from e2e.conftest import DESKTOP, PHONE, overflow_width, photo, sign_in
from e2e.test_accessibility import RULES
from foundation.storage import object_storage
from managers.models import Session
from passport.models import Passport
from photos.images import Photo
from photos.models import Upload

pytestmark = pytest.mark.e2e


@pytest.fixture
def client(make, anna):
    """Анна's client, at step 3."""
    client = make.verified(anna)
    make.passport(client, anna)
    make.tariff()
    return make.fresh(client)


@pytest.fixture
def device(make, anna, client):
    return make.device(client, anna)


@pytest.fixture
def phone(open_page, anna, client):
    """A function that opens a page of the client on Анна's phone."""

    def sign_in_and_open(name: str = "devices:devices", **options) -> Page:
        page = open_page(**options)
        sign_in(page, anna.email)
        page.wait_for_url("**/clients/**")
        page.goto(reverse(name, args=[client.pk]))
        return page

    return sign_in_and_open


@pytest.fixture
def photo_files(tmp_path):
    """A function that writes files with these names; the default content is a 12-megapixel JPEG."""

    def write(*names: str, content: bytes | None = None) -> list[Path]:
        paths = [tmp_path / name for name in names]
        for path in paths:
            path.write_bytes(content or pictures.jpeg())
        return paths

    return write


def network(page: Page, *, offline: bool = False, upload: int = -1) -> None:
    """Emulate a network; `upload` is in bytes per second, -1 is unlimited."""
    if not hasattr(page, "cdp_session"):
        page.cdp_session = page.context.new_cdp_session(page)
        page.cdp_session.send("Network.enable")
    limits = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": upload}
    page.cdp_session.send("Network.emulateNetworkConditions", limits)


def choose(page: Page, files: list) -> None:
    page.locator("[data-add] input[type=file]").last.set_input_files(files)


def attached(page: Page):
    return page.locator("[data-photo]")


def pending_tiles(page: Page):
    return page.locator(".tile.sending")


def stored_photos(keys) -> list[tuple]:
    """Return the size of each stored photo, whether it is upright (sky above), its EXIF, and if it has a comment."""
    results = []
    for key in keys:
        image = Image.open(io.BytesIO(object_storage.get(key)))
        _, _, blue = image.resize((1, 4)).getpixel((0, 0))
        results.append((image.size, blue > 150, dict(image.getexif()), "comment" in image.info))
    return results


def test_photo_selected_before_the_script_loaded_is_uploaded(phone, client, photo_files):
    page = phone("contracts:card")
    held = []
    page.route("**/photos*.js", lambda route: held.append(route))
    with page.expect_request("**/photos*.js"):
        page.goto(reverse("passport:passport", args=[client.pk]), wait_until="commit")
    choose(page, photo_files("1.jpg"))

    (module,) = held
    module.continue_()
    expect(attached(page)).to_have_count(1)
    assert page.locator("[data-add] input[type=file]").last.evaluate("input => input.files.length") == 0


@pytest.mark.usefixtures("storage_backend")
def test_uploads_resume_after_a_lost_connection(phone, device, photo_files):
    page = phone()
    network(page, upload=20_000)
    choose(page, photo_files("1.jpg", "2.jpg", "3.jpg", "4.jpg") + photo_files("iphone.heic", content=pictures.heic()))
    expect(pending_tiles(page).locator("img:visible")).to_have_count(4)  # Chromium can't show the HEIC
    expect(page.get_by_text(re.compile(r"Отправлено [1-9]\d? %")).first).to_be_visible()

    network(page, offline=True)
    expect(page.get_by_text("Нет связи. Отправим сами").first).to_be_visible()
    assert device.photos.count() < 5
    network(page)

    expect(attached(page)).to_have_count(5)
    expect(pending_tiles(page)).to_have_count(0)
    photos = stored_photos(device.photos.values_list("key", flat=True))
    assert sorted(photos) == sorted([((900, 1200), True, {}, False)] * 4 + [((750, 1000), True, {}, False)])


def test_uploads_resume_after_signing_in_again(phone, anna, device, photo_files):
    page = phone()
    network(page, upload=20_000)
    choose(page, photo_files("1.jpg", "2.jpg", "3.jpg", "4.jpg"))
    expect(page.get_by_text(re.compile(r"Отправлено [1-9]\d? %")).first).to_be_visible()
    Session.objects.all().delete()
    network(page)

    dialog = page.locator("#dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Электронная почта").fill("anna@privet.example")
    dialog.get_by_label("Пароль", exact=True).fill(PASSWORD)
    dialog.get_by_role("button", name="Войти").click()
    dialog.get_by_label("Код", exact=True).fill(next_code(anna))
    dialog.get_by_role("button", name="Продолжить").click()
    expect(dialog).to_be_hidden()

    expect(attached(page)).to_have_count(4)
    expect(page.get_by_text("Отправьте форму ещё раз")).to_be_hidden()
    assert device.photos.count() == 4


def test_new_device_is_saved_after_its_uploads(phone, make, client, photo_files):
    make.type("плита")
    page = phone()
    page.get_by_role("link", name="Добавить устройство").click()
    page.get_by_label("Тип").select_option(label="плита")
    network(page, upload=20_000)
    choose(page, photo_files("front.jpg", "back.jpg") + photo_files("note.jpg", content=b"Buy milk"))
    expect(page.get_by_text("Это не фото или файл повреждён").first).to_be_visible()

    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_text(re.compile("Отправляем фото, осталось: [12]"))).to_be_visible()
    network(page)
    expect(page.get_by_text("Напишите название устройства")).to_be_visible()  # only the title is missing
    expect(page.get_by_text("Отправлено", exact=True)).to_have_count(2)
    page.get_by_label("Название").fill("Гефест")
    page.get_by_role("button", name="Убрать note.jpg").click()
    page.get_by_role("button", name="Сохранить").click()

    expect(attached(page)).to_have_count(2)
    expect(pending_tiles(page)).to_have_count(0)
    photos = stored_photos(Device.objects.get().photos.values_list("key", flat=True))
    assert photos == [((900, 1200), True, {}, False)] * 2


def test_at_most_ten_photos_are_uploaded(phone, device):
    page = phone()
    choose(page, [photo(str(number), (80, 60)) for number in range(12)])

    expect(page.get_by_text("Не больше 10 фото. Не взяты: 10.jpg, 11.jpg.")).to_be_visible()
    expect(attached(page)).to_have_count(10)
    assert device.photos.count() == 10


def test_discarded_photo_is_not_sent(phone, device, photo_files):
    page = phone()
    network(page, upload=20_000)
    choose(page, photo_files("blurred.jpg", "sharp.jpg"))
    expect(page.get_by_role("progressbar", name="Отправка blurred.jpg")).to_be_visible()
    with page.expect_response("**/uploads/*/removal/"):  # otherwise the other photo may arrive first
        page.get_by_role("button", name="Убрать blurred.jpg").click()
    expect(page.locator("[data-add] input")).to_be_focused()
    network(page)

    expect(attached(page)).to_have_count(1)
    expect(pending_tiles(page)).to_have_count(0)
    assert device.photos.count() == Upload.objects.count() == 1


def fail_once(page: Page, url: str, **response) -> None:
    page.route(url, lambda route: route.fulfill(**response), times=1)


def test_expired_upload_url_is_requested_again(phone, device):
    page = phone()
    fail_once(page, "**/storage/uploads/**", status=403, body="late")
    choose(page, [photo("photo")])

    expect(attached(page)).to_have_count(1)
    assert (device.photos.count(), Upload.objects.count()) == (1, 2)


def test_retry_resumes_where_it_stopped(phone, device):
    page, sent = phone(), []
    page.on("request", lambda request: "/storage/uploads/" in request.url and sent.append(request.url))
    fail_once(page, "**/completion/", status=429, json={"error": "Слишком часто."}, headers={"Retry-After": "900"})
    choose(page, [photo("photo")])
    expect(page.get_by_text("Слишком часто.").first).to_be_visible()
    page.get_by_role("button", name="Повторить photo.jpg").click()

    expect(attached(page)).to_have_count(1)
    assert (len(sent), Upload.objects.count(), device.photos.count()) == (1, 1, 1)


@pytest.mark.usefixtures("storage_backend")
def test_passport_photo_is_saved_with_the_form_and_replaced_immediately(open_page, anna, make, photo_files):
    client = make.consented(anna)
    page = open_page()
    sign_in(page, anna.email)
    page.wait_for_url("**/clients/**")
    page.goto(reverse("passport:passport", args=[client.pk]))
    choose(page, photo_files("passport.jpg"))
    expect(page.get_by_text("Отправлено", exact=True)).to_be_visible()
    fill_passport(page)
    page.get_by_role("button", name="Далее").click()
    expect(page.get_by_role("heading", name="Шаг 3 — Устройства")).to_be_visible()
    first = Passport.objects.get().photo
    assert stored_photos([first]) == [((900, 1200), True, {}, False)]

    page.go_back()
    choose(page, [photo("better")])
    expect(pending_tiles(page)).to_have_count(0)
    expect(attached(page)).to_have_count(1)
    assert Passport.objects.get().photo not in ("", first)
    page.get_by_role("button", name="Удалить фото").click()
    page.get_by_role("button", name="Удалить", exact=True).click()
    expect(attached(page)).to_have_count(0)
    assert Passport.objects.get().photo == ""


def fill_passport(page: Page) -> None:
    page.get_by_label("Фамилия").fill("Иванов")
    page.get_by_label("Имя", exact=True).fill("Пётр")
    page.get_by_label("Серия и номер").fill("4613348353")
    page.get_by_label("Кем выдан").fill("ГУ МВД России по г. Москве")
    page.get_by_label("Код подразделения").fill("770001")
    page.get_by_label("Дата выдачи").fill("20.03.2015")
    page.get_by_label("Адрес регистрации", exact=True).fill("г. Москва, ул. Садовая, д. 1")


def test_leaving_during_uploads_asks_for_confirmation(phone, device, photo_files):
    page = phone()
    page.get_by_role("heading", level=1).click()  # browsers ask only after an interaction with the page
    network(page, upload=10_000)
    choose(page, photo_files("photo.jpg"))
    expect(page.get_by_role("progressbar")).to_be_visible()

    page.on("dialog", lambda dialog: dialog.dismiss())
    with page.expect_event("dialog") as dialog:
        page.evaluate("location.href = '/clients/'")
    assert dialog.value.type == "beforeunload"
    network(page)
    expect(attached(page)).to_have_count(1)


@pytest.mark.parametrize("page_of", ["devices:devices", "devices:add"])
def test_file_input_works_without_javascript(phone, make, device, page_of, photo_files):
    page = phone(page_of, java_script_enabled=False)
    page.locator("input[type=file]").set_input_files(photo_files("front.jpg", "back.jpg"))
    if page_of == "devices:add":
        page.get_by_label("Название").fill("Гефест")
        page.get_by_label("Тип").select_option(index=1)
    page.get_by_role("button", name=re.compile("Отправить фото|Сохранить")).click()

    expect(attached(page)).to_have_count(2)
    assert stored_photos(DevicePhoto.objects.values_list("key", flat=True)) == [((900, 1200), True, {}, False)] * 2


@pytest.fixture
def three_photos(device, anna):
    """Three photos of the device."""
    for color in ("red", "green", "blue"):
        file = io.BytesIO()
        Image.new("RGB", (300, 400), color).save(file, "JPEG")
        saving.save_device(device, [Photo(*[file.getvalue()] * 3)], by=anna)


def swipe(page: Page, pixels: int) -> None:
    page.mouse.move(180, 300)
    page.mouse.down()
    page.mouse.move(180 + pixels, 300, steps=4)
    page.mouse.up()


@pytest.mark.usefixtures("storage_backend")
def test_viewer_works_with_keyboard_and_swipes(phone, three_photos):
    page = phone()
    thumbnails = page.locator("a[data-view]")
    thumbnails.nth(1).press("Enter")
    viewer, counter = page.locator("[data-viewer]"), page.locator("[data-viewer] [data-part=counter]")
    shown = page.locator("[data-viewer] img")
    expect(counter).to_have_text("2 из 3")
    expect(shown).to_have_attribute("src", thumbnails.nth(1).evaluate("link => link.href"))
    expect(shown).to_have_js_property("naturalWidth", 300)

    for key, number in [("ArrowRight", 3), ("ArrowRight", 3), ("Home", 1), ("ArrowLeft", 1), ("End", 3)]:
        page.keyboard.press(key)
        expect(counter).to_have_text(f"{number} из 3")
    for pixels, number in [(200, 2), (-200, 3), (-10, 3)]:
        swipe(page, pixels)
        expect(counter).to_have_text(f"{number} из 3")
    page.get_by_role("button", name="Предыдущее фото").click()
    expect(counter).to_have_text("2 из 3")

    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    expect(thumbnails.nth(1)).to_be_focused()


def test_unavailable_photo_shows_an_error(phone, three_photos):
    page = phone()
    network(page, offline=True)
    page.locator("a[data-view]").first.click()

    expect(page.get_by_text("Фото не открылось")).to_be_visible()


def test_thumbnail_links_to_its_photo_without_javascript(phone, three_photos):
    page = phone(java_script_enabled=False)
    with page.expect_popup() as opened:
        page.locator("a[data-view]").first.click()

    assert opened.value.evaluate("document.contentType") == "image/jpeg"


def problems(page: Page) -> list[str]:
    page.evaluate("scrollTo(0, 0)")  # elsewhere the offline notice would cover a link
    results = Axe().run(page, options=RULES)
    overflow = [f"{overflow_width(page)} px wider than the screen"] if overflow_width(page) > 0 else []
    return overflow + ([results.generate_report()] if results.violations_count else [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_uploads_and_viewer_are_accessible(phone, screenshot, three_photos, photo_files, viewport, scheme):
    page = phone(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
    network(page, upload=5_000)
    choose(page, photo_files("a-long-name-of-a-photo.jpg", "b.jpg") + photo_files("note.jpg", content=b"Buy milk"))
    expect(page.get_by_role("progressbar").first).to_be_visible()
    network(page, offline=True)
    expect(page.get_by_text("Нет связи. Отправим сами").first).to_be_visible()
    page.get_by_role("button", name="Далее").click()
    expect(page.get_by_text("Отправляем фото, осталось: 2")).to_be_visible()
    screenshot(page, f"{scheme}-{viewport['width']}/photos")
    assert problems(page) == []

    page.get_by_role("button", name="Убрать").first.click()
    page.get_by_role("button", name="Убрать b.jpg").click()
    network(page)
    page.locator("a[data-view]").first.click()
    expect(page.locator("[data-viewer] img")).to_have_js_property("naturalWidth", 300)
    screenshot(page, f"{scheme}-{viewport['width']}/viewer")
    assert problems(page) == []

"""Photos on their way: real ones of 12 megapixels, from a phone whose connection and session come and go."""

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
from e2e.conftest import DESKTOP, PHONE, photo, sign_in, too_wide
from e2e.test_accessibility import RULES
from foundation.storage import object_storage
from managers.models import Session
from passport.models import Passport
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
    """Opens a page about the client on Анна's phone."""

    def opened(name: str = "devices:devices", **options) -> Page:
        page = open_page(**options)
        sign_in(page, anna.email)
        page.wait_for_url("**/clients/**")
        page.goto(reverse(name, args=[client.pk]))
        return page

    return opened


@pytest.fixture
def taken(tmp_path):
    """Files of these names, which a phone took; the content is a 12-megapixel JPEG unless given."""

    def write(*names: str, content: bytes | None = None) -> list[Path]:
        paths = [tmp_path / name for name in names]
        for path in paths:
            path.write_bytes(content or pictures.jpeg())
        return paths

    return write


def network(page: Page, *, offline: bool = False, upload: int = -1) -> None:
    """Bytes per second that the page may send; -1 is as many as it can."""
    if not hasattr(page, "wire"):
        page.wire = page.context.new_cdp_session(page)
        page.wire.send("Network.enable")
    limits = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": upload}
    page.wire.send("Network.emulateNetworkConditions", limits)


def choose(page: Page, files: list) -> None:
    page.locator("[data-add] input[type=file]").last.set_input_files(files)


def attached(page: Page):
    return page.locator("[data-photo]")


def pending_tiles(page: Page):
    return page.locator(".tile.sending")


def uprights_of(photos) -> list[tuple]:
    """Size of each photo, whether the sky is above, and what it still tells beside the picture."""
    seen = []
    for kept in photos:
        image = Image.open(io.BytesIO(object_storage.get(kept.key)))
        _, _, blue = image.resize((1, 4)).getpixel((0, 0))
        seen.append((image.size, blue > 150, dict(image.getexif()), "comment" in image.info))
    return seen


def test_a_photo_chosen_before_the_module_has_come_is_sent_too(phone, client, taken):
    page = phone("contracts:card")
    held = []
    page.route("**/photos*.js", lambda route: held.append(route))
    with page.expect_request("**/photos*.js"):
        page.goto(reverse("passport:passport", args=[client.pk]), wait_until="commit")
    choose(page, taken("1.jpg"))

    (module,) = held
    module.continue_()
    expect(attached(page)).to_have_count(1)
    assert page.locator("[data-add] input[type=file]").last.evaluate("input => input.files.length") == 0


@pytest.mark.usefixtures("storage_backend")
def test_photos_arrive_though_the_connection_is_lost_in_the_middle(phone, device, taken):
    page = phone()
    network(page, upload=20_000)
    choose(page, taken("1.jpg", "2.jpg", "3.jpg", "4.jpg") + taken("iphone.heic", content=pictures.heic()))
    expect(pending_tiles(page).locator("img:visible")).to_have_count(4)  # this browser can't show the fifth
    expect(page.get_by_text(re.compile(r"Отправлено [1-9]\d? %")).first).to_be_visible()

    network(page, offline=True)
    expect(page.get_by_text("Нет связи. Отправим сами").first).to_be_visible()
    assert device.photos.count() < 5
    network(page)

    expect(attached(page)).to_have_count(5)
    expect(pending_tiles(page)).to_have_count(0)
    seen = uprights_of(device.photos.all())
    assert sorted(seen) == sorted([((900, 1200), True, {}, False)] * 4 + [((750, 1000), True, {}, False)])


def test_photos_go_on_when_the_person_has_signed_in_again(phone, anna, device, taken):
    page = phone()
    network(page, upload=20_000)
    choose(page, taken("1.jpg", "2.jpg", "3.jpg", "4.jpg"))
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


def test_a_new_device_is_saved_when_its_photos_have_arrived(phone, make, client, taken):
    make.type("плита")
    page = phone()
    page.get_by_role("link", name="Добавить устройство").click()
    page.get_by_label("Тип").select_option(label="плита")
    network(page, upload=20_000)
    choose(page, taken("front.jpg", "back.jpg") + taken("note.jpg", content=b"Buy milk"))
    expect(page.get_by_text("Это не фото или файл повреждён").first).to_be_visible()

    page.get_by_role("button", name="Сохранить").click()
    expect(page.get_by_text(re.compile("Отправляем фото, осталось: [12]"))).to_be_visible()
    network(page)
    expect(page.get_by_text("Напишите название устройства")).to_be_visible()  # the title: nothing else is lost
    expect(page.get_by_text("Отправлено", exact=True)).to_have_count(2)
    page.get_by_label("Название").fill("Гефест")
    page.get_by_role("button", name="Убрать note.jpg").click()
    page.get_by_role("button", name="Сохранить").click()

    expect(attached(page)).to_have_count(2)
    expect(pending_tiles(page)).to_have_count(0)
    assert uprights_of(Device.objects.get().photos.all()) == [((900, 1200), True, {}, False)] * 2


def test_no_more_than_ten(phone, device):
    page = phone()
    choose(page, [photo(str(number), (80, 60)) for number in range(12)])

    expect(page.get_by_text("Не больше 10 фото. Не взяты: 10.jpg, 11.jpg.")).to_be_visible()
    expect(attached(page)).to_have_count(10)
    assert device.photos.count() == 10


def test_discarded_photo_is_not_sent(phone, device, taken):
    page = phone()
    network(page, upload=20_000)
    choose(page, taken("blurred.jpg", "sharp.jpg"))
    expect(page.get_by_role("progressbar", name="Отправка blurred.jpg")).to_be_visible()
    with page.expect_response("**/uploads/*/removal/"):  # else the other photo may have arrived before it is forgotten
        page.get_by_role("button", name="Убрать blurred.jpg").click()
    expect(page.locator("[data-add] input")).to_be_focused()
    network(page)

    expect(attached(page)).to_have_count(1)
    expect(pending_tiles(page)).to_have_count(0)
    assert device.photos.count() == Upload.objects.count() == 1


def refuse_once(page: Page, address: str, **answer) -> None:
    page.route(address, lambda route: route.fulfill(**answer), times=1)


def test_an_address_that_is_too_old_is_asked_for_anew(phone, device):
    page = phone()
    refuse_once(page, "**/storage/uploads/**", status=403, body="late")
    choose(page, [photo("photo")])

    expect(attached(page)).to_have_count(1)
    assert (device.photos.count(), Upload.objects.count()) == (1, 2)


def test_retry_resumes_where_it_stopped(phone, device):
    page, sent = phone(), []
    page.on("request", lambda request: "/storage/uploads/" in request.url and sent.append(request.url))
    refuse_once(page, "**/completion/", status=429, json={"error": "Слишком часто."}, headers={"Retry-After": "900"})
    choose(page, [photo("photo")])
    expect(page.get_by_text("Слишком часто.").first).to_be_visible()
    page.get_by_role("button", name="Повторить photo.jpg").click()

    expect(attached(page)).to_have_count(1)
    assert (len(sent), Upload.objects.count(), device.photos.count()) == (1, 1, 1)


@pytest.mark.usefixtures("storage_backend")
def test_the_passport_photo_is_kept_with_the_form_and_replaced_at_once(open_page, anna, make, taken):
    client = make.consented(anna)
    page = open_page()
    sign_in(page, anna.email)
    page.wait_for_url("**/clients/**")
    page.goto(reverse("passport:passport", args=[client.pk]))
    choose(page, taken("passport.jpg"))
    expect(page.get_by_text("Отправлено", exact=True)).to_be_visible()
    fill_passport(page)
    page.get_by_role("button", name="Далее").click()
    expect(page.get_by_role("heading", name="Шаг 3 — Устройства")).to_be_visible()
    first = Passport.objects.get().photo
    assert uprights_of([type("Kept", (), {"key": first})]) == [((900, 1200), True, {}, False)]

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


def test_leaving_while_photos_are_on_their_way_asks_first(phone, device, taken):
    page = phone()
    page.get_by_role("heading", level=1).click()  # a browser asks only those who did something on the page
    network(page, upload=10_000)
    choose(page, taken("photo.jpg"))
    expect(page.get_by_role("progressbar")).to_be_visible()

    page.on("dialog", lambda dialog: dialog.dismiss())
    with page.expect_event("dialog") as asked:
        page.evaluate("location.href = '/clients/'")
    assert asked.value.type == "beforeunload"
    network(page)
    expect(attached(page)).to_have_count(1)


@pytest.mark.parametrize("page_of", ["devices:devices", "devices:add"])
def test_without_javascript_a_file_field_does_the_same(phone, make, device, page_of, taken):
    page = phone(page_of, java_script_enabled=False)
    page.locator("input[type=file]").set_input_files(taken("front.jpg", "back.jpg"))
    if page_of == "devices:add":
        page.get_by_label("Название").fill("Гефест")
        page.get_by_label("Тип").select_option(index=1)
    page.get_by_role("button", name=re.compile("Отправить фото|Сохранить")).click()

    expect(attached(page)).to_have_count(2)
    assert uprights_of(DevicePhoto.objects.all()) == [((900, 1200), True, {}, False)] * 2


@pytest.fixture
def three(device, anna):
    """Three photos of the device."""
    for colour in ("red", "green", "blue"):
        picture = io.BytesIO()
        Image.new("RGB", (300, 400), colour).save(picture, "JPEG")
        saving.save_device(device, [(picture.getvalue(), picture.getvalue())], by=anna)


def swipe(page: Page, pixels: int) -> None:
    page.mouse.move(180, 300)
    page.mouse.down()
    page.mouse.move(180 + pixels, 300, steps=4)
    page.mouse.up()


@pytest.mark.usefixtures("storage_backend")
def test_photos_are_looked_at_with_keys_and_fingers(phone, three):
    page = phone()
    thumbnails = page.locator("a[data-view]")
    thumbnails.nth(1).press("Enter")
    viewer, counter = page.locator("[data-viewer]"), page.locator("[data-viewer] [data-part=counter]")
    shown = page.locator("[data-viewer] img")
    expect(counter).to_have_text("2 из 3")
    expect(shown).to_have_attribute("src", thumbnails.nth(1).evaluate("link => link.href"))
    expect(shown).to_have_js_property("naturalWidth", 300)

    for key, place in [("ArrowRight", 3), ("ArrowRight", 3), ("Home", 1), ("ArrowLeft", 1), ("End", 3)]:
        page.keyboard.press(key)
        expect(counter).to_have_text(f"{place} из 3")
    for pixels, place in [(200, 2), (-200, 3), (-10, 3)]:
        swipe(page, pixels)
        expect(counter).to_have_text(f"{place} из 3")
    page.get_by_role("button", name="Предыдущее фото").click()
    expect(counter).to_have_text("2 из 3")

    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    expect(thumbnails.nth(1)).to_be_focused()


def test_a_photo_that_can_not_be_opened_is_said_so(phone, three):
    page = phone()
    network(page, offline=True)
    page.locator("a[data-view]").first.click()

    expect(page.get_by_text("Фото не открылось")).to_be_visible()


def test_without_javascript_a_thumbnail_leads_to_its_photo(phone, three):
    page = phone(java_script_enabled=False)
    with page.expect_popup() as opened:
        page.locator("a[data-view]").first.click()

    assert opened.value.evaluate("document.contentType") == "image/jpeg"


def problems(page: Page) -> list[str]:
    page.evaluate("scrollTo(0, 0)")  # elsewhere the word of the lost connection lies over a link
    found = Axe().run(page, options=RULES)
    wide = [f"{too_wide(page)} px wider than the screen"] if too_wide(page) > 0 else []
    return wide + ([found.generate_report()] if found.violations_count else [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_photos_on_their_way_and_the_viewer_are_accessible(phone, screenshot, three, taken, viewport, scheme):
    page = phone(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
    network(page, upload=5_000)
    choose(page, taken("a-long-name-of-a-photo.jpg", "b.jpg") + taken("note.jpg", content=b"Buy milk"))
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

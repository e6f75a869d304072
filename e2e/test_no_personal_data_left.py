"""No personal data is left behind.

Process a client with marked data in the browser, then search URLs, browser storage (including the profile on disk) and
the server log for it.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from django.core import mail
from django.db import DatabaseError
from django.urls import reverse
from playwright.sync_api import BrowserContext, Page, expect

from clients.models import Client, Status
from conftest import PASSWORD, next_code
from contracts import issuing
from contracts.conftest import code_sent_to
from devices.models import DevicePhoto
from e2e.conftest import (
    LAUNCH_OPTIONS,
    LOCALE_OPTIONS,
    PHONE,
    TIMEOUT_MS,
    open_other_way,
    photo,
    sign_in,
    wait_for_idle_server,
)
from foundation.storage import object_storage
from managers.models import Session
from passport.models import Passport

pytestmark = pytest.mark.e2e

# Typed values by label; each contains words that occur nowhere else.
CONTACT = {
    "Имя": "Зюзьмаркова Хвощина",
    "Телефон": "+7 977 604-81-73",
    "Электронная почта": "zyuzmark@hvoya.example",
    "Адрес": "г. Кнюхтеград, ул. Жбанная, д. 1",
}
PASSPORT = {
    "Фамилия": "Зюзьмаркова",
    "Имя": "Хвощина",
    "Серия и номер": "4617 605849",
    "Кем выдан": "Отдел Пфуляндского района",
    "Код подразделения": "770-001",
    "Дата выдачи": "20.03.2015",
    "Адрес регистрации": "г. Щучьевск, ул. Цмокова, д. 2",
}
DEVICE = {"Название": "Морозилка Гыцелька", "Серийный номер": "QZX-90417-WVK", "Описание": "Вмятина Ёпсилон"}
NOTE, SEARCH = "Ключ у Дзюбахиной", "Мяффинов Эдельвейс"
# Long enough not to occur in ciphertexts, hashes or times by chance.
MARKERS = (
    "Зюзьмарков", "Хвощина", "604-81-73", "9776048173", "zyuzmark", "Кнюхтеград", "Жбанная", "4617605849",
    "4617 605849", "46 17 605849", "№ 605849", '"605849"', ">605849<", "Пфуляндск", "Щучьевск", "Цмокова", "Гыцельк",
    "QZX-90417-WVK", "Ёпсилон", "Дзюбахин", "Мяффинов", "Эдельвейс",
)  # fmt: skip


def encodings(marker: str) -> Iterator[bytes]:
    """Yield the encodings in which files may contain the marker."""
    yield marker.encode()
    yield marker.encode("utf-16-le")
    yield quote(marker).encode()
    yield quote_plus(marker).encode()
    yield json.dumps(marker)[1:-1].encode()
    if not marker.isascii():
        yield marker.encode("cp1251")


def markers_in(content: str | bytes) -> list[str]:
    content = content.encode() if isinstance(content, str) else content
    return [marker for marker in MARKERS if any(encoded in content for encoded in encodings(marker))]


class Profile:
    """A browser with a profile folder on disk, and its requests."""

    def __init__(self, context: BrowserContext, folder: Path):
        self.context, self.folder, self.requests = context, folder, []
        context.on("request", lambda request: self.requests.append(request))
        self.page = context.pages[0]
        self.page.set_default_timeout(TIMEOUT_MS)

    def urls(self) -> list[str]:
        """Return every requested URL with its referrer."""
        return [f"{request.url} {request.headers.get('referer', '')}" for request in self.requests]

    def page_storage(self) -> str:
        """Return cookies, storage, caches, databases and history state as JSON."""
        state = self.context.storage_state(indexed_db=True)
        return json.dumps([state, self.page.evaluate(READ_STORAGE)], ensure_ascii=False)

    def files(self) -> dict[str, bytes]:
        """Close the browser and return the files of its profile."""
        self.context.close()
        paths = [path for path in self.folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}


READ_STORAGE = """async () => {
    const caches_ = [];
    for (const name of await caches.keys()) {
        for (const request of await (await caches.open(name)).keys()) caches_.push(request.url);
    }
    return {
        local: { ...localStorage }, session: { ...sessionStorage }, caches: caches_, history: history.state,
        databases: await indexedDB.databases(), name: window.name,
    };
}"""


@pytest.fixture
def profile(chromium, live_server, transactional_db, tmp_path):
    folder = tmp_path / "profile"
    context = chromium.browser_type.launch_persistent_context(
        folder,
        **LAUNCH_OPTIONS,
        **LOCALE_OPTIONS,
        viewport=PHONE,
        base_url=live_server.url,
    )
    yield Profile(context, folder)
    context.close()
    wait_for_idle_server()


def fill(page, fields: dict[str, str]) -> None:
    for label, text in fields.items():
        page.get_by_label(re.compile(f"^{label}")).fill(text)


def press(page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def expect_title(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def go_back_and_forward(page: Page, title: str) -> None:
    expect_title(page, title)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).not_to_have_text(title)
    page.go_forward()
    expect_title(page, title)


def add_client(page: Page) -> Client:
    page.get_by_role("searchbox").fill(SEARCH)
    expect(page.get_by_text("Никого не нашлось").first).to_be_attached()
    page.get_by_role("link", name="Новый клиент").click()
    fill(page, CONTACT | {"Телефон": "604-81-73"})
    press(page, "Добавить")
    expect(page.get_by_text("Такого номера нет").or_(page.get_by_text("Введите номер")).first).to_be_visible()
    fill(page, CONTACT)
    press(page, "Добавить")
    go_back_and_forward(page, "Шаг 1 — Данные")
    press(page, "Далее")
    return Client.objects.get(user__phone="9776048173")


def enter_passport(page: Page, anna) -> None:
    """Enter the passport with a photo; the session ends before the form is submitted."""
    open_other_way(page)
    page.get_by_label("Клиент прочитал и согласен").check()
    press(page, "Далее")
    fill(page, PASSPORT)
    page.locator("[data-add] input[type=file]").set_input_files(photo("passport"))
    expect(page.get_by_text("Отправлено", exact=True)).to_be_visible()
    Session.objects.all().delete()
    press(page, "Далее")
    dialog = page.locator("#dialog")
    fill(dialog, {"Электронная почта": anna.email, "Пароль": PASSWORD})
    press(dialog, "Войти")
    fill(dialog, {"Код": next_code(anna)})
    press(dialog, "Продолжить")
    expect(dialog).to_be_hidden()
    press(page, "Далее")
    expect_title(page, "Шаг 3 — Устройства")


def add_device(page: Page) -> None:
    page.get_by_role("link", name="Добавить устройство").click()
    page.get_by_label("Тип").select_option(label="холодильник")
    fill(page, DEVICE)
    page.locator("#device-dialog input[type=file]").set_input_files([photo("front"), photo("back")])
    press(page, "Сохранить")
    expect(page.locator("[data-photo]")).to_have_count(2)
    page.locator("a[data-view]").first.click()
    expect(page.locator("[data-viewer] img")).to_have_js_property("complete", True)
    page.keyboard.press("Escape")
    page.goto(page.get_by_role("link", name=re.compile("^Изменить")).get_attribute("href"))
    expect_title(page, "Изменить устройство")
    page.go_back()
    expect_title(page, "Шаг 3 — Устройства")
    press(page, "Далее")


def cause_errors(page: Page, monkeypatch, client: Client) -> None:
    """Cause a server error whose message contains client data, then open missing pages."""
    expect_title(page, "Шаг 4 — Договор")

    def fail(*args, **kwargs):
        raise DatabaseError(f"{CONTACT['Имя']} {PASSPORT['Серия и номер']}")

    with monkeypatch.context() as patch:
        patch.setattr(issuing, "issue", fail)
        press(page, "Сформировать договор")
        expect(page.get_by_text("Не получилось: на сервере ошибка")).to_be_visible()
    for url in (f"{reverse('contracts:card', args=[client.pk])}nowhere/", "/nowhere/"):
        page.goto(url)
        expect_title(page, "Такой страницы нет")
        page.go_back()
        expect_title(page, "Шаг 4 — Договор")


def sign(page: Page, client: Client) -> None:
    press(page, "Сформировать договор")
    open_other_way(page)
    page.get_by_label("Клиент прочитал и согласен").check()
    press(page, "Запросить код")
    expect(page.get_by_text("Код отправлен клиенту").first).to_be_visible()
    go_back_and_forward(page, "Шаг 4 — Договор")
    page.get_by_label("Код", exact=True).fill(code_sent_to(client))
    page.get_by_label("Клиент прочитал договор").check()
    page.get_by_label("Код", exact=True).press("Enter")
    expect_title(page, "Договор подписан")
    page.get_by_role("link", name="Подтвердить оплату").click()
    page.get_by_label("Наличные").check()
    press(page, "Деньги поступили")
    expect_title(page, "Успешно оформлен")


def open_all_pages(page: Page, client: Client) -> None:
    page.get_by_role("link", name="Карточка клиента").click()
    page.get_by_label("Заметка").fill(NOTE)
    press(page, "Добавить заметку")
    expect(page.locator(".timeline").get_by_text(NOTE)).to_be_visible()
    for link in page.get_by_role("link", name=re.compile("PDF")).all():
        assert page.evaluate("url => fetch(url).then(response => response.status)", link.get_attribute("href")) == 200
    page.goto(reverse("passport:passport", args=[client.pk]))
    press(page, "Показать")
    expect(page.get_by_text("Показ записан в журнал")).to_be_visible()
    page.locator("a[data-view]").click()
    expect(page.locator("[data-viewer] img")).to_have_js_property("complete", True)
    page.keyboard.press("Escape")
    page.get_by_role("link", name="К списку").click()
    page.get_by_role("link", name="Мои").click()
    expect_title(page, "Мои")
    # Until HTMX has processed the new list, its search field sends nothing.
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)
    with page.expect_response("**/clients/search/"):
        page.get_by_role("searchbox").fill(CONTACT["Имя"])
    expect(page.get_by_text("Найдено: 1")).to_be_attached()  # the previous list is replaced
    page.get_by_role("link", name=CONTACT["Имя"]).click()
    go_back_and_forward(page, "Успешно оформлен")


def test_no_marked_data_is_left(profile, logged, make, anna, monkeypatch, settings):
    settings.ADMINS = ["admin@privet.example"]
    make.tariff()
    make.type("холодильник")
    page = profile.page
    sign_in(page, anna.email)
    client = add_client(page)
    enter_passport(page, anna)
    add_device(page)
    cause_errors(page, monkeypatch, client)
    sign(page, client)
    open_all_pages(page, client)

    client = make.fresh(client)
    assert (client.status, client.user.name, client.passport.digits) == (Status.PROCESSED, CONTACT["Имя"], "4617605849")
    assert DevicePhoto.objects.count() == 2
    log = "\n".join(line for line in logged if line.startswith("{"))  # as in production
    assert all(view in log for view in ("clients:contact", "passport:passport", "upload_completion", "DatabaseError"))
    assert markers_in(log) == []
    urls = profile.urls()
    assert any("/uploads/" in url for url in urls)
    assert [url for url in urls if markers_in(url)] == []
    assert markers_in(profile.page_storage()) == []
    assert mail.outbox == []

    jpeg = object_storage.get(Passport.objects.get().photo)
    files = profile.files()
    assert any("/Cache_Data/" in name and b"static/js/app" in content for name, content in files.items())
    assert {name: markers_in(content) for name, content in files.items() if markers_in(content)} == {}
    assert [name for name, content in files.items() if jpeg[1000:1100] in content] == []

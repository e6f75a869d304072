"""Chromium against the live server. Unexpected console errors fail the test."""

import io
import os
import re
import shutil
import time
from pathlib import Path

import pytest
from django.db import connection
from PIL import Image, ImageDraw
from playwright.sync_api import ConsoleMessage, Page, expect, sync_playwright

from conftest import PASSWORD, as_superuser, authenticator_of, next_code
from foundation.storage import object_storage
from managers.models import Manager

# Playwright's event loop runs in this thread, but the database is used synchronously.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

# Milliseconds; enough for a busy machine.
TIMEOUT_MS = 30_000
expect.set_options(timeout=TIMEOUT_MS)

PHONE = {"width": 360, "height": 740}
SCREENSHOT_HEIGHT = 1100
DESKTOP = {"width": 1280, "height": 900}
# Console errors of responses that are part of the tests.
EXPECTED_ERRORS = (
    *(f"status of {status}" for status in (401, 403, 409, 422, 429, 503)),
    "ERR_INTERNET_DISCONNECTED",
    "htmx:afterRequest",
    "htmx:sendError",
    "htmx:historyCacheMissLoadError",
)


LAUNCH_OPTIONS = {
    "executable_path": shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome"),
    "args": ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
}
LOCALE_OPTIONS = {"locale": "ru-RU", "timezone_id": "Europe/Moscow"}


@pytest.fixture(scope="session")
def chromium():
    assert LAUNCH_OPTIONS["executable_path"], "Chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**LAUNCH_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, live_server, transactional_db):
    """A function that opens a page in a new browser profile. Unexpected console errors fail the test."""
    contexts, errors = [], []

    def open_in_new_context(viewport=PHONE, **options) -> Page:
        context = chromium.new_context(viewport=viewport, base_url=live_server.url, **LOCALE_OPTIONS, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.on("pageerror", lambda error: errors.append(f"{error.message} {error.stack}"))
        page.on("console", lambda message: is_unexpected_error(message) and errors.append(message.text))
        return page

    yield open_in_new_context
    for context in contexts:
        context.close()
    wait_for_idle_server()
    assert [text for text in errors if not any(expected in text for expected in EXPECTED_ERRORS)] == []


def is_unexpected_error(message: ConsoleMessage) -> bool:
    """Whether the message is an error. An ended page of a client is a 404."""
    is_ended_page = "status of 404" in message.text and re.search("/(c|page|copy)/", message.location["url"])
    return message.type == "error" and not is_ended_page


def wait_for_idle_server() -> None:
    """Wait until the server has finished requests of closed browsers, before the tables are truncated."""
    deadline = time.monotonic() + TIMEOUT_MS / 1000
    while active_queries() and time.monotonic() < deadline:
        time.sleep(0.02)


def active_queries() -> int:
    with as_superuser(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
        )
        return cursor.fetchone()[0]


@pytest.fixture
def public_address(settings, live_server) -> None:
    """Links for clients lead to the live server."""
    settings.APP_BASE_URL = live_server.url


@pytest.fixture(params=["local", "s3"])
def storage_backend(request, settings, live_server) -> str:
    """Run the test with local files and with the S3 server, set up as in production. The value is the backend."""
    if request.param == "s3":
        request.getfixturevalue("s3_bucket")
        origin = settings.S3_PUBLIC_ENDPOINT
        settings.APP_BASE_URL = live_server.url
        settings.SECURE_CSP = settings.SECURE_CSP | {
            name: [*settings.SECURE_CSP[name], origin] for name in ("img-src", "connect-src")
        }
    object_storage.set_up_bucket()
    return request.param


SMALL_TARGETS = """() => [...document.querySelectorAll(
    "main :is(button, summary, .button, input, select, textarea):not([type=hidden])"
)].filter(element => element.checkVisibility({ visibilityProperty: true }))
  .map(element => element.closest("label") ?? element)
  .filter(element => element.getBoundingClientRect().height < 44 || element.getBoundingClientRect().width < 44)
  .map(element => element.outerHTML)"""


def small_targets(page: Page) -> list[str]:
    """The controls that are lower or narrower than 44 px."""
    return page.evaluate(SMALL_TARGETS)


def overflow_width(page: Page) -> int:
    """Return by how many pixels the page is wider than the screen."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.fixture
def screenshot(request):
    """A function that takes a screenshot for the README if --screenshots is given."""
    folder = request.config.getoption("--screenshots")

    def take(page: Page, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.evaluate("scrollTo(0, 0)")
            height = min(SCREENSHOT_HEIGHT, page.evaluate("document.documentElement.scrollHeight"))
            clip = {"x": 0, "y": 0, "width": page.viewport_size["width"], "height": height}
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=True, clip=clip)

    return take


def open_other_way(page: Page) -> None:
    """At steps 2 and 4: show what the manager does for a client without a phone."""
    page.locator(".other-way > summary").click()


def sign_in(page: Page, email: str) -> None:
    page.goto("/")
    page.get_by_label("Электронная почта").fill(email)
    page.get_by_label("Пароль", exact=True).fill(PASSWORD)
    manager = Manager.objects.get(email=email)
    authenticator_of(manager)
    page.get_by_role("button", name="Войти").click()
    enter_code(page, manager)


def enter_code(page: Page, manager: Manager) -> None:
    page.get_by_label("Код", exact=True).fill(next_code(manager))
    page.get_by_role("button", name="Продолжить").click()
    page.wait_for_url(lambda url: "/second-factor/" not in url and "/sign-in/" not in url)


def photo(text: str, size=(1600, 1200)) -> dict:
    """Return a JPEG file to upload."""
    image = Image.new("RGB", size, "#d8e6ee")
    ImageDraw.Draw(image).text((80, 80), text, fill="#123", font_size=120)
    file = io.BytesIO()
    image.save(file, "JPEG")
    return {"name": f"{text}.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()}

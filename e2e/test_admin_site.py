"""Layout of the admin lists on phones and desktops: no overlaps and nothing outside the screen."""

import pytest
from playwright.sync_api import Locator, expect

from contracts.test_admin import issued
from e2e.conftest import DESKTOP, PHONE, overflow_width, sign_in

pytestmark = pytest.mark.e2e
LONG_NAME = "Рождественский-Преображенский Константин Вячеславович"


def distance(one: Locator, other: Locator) -> float:
    """Return the pixels between two elements, side by side or below each other."""
    a, b = one.bounding_box(), other.bounding_box()
    return max(b["x"] - a["x"] - a["width"], b["y"] - a["y"] - a["height"])


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_action_and_manager_fields_do_not_overlap(open_page, gleb, make, viewport):
    make.client()
    page = open_page(viewport)
    sign_in(page, gleb.email)
    page.goto("/admin/clients/client/")

    choice = page.locator("label", has=page.get_by_label("Менеджер:"))
    assert distance(page.get_by_label("Действие:"), choice) >= 8
    assert page.get_by_label("Менеджер:").bounding_box()["width"] > 100
    assert page.get_by_role("textbox").bounding_box()["width"] > 100
    assert overflow_width(page) == 0


def test_long_names_wrap(open_page, gleb, anna, make):
    issued(make, anna, name=LONG_NAME)
    page = open_page(DESKTOP)
    sign_in(page, gleb.email)
    page.goto("/admin/contracts/contract/")

    assert page.get_by_role("cell", name=LONG_NAME).bounding_box()["width"] < 200


def test_history_fits_the_screen(open_page, gleb, anna, make):
    client = issued(make, anna, name=LONG_NAME).client
    page = open_page(PHONE)
    sign_in(page, gleb.email)
    page.goto(f"/admin/clients/client/{client.pk}/history/")

    expect(page.get_by_role("region", name="Изменения")).to_be_visible()
    assert overflow_width(page) == 0

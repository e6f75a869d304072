"""The lists of the admin site on a phone and on a desk: nothing is glued together or pushed out of sight."""

import pytest
from playwright.sync_api import Locator, expect

from contracts.test_admin import issued
from e2e.conftest import DESKTOP, PHONE, sign_in, too_wide

pytestmark = pytest.mark.e2e
LONG = "Рождественский-Преображенский Константин Вячеславович"


def apart(one: Locator, other: Locator) -> float:
    """The pixels between two parts of a page, beside or below each other."""
    a, b = one.bounding_box(), other.bounding_box()
    return max(b["x"] - a["x"] - a["width"], b["y"] - a["y"] - a["height"])


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desk"])
def test_an_action_and_its_choice_stand_apart(open_page, gleb, make, viewport):
    make.client()
    page = open_page(viewport)
    sign_in(page, gleb.email)
    page.goto("/admin/clients/client/")

    choice = page.locator("label", has=page.get_by_label("Менеджер:"))
    assert apart(page.get_by_label("Действие:"), choice) >= 8
    assert page.get_by_label("Менеджер:").bounding_box()["width"] > 100
    assert page.get_by_role("textbox").bounding_box()["width"] > 100
    assert too_wide(page) == 0


def test_long_names_go_on_the_next_line(open_page, gleb, anna, make):
    issued(make, anna, name=LONG)
    page = open_page(DESKTOP)
    sign_in(page, gleb.email)
    page.goto("/admin/contracts/contract/")

    assert page.get_by_role("cell", name=LONG).bounding_box()["width"] < 200


def test_a_history_does_not_widen_the_page(open_page, gleb, anna, make):
    client = issued(make, anna, name=LONG).client
    page = open_page(PHONE)
    sign_in(page, gleb.email)
    page.goto(f"/admin/clients/client/{client.pk}/history/")

    expect(page.get_by_role("region", name="Изменения")).to_be_visible()
    assert too_wide(page) == 0

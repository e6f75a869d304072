"""Forms say where they are sent: without that htmx sends them to where the browser is when it meets them."""

import re

import pytest

from privet.env import BASE_DIR

PAGES = [path for path in (BASE_DIR / "templates").rglob("*.html") if "admin" not in path.parts]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: "/".join(page.parts[-2:]))
def test_every_form_says_where_it_is_sent(page):
    forms = re.findall(r"<form\b[^>]*>", page.read_text())

    assert [form for form in forms if "action=" not in form and 'method="dialog"' not in form] == []

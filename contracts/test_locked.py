"""Step 4 of a contract that is locked after too many wrong codes."""

import pytest
from django.urls import reverse

from contracts import signing
from contracts.models import MAX_ATTEMPTS_PER_CONTRACT, Contract


@pytest.fixture
def step_4(issued) -> str:
    """URL of step 4 of a client whose contract is locked."""
    Contract.objects.update(failed_tries=MAX_ATTEMPTS_PER_CONTRACT)
    return reverse("contracts:contract", args=[issued.client_id])


def test_locked_contract_names_the_admins_and_the_next_action(as_anna, gleb, issued, step_4):
    page = as_anna.get(step_4).text

    assert f"Попросите администратора разблокировать договор {issued.number}" in page
    assert f'<a href="mailto:{gleb.email}">Глеб Волков</a>.' in page
    assert "Анна Смирнова</a>" not in page
    assert f'<a class="button" href="{step_4}">Проверить ещё раз</a>' in page
    assert "Подписать" not in page

    signing.unlock(Contract.objects.get(), by=gleb)
    assert "Запросить код" in as_anna.get(step_4).text


def test_locked_contract_links_admins_to_its_admin_page(as_gleb, issued, step_4):
    url = reverse("admin:contracts_contract_change", args=[issued.pk])

    assert f'<a class="button" href="{url}" hx-boost="false">Открыть договор</a>' in as_gleb.get(step_4).text
    assert "Разблокировать подписание" in as_gleb.get(url).text

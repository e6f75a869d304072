"""What step 4 says when too many wrong codes have locked the signature."""

import pytest
from django.urls import reverse

from contracts import signing
from contracts.models import MAX_ATTEMPTS_PER_CONTRACT, Contract


@pytest.fixture
def step_4(issued) -> str:
    """The address of step 4 of a client whose contract is locked."""
    Contract.objects.update(failed_tries=MAX_ATTEMPTS_PER_CONTRACT)
    return reverse("contracts:contract", args=[issued.client_id])


def test_a_locked_contract_says_who_helps_and_how_it_goes_on(as_anna, gleb, issued, step_4):
    page = as_anna.get(step_4).text

    assert f"Попросите администратора разблокировать договор {issued.number}" in page
    assert f'<a href="mailto:{gleb.email}">Глеб Волков</a>.' in page
    assert "Анна Смирнова</a>" not in page
    assert f'<a class="button" href="{step_4}">Проверить ещё раз</a>' in page
    assert "Подписать" not in page

    signing.unlock(Contract.objects.get(), by=gleb)
    assert "Запросить код" in as_anna.get(step_4).text


def test_a_locked_contract_leads_an_admin_to_where_it_is_unlocked(as_gleb, issued, step_4):
    where = reverse("admin:contracts_contract_change", args=[issued.pk])

    assert f'<a class="button" href="{where}" hx-boost="false">Открыть договор</a>' in as_gleb.get(step_4).text
    assert "Разблокировать подписание" in as_gleb.get(where).text

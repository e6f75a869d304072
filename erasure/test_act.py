"""The act and its log extract contain what Roskomnadzor's order 179 of 28.10.2022 requires (items 3 and 5)."""

import hashlib

import pytest
from django.urls import reverse
from django.utils import timezone

from clients.disclosure import Disclosure, DisclosureKind
from erasure import act, erasing
from erasure.conftest import MARK, act_text
from erasure.models import Erasure, ErasureReason
from foundation.storage import object_storage

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("maintenance")]


@pytest.fixture
def erasure(issued, gleb, settings) -> Erasure:
    settings.COMPANY_NAME, settings.COMPANY_ADDRESS = "ООО «Дом»", "101000, г. Москва, ул. Мира, д. 1"
    settings.COMPANY_DATA_OFFICER, settings.COMPANY_DATA_OFFICER_POSITION = "Тихонова Анна Юрьевна", "инспектор"
    return erasing.erase(issued.client, ErasureReason.REQUEST, by=gleb, note="Заявление вх. 15")


def test_act_contains_what_the_order_requires(erasure):
    text = act_text(erasure)
    day = timezone.localtime(erasure.erased_at)
    for part in (
        f"Акт № {erasure.number} об уничтожении персональных данных",
        "ООО «Дом»", "101000, г. Москва, ул. Мира, д. 1",  # а) operator
        "Другим лицам не поручалась",  # б) processor
        f"{MARK} Пётр Сергеевич", str(erasure.client_id),  # в) subject
        "Глеб Волков", "Администратор системы", "Тихонова Анна Юрьевна", "Инспектор", "подпись",  # г) persons
        *erasure.categories,  # д) categories
        "Бумажных носителей нет",  # е) media
        "«Привет»: база данных и хранилище файлов",  # ж) information system
        "Способ уничтожения", "без возможности восстановления",  # з) method
        "Требование клиента (часть 1 статьи 14, часть 5.1 статьи 21 Закона № 152-ФЗ)", "Заявление вх. 15",  # и) reason
        f"{day:%d.%m.%Y %H:%M}",  # к) date
        "Выгрузка из журнала регистрации событий", "таблица users_passports, записей: 1", "файл passports/",
        f"{timezone.localtime(erasure.purged_from_backups_at):%d.%m.%Y}",
    ):  # fmt: skip
        assert " ".join(part.split()) in text.replace("\u00a0", " "), part


def test_act_matches_its_hash_and_is_deterministic(erasure):
    file = object_storage.get(erasure.act_key)
    assert hashlib.sha256(file).hexdigest() == erasure.act_sha256
    assert act.render_act(Erasure.objects.get()) == file


def test_opening_the_act_records_a_disclosure(erasure, as_gleb):
    response = as_gleb.get(reverse("erasure:act", args=[erasure.number]))
    assert (response.status_code, response["Content-Type"]) == (200, "application/pdf")
    row = Disclosure.objects.get(what=DisclosureKind.ERASURE_ACT)
    assert (row.client_id, row.document) == (erasure.client_id, f"Акт № {erasure.number}")


@pytest.mark.parametrize("number", [0, 10**30])
def test_unknown_act_returns_404(number, as_gleb):
    assert as_gleb.get(f"/erasures/{number}/act/").status_code == 404


def test_pending_act_returns_404(erasure, as_gleb):
    Erasure.objects.update(act_key="")
    assert as_gleb.get(reverse("erasure:act", args=[erasure.number])).status_code == 404

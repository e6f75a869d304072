"""The act with the extract of the log says all that Roskomnadzor's order 179 of 28.10.2022 asks for (items 3 and 5)."""

import hashlib

import pytest
from django.urls import reverse
from django.utils import timezone

from clients.disclosure import Disclosure, DisclosureKind
from erasure import act, erasing
from erasure.conftest import MARK, act_text
from erasure.models import Erasure, ErasureReason
from foundation.storage import object_storage

pytestmark = pytest.mark.django_db


@pytest.fixture
def erasure(drafted, gleb, settings) -> Erasure:
    settings.COMPANY_NAME, settings.COMPANY_ADDRESS = "ООО «Дом»", "101000, г. Москва, ул. Мира, д. 1"
    settings.COMPANY_DATA_OFFICER, settings.COMPANY_DATA_OFFICER_POSITION = "Тихонова Анна Юрьевна", "инспектор"
    return erasing.erase(drafted.client, ErasureReason.REQUEST, by=gleb, note="Заявление вх. 15")


def test_it_says_what_the_order_asks_for(erasure):
    text = act_text(erasure)
    day = timezone.localtime(erasure.erased_at)
    for said in (
        f"Акт № {erasure.number} об уничтожении персональных данных",
        "ООО «Дом»", "101000, г. Москва, ул. Мира, д. 1",  # а) operator
        "Другим лицам не поручалась",  # б) who processed for the operator
        f"{MARK} Пётр Сергеевич", str(erasure.client_id),  # в) subject
        "Глеб Волков", "Администратор системы", "Тихонова Анна Юрьевна", "Инспектор", "подпись",  # г) who did it
        *erasure.categories,  # д) categories
        "Бумажных носителей нет",  # е) media
        "«Привет»: база данных и хранилище файлов",  # ж) information system
        "Способ уничтожения", "без возможности восстановления",  # з) how
        "Требование клиента (часть 1 статьи 14, часть 5.1 статьи 21 Закона № 152-ФЗ)", "Заявление вх. 15",  # и) why
        f"{day:%d.%m.%Y %H:%M}",  # к) when
        "Выгрузка из журнала регистрации событий", "таблица users_passports, записей: 1", "файл passports/",
        f"{timezone.localtime(erasure.purged_from_backups_at):%d.%m.%Y}",
    ):  # fmt: skip
        assert " ".join(said.split()) in text.replace("\u00a0", " "), said


def test_the_file_is_the_one_that_was_hashed_and_can_be_made_again(erasure):
    file = object_storage.get(erasure.act_key)
    assert hashlib.sha256(file).hexdigest() == erasure.act_sha256
    assert act.render_act(Erasure.objects.get()) == file


def test_opening_it_is_on_record(erasure, as_gleb):
    answer = as_gleb.get(reverse("erasure:act", args=[erasure.number]))
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    shown = Disclosure.objects.get(what=DisclosureKind.ERASURE_ACT)
    assert (shown.client_id, shown.document) == (erasure.client_id, f"Акт № {erasure.number}")


@pytest.mark.parametrize("number", [0, 10**30])
def test_an_act_that_there_is_not_is_404(number, as_gleb):
    assert as_gleb.get(f"/erasures/{number}/act/").status_code == 404


def test_an_act_that_is_not_made_yet_is_404(erasure, as_gleb):
    Erasure.objects.update(act_key="")
    assert as_gleb.get(reverse("erasure:act", args=[erasure.number])).status_code == 404

"""The agreement on electronic signatures: what it says about the code, the two ways of signing, and who marked it."""

import pytest

from agreements.documents import AgreementDocument
from agreements.models import AgreementKind
from agreements.test_agreements import text_of
from clients.models import AppUser

pytestmark = pytest.mark.django_db


def document(client, by, **fields) -> AgreementDocument:
    return AgreementDocument.for_client(client, AgreementKind.ELECTRONIC_SIGNATURE, by=by, **fields)


def words(html: str) -> str:
    return " ".join(html.replace("\u00a0", " ").split())


@pytest.mark.parametrize(
    "clause",
    [
        "в личный кабинет Клиента в приложении «Привет Супер» либо",
        "в SMS-сообщении на номер телефона",
        "одним из двух способов",
        "страница клиента), читает на ней договор, соглашается подписать его и вводит код",
        "в присутствии работника называет ему код, а работник вводит код за Клиента",
        "Ссылка действует ограниченное время и только на том устройстве, на котором её открыли",
        "кто и где ввёл код, IP-адрес и сведения о браузере",
        "никому его не сообщать",
        "пункт 1 части 2 статьи 9 Закона",
        "пункт 2 части 2 статьи 9 Закона",
    ],
)
def test_agreement_says_how_documents_are_signed(make, anna, clause):
    assert clause in words(document(make.verified(anna), anna).text)


def test_agreement_names_the_email_only_if_there_is_one(make, anna):
    client = make.verified(anna, email="petr@mail.example")
    text = words(document(client, anna).text)
    assert "эл. почта petr@mail.example (Клиент)" in text
    assert "на номер телефона или письмом на адрес электронной почты, указанные в этом Соглашении." in text

    AppUser.objects.update(email=None)
    text = words(document(make.fresh(client), anna).text)
    assert "+7 (977) 000-00-01 (Клиент)" in text
    assert "на номер телефона, указанный в этом Соглашении." in text
    assert "None" not in text


def test_agreement_of_a_closed_account_has_the_email_of_the_client(make, anna):
    client = make.verified(anna, email="petr@mail.example")
    make.close_account(client)

    assert "эл. почта petr@mail.example (Клиент)" in words(document(make.fresh(client), anna).text)


def test_pdf_says_who_marked_the_agreement(make, anna):
    client = make.verified(anna)
    accepted = document(client, anna, given_at=client.claimed_at)
    assert "Отметку в информационной системе Исполнителя сделал(а): Анна Смирнова." in text_of(accepted.pdf())

    accepted.values["marked_by"] = "Иванов Пётр Сергеевич (на своём устройстве, на странице клиента)"
    assert "сделал(а): Иванов Пётр Сергеевич (на своём устройстве, на странице клиента)." in text_of(accepted.pdf())

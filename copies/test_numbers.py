"""Which client a typed number belongs to."""

import uuid

import pytest

from agreements.models import Agreement
from clients.models import Client
from contracts import issuing
from contracts.conftest import sign
from contracts.models import Contract
from copies import numbers
from passport.models import Passport

pytestmark = pytest.mark.django_db


def find_client(typed: str) -> Client | None:
    number = numbers.normalize(typed)
    return numbers.find_client(number) if number else None


def latin(number: str) -> str:
    """The number with the letters of a Latin keyboard."""
    return number.translate(str.maketrans("АВСЕНКМОРТХУ", "ABCEHKMOPTXY"))


@pytest.mark.parametrize(
    "typed",
    [
        "{number}", " {number} ", "№ {number}", "№{number}", "{lower}", "{compact}", "{spaced}", "{dashes}",
        "{number}/1", "{number}.", "номер {number}.", "Договор {number} от 1 декабря", "по счёту №{number}/2",
    ],
)  # fmt: skip
def test_contract_is_found_as_people_type_its_number(signed, typed):
    number = signed.number
    variants = {
        "number": number,
        "lower": number.lower(),
        "compact": number.replace("-", ""),
        "spaced": number.replace("-", " "),
        "dashes": number.replace("-", " – "),
    }
    assert find_client(typed.format(**variants)) == signed.client


def contract_of(make, anna, last_name: str) -> Contract:
    client = make.awaiting_contract(anna)
    Passport.objects.filter(client=client).update(last_name=last_name)
    return sign(issuing.issue(make.fresh(client), by=anna), anna)


def test_latin_letters_are_read_as_russian_ones(make, anna):
    contract = contract_of(make, anna, "Хромов")
    assert contract.number.startswith("ХР")
    assert find_client(latin(contract.number)) == contract.client


def test_surname_in_latin_letters_is_found(make, anna):
    contract = contract_of(make, anna, "Borg")
    assert contract.number.startswith("BO")
    assert find_client(contract.number.lower()) == contract.client
    assert find_client(contract.number.replace("BO", "ВО")) == contract.client


def test_yo_is_ye(make, anna):
    contract = contract_of(make, anna, "Ёлкин")
    assert find_client(contract.number.replace("Ё", "Е")) == contract.client


@pytest.mark.parametrize("typed", ["{}", "{digits}", "с {digits}", "C-{spaced}", "номер {}.", "№ {}"])
def test_agreement_is_found_by_its_number(signed, consent, typed):
    digits = consent.number.removeprefix("С-")
    shown = {"digits": digits.replace("-", ""), "spaced": digits.replace("-", " ")}
    assert find_client(typed.format(consent.number, **shown)) == signed.client


def test_agreements_with_equal_first_bits_belong_to_nobody(signed, consent, make, anna):
    """By chance; the client still has the number of the contract."""
    other, twin = make.consented(anna).agreements.get(), uuid.UUID(int=consent.pk.int ^ 1)
    row = {field.attname: getattr(other, field.attname) for field in Agreement._meta.concrete_fields}
    Agreement.objects.create(**row | {"id": twin, "pdf_key": "another", "version": "v0"})
    assert find_client(consent.number) is None
    assert find_client(signed.number) == signed.client


@pytest.mark.parametrize(
    "typed", ["", "№", "-", "ИВ", "С-0000-0000-0000", "9" * 12, "ИВ-٢٦١١٢٣-٠١", "👍" * 40, "Ж" * 40]
)
def test_other_text_finds_nobody(signed, typed):
    assert find_client(typed) is None


def test_unsigned_contract_is_not_found(issued):
    assert find_client(issued.number) is None

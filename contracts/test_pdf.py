"""Text and layout of contracts and invoices, read from the PDFs."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pypdfium2
import pytest
from django.core.management import call_command
from fontTools.ttLib import TTFont

from contracts import pdf, sample
from contracts.models import Invoice, InvoiceStatus
from contracts.snapshot import Snapshot
from documents.rendering import FONT_FOLDER

MM = 72 / 25.4
LEFT, RIGHT, TOP, BOTTOM = 20 * MM, 12 * MM, 14 * MM, 18 * MM  # the margins in contract.css
BEARING = 2.5  # points by which a glyph or a justified line may exceed its box
LONG_WORD = "Щ" * 300


def pages(file: bytes) -> list[str]:
    """Return the text of each page with normalized whitespace."""
    texts = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(file)]
    return [" ".join(re.sub("\ufffe\\s*", "-", content).split()) for content in texts]  # U+FFFE: hyphen at the line end


def text(file: bytes) -> str:
    return " ".join(pages(file))


def unspaced(content: str) -> str:
    """Remove whitespace: long words are broken without a hyphen."""
    return re.sub(r"\s", "", content)


def glyphs(file: bytes) -> Iterator[tuple[int, str, tuple[float, float, float, float]]]:
    """Yield every visible glyph: page, character, box (left, bottom, right, top) in points."""
    for number, page in enumerate(pypdfium2.PdfDocument(file)):
        content = page.get_textpage()
        for index in range(content.count_chars()):
            box = content.get_charbox(index)
            if box[2] > box[0]:
                yield number, content.get_text_range(index, 1), box


def off_the_page(file: bytes) -> list:
    """Return glyphs outside the margins. The page number, on the right, may be in the bottom margin."""
    width, height = (size * MM for size in (210, 297))
    return [
        (page, character, box)
        for page, character, box in glyphs(file)
        if box[0] < LEFT - BEARING
        or box[2] > width - RIGHT + BEARING
        or box[3] > height - TOP + BEARING
        or box[1] < (BOTTOM if box[0] < width / 2 else 5 * MM) - BEARING
    ]


@pytest.fixture(autouse=True)
def no_missing_glyphs(caplog):
    """Fail if WeasyPrint warned about a character missing from our fonts."""
    yield
    assert not [record.message for record in caplog.records if ".notdef" in record.message]


def invoice(**fields) -> Invoice:
    values = {
        "number": "ИВ-261123-01/1",
        "amount": Decimal("1512.50"),
        "description": "Доплата по договору ИВ-261123-01",
        "due_on": date(2026, 12, 3),
        "created_at": datetime(2026, 11, 23, 21, 30, tzinfo=UTC),
    }
    made = Invoice(**values | fields)
    made.has_open_claims = False  # no query
    return made


def test_contract_contains_number_place_date_and_parties():
    content = text(pdf.render_contract(sample.sample_snapshot()))
    assert "Договор № ИВ-261123-01 возмездного оказания услуг" in content
    assert "г. Москва, 23 ноября 2026 г." in content
    assert "ООО «Привет Сервис» (далее — «Исполнитель»)" in content
    assert "на основании Устава генеральный директор Соколова Марина Андреевна" in content
    assert "Иванов Пётр Сергеевич (далее — «Заказчик»" in content


@pytest.mark.parametrize(
    "requisite",
    [
        "ОГРН 1027700000000", "ИНН 7700000000, КПП 770001001", "Р/с 40702810000000000000", "БИК 044525225",
        "К/с 30101810400000000225", "Соколова М. А.", "Паспорт гражданина РФ 46 13 № 348353, выдан 20.03.2015",
        "ГУ МВД России по г. Москве", "код подразделения 770-001", "дата рождения 01.06.1985",
        "Адрес регистрации: 115211, г. Москва, ул. Королёва, д. 1, корп. 2, кв. 34", "Тел. +7 (977) 123-23-23",
        "petr.ivanov@mail.example", "Иванов П. С.", "простой электронной подписью — одноразовым кодом",
    ],
)  # fmt: skip
def test_contract_has_the_requisites_of_both_parties(requisite):
    assert requisite in text(pdf.render_contract(sample.sample_snapshot()))


def test_contract_contains_the_fees_in_figures_and_words():
    content = text(pdf.render_contract(sample.sample_snapshot(5)))
    assert "Тариф «Домашний»: базовая стоимость — 500,00 ₽ в месяц, доплата за Устройство" in content
    assert "не указана иная, — 150,00 ₽." in content
    assert "Устройств (5) составляет 512,50 ₽ (Пятьсот двенадцать рублей 50 копеек)" in content
    assert "Условия тарифа: Два выезда в год" in content


def test_contract_lists_all_data_of_a_device():
    content = text(pdf.render_contract(sample.sample_snapshot(1)))
    assert (
        "1. Холодильник Бирюса 118 Холодильник, серийный № SN-004711, куплено: январь 2020;"
        " Объём 180 л; класс A+; цвет белый; Шумит при запуске компрессора. 100,50 ₽"
    ) in content


def test_device_without_optional_data_is_listed():
    bare = {"purchased_on": None, "serial_number": "", "specs": "", "description": ""}
    content = text(pdf.render_contract(sample.sample_snapshot(1, device=bare)))
    assert "1. Холодильник Бирюса 118 Холодильник, серийный № не указан 100,50 ₽" in content


def test_person_without_optional_data_leaves_no_gaps():
    bare = {"middle_name": "", "birth_date": None, "email": "", "address": ""}
    content = text(pdf.render_contract(sample.sample_snapshot(1, person=bare)))
    assert "Иванов Пётр Паспорт гражданина РФ" in content
    assert "None" not in content
    assert "Тел. +7 (977) 123-23-23 Иванов П." in content


@pytest.mark.parametrize(
    "clause",
    [
        "152-ФЗ «О персональных данных»", "согласия Заказчика, которое оформляется отдельно от Договора",
        "63-ФЗ «Об электронной подписи»", "Ключом простой электронной подписи Заказчика является одноразовый код",
        "Лицо, подписавшее Договор, определяется", "обязана хранить ключ своей электронной подписи в тайне",
        "статьи 782 ГК РФ", "«О защите прав потребителей»", "непреодолимой силы", "Заказчик вправе предъявить иск",
    ],
)  # fmt: skip
def test_contract_has_the_clauses_required_by_law(clause):
    assert clause in text(pdf.render_contract(sample.sample_snapshot()))


def test_clauses_have_no_gaps_and_references_exist():
    sheets = pages(pdf.render_contract(sample.sample_snapshot(1)))
    main, terms = " ".join(sheets[:-2]), " ".join(sheets[-2:])
    for part, count in ((main.split("SN-")[0], 1), (terms, 9)):
        numbers = [tuple(map(int, found)) for found in re.findall(r"(?<![\d.,«])(\d)\.(\d)\. (?=[А-Я])", part)]
        assert numbers == sorted(numbers)
        for section in range(1, count + 1):
            clauses = [clause for number, clause in numbers if number == section]
            assert clauses == list(range(1, len(clauses) + 1)), section
            assert clauses, section
    numbered = set(re.findall(r"\b(\d\.\d)\. (?=[А-Я])", terms))
    assert set(re.findall(r"пункту? (\d\.\d)", main + terms)) <= numbered


def test_every_page_has_the_contract_number_and_page_number():
    sheets = pages(pdf.render_contract(sample.sample_snapshot(60)))
    assert len(sheets) > 4
    for number, content in enumerate(sheets, start=1):
        assert content.count(f"Договор № ИВ-261123-01 от 23.11.2026, стр. {number} из {len(sheets)}") == 1
        assert content.count("стр.") == 1


def test_contract_with_five_devices_is_signed_on_its_first_page():
    first, *terms = pages(pdf.render_contract(sample.sample_snapshot(5)))
    assert "Подписывается простой электронной подписью" in first
    assert "Приложение № 1 к Договору Общие условия обслуживания" in terms[0]


def test_sixty_devices_are_listed_once_and_in_order():
    snapshot = sample.sample_snapshot(60, device={"title": "Утюг", "description": "Ёмкость цела."})
    content = text(pdf.render_contract(snapshot))
    rows = re.findall(r"(\d+)\. Утюг .*? (SN-\d{6}), .*? (\d+,\d\d) ₽", content)
    assert [int(number) for number, *_ in rows] == list(range(1, 61))
    assert [serial for _, serial, _ in rows] == [device.serial_number for device in snapshot.contents.devices]
    assert [Decimal(fee.replace(",", ".")) for *_, fee in rows] == [device.fee for device in snapshot.contents.devices]
    assert content.count("Ёмкость цела.") == content.count("Утюг") == len(re.findall(r"SN-\d{6}", content)) == 60


def test_table_header_repeats_on_each_page_and_rows_are_not_split():
    sheets = pages(pdf.render_contract(sample.sample_snapshot(60)))
    with_devices = [content for content in sheets if "SN-" in content]
    assert len(with_devices) > 2
    for content in with_devices:
        assert content.count("Устройство, его серийный номер и характеристики Доплата") == 1
        # A split row would have its title and its serial number on different pages.
        assert len(re.findall(r"\b\d+\. (?:Холод|Телев|Стир|Роутер|Конд)", content)) == content.count("SN-")
    assert not off_the_page(pdf.render_contract(sample.sample_snapshot(60)))


def test_long_words_stay_within_the_margins():
    snapshot = sample.sample_snapshot(
        3,
        person={"last_name": LONG_WORD, "issued_by": f"ГУ МВД {LONG_WORD}", "registration_address": LONG_WORD},
        device={"title": LONG_WORD[:120], "serial_number": "W" * 100, "fee": Decimal("1000000.00")},
        company={"name": LONG_WORD, "address": LONG_WORD, "email": "e" * 200},
        tariff={"name": LONG_WORD, "notes": LONG_WORD},
    )
    file = pdf.render_contract(snapshot)
    assert not off_the_page(file)
    assert unspaced(text(file)).count("W" * 100) == 3


def test_long_issuer_and_address_stay_within_the_margins():
    issuer = "Отделением УФМС России по Ханты-Мансийскому автономному округу — Югре в городе Нижневартовске"
    address = (
        "628600, Ханты-Мансийский автономный округ — Югра, г. Нижневартовск, ул. Интернациональная, д. 24, кв. 118"
    )
    file = pdf.render_contract(sample.sample_snapshot(5, person={"issued_by": issuer, "registration_address": address}))
    assert not off_the_page(file)
    assert issuer in text(file)
    assert address in text(file)


@pytest.mark.parametrize("filler", ["ЪЪЪЪЪ ", "Ъ", "Ъ\n"])
def test_description_of_2000_characters_is_complete(filler):
    description = (filler * 2000)[:2000]
    file = pdf.render_contract(sample.sample_snapshot(5, device={"description": description, "specs": description}))
    assert not off_the_page(file)
    assert text(file).count("Ъ") == 10 * description.count("Ъ")
    assert len(re.findall(r"SN-\d{6}", text(file))) == 5


@pytest.mark.parametrize("before", range(10, 19))
def test_fee_is_on_the_line_of_its_device_at_page_breaks(before):
    snapshot = sample.sample_snapshot(before + 1)
    last = {"title": "Погреб", "fee": Decimal("98765.43"), "description": "Течёт шланг, дверца не закрывается. " * 22}
    devices = (*snapshot.contents.devices[:-1], replace(snapshot.contents.devices[-1], **last))
    file = pdf.render_contract(replace(snapshot, contents=replace(snapshot.contents, devices=devices)))

    (page,) = [content for content in pages(file) if "Погреб" in content]
    # The title is not alone at the bottom of the page: the characteristics start on the same page.
    assert re.search(rf"{before + 1}\. Погреб 98\s765,43 ₽ \S+(?: \S+)?, серийный №", page)


def test_cyrillic_and_special_characters_are_rendered():
    specs = "Съёмный ёжик, Ёлка № 5 «Уют» – 10 ₽ — §…"
    assert specs in text(pdf.render_contract(sample.sample_snapshot(1, device={"specs": specs})))


def test_fonts_have_the_characters_of_contracts():
    letters = "".join(map(chr, range(ord("а"), ord("я") + 1)))
    for name in ("PTF55F.ttf", "PTF75F.ttf", "DejaVuSans.ttf"):
        codes = TTFont(FONT_FOLDER / name, lazy=True).getBestCmap()
        assert not [char for char in letters + letters.upper() + "₽ёЁ№«»–—…\u00a0²" if ord(char) not in codes]
    assert len(list(FONT_FOLDER.glob("LICENCE-*.txt"))) == 2


def test_user_text_cannot_inject_markup():
    hostile = "<script>alert(1)</script></td></tr></table><h1>{{ number }}{% now %}&amp;"
    snapshot = sample.sample_snapshot(
        2, device={"title": hostile, "serial_number": hostile, "specs": hostile}, person={"email": hostile}
    )
    file = pdf.render_contract(snapshot)
    assert unspaced(text(file)).count(unspaced(hostile)) == 7
    assert "100,50 ₽" in text(file)


def test_invoice_contains_parties_bank_amount_and_date():
    content = text(pdf.render_invoice(invoice(), sample.sample_snapshot()))
    assert "Счёт на оплату № ИВ-261123-01/1 от 24 ноября 2026 г." in content  # 00:30 in Moscow
    assert "1 512,50 ₽" in content
    assert "Одна тысяча пятьсот двенадцать рублей 50 копеек" in content
    assert "03.12.2026 включительно" in content
    assert "Договор № ИВ-261123-01 от 23.11.2026" in content
    assert "Доплата по договору ИВ-261123-01" in content
    for requisite in ("ООО «Привет Сервис»", "7700000000", "770001001", "ПАО Сбербанк", "044525225",
                      "40702810000000000000", "30101810400000000225", "Иванов Пётр Сергеевич"):  # fmt: skip
        assert requisite in content


def test_cancelled_invoice_is_marked_cancelled():
    assert "Счёт отменён" in text(pdf.render_invoice(invoice(status=InvoiceStatus.CANCELLED), sample.sample_snapshot()))
    assert "Счёт отменён" not in text(pdf.render_invoice(invoice(), sample.sample_snapshot()))


def test_long_invoice_stays_within_the_margins():
    snapshot = sample.sample_snapshot(
        1, person={"last_name": LONG_WORD}, company={"address": LONG_WORD, "bank": LONG_WORD}
    )
    file = pdf.render_invoice(invoice(description="Щ" * 500, amount=Decimal("9999999999.99")), snapshot)
    assert not [box for *_, box in glyphs(file) if box[0] < LEFT - BEARING or box[2] > 210 * MM - RIGHT + BEARING]
    assert "9 999 999 999,99 ₽" in text(file)


def test_decrypted_snapshot_renders_the_same_bytes():
    snapshot = sample.sample_snapshot(2)
    assert pdf.render_contract(Snapshot.decrypt(snapshot.encrypt())) == pdf.render_contract(snapshot)


def test_preview_writes_a_sample_with_the_given_number_of_devices(tmp_path, capsys):
    call_command("preview_contract", devices=7, out=tmp_path / "sample.pdf")
    content = text((tmp_path / "sample.pdf").read_bytes())
    assert "7. Телевизор Samsung" in content
    assert "8. " not in content.split("SN-")[-1].split("3. Тариф")[0]

"""What clients read about a change of their phone or e-mail. Masked: only the client recognizes the new contact."""

from datetime import timedelta

from django.conf import settings

from contact.models import Values
from messaging.codes import CODE_LIFETIME

ACCOUNT = "вашей учётной записи «Привет Супер»"


def masked_phone(phone: str) -> str:
    """Return the last four digits: «…45-67»."""
    return f"…{phone[-4:-2]}-{phone[-2:]}"


def masked_email(email: str) -> str:
    """Return the first letter and the domain: «i…@mail.example»."""
    name, _, domain = email.rpartition("@")
    return f"{name[:1]}…@{domain}"


def code_message(values: Values, digits: str, *, by: str) -> str:
    """The message with the code `digits`, as the client reads it. `by`: the name of the manager."""
    lifetime = f"Код действует {CODE_LIFETIME // timedelta(minutes=1)} минут."
    agree = f"Если вы согласны, назовите менеджеру код {digits}. {lifetime}"
    refuse = f"Если нет, никому его не называйте и сообщите нам: {settings.COMPANY_PHONE}."
    return f"Менеджер {by} {_what_changes(values)}. {agree} {refuse}"


def _what_changes(values: Values) -> str:
    parts = []
    if "phone" in values.new:
        number = f"на номер, который оканчивается на {masked_phone(values.new['phone'])}"
        parts.append(f"меняет телефон {ACCOUNT} {number}")
    if "email" in values.new:
        parts.append(_email_change(values, ACCOUNT))
    return " и ".join(parts)


def _email_change(values: Values, account: str) -> str:
    if not values.new["email"]:
        return f"удаляет электронную почту {account}"
    verb = "меняет электронную почту" if values.old["email"] else "добавляет электронную почту"
    return f"{verb} {account}: {masked_email(values.new['email'])}"


def notice(values: Values, *, by: str) -> str:
    """Tell the client that the contact was changed, by the manager with the name `by`."""
    parts = []
    if "phone" in values.new:
        parts.append(f"новый телефон оканчивается на {masked_phone(values.new['phone'])}")
    if "email" in values.new:
        email = values.new["email"]
        parts.append(f"новая почта {masked_email(email)}" if email else "почта удалена")
    labels = {("phone",): "Телефон", ("email",): "Электронная почта", ("phone", "email"): "Телефон и электронная почта"}
    changed = {("phone",): "изменён", ("email",): "изменена"}.get(tuple(values.new), "изменены")
    subject = labels[tuple(values.new)]
    report = f"Если вы этого не хотели, сообщите нам: {settings.COMPANY_PHONE}."
    return f"{subject} {ACCOUNT}: {changed}, {' и '.join(parts)}. Изменил менеджер {by}. {report}"


def request_to_admins(by: str) -> str:
    """Ask an admin to decide. Without personal data of the client: mail servers keep it."""
    url = f"{settings.APP_BASE_URL}/contact-changes/"
    return f"Менеджер {by} просит разрешить изменение контакта клиента.\n\nПосмотреть и решить: {url}"

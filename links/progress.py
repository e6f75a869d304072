"""What the manager sees of a link: what the client has done on the page so far, and what to do now."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from links.models import Link
from messaging.models import Channel, DeliveryState, OutgoingMessage

# The manager gets advice after this long without progress.
ADVICE_AFTER = timedelta(minutes=1)
READING_ADVICE_AFTER = timedelta(minutes=5)

SCAN = "Клиент наводит камеру своего телефона на QR-код или открывает ссылку, которую вы отправили."
NOT_OPENED = "Страница ещё не открыта. Помогите клиенту навести камеру на QR-код или отправьте ссылку сообщением."
OPEN_MESSAGE = "Клиент открывает ссылку из сообщения на своём телефоне."
MESSAGE_NOT_OPENED = "Страница ещё не открыта. Пусть клиент проверит сообщения, или покажите ему QR-код."
CONSENT_YOURSELF = " Нет телефона под рукой — запишите согласие сами, ниже."
CODE_YOURSELF = " Не открывается — введите код за клиента, ниже."
READING = "Клиент читает. Не торопите его и ответьте на вопросы."
READING_LONG = "Клиент читает уже несколько минут. Спросите, всё ли понятно."
AGREED = "Согласия даны, но код не отправлен. Посмотрите с клиентом, что написано на его странице."
CODE_SENT = {
    Channel.APP: (
        "Код отправлен. Клиент открывает «Привет Супер», обращение «Оформление договора», и вводит код на своей "
        "странице."
    ),
    Channel.SMS: "Код отправлен в SMS. Клиент вводит его на своей странице.",
    Channel.EMAIL: "Код отправлен письмом. Клиент открывает почту и вводит код на своей странице.",
}
CODE_QUEUED = "Код отправляется. Если он не дойдёт, здесь будет написано почему."
CODE_UNUSED = {
    Channel.APP: (
        "Код ещё не введён. Попросите клиента закрыть и снова открыть обращение в «Привет Супер»: новые сообщения сами "
        "там не появляются."
    ),
    Channel.SMS: "Код ещё не введён. Пусть клиент проверит сообщения: SMS приходит за минуту.",
    Channel.EMAIL: "Код ещё не введён. Пусть клиент проверит почту и папку «Спам».",
}
NEW_CODE = " Если код не подходит, клиент нажимает «Получить новый код»."
CODE_FAILED = "Код {}. Пусть клиент получит новый код другим способом."
LINK_FAILED = "Ссылка {}. Покажите клиенту QR-код."
LOCKED = "Слишком много неверных кодов. Обновите страницу: там написано, что делать."
CALLED = "Клиент зовёт вас со своей страницы."
REFUSED = "Клиент отказался. Обсудите причину. Если он передумает, покажите новый QR-код."
REPLACED = "Эта ссылка заменена новой."
EXPIRED = "Ссылка больше не действует. Покажите новый QR-код."
DONE = "Готово."


@dataclass(frozen=True)
class Stage:
    """Something that the client does on the page. `at` is None until then."""

    label: str
    at: datetime | None


def stages(link: Link) -> list[Stage]:
    """Return the stages of the link in order. Those that can't always be observed are there only once they happened."""
    observed = [Stage("Дочитано до конца", link.read_at), Stage("Открыт PDF", link.pdf_opened_at)]
    found = [Stage("Страница открыта", link.opened_at), *(stage for stage in observed if stage.at)]
    if link.message:
        found.insert(0, _sending_stage("Ссылка", link.message))
    if link.contract_id is None:
        return [*found, Stage("Согласие дано", link.agreed_at)]
    return [
        *found,
        Stage("Согласия даны", link.agreed_at),
        _code_stage(link),
        Stage("Договор подписан", link.signed_at),
    ]


def _sending_stage(what: str, message: OutgoingMessage) -> Stage:
    """«Ссылка, SMS: доставлено». Done once it is known that the channel has it."""
    label = f"{what}, {message.get_channel_display()}: {message.state_label}"
    return Stage(label, None if message.is_failed else message.delivered_at or message.accepted_at)


def _code_stage(link: Link) -> Stage:
    message = link.code_message
    if message and message.channel != Channel.APP:
        return _sending_stage("Код", message)
    return Stage("Код отправлен", link.code_sent_at)


def is_over(link: Link, now: datetime) -> bool:
    """Whether nothing more can happen on the page."""
    return bool(link.refused_at or _is_done(link) or not link.is_in_force(now))


def advice(link: Link, now: datetime) -> str:
    """Return one or two sentences: what happens now, and what the manager can do."""
    if _is_done(link):
        return DONE
    if link.replaced_at:
        return REPLACED
    if link.refused_at:
        return REFUSED
    if not link.is_in_force(now):
        return EXPIRED
    if link.contract_id and link.contract.is_locked:
        return LOCKED
    latest = max(filter(None, [link.opened_at, link.agreed_at, link.code_sent_at]), default=None)
    if link.called_at and (latest is None or link.called_at >= latest):
        return CALLED
    if link.code_sent_at:
        return _code_advice(link, now)
    if link.agreed_at:
        return AGREED
    if link.opened_at:
        return READING_LONG if now - link.opened_at > READING_ADVICE_AFTER else READING
    if link.message and link.message.is_failed:
        return LINK_FAILED.format(link.message.state_label)
    if now - link.created_at > ADVICE_AFTER:
        return _not_opened(link)
    return OPEN_MESSAGE if link.message else SCAN


def _code_advice(link: Link, now: datetime) -> str:
    message, channel = link.code_message, Channel.APP
    if message:
        channel = Channel(message.channel)
        if message.is_failed:
            return CODE_FAILED.format(message.state_label)
        if message.state == DeliveryState.QUEUED:
            return CODE_QUEUED
    return CODE_UNUSED[channel] + NEW_CODE if now - link.code_sent_at > ADVICE_AFTER else CODE_SENT[channel]


def _not_opened(link: Link) -> str:
    not_opened = MESSAGE_NOT_OPENED if link.message else NOT_OPENED
    if link.contract_id is None:
        return not_opened + CONSENT_YOURSELF
    return not_opened + CODE_YOURSELF if settings.CODE_BY_MANAGER else not_opened


def _is_done(link: Link) -> bool:
    return bool(link.signed_at if link.contract_id else link.agreed_at)

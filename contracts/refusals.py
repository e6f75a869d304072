"""Why a contract was not signed, or no code was sent."""

from datetime import timedelta

from agreements.models import AgreementMissing
from clients.models import AccountStatus
from contracts import payment
from contracts.models import MAX_ATTEMPTS_PER_CONTRACT
from managers.limits import TooManyTries, format_wait
from messaging.codes import MAX_CODES_PER_HOUR

CALL_MANAGER = "Позовите менеджера."


class SigningRefused(Exception):
    """`message` tells the manager the reason and what to do, `for_client` tells the client."""

    message = ""
    for_client = ""

    def __str__(self):
        return self.message

    @property
    def client_message(self) -> str:
        return self.for_client or self.message


class CodeWrong(SigningRefused):
    def __init__(self, attempts_left: int):
        self.attempts_left = attempts_left
        self.message = f"Неверный код. Осталось попыток: {attempts_left}."
        if not attempts_left:
            self.message = "Неверный код, и попыток больше нет. Запросите новый код."
            self.for_client = "Неверный код, и попыток больше нет. Получите новый код."


class CodeLate(SigningRefused):
    message = "Срок действия кода истёк. Запросите новый код."
    for_client = "Срок действия кода истёк. Получите новый код."


class CodeUsedUp(SigningRefused):
    message = "Код больше не действует: слишком много неверных попыток. Запросите новый код."
    for_client = "Код больше не действует: слишком много неверных попыток. Получите новый код."


class CodeNotRequested(SigningRefused):
    message = "Код ещё не запрошен. Нажмите «Запросить код»."
    for_client = "Код ещё не запрошен. Нажмите «Получить код»."


class CodeForClientPage(SigningRefused):
    """The client requested the code on their page and was told to tell it to nobody."""

    message = (
        "Этот код клиент вводит сам, на своей странице, и никому не называет. "
        "Чтобы ввести код за клиента, запросите здесь новый."
    )


class CodeByManagerDisabled(SigningRefused):
    message = "Код вводит только клиент, на своей странице. Покажите ему QR-код."


class ChannelUnavailable(SigningRefused):
    """The client has no such contact, has not agreed to the channel, or the link came by it."""

    message = "Так отправить код сейчас нельзя. Выберите другой способ или обратитесь к администратору."
    for_client = f"Так получить код сейчас нельзя. Выберите другой способ. {CALL_MANAGER}"


class CodeSentLikeLink(SigningRefused):
    message = "Код и ссылка отправлены одним способом. Запросите новый код другим способом."
    for_client = "Код пришёл тем же способом, что и ссылка. Получите новый код другим способом."


class SigningDeclined(SigningRefused):
    """The client declined on their page after the code was sent."""

    message = "После отправки этого кода клиент отказался подписывать. Если он передумал, запросите новый код."
    for_client = "Вы отказались уже после того, как пришёл этот код. Если передумали, получите новый код."


class LinkEnded(SigningRefused):
    """The link was replaced, has expired, was declined or belongs to another contract."""

    message = "Эта страница больше не действует. Попросите менеджера показать новый QR-код."


class SigningLocked(SigningRefused):
    message = (
        f"Подписание заблокировано: введено {MAX_ATTEMPTS_PER_CONTRACT} неверных кодов. "
        "Обратитесь к администратору — он снимет блокировку."
    )
    for_client = f"Введено слишком много неверных кодов, подписать сейчас нельзя. {CALL_MANAGER}"


class ConsentMissing(SigningRefused):
    message = "Отметьте согласие клиента на простую электронную подпись."
    for_client = "Отметьте, что вы согласны подписать договор электронной подписью."


class AgreementNeeded(SigningRefused):
    def __init__(self, missing: AgreementMissing):
        self.message = missing.message
        self.for_client = f"{missing.message} {CALL_MANAGER}"


class AccountClosed(SigningRefused):
    for_client = "Коды сейчас не приходят: ваша учётная запись в «Привет Супер» закрыта. " + CALL_MANAGER

    def __init__(self, state: str):
        is_blocked = state == AccountStatus.BLOCKED
        done, undone = ("заблокирована", "разблокировать") if is_blocked else ("удалена", "восстановить")
        self.message = (
            f"Коды сейчас не действуют: учётная запись клиента в «Привет Супер» {done}. "
            f"Попросите поддержку её {undone}, потом запросите код снова."
        )


class ContractStale(SigningRefused):
    message = "Данные клиента изменились после формирования договора. Сформируйте договор заново."
    for_client = "Пока вы читали, данные изменились, и подписать этот договор нельзя. " + CALL_MANAGER


class ContractEditionOld(ContractStale):
    """The contract is of an older edition: its text may no longer say how it is signed."""

    message = "Текст договора изменился: есть новая редакция. Сформируйте договор заново."
    for_client = "Вышла новая редакция договора, и подписать эту уже нельзя. " + CALL_MANAGER


class ContractClosed(SigningRefused):
    message = "Этот договор уже не ждёт подписи. Обновите страницу."


class InvoicePaidInApp(SigningRefused):
    """Signing would cancel an invoice that the client has paid in the app."""

    for_client = "Сначала менеджер сверит вашу оплату в приложении. " + CALL_MANAGER

    def __init__(self, claimed: payment.PaymentClaimed):
        self.message = claimed.message


class CodeTooSoon(SigningRefused, TooManyTries):
    def __init__(self, wait: timedelta):
        super().__init__(wait)
        self.message = f"Новый код можно запросить через {self.seconds} с."


class TooManyCodes(SigningRefused, TooManyTries):
    def __init__(self, wait: timedelta):
        super().__init__(wait)
        self.message = (
            f"За последний час отправлено {MAX_CODES_PER_HOUR} кодов. Попробуйте через {format_wait(self.seconds)}."
        )
        self.for_client = (
            f"Кодов отправлено слишком много. Новый можно получить через {format_wait(self.seconds)}. {CALL_MANAGER}"
        )


# About the input (422); the others mean that the state has changed (409).
INPUT_ERRORS = (CodeWrong, CodeLate, CodeUsedUp, CodeNotRequested, ConsentMissing)

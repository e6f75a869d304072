"""Why a change of a client's contact was not confirmed or written."""

from datetime import timedelta

from foundation.exceptions import Refusal
from managers.limits import TooManyTries, format_wait
from messaging.codes import MAX_CODES_PER_HOUR

ASK_ADMIN = "Попросите администратора разрешить изменение."


class ChangeClosed(Refusal):
    """The change was applied, rejected or cancelled."""

    message = "Это изменение уже закрыто. Посмотрите данные ниже и, если нужно, измените их снова."


class ContactDiffers(Refusal):
    """The account has another phone or e-mail than when the change was requested."""

    message = "Ничего не записано: клиент сам изменил контакт в приложении. Отмените изменение и сверьте данные."


class ContactTaken(Refusal):
    message = "Ничего не записано: этот телефон или почта уже у другого клиента. Отмените изменение и проверьте данные."


class AccountClosed(Refusal):
    message = "Ничего не записано: учётная запись клиента удалена."


class NotPermitted(Refusal):
    """The manager who requested the change may not open the client any more."""

    message = "Клиента передали другому менеджеру. Отмените изменение и внесите его заново."


class ConfirmationNeeded(Refusal):
    message = "Без подтверждения это изменение записать нельзя: клиент пользуется приложением."


class ChannelUnavailable(Refusal):
    message = f"Так код отправить нельзя. Выберите другой способ. {ASK_ADMIN}"


class NotAsked(Refusal):
    message = "Администратора ещё не просили разрешить это изменение."


class OwnRequest(Refusal):
    message = "Своё изменение разрешает другой администратор."


class CodesLocked(Refusal):
    message = f"Введено слишком много неверных кодов. {ASK_ADMIN}"


class CodeRefused(Refusal):
    """About the code that was entered."""

    status = 422


class CodeWrong(CodeRefused):
    def __init__(self, attempts_left: int):
        left = f"Осталось попыток: {attempts_left}." if attempts_left else "Попыток больше нет, отправьте новый код."
        super().__init__(f"Неверный код. {left}")


class CodeNotSent(CodeRefused):
    message = "Код ещё не отправлен. Выберите, куда его отправить."


class CodeUsedUp(CodeRefused):
    message = "Код больше не действует: слишком много неверных попыток. Отправьте новый."


class CodeLate(CodeRefused):
    message = "Срок действия кода истёк. Отправьте новый."


class CodeTooSoon(TooManyTries):
    def __init__(self, wait: timedelta):
        super().__init__(wait)
        self.message = f"Новый код можно отправить через {self.seconds} с."


class TooManyCodes(TooManyTries):
    def __init__(self, wait: timedelta):
        super().__init__(wait)
        sent = f"За последний час этому клиенту отправлено {MAX_CODES_PER_HOUR} кодов."
        self.message = f"{sent} Попробуйте через {format_wait(self.seconds)}."

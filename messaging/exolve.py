"""SMS through MTS Exolve (https://docs.exolve.ru/docs/ru/api-reference/sms-api/).

`SendSMS` accepts a message and returns its id; `GetList` with this id returns its delivery status. Both are POST
requests with JSON and the API key as bearer token.

The values of `delivery_status` could not be confirmed from the public documentation. So a status is read by its last
word, with any prefix, and one without a known word changes nothing: the message stays «отправлено».
"""

import json
import re

import urllib3
from django.conf import settings
from urllib3.exceptions import ConnectTimeoutError, HTTPError, SSLError

from messaging.models import Content, DeliveryState
from messaging.transport import MOBILE, AnswerLost, MessageRejected, Report, TransportUnavailable

# Short, because the worker does other work meanwhile.
TIMEOUT = urllib3.Timeout(connect=3, read=5)
MAX_ANSWER_BYTES = 100_000
PROBLEMS = {
    "UNDELIVERED": "телефон недоступен или такого номера нет",
    "EXPIRED": "телефон был выключен слишком долго",
    "REJECTED": "оператор отклонил сообщение",
    "FAILED": "оператор не смог доставить сообщение",
}
# Words that turn «DELIVERED» into something else.
NEGATIONS = {"NOT", "UN", "NON", "PARTIALLY", "PARTLY"}
MESSAGE_ID = re.compile(r"[\w-]{1,100}", re.ASCII)

_pool = urllib3.PoolManager(retries=False)


class _BadRequest(TransportUnavailable):
    pass


class Exolve:
    def send(self, content: Content) -> str:
        if not MOBILE.fullmatch(content.recipient):
            raise MessageRejected("на этот номер нельзя отправить SMS")
        sms = {"number": settings.EXOLVE_SENDER, "destination": f"7{content.recipient}", "text": content.body}
        try:
            message_id = str(_post("SendSMS", sms).get("message_id") or "")
        except _BadRequest as error:
            raise MessageRejected("оператор не принял номер или текст") from error
        if not MESSAGE_ID.fullmatch(message_id):
            raise AnswerLost("SendSMS: no message_id")
        return message_id

    def report(self, provider_id: str) -> Report | None:
        messages = _post("GetList", {"message_id": provider_id}).get("messages")
        for message in messages if isinstance(messages, list) else []:
            if isinstance(message, dict) and str(message.get("message_id")) == provider_id:
                return _report(str(message.get("delivery_status")))
        return None


def _report(status: str) -> Report | None:
    *before, last = re.split(r"[_ -]", status.upper())
    if last == "DELIVERED" and not NEGATIONS.intersection(before):
        return Report(DeliveryState.DELIVERED)
    return Report(DeliveryState.FAILED, PROBLEMS[last]) if last in PROBLEMS else None


def _post(method: str, body: dict) -> dict:
    """Return the JSON object of the answer. Exceptions name neither the key nor the body."""
    try:
        response = _pool.request(
            "POST",
            f"{settings.EXOLVE_URL}/messaging/v1/{method}",
            json=body,
            headers={"Authorization": f"Bearer {settings.EXOLVE_API_KEY}"},
            timeout=TIMEOUT,
            redirect=False,  # it would pass on the key
            preload_content=False,
        )
        with response:
            data = response.read(MAX_ANSWER_BYTES)
    except (ConnectTimeoutError, SSLError) as error:  # also if the connection is refused
        raise TransportUnavailable(f"{method}: {type(error).__name__}") from error
    except HTTPError as error:
        raise AnswerLost(f"{method}: {type(error).__name__}") from error
    if response.status == 400:
        raise _BadRequest(f"{method}: status 400")
    if not 200 <= response.status < 300:  # also 401 and 402: an admin can correct the key or pay
        raise TransportUnavailable(f"{method}: status {response.status}")
    try:
        answer = json.loads(data)
    except ValueError as error:
        raise AnswerLost(f"{method}: not JSON") from error
    if not isinstance(answer, dict):
        raise AnswerLost(f"{method}: not an object")
    return answer

"""SMS through MTS Exolve (https://docs.exolve.ru/docs/ru/api-reference/sms-api/).

`SendSMS` accepts a message and returns its id; `GetList` with this id returns its delivery status. Both are POST
requests with JSON and the API key as bearer token.
"""

import json

import urllib3
from django.conf import settings

from messaging.models import Content, DeliveryState
from messaging.transport import MessageRejected, Report, TransportUnavailable

TIMEOUT = urllib3.Timeout(connect=5, read=10)
MAX_ANSWER_BYTES = 100_000

_pool = urllib3.PoolManager(timeout=TIMEOUT, retries=False)


class Exolve:
    def send(self, content: Content) -> str:
        sms = {"number": settings.EXOLVE_SENDER, "destination": f"7{content.recipient}", "text": content.body}
        answer = _post("SendSMS", sms)
        message_id = answer.get("message_id")
        if not isinstance(message_id, (str, int)) or not str(message_id):
            raise TransportUnavailable("SendSMS returned no message_id")
        return str(message_id)

    def report(self, provider_id: str) -> Report | None:
        answer = _post("GetList", {"message_id": provider_id, "limit": 1})
        messages = answer.get("messages")
        for message in messages if isinstance(messages, list) else []:
            if isinstance(message, dict) and str(message.get("message_id")) == provider_id:
                return _report(str(message.get("delivery_status", "")))
        return None


def _report(status: str) -> Report | None:
    """Statuses that are not known, such as those of a later version of the API, change nothing."""
    words = status.upper().split("_")
    if words[-1:] == ["DELIVERED"] and "NOT" not in words:
        return Report(DeliveryState.DELIVERED)
    if words[-1] in PROBLEMS:
        return Report(DeliveryState.FAILED, PROBLEMS[words[-1]])
    return None


PROBLEMS = {
    "UNDELIVERED": "телефон недоступен или такого номера нет",
    "EXPIRED": "телефон был выключен слишком долго",
    "REJECTED": "оператор отклонил сообщение",
    "FAILED": "оператор не смог доставить сообщение",
}


def _post(method: str, body: dict) -> dict:
    try:
        response = _pool.request(
            "POST",
            f"{settings.EXOLVE_URL}/messaging/v1/{method}",
            json=body,
            headers={"Authorization": f"Bearer {settings.EXOLVE_API_KEY}"},
            redirect=False,
            preload_content=False,
        )
        with response:
            data = response.read(MAX_ANSWER_BYTES)
    except urllib3.exceptions.HTTPError as error:
        raise TransportUnavailable(f"{method}: {type(error).__name__}") from error
    if response.status in (400, 422):
        raise MessageRejected("оператор не принял номер или текст")
    if response.status != 200:  # also 401 and 402: what is wrong can be corrected
        raise TransportUnavailable(f"{method}: status {response.status}")
    try:
        answer = json.loads(data)
    except ValueError as error:
        raise TransportUnavailable(f"{method}: not JSON") from error
    return answer if isinstance(answer, dict) else {}

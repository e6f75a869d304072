import json
import logging

import pytest
from django.db import IntegrityError, transaction
from django.test import RequestFactory

from foundation.observability import request_id, request_log
from foundation.observability.log_format import JsonFormatter


@pytest.fixture
def log_lines():
    """Log lines as the JSON formatter writes them: [{…}]."""
    lines = []

    class ListHandler(logging.Handler):
        def emit(self, record):
            lines.append(json.loads(JsonFormatter().format(record)))

    handler, loggers = ListHandler(), [logging.getLogger(name) for name in ("", "django")]
    for logger in loggers:
        logger.addHandler(handler)
    yield lines
    for logger in loggers:
        logger.removeHandler(handler)


def test_request_is_logged_in_one_line_with_manager_view_and_time(as_anna, anna, log_lines):
    response = as_anna.get("/clients/?tab=work")
    (line,) = [line for line in log_lines if line["logger"] == "privet.request"]
    assert line.pop("time").endswith("+00:00")
    assert line.pop("ms") > 0
    assert line.pop("queries") > 0
    assert line == {
        "level": "INFO",
        "logger": "privet.request",
        "message": "clients:list 200",
        "request": response["X-Request-ID"],
        "manager": str(anna.pk),
        "view": "clients:list",
        "status": 200,
    }


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_health_and_metrics_requests_are_not_logged(client, db, log_lines, path):
    client.get(path)
    assert not [line for line in log_lines if line["logger"] == "privet.request"]


def test_input_and_urls_are_not_logged(as_anna, anna, make, log_lines):
    subject = make.verified(anna, name="Меткин Марк", phone="9770001122")
    as_anna.post("/clients/search/", {"text": "Меткин"})
    as_anna.get(f"/clients/{subject.pk}/contact/")
    as_anna.get("/password/new/MQ/a-secret-token/")
    as_anna.get("/no-such/Меткин/9770001122")
    text = json.dumps(log_lines, ensure_ascii=False)
    for secret in ("Меткин", "9770001122", "a-secret-token", str(subject.pk), anna.email, anna.name):
        assert secret not in text


def test_error_log_has_the_location_but_not_the_message(make, log_lines):
    make.user(phone="9771234567")
    try:
        with transaction.atomic():
            make.user(phone="9771234567")
    except IntegrityError as error:
        logging.getLogger("privet").exception("not saved: %s", error)
    line = log_lines[-1]
    assert "9771234567" not in json.dumps(line)
    assert line["message"] == "not saved: IntegrityError"
    assert line["error"][0]["type"] == "IntegrityError"
    assert line["error"][1] == line["error"][1] | {"type": "UniqueViolation", "rule": "users_phone_key"}
    assert "test_request_log.py" in line["error"][0]["at"][0]


def test_log_line_of_a_failing_view_has_its_request_id(log_lines):
    request = RequestFactory().get("/")
    request.resolver_match = None

    def view(request):
        logging.getLogger("privet").warning("seen")
        raise ValueError("Меткин")

    with pytest.raises(ValueError, match="Меткин"):
        request_id.request_id_middleware(request_log.request_log_middleware(view))(request)
    assert log_lines[-1]["request"] == request.id
    assert request_log.current.get() is None


def test_values_that_json_cannot_encode_are_logged_by_type(log_lines):
    logging.getLogger("privet").warning("x", extra={"facts": {"what": object()}})
    assert log_lines[-1]["what"] == "object"

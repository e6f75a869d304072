import json
import logging

import pytest
from django.db import IntegrityError, transaction
from django.test import RequestFactory

from foundation.observability import request_id, request_log
from foundation.observability.log_format import JsonFormatter


@pytest.fixture
def written():
    """The lines that are logged as they would be written: [{…}]."""
    lines = []

    class Kept(logging.Handler):
        def emit(self, record):
            lines.append(json.loads(JsonFormatter().format(record)))

    handler, loggers = Kept(), [logging.getLogger(name) for name in ("", "django")]
    for logger in loggers:
        logger.addHandler(handler)
    yield lines
    for logger in loggers:
        logger.removeHandler(handler)


def test_a_request_is_one_line_that_tells_who_what_and_how_long(as_anna, anna, written):
    answer = as_anna.get("/clients/?tab=work")
    (line,) = [line for line in written if line["logger"] == "privet.request"]
    assert line.pop("time").endswith("+00:00")
    assert line.pop("ms") > 0
    assert line.pop("queries") > 0
    assert line == {
        "level": "INFO",
        "logger": "privet.request",
        "message": "clients:list 200",
        "request": answer["X-Request-ID"],
        "manager": str(anna.pk),
        "view": "clients:list",
        "status": 200,
    }


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_health_and_metrics_requests_are_not_logged(client, db, written, path):
    client.get(path)
    assert not [line for line in written if line["logger"] == "privet.request"]


def test_nothing_that_was_typed_or_stands_in_an_address_is_logged(as_anna, anna, make, written):
    subject = make.verified(anna, name="Меткин Марк", phone="9770001122")
    as_anna.post("/clients/search/", {"text": "Меткин"})
    as_anna.get(f"/clients/{subject.pk}/contact/")
    as_anna.get("/password/new/MQ/a-secret-token/")
    as_anna.get("/no-such/Меткин/9770001122")
    text = json.dumps(written, ensure_ascii=False)
    for secret in ("Меткин", "9770001122", "a-secret-token", str(subject.pk), anna.email, anna.name):
        assert secret not in text


def test_error_log_has_the_location_but_not_the_message(make, written):
    make.user(phone="9771234567")
    try:
        with transaction.atomic():
            make.user(phone="9771234567")
    except IntegrityError as error:
        logging.getLogger("privet").exception("not written: %s", error)
    line = written[-1]
    assert "9771234567" not in json.dumps(line)
    assert line["message"] == "not written: IntegrityError"
    assert line["error"][0]["type"] == "IntegrityError"
    assert line["error"][1] == line["error"][1] | {"type": "UniqueViolation", "rule": "users_phone_key"}
    assert "test_request_log.py" in line["error"][0]["at"][0]


def test_an_error_in_a_view_is_logged_with_its_request(written):
    request = RequestFactory().get("/")
    request.resolver_match = None

    def view(request):
        logging.getLogger("privet").warning("seen")
        raise ValueError("Меткин")

    with pytest.raises(ValueError, match="Меткин"):
        request_id.request_id_middleware(request_log.request_log_middleware(view))(request)
    assert written[-1]["request"] == request.id
    assert request_log.current.get() is None


def test_values_that_are_no_json_are_named_by_their_type(written):
    logging.getLogger("privet").warning("x", extra={"facts": {"what": object()}})
    assert written[-1]["what"] == "object"

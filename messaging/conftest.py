"""A local SMS gateway and a local mail server, and clients' messages to send through them."""

import json
import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import urllib3
from django.db import transaction
from django.utils import timezone

from clients.models import Client
from foundation.testing import PATIENCE
from messaging import exolve
from messaging.models import Channel, OutgoingMessage, Purpose
from messaging.sending import Text, send

API_KEY = "key-of-the-gateway"
SENDER = "79010000000"
TEXT = "Код 123 456 для Ъюжного"


class Gateway:
    """An SMS gateway that answers as the documentation of MTS Exolve says."""

    def __init__(self, url: str):
        self.url = url
        # Bodies of all requests to SendSMS and to GetList; accepted messages and their delivery statuses, by id.
        self.send_requests, self.list_requests = [], []
        self.accepted, self.statuses = {}, {}
        self.unknown_numbers = set()
        # Functions that answer the next requests instead. They get the handler and the usual answer.
        self.other_answers: list[Callable] = []
        self.released = threading.Event()

    def answer(self, path: str, authorization: str, body: dict) -> tuple[int, dict]:
        """Return status and JSON."""
        if authorization != f"Bearer {API_KEY}":
            return 401, {"error": {"message": "unauthorized"}}
        if path == "/messaging/v1/SendSMS":
            self.send_requests.append(body)
            return self._send(body)
        self.list_requests.append(body)
        found = [self._message(pk) for pk in self.accepted if pk == body["message_id"]]
        return 200, {"messages": found}

    def _send(self, body: dict) -> tuple[int, dict]:
        destination = body["destination"]
        if not re.fullmatch(r"7\d{10}", destination) or destination in self.unknown_numbers or not body["text"]:
            return 400, {"error": {"message": f"invalid SendRequest.Destination: {destination}"}}
        pk = f"4391665382394485{len(self.accepted):02}"
        self.accepted[pk] = body
        return 200, {"message_id": pk}

    def _message(self, pk: str) -> dict:
        sent = self.accepted[pk]
        return {
            "message_id": pk, "number": SENDER, "sender": SENDER, "receiver": sent["destination"], "text": sent["text"],
            "direction": "DIRECTION_OUTGOING", "billing_status": "BILLING_STATUS_BILLED",
            "delivery_status": self.statuses.get(pk, "DELIVERY_STATUS_QUEUED"),
        }  # fmt: skip


class GatewayHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        gateway = self.server.gateway
        status, answer = gateway.answer(self.path, self.headers["Authorization"], body)
        if gateway.other_answers:
            gateway.other_answers.pop(0)(self, status, answer)
        else:
            self.reply(status, json.dumps(answer).encode())

    def reply(self, status: int, data: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(data))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def served(server: socketserver.BaseServer) -> Iterator[socketserver.BaseServer]:
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def gateway(settings) -> Iterator[Gateway]:
    """The running gateway; the settings name it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), GatewayHandler)
    server.block_on_close = False
    server.gateway = Gateway(f"http://127.0.0.1:{server.server_port}")
    settings.SMS_GATEWAY, settings.EXOLVE_URL = "exolve", server.gateway.url
    settings.EXOLVE_API_KEY, settings.EXOLVE_SENDER = API_KEY, SENDER
    for _ in served(server):
        yield server.gateway
        server.gateway.released.set()


@pytest.fixture
def short_timeout(monkeypatch):
    monkeypatch.setattr(exolve, "TIMEOUT", urllib3.Timeout(connect=PATIENCE, read=0.1))


class MailHandler(socketserver.StreamRequestHandler):
    """SMTP (RFC 5321), as far as smtplib needs it."""

    def handle(self):
        recipients, lines, command = [], [], ""
        while self.reply(command.partition(" ")[0].upper()):
            is_text = command.upper() == "DATA"
            command = self.rfile.readline().decode().strip()
            while is_text and command != ".":
                lines.append(command)
                command = self.rfile.readline().decode().strip()
            if command == ".":
                self.server.received.append((recipients, "\n".join(lines)))
            recipients += re.findall(r"(?i)^RCPT TO:<(.*)>", command)

    def reply(self, verb: str) -> bool:
        """Reply to the command, "" is the connection. Return False to close the connection."""
        usual = {"": "220 mail.example", "DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 ok")
        reply = self.server.replies.get(verb, usual)
        if reply:
            self.wfile.write(f"{reply}\r\n".encode())
        elif reply == "":
            self.server.released.wait(PATIENCE)
        return bool(reply) and verb != "QUIT"


class MailServer(socketserver.ThreadingTCPServer):
    """`replies`: instead of the usual ones, by command; "" is the connection, "." the end of the text.

    A reply None drops the connection, "" never comes.
    """

    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), MailHandler)
        self.received, self.replies, self.released = [], {}, threading.Event()


def use_mail_server(settings, port: int, timeout: float = PATIENCE) -> None:
    settings.SMTP_HOST = "127.0.0.1"
    options = {"host": "127.0.0.1", "port": port, "timeout": timeout}
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}
    settings.DEFAULT_FROM_EMAIL = "Привет <no-reply@privet.example>"


@pytest.fixture
def mail_server(settings) -> Iterator[MailServer]:
    """The running mail server; the settings name it."""
    for server in served(MailServer()):
        use_mail_server(settings, server.server_address[1])
        yield server
        server.released.set()


@pytest.fixture
def client(make, anna) -> Client:
    return make.verified(anna, phone="9771232323", email="petr@mail.example")


def queue(
    client: Client, channel: Channel = Channel.SMS, purpose: Purpose = Purpose.SIGNING_CODE, **options
) -> OutgoingMessage:
    """Queue a message by the client's manager."""
    text = Text(TEXT, subject="Тема Ъюжная", masked="Код •••")
    with transaction.atomic():
        return send(client, channel, text, purpose=purpose, by=client.manager, now=timezone.now(), **options)


def make_due() -> None:
    """The next attempts of all messages are due, as if their pauses were over."""
    OutgoingMessage.objects.update(next_attempt_at=timezone.now())

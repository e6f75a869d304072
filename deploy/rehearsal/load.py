"""Sends requests from eight threads, each on a new connection, until standard input closes. Prints the number of
requests, the number of failures and the first failures. The exit status is 1 after a failure.

    python3 load.py HOST CERTIFICATE

A POST without a CSRF token is answered with 403: that is the expected answer.
"""

import http.client
import ssl
import sys
import threading
import time

THREADS = 8
PAUSE = 0.2  # seconds between two rounds of a thread, to leave CPU time for the server
FORM = (b"email=nobody", {"Content-Type": "application/x-www-form-urlencoded"})


def status_of(host: str, tls: ssl.SSLContext, method: str, *form) -> int:
    connection = http.client.HTTPSConnection(host, context=tls, timeout=40)
    try:
        connection.request(method, "/sign-in/", *form)
        return connection.getresponse().status
    finally:
        connection.close()


class Load:
    def __init__(self, host: str, certificate: str):
        self.host, self.stopped = host, threading.Event()
        self.tls = ssl.create_default_context(cafile=certificate)
        self.durations: list[float] = []
        self.failures: list[str] = []

    def send_requests(self) -> None:
        while not self.stopped.wait(PAUSE):
            for method, form, expected in (("GET", (), 200), ("POST", FORM, 403)):
                started = time.monotonic()
                try:
                    status = status_of(self.host, self.tls, method, *form)
                except (OSError, http.client.HTTPException) as error:
                    status = repr(error)
                self.durations.append(time.monotonic() - started)
                if status != expected:
                    self.failures.append(f"{method}: {status}")

    def report(self) -> str:
        slowest = max(self.durations)
        return f"{len(self.durations)} requests, {len(self.failures)} failed, slowest {slowest:.1f} s"


if __name__ == "__main__":
    load = Load(*sys.argv[1:])
    threads = [threading.Thread(target=load.send_requests) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    load.stopped.set()
    for thread in threads:
        thread.join()
    print(load.report(), *load.failures[:5])
    sys.exit(bool(load.failures))

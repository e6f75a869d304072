"""Eight who ask again and again, each time on a new connection, until the standard input ends: prints how many were
answered, and what went wrong.

    python3 crowd.py HOST CERTIFICATE

A form without its token is refused with 403, which is an answer too.
"""

import http.client
import ssl
import sys
import threading
import time

PAUSE = 0.2  # seconds, so that what is tried beside them has a processor too
FORM = (b"email=nobody", {"Content-Type": "application/x-www-form-urlencoded"})


def ask(host: str, trust: ssl.SSLContext, method: str, *form) -> int:
    connection = http.client.HTTPSConnection(host, context=trust, timeout=40)
    try:
        connection.request(method, "/sign-in/", *form)
        return connection.getresponse().status
    finally:
        connection.close()


class Crowd:
    def __init__(self, host: str, certificate: str):
        self.host, self.enough = host, threading.Event()
        self.trust = ssl.create_default_context(cafile=certificate)
        self.seconds: list[float] = []
        self.lost: list[str] = []

    def work(self) -> None:
        while not self.enough.wait(PAUSE):
            for method, form, expected in (("GET", (), 200), ("POST", FORM, 403)):
                began = time.monotonic()
                try:
                    status = ask(self.host, self.trust, method, *form)
                except (OSError, http.client.HTTPException) as error:
                    status = repr(error)
                self.seconds.append(time.monotonic() - began)
                if status != expected:
                    self.lost.append(f"{method}: {status}")


if __name__ == "__main__":
    crowd = Crowd(*sys.argv[1:])
    everybody = [threading.Thread(target=crowd.work) for _ in range(8)]
    for one in everybody:
        one.start()
    sys.stdin.read()
    crowd.enough.set()
    for one in everybody:
        one.join()
    print(f"{len(crowd.seconds)} requests, {len(crowd.lost)} lost, slowest {max(crowd.seconds):.1f} s", *crowd.lost[:5])
    sys.exit(bool(crowd.lost))

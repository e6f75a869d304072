"""Eight who ask without a pause, each time on a new connection: prints how many were answered, and what went wrong.

    python3 crowd.py HOST SECONDS CERTIFICATE

A form without its token is refused with 403, which is an answer too.
"""

import http.client
import ssl
import sys
import threading
import time

FORM = (b"email=nobody", {"Content-Type": "application/x-www-form-urlencoded"})


def ask(host: str, trust: ssl.SSLContext, method: str, *form) -> int:
    connection = http.client.HTTPSConnection(host, context=trust, timeout=40)
    try:
        connection.request(method, "/sign-in/", *form)
        return connection.getresponse().status
    finally:
        connection.close()


class Crowd:
    def __init__(self, host: str, seconds: float, certificate: str):
        self.host, self.until = host, time.monotonic() + seconds
        self.trust = ssl.create_default_context(cafile=certificate)
        self.seconds: list[float] = []
        self.lost: list[str] = []

    def work(self) -> None:
        while time.monotonic() < self.until:
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
    crowd = Crowd(sys.argv[1], float(sys.argv[2]), sys.argv[3])
    everybody = [threading.Thread(target=crowd.work) for _ in range(8)]
    for one in everybody:
        one.start()
    for one in everybody:
        one.join()
    print(f"{len(crowd.seconds)} requests, {len(crowd.lost)} lost, slowest {max(crowd.seconds):.1f} s", *crowd.lost[:5])
    sys.exit(bool(crowd.lost))

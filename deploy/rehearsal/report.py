"""Progress messages with the seconds since the start."""

import time

_STARTED = time.monotonic()


def report(text: str) -> None:
    print(f"{time.monotonic() - _STARTED:5.0f} s  {text}", flush=True)

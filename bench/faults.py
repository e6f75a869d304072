"""Faults while managers take clients from sign-up to a paid contract: lost or duplicated rows, and time to recover.

    python bench/faults.py [FAULT …]      default: all of them

Each fault has its own installation. Prints for each: retried requests (answered with «later» or not at all), missing or
duplicated rows, and seconds from the end of the fault to the last such response. Exits with a status other than 0 if a
row is wrong or a page answered 500. `disk` mounts a small file system and needs root; `clock` needs Debian's faketime.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import machine
from failover import report, staff, work
from installation import Installation, running

CLIENTS, MANAGERS = 24, 6
OUTAGE = 60  # seconds without the storage
LARGEST_FILE = 40_000  # bytes: a contract

Fault = Callable[[Installation], None]


def database_restarted(installation: Installation) -> None:
    installation.stop_database()
    installation.start_database()


def storage_outage(installation: Installation) -> None:
    """It accepts connections and does not answer: worse than refused connections."""
    gateway = int((installation.folder / "s3/run/client.rgw.pid").read_text())
    os.kill(gateway, signal.SIGSTOP)
    time.sleep(OUTAGE)
    os.kill(gateway, signal.SIGCONT)


def worker_killed(installation: Installation) -> None:
    """Six times; the other worker and gunicorn's arbiter keep running."""
    for _ in range(6):
        arbiter = installation.processes["web0"].pid
        children = Path(f"/proc/{arbiter}/task/{arbiter}/children").read_text().split()
        if children:
            os.kill(int(children[0]), signal.SIGKILL)
        time.sleep(1)


def clock_jumps(installation: Installation) -> None:
    """One of the two machines is set two minutes ahead, then an hour behind."""
    for jump in ("+120s", "-3600s"):
        installation.kill("web0", signal.SIGTERM)
        installation.start_web(0, wrapper=["faketime", "-f", jump])
        time.sleep(4)
    installation.kill("web0", signal.SIGTERM)
    installation.start_web(0)


def disk_full(installation: Installation) -> None:
    """The file system of photos and contracts is full for ten seconds, then enlarged."""
    files = installation.folder / "files"
    deadline = time.monotonic() + 120
    while shutil.disk_usage(files).free > LARGEST_FILE and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(10)
    subprocess.run(["mount", "-o", "remount,size=200m", files], check=True)


def mail_rejected(installation: Installation) -> None:
    """No SMTP server listens; the password reset page must still answer with a message."""
    import mechanicalsoup

    browser = mechanicalsoup.StatefulBrowser()
    for _ in range(3):
        start = time.monotonic()
        browser.open(f"{installation.url}/password-reset/")
        browser.select_form("form:has([name=email])")
        browser["email"] = "m0@privet.example"
        response = browser.submit_selected()
        message = " ".join(browser.page.select_one("main").get_text(" ").split())[:120]
        print(f"password e-mail: {response.status_code} in {time.monotonic() - start:.1f} s: {message}")


FAULTS: dict[str, tuple[Fault, dict]] = {
    "database": (database_restarted, {"s3": False}),
    "storage": (storage_outage, {}),
    "worker": (worker_killed, {"s3": False, "webs": 1}),
    "clock": (clock_jumps, {"s3": False}),
    "disk": (disk_full, {"s3": False, "webs": 1, "room": "800k"}),
    "mail": (mail_rejected, {"s3": False, "webs": 1}),
}


def run(name: str) -> bool:
    """Whether no row is missing or duplicated after this fault."""
    fault, options = FAULTS[name]
    print(f"\n== {name}: {fault.__name__.replace('_', ' ')}")
    ended_at = 0.0

    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "privet", **options) as installation:

        def disturb(count_done) -> None:
            nonlocal ended_at
            while count_done() < CLIENTS // 6:
                time.sleep(0.05)
            start = time.monotonic()
            fault(installation)
            ended_at = time.monotonic()
            print(f"the fault lasted {ended_at - start:.1f} s")

        managers = staff(installation, MANAGERS)
        phones, seconds = work(managers, CLIENTS, disturb)
        faults = report(managers, phones, seconds, installation)
        last = max((manager.interrupted_at for manager in managers), default=0)
        print(f"last error after the end of the fault: {max(0, last - ended_at):.1f} s")
    return not faults and len(phones) == CLIENTS


def main(*names: str) -> int:
    print(f"{machine.cpu()}, {os.cpu_count()} cores; {CLIENTS} clients, {MANAGERS} concurrent managers")
    return sum(not run(name) for name in names or FAULTS)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # stops the started processes
    sys.exit(main(*sys.argv[1:]))

"""What breaks in earnest, tried while managers take clients all the way: what is lost or doubled, how soon it is over.

    python bench/faults.py [FAULT …]      default: all of them

Each fault has an installation of its own. Prints, for each: requests answered with «later» or not at all (they are
tried again, as people do), rows that are missing or doubled, and seconds from the end of the fault to the last such
answer. Ends with 1 when a row is wrong or a page was a 500. `disk` mounts a small file system and needs root; `clock`
needs Debian's faketime.
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
OUTAGE = 60  # seconds that the storage is gone
LARGEST_FILE = 40_000  # bytes: a contract

Fault = Callable[[Installation], None]


def database_restarted(place: Installation) -> None:
    place.stop_database()
    place.start_database()


def storage_gone(place: Installation) -> None:
    """It takes connections and answers nothing: worse than one that refuses."""
    gateway = int((place.folder / "s3/run/client.rgw.pid").read_text())
    os.kill(gateway, signal.SIGSTOP)
    time.sleep(OUTAGE)
    os.kill(gateway, signal.SIGCONT)


def worker_killed(place: Installation) -> None:
    """Again and again; the other workers and gunicorn go on."""
    for _ in range(6):
        arbiter = place.processes["web0"].pid
        children = Path(f"/proc/{arbiter}/task/{arbiter}/children").read_text().split()
        if children:
            os.kill(int(children[0]), signal.SIGKILL)
        time.sleep(1)


def clock_jumps(place: Installation) -> None:
    """One of the two machines is set two minutes ahead, then an hour behind."""
    for jump in ("+120s", "-3600s"):
        place.kill("web0", signal.SIGTERM)
        place.start_web(0, before=["faketime", "-f", jump])
        time.sleep(4)
    place.kill("web0", signal.SIGTERM)
    place.start_web(0)


def disk_full(place: Installation) -> None:
    """The file system of photos and contracts has no room for ten seconds; later it has."""
    files = place.folder / "files"
    deadline = time.monotonic() + 120
    while shutil.disk_usage(files).free > LARGEST_FILE and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(10)
    subprocess.run(["mount", "-o", "remount,size=200m", files], check=True)


def mail_refused(place: Installation) -> None:
    """Nobody listens where letters go; whoever forgot a password is answered in words."""
    import mechanicalsoup

    browser = mechanicalsoup.StatefulBrowser()
    for _ in range(3):
        began = time.monotonic()
        browser.open(f"{place.url}/password-reset/")
        browser.select_form("form:has([name=email])")
        browser["email"] = "m0@privet.example"
        answer = browser.submit_selected()
        words = " ".join(browser.page.select_one("main").get_text(" ").split())[:120]
        print(f"password letter: {answer.status_code} in {time.monotonic() - began:.1f} s: {words}")


FAULTS: dict[str, tuple[Fault, dict]] = {
    "database": (database_restarted, {"s3": False}),
    "storage": (storage_gone, {}),
    "worker": (worker_killed, {"s3": False, "webs": 1}),
    "clock": (clock_jumps, {"s3": False}),
    "disk": (disk_full, {"s3": False, "webs": 1, "room": "800k"}),
    "mail": (mail_refused, {"s3": False, "webs": 1}),
}


def tried(name: str) -> bool:
    """Whether all was well in the end."""
    fault, options = FAULTS[name]
    print(f"\n== {name}: {fault.__name__.replace('_', ' ')}")
    over = {}

    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "privet", **options) as place:

        def disturb(done) -> None:
            while done() < CLIENTS // 6:
                time.sleep(0.05)
            began = time.monotonic()
            fault(place)
            over["at"] = time.monotonic()
            print(f"the fault lasted {over['at'] - began:.1f} s")

        people = staff(place, MANAGERS)
        phones, seconds = work(people, CLIENTS, disturb)
        found = report(people, phones, seconds, place)
        last = max((person.refused_at for person in people), default=0)
        print(f"last refusal after it was over: {max(0, last - over['at']):.1f} s")
    return not found and len(phones) == CLIENTS


def main(*names: str) -> int:
    print(f"{machine.cpu()}, {os.cpu_count()} cores; {CLIENTS} clients, {MANAGERS} managers at once")
    return sum(not tried(name) for name in names or FAULTS)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is stopped
    sys.exit(main(*sys.argv[1:]))

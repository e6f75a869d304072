"""gunicorn: requests per second, memory of a worker, and size of the list page.

`python bench/served.py [1m]` starts the project's own gunicorn (two workers, DEBUG off, static files by WhiteNoise) and
prints, at 8 connections, the requests per second of the list page and of empty views; then the memory of a single
worker before and after 10,000 list pages; then the files that Chromium loads for a cold list page, with their
transferred size. Install `wrk` for correct numbers (apt-get install wrk); without it Python sends the requests, and is
slower than the server.
"""

import gzip
import http.client
import os
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from random import sample

import databases
from lists import TABS

ADDRESS = "127.0.0.1:8321"
CONNECTIONS, SECONDS, ROUNDS = 8, 1, 20
REQUESTS = 10_000


def main(size: str = "1m") -> None:
    os.environ |= {"DJANGO_SETTINGS_MODULE": "served_settings", "DATABASE_URL": databases.url(size), "DEBUG": "0"}
    import django

    django.setup()
    import machine
    from django.core.management import call_command

    print(machine.report(), "\n")
    call_command("collectstatic", interactive=False, verbosity=0)
    cookie = cookies()
    with served(workers=2):
        throughput(cookie)
        weight(cookie)
    with served(workers=1) as gunicorn:
        memory(gunicorn, cookie)


def cookies() -> str:
    """The Cookie header of a manager who has clients, as sent with the second request."""
    from django.test import Client as Browser
    from lists import people_who_look

    browser = Browser(SERVER_NAME="localhost")
    browser.force_login(people_who_look()["manager"])
    browser.get("/clients/")
    return "; ".join(f"{name}={cookie.value}" for name, cookie in browser.cookies.items())


@contextmanager
def served(workers: int):
    paths = os.pathsep.join([str(databases.ROOT), str(databases.ROOT / "bench")])
    command = [sys.executable, "-m", "gunicorn", "--bind", ADDRESS, "--workers", str(workers), "--max-requests", "0"]
    gunicorn = subprocess.Popen(
        [*command, "--log-level", "warning"], cwd=databases.ROOT, env=os.environ | {"PYTHONPATH": paths}
    )
    try:
        for _ in range(100):
            time.sleep(0.1)
            try:
                urllib.request.urlopen(f"http://{ADDRESS}/empty/", timeout=5).close()
                break
            except OSError:
                continue
        yield gunicorn
    finally:
        gunicorn.terminate()
        gunicorn.wait(timeout=40)


def throughput(cookie: str) -> None:
    """Compare the list page with an empty view without a session and with an empty view that requires a sign-in.

    All are measured ROUNDS times, in random order and with new connections: the distribution of connections over
    workers is random, and the speed of the machine varies. The mean is the result.
    """
    lists = {f"list, {tab}": f"/clients/?tab={tab}" for tab in TABS}
    paths = {"empty view": "/empty/", "empty view, signed in": "/empty/signed-in/"} | lists
    rates, failures = {name: [] for name in paths}, 0
    load("/clients/?tab=work", cookie, 2)
    for _ in range(ROUNDS):
        for name, path in sample(list(paths.items()), len(paths)):
            rate, failed = load(path, "" if name == "empty view" else cookie, SECONDS)
            rates[name].append(rate)
            failures += failed
    empty, signed_in, *_ = map(statistics.mean, rates.values())
    for name, measured in rates.items():
        rate = statistics.mean(measured)
        shares = f"{rate / empty:.2f} and {rate / signed_in:.2f} of the empty views" if name in lists else ""
        print(f"{name:24} {rate:8.1f} requests/s ({min(measured):.0f}–{max(measured):.0f})  {shares}")
    print(f"{ROUNDS} rounds of {SECONDS} s, failed: {failures}")


def memory(gunicorn: subprocess.Popen, cookie: str) -> None:
    (worker,) = Path(f"/proc/{gunicorn.pid}/task/{gunicorn.pid}/children").read_text().split()
    urls = [f"/clients/?tab={tab}" for tab in TABS]
    print()
    sent = 0
    while sent <= REQUESTS:
        print(f"worker after {sent:6} requests: {resident(worker):6.1f} MB")
        rate, _ = load(urls[(sent // 100) % 4], cookie, 5)
        sent += int(rate * 5)
    print(f"worker after {sent:6} requests: {resident(worker):6.1f} MB")


def resident(pid: str) -> float:
    """Resident memory of the process in megabytes, including shared memory."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def load(path: str, cookie: str, seconds: int) -> tuple[float, int]:
    """Requests per second over CONNECTIONS connections, and the number of responses other than 200."""
    if not shutil.which("wrk"):
        return load_by_threads(path, cookie, seconds)
    command = ["wrk", f"-c{CONNECTIONS}", "-t2", f"-d{seconds}s", "-H", f"Cookie: {cookie}", f"http://{ADDRESS}{path}"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1]), int(failed[1]) if failed else 0


def load_by_threads(path: str, cookie: str, seconds: int) -> tuple[float, int]:
    statuses, end = [], time.monotonic() + seconds

    def send_requests():
        connection = http.client.HTTPConnection(ADDRESS)
        while time.monotonic() < end:
            connection.request("GET", path, headers={"Cookie": cookie})
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)

    threads = [threading.Thread(target=send_requests) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(statuses) / seconds, sum(status != 200 for status in statuses)


def weight(cookie: str) -> None:
    """Load the list page with an empty cache; from localhost, where browsers accept Brotli without TLS."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    loaded = {}
    with sync_playwright() as playwright:
        context = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"]).new_context(
            viewport={"width": 360, "height": 760}
        )
        port = ADDRESS.split(":")[1]
        for name, value in (pair.split("=", 1) for pair in cookie.split("; ")):
            context.add_cookies([{"name": name, "value": value, "url": f"http://localhost:{port}"}])
        page = context.new_page()
        cdp_session = context.new_cdp_session(page)
        cdp_session.send("Network.enable")
        cdp_session.on(
            "Network.responseReceived", lambda event: loaded.update({event["requestId"]: [event["response"], 0]})
        )
        cdp_session.on("Network.loadingFinished", lambda event: record_size(loaded, event))
        page.goto(f"http://localhost:{port}/clients/?tab=new", wait_until="networkidle")
        html = page.request.get(f"http://localhost:{port}/clients/?tab=new").body()
    print()
    for response, size in loaded.values():
        encoding = response["headers"].get("Content-Encoding", response["headers"].get("content-encoding", "plain"))
        print(f"{size:8,} bytes  {encoding:6} {response['url'].split(port, 1)[1][:90]}")
    total = sum(size for _, size in loaded.values())
    behind_proxy = total - len(html) + len(gzip.compress(html, 6))
    print(
        f"{len(loaded)} requests, {total / 1024:.1f} KB; {behind_proxy / 1024:.1f} KB behind a proxy that gzips pages"
    )


def record_size(loaded: dict, event: dict) -> None:
    if event["requestId"] in loaded:
        loaded[event["requestId"]][1] = int(event["encodedDataLength"])


if __name__ == "__main__":
    main(*sys.argv[1:])

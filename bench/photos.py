"""Photos, from choosing a file until it is attached: `python bench/photos.py [local|s3 ...]`.

Starts the project's own gunicorn and uploads 12-megapixel photos with Chromium on the list of devices: one on loopback,
one on Chromium's «slow 3G», ten at once. Prints the longest task of the page's main thread and the maximum CPU time of
a task, which does not depend on other programs. Then sends 1,000 resized photos without a browser and prints the memory
of the worker before, meanwhile and after. For S3 it starts the server of bin/s3.
Needs Chromium, for S3 Ceph's gateway (apt-get install chromium radosgw ceph-mon ceph-osd), and bin/test's packages.
"""

import http.client
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import databases
import served

# For Chromium's developer tools: milliseconds and bytes per second.
SLOW_3G = {"offline": False, "latency": 2000, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
LOOPBACK = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
UPLOADS = 1_000
TRACED = ["toplevel", "disabled-by-default-devtools.timeline"]
TOKEN = "t" * 32  # the cookie and the header only have to be equal

# Records when photos were chosen and when each of them was attached.
WATCH = """() => {
    window.seen = { attached: [] };
    document.addEventListener("change", () => { seen.chosen = performance.now(); }, { capture: true, once: true });
    const photos = () => document.querySelectorAll("[data-photo]").length;
    const before = photos();
    new MutationObserver(() => {
        while (before + seen.attached.length < photos()) seen.attached.push(performance.now());
    }).observe(document.body, { childList: true, subtree: true });
}"""


def main(*storages: str) -> None:
    database_url = databases.url("1k")
    os.environ |= {"DJANGO_SETTINGS_MODULE": "served_settings", "DATABASE_URL": database_url, "DEBUG": "0"}
    for storage in storages or ("local", "s3"):
        # Settings are read once, and the storage is one of them.
        subprocess.run(
            [sys.executable, __file__, "--on", storage], env=os.environ | storage_environment(storage), check=True
        )


def storage_environment(storage: str) -> dict[str, str]:
    """Environment variables of gunicorn for this storage; starts the S3 server."""
    environment = {
        "LOG_LEVEL": "WARNING",
        "APP_BASE_URL": f"http://localhost:{port()}",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
    }
    if storage == "local":
        return environment | {"S3_ENDPOINT": ""}
    started = subprocess.run([databases.ROOT / "bin" / "s3", "start"], check=True, capture_output=True, text=True)
    keys = {"S3_ACCESS_KEY": "privet-access", "S3_SECRET_KEY": "privet-secret", "S3_BUCKET": "privet-bench"}
    return environment | keys | {"S3_ENDPOINT": started.stdout.strip()}


def port() -> str:
    return served.ADDRESS.split(":")[1]


def measure(storage: str) -> None:
    import django

    django.setup()
    import machine
    from django.core.management import call_command

    print(machine.report())
    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("init_storage", stdout=io.StringIO())
    cookie = served.session()
    device = find_device()
    with tempfile.TemporaryDirectory() as folder, served.served(workers=1) as gunicorn:
        files = make_photos(Path(folder), 10)
        print(f"{storage}: photos of {files[0].stat().st_size / 1e6:.1f} MB, 4000×3000")
        with page_of(device, cookie) as page:
            for name, network, count, runs in (
                ("one, loopback", LOOPBACK, 1, 5), ("one, slow 3G", SLOW_3G, 1, 3), ("ten at once", LOOPBACK, 10, 1),
            ):  # fmt: skip
                results = [chosen_to_attached(page, device, files[:count], network) for _ in range(runs)]
                times, durations, cpu_times = zip(*results, strict=True)
                print(
                    f"{name:15} fastest {min(times):.2f} s, median {statistics.median(times):.2f} s, slowest "
                    f"{max(times):.2f} s; longest task of the page {max(durations):.0f} ms, maximum CPU time "
                    f"{max(cpu_times):.0f} ms; read by the server: {largest_upload(device) / 1024:.0f} KB per photo"
                )
        memory(gunicorn, device, cookie)


def find_device():
    """A device of a client of the manager whose session is used."""
    from lists import people_who_look

    from devices.models import Device

    manager = people_who_look()["manager"]
    return Device.objects.filter(client__manager=manager, client__passport__isnull=False).first()


def make_photos(folder: Path, count: int) -> list[Path]:
    from e2e import pictures

    paths = [folder / f"{number}.jpg" for number in range(count)]
    for path in paths:
        path.write_bytes(pictures.jpeg())
    return paths


def largest_upload(device) -> int:
    """Size in bytes of the largest file that the browser sent for the device."""
    from photos.models import Upload

    return max(Upload.objects.filter(device_id=device.pk).values_list("size", flat=True))


def delete_photos(device) -> None:
    """Delete the photos and uploads of the device and reset the rate limits, so that more can be uploaded."""
    from devices.models import DevicePhoto
    from managers.limits import Spending
    from photos.models import Upload

    Upload.objects.filter(client=device.client).delete()
    DevicePhoto.objects.filter(device=device).delete()
    Spending.objects.all().delete()


@contextmanager
def page_of(device, cookie: str):
    from playwright.sync_api import sync_playwright

    # Playwright's event loop runs in this thread, which also queries the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = chromium.new_context(viewport={"width": 360, "height": 740}, base_url=f"http://localhost:{port()}")
        context.add_cookies([{"name": "sessionid", "value": cookie, "url": f"http://localhost:{port()}"}])
        page = context.new_page()
        yield page
        chromium.close()


def chosen_to_attached(page, device, files: list[Path], network: dict) -> tuple[float, float, float]:
    """Seconds until the last photo was attached; then the longest duration and the maximum CPU time of the page's tasks
    meanwhile, both in milliseconds.
    """
    from playwright.sync_api import expect

    delete_photos(device)
    cdp_session = page.context.new_cdp_session(page)
    cdp_session.send("Network.enable")
    page.goto(f"/clients/{device.client_id}/devices/", wait_until="networkidle")
    page.evaluate(WATCH)
    cdp_session.send("Network.emulateNetworkConditions", network)
    page.context.browser.start_tracing(page=page, categories=TRACED)
    page.locator(f"#device-{device.pk} input[type=file]").first.set_input_files(files)
    expect(page.locator(f"#device-{device.pk} [data-photo]")).to_have_count(len(files), timeout=120_000)
    tasks = main_thread(json.loads(page.context.browser.stop_tracing())["traceEvents"])
    seen = page.evaluate("seen")
    cdp_session.detach()
    longest, cpu_time = max(task["dur"] for task in tasks), max(task["tdur"] for task in tasks)
    return (seen["attached"][-1] - seen["chosen"]) / 1000, longest / 1000, cpu_time / 1000


def main_thread(events: list[dict]) -> list[dict]:
    """The tasks of the page's main thread; times in microseconds, `tdur` is CPU time."""
    mains = {(event["pid"], event["tid"]) for event in events if event.get("args", {}).get("name") == "CrRendererMain"}
    tasks = [event for event in events if (event["pid"], event["tid"]) in mains and event["name"].endswith("RunTask")]
    return [task for task in tasks if "tdur" in task]  # the last task is not finished


def memory(gunicorn: subprocess.Popen, device, cookie: str) -> None:
    """Upload 1,000 photos of the size that browsers send, one after another, for one device."""
    (worker,) = Path(f"/proc/{gunicorn.pid}/task/{gunicorn.pid}/children").read_text().split()
    photo = resized_photo()
    print(f"{UPLOADS} uploads of {len(photo) / 1024:.0f} KB")
    for number in range(UPLOADS + 1):
        if number % 10 == 0:
            delete_photos(device)
        if number % 250 == 0 or number == 20:
            print(f"worker after {number:4} uploads: {served.resident(worker):6.1f} MB")
        if number < UPLOADS:
            upload(device, cookie, photo)


def resized_photo() -> bytes:
    from e2e import pictures

    image = pictures.scene().copy()
    image.thumbnail((1200, 1200))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()


def upload(device, cookie: str, photo: bytes) -> None:
    """Send the requests of a browser for one photo: ask for a presigned URL, post the photo, complete the upload."""
    fields = {"purpose": "device", "device": device.pk, "content_type": "image/jpeg", "size": len(photo)}
    presigned = post(f"/clients/{device.client_id}/uploads/", cookie, fields)
    body, content_type = multipart(presigned["fields"], photo)
    url = urlsplit(presigned["url"])
    connection = http.client.HTTPConnection(url.netloc or served.ADDRESS, timeout=30)
    connection.request(
        "POST", url.path, body, {"Content-Type": content_type, "Host": url.netloc or f"localhost:{port()}"}
    )
    status = connection.getresponse().status
    connection.close()
    assert status < 300, status
    assert post(presigned["completion"], cookie, {})["attached"]


def post(path: str, cookie: str, fields: dict) -> dict:
    connection = http.client.HTTPConnection(served.ADDRESS, timeout=30)
    headers = {
        "Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded", "X-CSRFToken": TOKEN,
        "Cookie": f"sessionid={cookie}; csrftoken={TOKEN}", "Host": f"localhost:{port()}",
    }  # fmt: skip
    connection.request("POST", path, urlencode(fields), headers)
    response = connection.getresponse()
    result = json.loads(response.read())
    connection.close()
    assert response.status < 300, result
    return result


def multipart(fields: dict, photo: bytes) -> tuple[bytes, str]:
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

    file = SimpleUploadedFile("photo.jpg", photo, "image/jpeg")
    return encode_multipart(BOUNDARY, fields | {"file": file}), MULTIPART_CONTENT


if __name__ == "__main__":
    if sys.argv[1:2] == ["--on"]:
        measure(sys.argv[2])
    else:
        main(*sys.argv[1:])

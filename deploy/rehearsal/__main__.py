"""Carries out the Dockerfile in a fresh Debian, and follows docs/deployment.md on a fresh machine: bin/fresh-debian."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rehearsal import debian, documents, versions
from rehearsal.dockerfile import Build, Image
from rehearsal.machine import Failed, Machine

PROJECT = Path(__file__).resolve().parent.parent
LIMIT = 350_000_000
EMAIL, PASSWORD = f"admin@{documents.OURS}", "a long password of a rehearsal"
CERTIFICATE = "/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt"
SERVICES = ("privet-backup", "privet-clean-up", "privet-retention", "privet-sessions")
SOURCE = "/opt/privet/source"
DEPLOY = f"{SOURCE}/bin/deploy"
NEW_DATABASE = """
    CREATE ROLE image LOGIN PASSWORD 'made-up';
    CREATE DATABASE image OWNER image TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
"""
BEGAN = time.monotonic()


def say(text: str) -> None:
    print(f"{time.monotonic() - BEGAN:5.0f} s  {text}", flush=True)


def build_image(work: Path) -> Image:
    """The image that the Dockerfile makes. Its base can't be had without a registry of images: Debian's own Python 3.13
    stands in for it, in a Debian as slim."""
    base = work / "base"
    debian.copy(work / "debian", base)
    debian.slim(base)
    # Docker's images have no account of what they install apart from the packages themselves.
    install = "apt-get update && apt-get install -y --no-install-recommends python3-venv python-is-python3"
    debian.run(base, ["sh", "-c", f"{install} ca-certificates && rm -rf /var/lib/apt/lists/* && apt-get clean"])
    debian.trust_own_certificates(base)
    image = Build(PROJECT, base, work).carry_out()
    size = debian.size(image.root)
    say(f"image: {size / 1e6:.0f} MB, of which {debian.size(base) / 1e6:.0f} MB are the base's stand-in")
    if size > LIMIT:
        raise Failed(f"The image is larger than {LIMIT / 1e6:.0f} MB.")
    return image


def prepare_machine(work: Path) -> Machine:
    """A server as one rents it, which finds the project under its public address."""
    root = work / "machine"
    debian.copy(work / "debian", root)
    packages = "systemd systemd-sysv dbus ca-certificates iproute2 procps"
    debian.run(root, ["sh", "-c", f"apt-get update && apt-get install -y --no-install-recommends {packages}"])
    debian.trust_own_certificates(root)
    versions.publish(PROJECT, root / "srv/privet.git", work / "author")
    (root / "etc/gitconfig").write_text(
        '[url "/srv/privet.git"]\n\tinsteadOf = https://git.example.ru/privet.git\n[safe]\n\tdirectory = *\n'
    )
    (root / "etc/hosts").write_text(f"127.0.0.1 localhost {documents.OURS}\n")
    (root / "root/.curlrc").write_text(f"cacert = {CERTIFICATE}\n")
    for program in ("visitor.py", "crowd.py"):
        shutil.copy(Path(__file__).with_name(program), root / "root")
    return Machine(root)


def follow_deployment(machine: Machine) -> None:
    machine.follow(documents.commands(PROJECT / "docs/deployment.md"), PASSWORD)
    say("docs/deployment.md followed")
    machine.ask(f"python3 visitor.py https://{documents.OURS} {EMAIL} {shlex.quote(PASSWORD)} {CERTIFICATE}")
    say("signed in with a second factor, through Caddy")


def look_at_services(machine: Machine) -> None:
    machine.ask("systemd-analyze verify /etc/systemd/system/privet*.{service,socket,timer}")
    for service in ("privet", *SERVICES):
        level = machine.ask(f"systemd-analyze security --no-pager {service}.service | tail -n 1")
        say(f"{service}: {level.split(':')[1].split()[0]} of 10 is open to it")
        machine.ask(f"systemd-analyze security --threshold=30 {service}.service >/dev/null")
    for service in SERVICES:
        machine.ask(f"systemctl start {service}.service || (journalctl --no-pager -u {service}; exit 1)")
    machine.ask("ls /var/backups/privet/* >/dev/null")
    # Fonts and libraries, under the same restrictions as the web server.
    draw = "/opt/privet/current/.venv/bin/python manage.py preview_contract --out /var/lib/privet/sample.pdf"
    machine.ask(f"systemd-run --wait --quiet --pipe --unit=privet-sample {draw} && ls /var/lib/privet/sample.pdf")
    say("timers' services ran, a contract was drawn")


def install_again(machine: Machine) -> None:
    """Nothing that an operator wrote may change, and nothing may stop."""
    state = "cd /etc && sha256sum privet/* caddy/Caddyfile && systemctl show -p MainPID privet"
    before = machine.ask(state)
    machine.ask(f"{SOURCE}/deploy/install")
    if machine.ask(state) != before:
        raise Failed("deploy/install changed settings, or stopped what ran.")
    say("installed again: nothing changed")


@contextmanager
def under_load(machine: Machine, what: str) -> Iterator[None]:
    """While others ask again and again: none of their requests may be lost."""
    command = machine.command("python3", "crowd.py", documents.OURS, CERTIFICATE)
    crowd = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(2)
        yield
        time.sleep(2)
    finally:
        answer, _ = crowd.communicate()
    if crowd.returncode:
        raise Failed(answer)
    say(f"{what} under load: {answer.strip()}")


def renew(machine: Machine) -> None:
    with under_load(machine, "two reloads and a restart"):
        for verb in ("reload", "reload", "restart"):
            machine.ask(f"systemctl {verb} privet")
            time.sleep(4)


def follow_operations(machine: Machine) -> None:
    """An update and the way back are among what it says."""
    with under_load(machine, "docs/operations.md followed"):
        machine.follow(documents.commands(PROJECT / "docs/operations.md"), PASSWORD)
    machine.ask(f"runuser -u postgres -- psql -q privet -c 'TABLE {versions.TABLE}'")


def refuse_what_does_not_serve(machine: Machine) -> None:
    before = machine.ask("readlink /opt/privet/current")
    with under_load(machine, "a version that does not start"):
        machine.ask(f"{DEPLOY} {versions.BROKEN} && exit 1 || test $? = 2")
    if machine.ask("readlink /opt/privet/current") != before:
        raise Failed("bin/deploy did not go back.")
    # As if it had been interrupted before it restarted anything.
    machine.ask(f"ln -sfn /opt/privet/versions/$(git -C {SOURCE} rev-parse {versions.BROKEN}) /opt/privet/current")
    machine.ask(f"{DEPLOY} {versions.FIRST} | grep 'was interrupted'")
    if machine.ask("readlink /opt/privet/current") != before:
        raise Failed("bin/deploy did not finish what was interrupted.")
    machine.ask(f"{DEPLOY} {versions.FIRST} | grep 'serves already'")
    machine.ask(f"flock /run/lock/privet-deploy {DEPLOY} {versions.NEXT} && exit 1 || test $? = 1")
    machine.ask(f"touch {SOURCE}/x; {DEPLOY} {versions.NEXT} && exit 1 || test $? = 1")


def read_configurations(machine: Machine) -> None:
    """Those of the ways with containers, by Debian's own tools."""
    machine.ask("apt-get install -y -qq --no-install-recommends docker-compose >/dev/null")
    values = ("POSTGRES_PASSWORD=made-up PRIVET_DOMAIN=privet.example PRIVET_STORAGE_DOMAIN=files.privet.example"
              " S3_ACCESS_KEY=made-up S3_SECRET_KEY=made-up")  # fmt: skip
    script = f"""
        cp -rH /opt/privet/current /tmp/privet && cd /tmp/privet && cp .env.example .env
        docker-compose --file compose.yaml config --quiet
        {values} docker-compose --file compose.full.yaml config --quiet
        rm .env && cd deploy
        for file in Caddyfile storage.caddy; do caddy fmt $file | diff - $file; done
        install -D -m 644 Caddyfile /tmp/caddy/Caddyfile
        install -D -m 644 storage.caddy /tmp/caddy/sites/storage.caddy
        {values} caddy validate --config /tmp/caddy/Caddyfile --adapter caddyfile 2>/dev/null
    """
    machine.ask(script)
    say("compose.yaml, compose.full.yaml and the Caddyfiles are read without complaint")


def serve_image(image: Image, machine: Machine) -> None:
    """The image beside a PostgreSQL that is there already, on the machine's network, as its own user."""
    machine.ask("runuser -u postgres -- psql -q", NEW_DATABASE)
    secrets = ("SECRET_KEY", "CONTRACT_SIGNATURE_SECRET", "PERSONAL_DATA_KEYS", "PERSONAL_DATA_HASH_KEY")
    image.env |= {name: f"{name:-<50}" for name in secrets}
    image.env |= {"DATABASE_URL": "postgresql://image:made-up@127.0.0.1/image", "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    inside = ["nsenter", "--target", str(machine.init), "--net"]

    def start(*arguments: str, **options) -> subprocess.Popen:
        command = debian.command(image.root, [*arguments], image.env, image.user, image.folder)
        return subprocess.Popen([*inside, *command], stdin=subprocess.DEVNULL, **options)

    def succeeds(*arguments: str) -> None:
        if start(*arguments).wait():
            raise Failed(f"In the image: {shlex.join(arguments)}")

    succeeds("sh", "-c", "! touch /app/x /venv/x /x 2>/dev/null && touch /data/x /tmp/x && test $(id -u) != 0")
    succeeds("python", "manage.py", "migrate", "--verbosity", "0")
    succeeds("python", "manage.py", "createsuperuser", "--noinput", "--email", EMAIL, "--name", "Глеб Волков")
    succeeds("python", "manage.py", "preview_contract", "--out", "/tmp/sample.pdf")
    server = start(*image.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + 30
        while start(*image.health, stderr=subprocess.DEVNULL).wait():
            if time.monotonic() > deadline:
                raise Failed("The image's health check never succeeded.")
        machine.ask(f"python3 visitor.py http://localhost:8000 {EMAIL} {shlex.quote(PASSWORD)}")
    finally:
        # All of them: who became another user is not killed with the parent.
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    if not start(*image.health, stderr=subprocess.DEVNULL).wait():
        raise Failed("The image's health check succeeds when nothing answers.")
    say("image: migrated, healthy, signed in as its own user")


def rehearse(work: Path) -> None:
    debian.bootstrap(work / "debian")
    say(f"Debian {debian.RELEASE}")
    image = build_image(work)
    with prepare_machine(work) as machine:
        say("a machine, booted")
        follow_deployment(machine)
        look_at_services(machine)
        install_again(machine)
        renew(machine)
        follow_operations(machine)
        refuse_what_does_not_serve(machine)
        read_configurations(machine)
        serve_image(image, machine)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="fresh-debian-", dir=sys.argv[1]) as folder:
        try:
            rehearse(Path(folder))
        except Failed as failure:
            sys.exit(str(failure))

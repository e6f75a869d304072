"""Builds and runs the Dockerfile, and follows docs/deployment.md and docs/operations.md on a machine."""

import json
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.rehearsal import debian, image, instructions, starting_points, versions
from deploy.rehearsal.debian import RehearsalError
from deploy.rehearsal.machine import Machine, wait_for
from deploy.rehearsal.report import report

EMAIL, PASSWORD = f"admin@{instructions.DOMAIN}", "a long password of a rehearsal"
CERTIFICATE = "/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt"
TIMER_SERVICES = ("privet-backup", "privet-clean-up", "privet-retention", "privet-mirror", "privet-sessions")
SOURCE, CURRENT = "/opt/privet/source", "/opt/privet/current"
DEPLOY = f"{SOURCE}/bin/deploy"
MAX_EXPOSURE = 30  # of 100, as `systemd-analyze security` computes it
# A service of Privet: neither the file of the privileged settings nor the environment of a service that has them.
READ_PRIVILEGED = """
    if cat /etc/privet/privileged.env; then exit 1; fi
    if cat /proc/$0/environ; then exit 1; fi
"""
IMAGE_DATABASE = """
    CREATE ROLE image SUPERUSER LOGIN PASSWORD 'made-up';
    CREATE DATABASE image TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
"""
IMAGE_SECRETS = ("SECRET_KEY", "CONTRACT_SIGNATURE_SECRET", "PERSONAL_DATA_KEYS", "PERSONAL_DATA_HASH_KEY")
IMAGE_SETTINGS = {name: f"{name:-<50}" for name in IMAGE_SECRETS} | {
    "DATABASE_URL": "postgresql://image_web:made-up@127.0.0.1/image",
    "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
}
IMAGE_PRIVILEGED = {
    "DATABASE_OWNER_URL": "postgresql://image_owner:made-up@127.0.0.1/image",
    "DATABASE_MAINTENANCE_URL": "postgresql://image_maintenance:made-up@127.0.0.1/image",
    "DATABASE_ADMIN_URL": "postgresql://image:made-up@127.0.0.1/image",
}
COMPOSE_PASSWORDS = (
    "POSTGRES_PASSWORD", "DATABASE_PASSWORD", "DATABASE_OWNER_PASSWORD", "DATABASE_MAINTENANCE_PASSWORD",
    "MINIO_ROOT_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY", "DATABASE_OWNER_URL", "DATABASE_MAINTENANCE_URL",
)  # fmt: skip
COMPOSE_SETTINGS = " ".join(
    ["PRIVET_DOMAIN=privet.example PRIVET_STORAGE_DOMAIN=files.privet.example"]
    + [f"{name}=made-up" for name in COMPOSE_PASSWORDS]
)
# The settings with more rights than the web server has, and the services of both files that need some of them.
PRIVILEGED_SETTINGS = {
    "DATABASE_OWNER_URL", "DATABASE_MAINTENANCE_URL", "DATABASE_ADMIN_URL", "POSTGRES_PASSWORD", "MINIO_ROOT_PASSWORD",
    "DATABASE_OWNER_PASSWORD", "DATABASE_MAINTENANCE_PASSWORD",
}  # fmt: skip
NEEDED_SETTINGS = {
    "privet_manager_db": {"POSTGRES_PASSWORD"},
    "privet_manager_minio": {"MINIO_ROOT_PASSWORD"},
    "privet_manager_storage_user": {"MINIO_ROOT_PASSWORD"},
    "privet_manager_roles": {"DATABASE_OWNER_URL", "DATABASE_MAINTENANCE_URL", "DATABASE_ADMIN_URL"},
    "privet_manager_migrator": {"DATABASE_OWNER_URL", "DATABASE_MAINTENANCE_URL"},
    "privet_manager_worker": {"DATABASE_MAINTENANCE_URL"},
}


def rehearse(project: Path, work: Path) -> None:
    """Run everything in the empty folder `work`. Raises RehearsalError at the first failure."""
    system = work / "debian"
    debian.bootstrap(system, debian.DEBIAN_13)
    report(f"Debian {debian.DEBIAN_13} installed")
    buildah, built = image.build(project, system, work)
    megabytes = [round(size / 1e6) for size in built.layers]
    report(f"image built: {sum(megabytes)} MB, of which {megabytes[0]} MB are the base image")
    with prepare_machine(project, system) as machine:
        report("machine booted")
        follow_deployment(project, machine)
        check_services(machine)
        install_again(machine)
        starting_points.follow(project, machine)
        restart_under_load(machine)
        follow_operations(project, machine)
        reject_broken_version(machine)
        recover_from_interruption(machine)
        check_container_configuration(machine)
        check_image(buildah, built, machine)


def prepare_machine(project: Path, system: Path) -> Machine:
    machine = Machine(system)
    versions.publish(project, machine.repository)
    versions.publish_tags(machine.repository, system.with_name("clone"))
    with open(system / "etc/hosts", "a") as hosts:
        hosts.write(f"127.0.0.1 {instructions.DOMAIN}\n")
    (system / "root/.curlrc").write_text(f"cacert = {CERTIFICATE}\n")
    for program in ("first_sign_in.py", "load.py"):
        shutil.copy(Path(__file__).with_name(program), system / "root")
    return machine


def follow_deployment(project: Path, machine: Machine) -> None:
    machine.run_in_terminal(instructions.commands(project / "docs/deployment.md"), PASSWORD)
    report("docs/deployment.md followed")
    sign_in(machine, f"https://{instructions.DOMAIN}", CERTIFICATE)
    report("signed in with a second factor through Caddy")


def sign_in(machine: Machine, *address: str) -> None:
    machine.run(shlex.join(["python3", "first_sign_in.py", EMAIL, PASSWORD, *address]))


def check_services(machine: Machine) -> None:
    machine.run("systemd-analyze verify /etc/systemd/system/privet*.{service,socket,timer}")
    for service in ("privet", "privet-worker", *TIMER_SERVICES):
        security = f"systemd-analyze security --no-pager --threshold={MAX_EXPOSURE} {service}.service"
        summary = machine.run(security).splitlines()[-1]
        report(f"{service}: exposure {summary.split(':')[1].split()[0]} of 10")
    for service in TIMER_SERVICES:
        machine.run(f"systemctl start {service}.service || (journalctl --no-pager -u {service}; exit 1)")
    machine.run("ls /var/backups/privet/* >/dev/null")
    machine.run("systemctl is-active --quiet privet-worker && privet worker --once")
    probe = shlex.join(["sh", "-c", READ_PRIVILEGED])
    pid = machine.run("systemctl show --property=MainPID --value privet-worker").strip()
    machine.run(f"systemd-run --wait --quiet --pipe --unit=privet-probe {probe} {pid}")
    report("a service without the privileged settings can't read them")
    # Fonts and libraries work under the restrictions of the web server.
    preview = f"{CURRENT}/.venv/bin/python manage.py preview_contract --out /var/lib/privet/sample.pdf"
    machine.run(f"systemd-run --wait --quiet --pipe --unit=privet-sample {preview} && ls /var/lib/privet/sample.pdf")
    report("services of the timers ran, the worker is running, a contract was rendered")


def install_again(machine: Machine) -> None:
    """A second installation keeps settings and running services."""
    state = "cd /etc && sha256sum privet/* caddy/Caddyfile && systemctl show -p MainPID privet"
    before = machine.run(state)
    machine.run(f"{SOURCE}/deploy/install")
    if machine.run(state) != before:
        raise RehearsalError("deploy/install changed settings or restarted a service.")
    report("installed again: nothing changed")


@contextmanager
def under_load(machine: Machine, name: str) -> Iterator[None]:
    """Send requests meanwhile. Raises RehearsalError at the end when one of them failed."""
    command = machine.command("python3", "load.py", instructions.DOMAIN, CERTIFICATE)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(2)
        yield
        time.sleep(2)
    finally:
        output, _ = process.communicate()
    if process.returncode:
        raise RehearsalError(output)
    report(f"{name} under load: {output.strip()}")


def restart_under_load(machine: Machine) -> None:
    with under_load(machine, "two reloads and a restart"):
        for verb in ("reload", "reload", "restart"):
            machine.run(f"systemctl {verb} privet")
            time.sleep(4)


def follow_operations(project: Path, machine: Machine) -> None:
    """The commands include an update and a rollback."""
    with under_load(machine, "docs/operations.md followed"):
        machine.run_in_terminal(instructions.commands(project / "docs/operations.md"), PASSWORD)
    machine.run(f"runuser -u postgres -- psql -q privet -c 'TABLE privet.{versions.TABLE}'")


def current_version(machine: Machine) -> str:
    return machine.run(f"readlink {CURRENT}")


def reject_broken_version(machine: Machine) -> None:
    before = current_version(machine)
    with under_load(machine, "a version that does not start"):
        machine.run(f"{DEPLOY} {versions.BROKEN} && exit 1 || test $? = 2")
    if current_version(machine) != before:
        raise RehearsalError("bin/deploy did not roll back.")


def recover_from_interruption(machine: Machine) -> None:
    before = current_version(machine)
    # The state after an interruption just before the restart.
    machine.run(f"ln -sfn /opt/privet/versions/$(git -C {SOURCE} rev-parse {versions.BROKEN}) {CURRENT}")
    machine.run(f"{DEPLOY} {versions.FIRST} | grep 'was interrupted'")
    if current_version(machine) != before:
        raise RehearsalError("bin/deploy did not finish the interrupted run.")
    machine.run(f"{DEPLOY} {versions.FIRST} | grep 'serves already'")
    machine.run(f"flock /run/lock/privet-deploy {DEPLOY} {versions.NEXT} && exit 1 || test $? = 1")
    machine.run(f"touch {SOURCE}/x; {DEPLOY} {versions.NEXT} && exit 1 || test $? = 1")
    report("bin/deploy: an interrupted run finished, a second run and local changes refused")


def check_container_configuration(machine: Machine) -> None:
    machine.run("apt-get install -y -qq --no-install-recommends docker-compose >/dev/null")
    machine.run(f"cp -rH {CURRENT} /tmp/privet && printf '%s\\n' {COMPOSE_SETTINGS} >/tmp/privet/.env")
    for file in ("compose.yaml", "compose.full.yaml"):
        config = machine.run(f"cd /tmp/privet && docker-compose --file {file} config --format json")
        if excess := excess_settings(config):
            raise RehearsalError(f"{file}: {', '.join(excess)}")
    script = f"""
        cd /tmp/privet/deploy
        for file in Caddyfile storage.caddy; do caddy fmt $file | diff - $file; done
        install -D -m 644 Caddyfile /tmp/caddy/Caddyfile
        install -D -m 644 storage.caddy /tmp/caddy/sites/storage.caddy
        {COMPOSE_SETTINGS} caddy validate --config /tmp/caddy/Caddyfile --adapter caddyfile 2>/dev/null
    """
    machine.run(script)
    report("compose.yaml, compose.full.yaml and the Caddyfiles are valid")


def excess_settings(config: str) -> list[str]:
    """The privileged settings that services get without need, in the JSON of `docker-compose config`."""
    return [
        f"{service} gets {setting}"
        for service, content in json.loads(config)["services"].items()
        for setting, value in content.get("environment", {}).items()
        if value and setting in PRIVILEGED_SETTINGS - NEEDED_SETTINGS.get(service, set())
    ]


def check_image(buildah: image.Buildah, built: image.Image, machine: Machine) -> None:
    """Run the image with the machine's network and PostgreSQL."""
    machine.run("runuser -u postgres -- psql -q", IMAGE_DATABASE)
    container = buildah.container(image.TAG)

    def command(*arguments: str, **privileged: str) -> list[str]:
        network = ["nsenter", "--target", str(machine.init), "--net"]
        return [*network, *buildah.run_command(container, *arguments, env=IMAGE_SETTINGS | privileged)]

    def is_healthy() -> bool:
        return subprocess.run(command(*built.health_check), capture_output=True).returncode == 0

    debian.call(command("sh", "-euc", image.CHECK_FILES))
    for arguments in (("create_roles",), ("migrate", "--verbosity", "0")):
        debian.call(command("python", "manage.py", *arguments, **IMAGE_PRIVILEGED))
    for arguments in (
        ("createsuperuser", "--noinput", "--email", EMAIL, "--name", "Глеб Волков"),
        ("preview_contract", "--out", "/tmp/sample.pdf"),
    ):
        debian.call(command("python", "manage.py", *arguments))
    server = subprocess.Popen(command(*built.command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(is_healthy, seconds=30, error="The health check of the image did not succeed.")
        sign_in(machine, "http://localhost:8000")
    finally:
        server.kill()
        server.wait()
    if is_healthy():
        raise RehearsalError("The health check of the image succeeds without a server.")
    report("image: migrated, healthy, signed in")

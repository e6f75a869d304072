"""Runs the README's commands, bin/dev and bin/test, in a fresh Debian."""

import shlex
import subprocess
import sys
from pathlib import Path

from deploy.rehearsal import debian, machine, versions
from deploy.rehearsal.debian import RehearsalError
from deploy.rehearsal.machine import Machine
from deploy.rehearsal.report import report

COMMANDS = DEV, TEST = ("bin/dev", "bin/test")
USER = "developer"
PROJECT = f"/home/{USER}/privet"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"  # bin/fresh-debian starts it with the project's Python
PYTHON_PACKAGE = f"python{VERSION}-venv"
MINUTES = 20  # for bin/dev to install everything and answer
# An account as in Debian's cloud images: sudo asks for no password.
PREPARE = f"""
    apt-get install -y -qq --no-install-recommends git sudo curl >/dev/null
    useradd --create-home --shell /bin/bash {USER}
    echo '{USER} ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/{USER}
    runuser --login {USER} --command 'git clone --quiet {machine.REPOSITORY_URL}'
"""
START = f"systemd-run --quiet --unit=dev runuser --login {USER} --command {PROJECT}/{DEV}"
WAIT = f"""
    for attempt in $(seq {MINUTES * 30}); do
      systemctl is-active --quiet dev || break
      curl --fail --silent --location http://localhost:8000 --output /dev/null && exit
      sleep 2
    done
    journalctl --no-pager --unit dev --output cat
    exit 1
"""


def rehearse(project: Path, work: Path, release: str, python: Path | None) -> None:
    """Run everything in the empty folder `work`. `python` is the folder of a Python 3.13 that was built for this
    release; it is only used when the release has no package. Raises RehearsalError at the first failure."""
    system = work / "debian"
    debian.bootstrap(system, release)
    fresh = Machine(system)
    versions.publish(project, fresh.repository)
    with fresh:
        fresh.run(PREPARE)
        report(f"Debian {release} booted")
        for command in COMMANDS:
            expect_message(fresh, command)
        if not provide_python(fresh, python):
            report(f"{release} has no package {PYTHON_PACKAGE}, and no Python was given: finished")
            return
        start_dev(fresh)
        run_tests(fresh)


def as_user(command: str) -> str:
    return shlex.join(["runuser", "--login", USER, "--command", f"{PROJECT}/{command}"])


def expect_message(fresh: Machine, command: str) -> None:
    """Without Python the command fails with one line that says what to install."""
    output = fresh.run(f"! {as_user(command)} 2>&1")
    if not output.startswith(f"Privet needs Python {VERSION}") or output.count("\n") != 1:
        raise RehearsalError(f"{command} without Python {VERSION} printed: {output}")
    report(f"{command}: {output.strip()}")


def provide_python(fresh: Machine, python: Path | None) -> bool:
    """Install Python from a package, or copy it to /usr/local as `make install` would. Returns whether there is one."""
    if fresh.run(f"apt-cache search --names-only '^{PYTHON_PACKAGE}$'"):
        fresh.run(f"apt-get install -y -qq {PYTHON_PACKAGE}")
        report(f"{PYTHON_PACKAGE} installed")
        return True
    if python is None:
        return False
    debian.call(["cp", "--archive", f"{python}/.", fresh.root / "usr/local"])
    # Debian's python3 brings the libraries that it needs.
    fresh.run("apt-get install -y -qq python3 && ldconfig")
    report(f"{python} copied to /usr/local")
    return True


def start_dev(fresh: Machine) -> None:
    fresh.run(START)
    fresh.run(WAIT)
    fresh.run("systemctl stop dev")
    report(f"{DEV} answered at http://localhost:8000")


def run_tests(fresh: Machine) -> None:
    """The output goes to the terminal: the tests take a quarter of an hour or more."""
    command = fresh.command("bash", "-euc", as_user(TEST))
    if subprocess.run(command, stdin=subprocess.DEVNULL).returncode:
        raise RehearsalError(f"{TEST} failed.")
    report(f"{TEST} passed")

"""A Debian folder as a machine: its systemd runs with its own processes, host name and network."""

import os
import pty
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from deploy.rehearsal import debian
from deploy.rehearsal.debian import RehearsalError

PACKAGES = ("systemd", "systemd-sysv", "dbus", "iproute2", "procps")
REPOSITORY, REPOSITORY_URL = "srv/privet.git", "https://git.example.ru/privet.git"
NAME = "fresh-debian"
NAME_SERVER = "10.0.2.3"  # of slirp4netns
ENVIRONMENT = ["HOME=/root", "TERM=dumb", "DEBIAN_FRONTEND=noninteractive", f"PATH={debian.PATH}"]
PASSWORD_PROMPT = re.compile(r"(?i)(password|пароль)[^\n]*: $")


class Machine:
    """A context manager: boots the Debian at `root`, and stops everything in it at the end."""

    def __init__(self, root: Path):
        debian.install(root, *PACKAGES)
        (root / "etc/resolv.conf").write_text(f"nameserver {NAME_SERVER}\n")
        (root / "etc/hostname").write_text(f"{NAME}\n")
        (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {NAME}\n")
        # The project is cloned from its public address.
        (root / "etc/gitconfig").write_text(
            f'[url "/{REPOSITORY}"]\n\tinsteadOf = {REPOSITORY_URL}\n[safe]\n\tdirectory = *\n'
        )
        self.root = root
        self.repository = root / REPOSITORY

    def __enter__(self) -> "Machine":
        self._cgroup = _cgroups() / f"rehearsal-{os.getpid()}"
        self._systemd = subprocess.Popen(
            [debian.ENTER, "--boot", self.root, self._cgroup], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        self.init = self._init_pid()
        self._network = subprocess.Popen(
            ["slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", str(self.init), "tap0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.run("systemctl is-system-running --wait || true")
        self.run("until ip route | grep -q default; do sleep 0.1; done; sleep 1")
        return self

    def __exit__(self, *_) -> None:
        for process in (self._network, self._systemd):
            process.kill()
            process.wait()
        _remove_cgroup(self._cgroup)

    def _init_pid(self) -> int:
        children = Path(f"/proc/{self._systemd.pid}/task/{self._systemd.pid}/children")

        def booted() -> int | None:
            # The process is named `enter` until it has mounted everything.
            pids = children.read_text().split()
            return next((int(pid) for pid in pids if Path(f"/proc/{pid}/comm").read_text() == "systemd\n"), None)

        return wait_for(booted, seconds=20, error="systemd did not start")

    def command(self, *arguments: str) -> list[str]:
        """The host's command line that runs `arguments` as root on the machine."""
        return ["nsenter", "--target", str(self.init), "--all", "env", "-i", "--chdir=/root", *ENVIRONMENT, *arguments]

    def run(self, script: str, stdin: str = "") -> str:
        """Run a bash script and return what it prints. Raises RehearsalError when it fails."""
        return debian.call(self.command("bash", "-euc", script), stdin)

    def run_in_terminal(self, script: str, password: str) -> None:
        """Run a bash script in a terminal and answer its password prompts. Raises RehearsalError when it fails."""
        pid, terminal = pty.fork()
        if pid == 0:
            command = self.command("bash", "-euxc", script)
            os.execvp(command[0], command)
        output = ""
        while chunk := _read(terminal):
            output += chunk
            if PASSWORD_PROMPT.search(output[-200:]):
                os.write(terminal, f"{password}\n".encode())
                output += "\n"
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
            raise RehearsalError(output[-8000:])


def wait_for(condition: Callable, seconds: float, error: str):
    """Call `condition` until its result is true, and return it. Raises RehearsalError(error) after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.1)
    raise RehearsalError(error)


def _cgroups() -> Path:
    find = "findmnt --noheadings --first-only --output TARGET --types cgroup2"
    return Path(debian.call(find.split()).strip())


def _remove_cgroup(group: Path) -> None:
    """Remove a control group and those below it. Raises RehearsalError when processes are left in it."""

    def is_empty() -> bool:
        return "populated 0" in (group / "cgroup.events").read_text()

    wait_for(is_empty, seconds=20, error=f"Processes are left in {group}")
    for folder, _, _ in os.walk(group, topdown=False):
        os.rmdir(folder)


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 65536).decode(errors="replace")
    except OSError:  # the last process has closed the terminal
        return ""

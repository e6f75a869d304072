"""A Debian's folder as a machine: its systemd is booted, with processes, names and a network of its own."""

import os
import pty
import re
import subprocess
import time
from pathlib import Path

from rehearsal import debian

NAME_SERVER = "10.0.2.3"  # slirp4netns answers there
ENVIRONMENT = ["HOME=/root", "TERM=dumb", "DEBIAN_FRONTEND=noninteractive", f"PATH={debian.PATH}"]
ASKS_FOR_PASSWORD = re.compile(r"(?i)(password|пароль)[^\n]*: $")


class Failed(Exception):
    """What was tried ended otherwise than it should; what it printed was shown."""


class Machine:
    """Used as a context: it is switched off at the end, with all that runs on it."""

    def __init__(self, root: Path):
        self.root = root
        (root / "etc/resolv.conf").write_text(f"nameserver {NAME_SERVER}\n")

    def __enter__(self) -> "Machine":
        self._booted = subprocess.Popen(
            [debian.ENTER, "--boot", self.root], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        self.init = self._first_process()
        self._network = subprocess.Popen(
            ["slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", str(self.init), "tap0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.ask("systemctl is-system-running --wait || true; until ip route 2>/dev/null | grep -q default"
                 " || ! command -v ip >/dev/null; do sleep 0.1; done; sleep 1")  # fmt: skip
        return self

    def __exit__(self, *_) -> None:
        self._network.terminate()
        self._booted.kill()
        self._network.wait()
        self._booted.wait()

    def _first_process(self) -> int:
        children = Path(f"/proc/{self._booted.pid}/task/{self._booted.pid}/children")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            # Until it is systemd it is still busy with its mounts.
            for pid in children.read_text().split():
                if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                    return int(pid)
            time.sleep(0.1)
        raise Failed("systemd did not start")

    def command(self, *arguments: str) -> list[str]:
        return ["nsenter", "--target", str(self.init), "--all", "env", "-i", "--chdir=/root", *ENVIRONMENT, *arguments]

    def ask(self, script: str, stdin: str = "") -> str:
        """What a shell script prints on the machine; Failed when it fails."""
        answer = subprocess.run(self.command("bash", "-euc", script), input=stdin, capture_output=True, text=True)
        if answer.returncode:
            raise Failed(f"{script}\n{answer.stdout}{answer.stderr}")
        return answer.stdout

    def follow(self, script: str, password: str) -> None:
        """Run a shell script as a person at a terminal would, who is asked for a password."""
        pid, terminal = pty.fork()
        if pid == 0:
            command = self.command("bash", "-euxc", script)
            os.execvp(command[0], command)
        printed = ""
        while piece := _read(terminal):
            printed += piece
            if ASKS_FOR_PASSWORD.search(printed[-200:]):
                os.write(terminal, f"{password}\n".encode())
                printed += "\n"
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
            raise Failed(printed[-8000:])


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 65536).decode(errors="replace")
    except OSError:  # that is how a terminal says that everybody left
        return ""

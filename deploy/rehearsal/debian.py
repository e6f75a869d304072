"""A fresh Debian in a folder, and commands in it."""

import shutil
import subprocess
from pathlib import Path

DEBIAN_13, DEBIAN_12 = "trixie", "bookworm"
ENTER = Path(__file__).with_name("enter")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DOCUMENTATION = ("/usr/share/doc", "/usr/share/info", "/usr/share/locale", "/usr/share/man")
# Certificate authorities that the host was told to trust: it may reach the package registries only through a proxy.
LOCAL_CERTIFICATES = Path("/usr/local/share/ca-certificates")


class RehearsalError(Exception):
    """A step failed; the message has its command and output."""


def bootstrap(root: Path, release: str) -> None:
    """Create Debian's minimal system in the folder `root`. It uses the host's name server."""
    subprocess.run(["debootstrap", "--variant=minbase", release, root], check=True, stdout=subprocess.DEVNULL)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")


def copy(root: Path, target: Path) -> None:
    subprocess.run(["cp", "--archive", "--reflink=auto", root, target], check=True)


def install(root: Path, *packages: str) -> None:
    """Install packages and ca-certificates, then trust the certificate authorities that the host trusts."""
    names = " ".join([*packages, "ca-certificates"])
    run(root, f"apt-get update && apt-get install -y --no-install-recommends {names}")
    if LOCAL_CERTIFICATES.is_dir():
        shutil.copytree(LOCAL_CERTIFICATES, root / LOCAL_CERTIFICATES.relative_to("/"), dirs_exist_ok=True)
        run(root, "update-ca-certificates --fresh")


def slim(root: Path) -> None:
    """Exclude what Debian's slim images exclude: documentation, translations and apt's caches."""
    (root / "etc/dpkg/dpkg.cfg.d/slim").write_text("".join(f"path-exclude {path}/*\n" for path in DOCUMENTATION))
    (root / "etc/apt/apt.conf.d/slim").write_text('Dir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n')
    for path in [*DOCUMENTATION, "/var/cache/apt", "/var/lib/apt/lists"]:
        shutil.rmtree(root / path.lstrip("/"))
        (root / path.lstrip("/")).mkdir()


def run(root: Path, script: str) -> None:
    """Run a shell script as root in the Debian at `root`. Raises RehearsalError when it fails."""
    environment = [f"PATH={PATH}", "DEBIAN_FRONTEND=noninteractive"]
    call([ENTER, root, "env", "-i", *environment, "sh", "-euc", script])


def call(command: list, stdin: str = "") -> str:
    """Run a command and return what it prints. Raises RehearsalError when it fails."""
    result = subprocess.run(command, input=stdin, capture_output=True, text=True)
    if result.returncode:
        raise RehearsalError(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}")
    return result.stdout

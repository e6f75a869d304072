"""A fresh Debian in a folder, and programs in it."""

import os
import shutil
import subprocess
from pathlib import Path

RELEASE = "trixie"
ENTER = Path(__file__).with_name("enter")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PAPERS = ("/usr/share/doc", "/usr/share/info", "/usr/share/locale", "/usr/share/man")
# Certificates that this machine needs to reach the registries of packages, where it does.
OWN_CERTIFICATES = Path("/usr/local/share/ca-certificates")


def bootstrap(root: Path) -> None:
    """Debian's smallest system, as it comes from debootstrap, able to ask this machine's name server."""
    root.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["debootstrap", "--variant=minbase", RELEASE, root], check=True, stdout=subprocess.DEVNULL)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")


def slim(root: Path) -> None:
    """Leave out what Debian's own slim images leave out: papers, translations, apt's caches."""
    (root / "etc/dpkg/dpkg.cfg.d/slim").write_text("".join(f"path-exclude {path}/*\n" for path in PAPERS))
    (root / "etc/apt/apt.conf.d/slim").write_text('Dir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n')
    for path in [*PAPERS, "/var/cache/apt", "/var/lib/apt/lists"]:
        shutil.rmtree(root / path.lstrip("/"))
        (root / path.lstrip("/")).mkdir()


def trust_own_certificates(root: Path) -> None:
    """For a Debian with the package ca-certificates."""
    if OWN_CERTIFICATES.is_dir():
        shutil.copytree(OWN_CERTIFICATES, root / OWN_CERTIFICATES.relative_to("/"), dirs_exist_ok=True)
        run(root, ["update-ca-certificates", "--fresh"])


def copy(root: Path, to: Path) -> None:
    subprocess.run(["cp", "--archive", "--reflink=auto", root, to], check=True)


def command(root: Path, arguments: list[str], env: dict | None = None, user: str = "root", folder: str = "/"):
    """The command line that runs `arguments` in the Debian at `root`, with nothing but `env` set."""
    chroot = [f"--userspec={user}", "/"] if user != "root" else ["/"]
    variables = [f"{name}={value}" for name, value in ({"PATH": PATH} | (env or {})).items()]
    inside = ["chroot", *chroot, "env", "-i", f"--chdir={folder}", *variables, *arguments]
    return [ENTER, root, *inside]


def run(root: Path, arguments: list[str], env: dict | None = None, user: str = "root", folder: str = "/") -> None:
    """Run a program to its end; CalledProcessError, with what it printed, when it fails."""
    environment = {"DEBIAN_FRONTEND": "noninteractive"} | (env or {})
    answer = subprocess.run(
        command(root, arguments, environment, user, folder), capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if answer.returncode:
        print(answer.stdout, answer.stderr, sep="\n")
        answer.check_returncode()


def size(root: Path) -> int:
    """Bytes of all files, each link counted once: what an image of them would hold."""
    files = {}
    for folder, _, names in os.walk(root):
        for name in names:
            stat = os.lstat(os.path.join(folder, name))
            files[stat.st_ino] = stat.st_size
    return sum(files.values())

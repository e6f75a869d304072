"""Builds the Dockerfile with buildah and runs the image."""

import json
import re
import resource
from dataclasses import dataclass
from pathlib import Path

from deploy.rehearsal import debian
from deploy.rehearsal.debian import RehearsalError

TAG = "localhost/privet"
MAX_SIZE = 350_000_000
BASE_PACKAGES = ("python3-venv", "python-is-python3")
BASE_DOCKERFILE = f"FROM scratch\nADD base.tar /\nENV PATH={debian.PATH}\n"
ISOLATION = ("--isolation", "chroot", "--network", "host")
# buildah of Debian 13 raises these limits by default, and fails where only lower ones are allowed.
LIMITS = [
    "--ulimit=nofile={}:{}".format(*resource.getrlimit(resource.RLIMIT_NOFILE)),
    "--ulimit=nproc={}:{}".format(*resource.getrlimit(resource.RLIMIT_NPROC)),
]
# buildah keeps a cache in /var/lib/containers, whatever its --root is: the bind mount moves that cache too.
BUILDAH = 'mkdir -p /var/lib/containers; mount --bind "$0" /var/lib/containers; exec buildah --storage-driver vfs "$@"'
# Runs in a container: only the data folders are writable, and .dockerignore excludes tests, settings and tools.
CHECK_FILES = r"""
    test "$(id -u)" != 0
    for folder in /app /venv /; do
        if touch "$folder/x" 2>/dev/null; then echo "$folder is writable"; exit 1; fi
    done
    touch /data/x /tmp/x
    unwanted=$(find /app -name 'test_*' -o -name conftest.py -o -name testing.py \
        -o -name .env -o -name '.git*' -o -name rehearsal)
    test -z "$unwanted" || { echo "$unwanted"; exit 1; }
"""


def base_name(dockerfile: Path) -> str:
    """The full name of the image in the first FROM."""
    return f"docker.io/library/{re.search(r'^FROM (\S+)', dockerfile.read_text(), re.MULTILINE)[1]}"


@dataclass(frozen=True)
class Image:
    """What `buildah inspect` says about an image: sizes of its layers in bytes, commands as argument lists."""

    layers: list[int]
    command: list[str]
    health_check: list[str]

    @classmethod
    def parse(cls, inspected: str) -> "Image":
        image = json.loads(inspected)
        config = image["Docker"]["config"]
        layers = [layer["size"] for layer in json.loads(image["Manifest"])["layers"]]
        return cls(layers, config["Cmd"], config["Healthcheck"]["Test"][1:])


class Buildah:
    """buildah with its images, containers and temporary files in one folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        (folder / "containers").mkdir(parents=True)
        (folder / "tmp").mkdir()

    def command(self, *arguments: str) -> list[str]:
        """The command line of buildah, whose mounts and processes end with it."""
        isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        environment = ["env", f"TMPDIR={self.folder / 'tmp'}"]
        storage = ["--root", "/var/lib/containers/storage", "--runroot", str(self.folder / "run")]
        return [*isolated, *environment, "sh", "-euc", BUILDAH, str(self.folder / "containers"), *storage, *arguments]

    def build(self, context: Path, tag: str, dockerfile: str) -> None:
        options = [*ISOLATION, *LIMITS, "--format", "docker", "--pull=never", "--quiet", "--tag", tag]
        debian.call(self.command("build", *options, "--file", "-", str(context)), stdin=dockerfile)

    def inspect(self, tag: str) -> Image:
        return Image.parse(debian.call(self.command("inspect", "--type", "image", tag)))

    def container(self, tag: str) -> str:
        """Create a container of an image and return its name."""
        return debian.call(self.command("from", *ISOLATION, *LIMITS, "--pull=never", tag)).strip()

    def run_command(self, container: str, *arguments: str, env: dict[str, str]) -> list[str]:
        """The command line that runs `arguments` in a container."""
        variables = [f"--env={name}={value}" for name, value in env.items()]
        return self.command("run", *ISOLATION, *variables, container, "--", *arguments)


def build(project: Path, system: Path, work: Path) -> tuple[Buildah, Image]:
    """Build the project's Dockerfile without an image registry: the Debian in `system` with Debian's Python replaces
    the base image. Raises RehearsalError when the build fails or the image is larger than MAX_SIZE."""
    buildah = Buildah(work / "buildah")
    dockerfile = project / "Dockerfile"
    buildah.build(_base_context(system, work), base_name(dockerfile), BASE_DOCKERFILE)
    buildah.build(project, TAG, dockerfile.read_text())
    image = buildah.inspect(TAG)
    if sum(image.layers) > MAX_SIZE:
        raise RehearsalError(f"The image has {sum(image.layers)} bytes, more than {MAX_SIZE}.")
    return buildah, image


def _base_context(system: Path, work: Path) -> Path:
    """A folder with base.tar, a slim Debian with Python."""
    base, context = work / "base", work / "base-context"
    debian.copy(system, base)
    debian.slim(base)
    debian.install(base, *BASE_PACKAGES)
    debian.run(base, "rm -rf /var/lib/apt/lists/* && apt-get clean")
    context.mkdir()
    debian.call(["tar", "--create", "--file", context / "base.tar", "--directory", base, "."])
    return context

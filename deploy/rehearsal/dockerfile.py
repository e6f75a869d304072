"""Carries out a Dockerfile's steps in folders, one for each stage: the steps that ours uses, and no others."""

import json
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from rehearsal import debian


@dataclass(frozen=True)
class Step:
    word: str
    rest: str


@dataclass
class Image:
    """What a stage leaves: its files, and how its program is started."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    user: str = "root"
    folder: str = "/"
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    def run(self, arguments: list[str], **env: str) -> None:
        debian.run(self.root, arguments, self.env | env, self.user, self.folder)


def steps(text: str) -> list[Step]:
    """The steps of a Dockerfile; comments are left out, continued lines joined."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    return [Step(*line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def ignored(name: str, patterns: list[str]) -> bool:
    """Whether .dockerignore leaves a file out: one of its folders or itself fits a pattern from the top, or anywhere
    below for one that begins with `**/`."""
    parts = name.split("/")
    for pattern in patterns:
        deep = pattern.startswith("**/")
        wanted = pattern.removeprefix("**/").rstrip("/")
        depth = wanted.count("/") + 1
        starts = range(len(parts) - depth + 1) if deep else range(min(1, len(parts) - depth + 1))
        if any(fnmatch("/".join(parts[start : start + depth]), wanted) for start in starts):
            return True
    return False


def context(project: Path) -> list[str]:
    """The files that a build is given: those that git knows or would take, without what .dockerignore leaves out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=project, check=True, capture_output=True, text=True,
    )  # fmt: skip
    patterns = (project / ".dockerignore").read_text().split()
    # The folder of a virtual environment may be a link, which git's pattern for a folder does not fit.
    names = [name for name in listed.stdout.split("\0") if name and not (project / name).is_symlink()]
    return [name for name in names if (project / name).is_file() and not ignored(name, patterns)]


class Build:
    """A Dockerfile's stages as folders under `work`; the image it begins with is the Debian in `base`."""

    def __init__(self, project: Path, base: Path, work: Path):
        self.project, self.base, self.work = project, base, work
        self.stages: list[Image] = []
        self.names: dict[str, Image] = {}

    def carry_out(self) -> Image:
        for step in steps((self.project / "Dockerfile").read_text()):
            getattr(self, f"_{step.word.lower()}")(step.rest)
        return self.image

    @property
    def image(self) -> Image:
        return self.stages[-1]

    def _from(self, rest: str) -> None:
        source, _, name = rest.partition(" AS ")
        before = self.names.get(source)
        image = Image(self.work / f"stage-{len(self.stages)}")
        debian.copy(before.root if before else self.base, image.root)
        if before:
            image.env, image.user, image.folder = dict(before.env), before.user, before.folder
        self.stages.append(image)
        self.names[name] = image

    def _run(self, rest: str) -> None:
        self.image.run(["sh", "-c", rest])

    def _copy(self, rest: str) -> None:
        *options, source, target = shlex.split(rest)
        destination = self.image.root / (Path(self.image.folder) / target).relative_to("/")
        if options:
            root = self.names[options[0].removeprefix("--from=")].root
            debian.copy(root / source.lstrip("/"), destination)
            return
        for name in context(self.project) if source == "." else [source]:
            (destination / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.project / name, destination / name)

    def _workdir(self, rest: str) -> None:
        self.image.folder = rest
        (self.image.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)

    def _env(self, rest: str) -> None:
        for pair in shlex.split(rest):
            name, _, value = pair.partition("=")
            self.image.env[name] = re.sub(r"\$(\w+)", self._variable, value)

    _arg = _env

    def _variable(self, found: re.Match) -> str:
        return ({"PATH": debian.PATH} | self.image.env).get(found[1], "")

    def _user(self, rest: str) -> None:
        self.image.user = rest

    def _expose(self, rest: str) -> None:
        """Nothing to do: ports are opened where the image is started."""

    def _cmd(self, rest: str) -> None:
        self.image.command = json.loads(rest)

    def _healthcheck(self, rest: str) -> None:
        self.image.health = json.loads(rest.partition(" CMD ")[2])

"""The command line of bin/fresh-debian; the first argument is a folder for temporary files."""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from deploy.rehearsal import debian, production, readme

PROJECT = Path(__file__).resolve().parents[2]


def arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/fresh-debian")
    parser.add_argument("folder", type=Path, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", metavar="readme")
    command = commands.add_parser("readme", help="run bin/dev and bin/test as a developer would")
    command.add_argument("release", choices=[debian.DEBIAN_12, debian.DEBIAN_13])
    command.add_argument("python", type=Path, nargs="?", help="folder of a Python 3.13 built for this release")
    return parser.parse_args(given)


def main() -> None:
    chosen = arguments(sys.argv[1:])
    # As an exception, so that the machine is stopped and its folder removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Terminated"))
    with tempfile.TemporaryDirectory(prefix="fresh-debian-", dir=chosen.folder) as folder:
        try:
            if chosen.command == "readme":
                readme.rehearse(PROJECT, Path(folder), chosen.release, chosen.python)
            else:
                production.rehearse(PROJECT, Path(folder))
        except debian.RehearsalError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()

"""The command line of bin/fresh-debian; its argument is a folder for temporary files."""

import sys
import tempfile
from pathlib import Path

from deploy.rehearsal import debian, production

PROJECT = Path(__file__).resolve().parents[2]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="fresh-debian-", dir=sys.argv[1]) as folder:
        try:
            production.rehearse(PROJECT, Path(folder))
        except debian.RehearsalError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()

"""Instructions that this process needs for one call of a function, counted by valgrind (apt-get install valgrind).

Other programs on the machine do not change them. The database server is another process and is not counted.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

FOLDER = "INSTRUCTIONS_FOLDER"
WARM_UP = 1


def run(script: str, *arguments: str) -> str:
    """Standard output of a Python script run by valgrind, in which `per_call` works."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--quiet", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={folder}/%p"]
        return subprocess.run(
            [*command, sys.executable, script, *arguments],
            env=os.environ | {FOLDER: folder, "PYTHONHASHSEED": "0"},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout


def per_call(function: Callable[[], object], runs: int) -> int:
    """Instructions of one call, a mean of `runs` after WARM_UP.

    Each count is made in a forked process, which must open its own connections: open none before.
    """
    _count(function, 0)  # what the first fork imports here is not counted
    return (_count(function, WARM_UP + runs) - _count(function, WARM_UP)) // runs


def _count(function: Callable[[], object], calls: int) -> int:
    """Instructions of a forked process that calls the function, with all those of this process before the fork."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            for _ in range(calls):
                function()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    if status:
        raise RuntimeError("The measured function failed.")
    # The sum is on the last line of megabytes; reading all of them would count for the next fork.
    with open(Path(os.environ[FOLDER], str(pid)), "rb") as file:
        file.seek(-100, os.SEEK_END)
        return int(file.read().rpartition(b"summary: ")[2])

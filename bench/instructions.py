"""Instructions that this process needs for one call of a function, counted by valgrind (apt-get install valgrind).

Other programs on the machine do not change them. The database server is another process and is not counted.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

FOLDER = "INSTRUCTIONS_FOLDER"
WARM_UP, RUNS = 2, 2


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


def per_call(function: Callable[[], object]) -> int:
    """Instructions of one call, a mean of RUNS after WARM_UP.

    Each count is made in a forked process, which must open its own connections: open none before.
    """
    return (_count(function, WARM_UP + RUNS) - _count(function, WARM_UP)) // RUNS


def _count(function: Callable[[], object], calls: int) -> int:
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
    return int(re.search(r"^summary: (\d+)", Path(os.environ[FOLDER], str(pid)).read_text(), re.MULTILINE)[1])

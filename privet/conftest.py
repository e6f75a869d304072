import os
import subprocess
import sys

import pytest

from privet.env import BASE_DIR


@pytest.fixture
def run_python():
    """Runs a Python of its own with nothing but the given environment set."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(  # noqa: S603
            [sys.executable, *arguments],
            cwd=BASE_DIR,
            env={"PATH": os.environ["PATH"], "PRIVET_ENV_FILE": os.devnull} | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run

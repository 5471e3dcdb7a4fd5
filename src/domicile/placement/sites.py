"""Sites: what each holds, and how its database is made and opened.

A site has four roles with the least each needs: the owner (migrations), the application, the importer (relocation and
seeding) and the auditor (reads ids). No role of one site is known to another.
"""

import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path

from domicile.config import Config, HubConfig, SiteConfig
from domicile.database import Database, conninfo_to_dict, make_conninfo
from domicile.errors import DomicileError, Misconfigured
from domicile.ids import Country, SiteName, country_of_site
from domicile.placement.embedded import Server
from domicile.placement.fence import APP_ROLE, AUDIT_ROLE, IMPORT_ROLE, OWNER_ROLE, roles_sql
from domicile.placement.sealing import SiteKey, load_secret, load_site_key
from domicile.placement.silence import SiteDatabase

DATABASE = "domicile"
ROLES = (OWNER_ROLE, APP_ROLE, IMPORT_ROLE, AUDIT_ROLE)

# Rule 10: what PostgreSQL would otherwise write of a row into its own log.
LOG_SETTINGS = {
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


@dataclass(frozen=True, repr=False)
class Credentials:
    """Connection strings for the roles of one database. Never logged."""

    owner: str
    app: str
    importer: str
    auditor: str


@dataclass(frozen=True)
class Site:
    """One installation in one country: its databases (one a role), its key and its media."""

    name: SiteName
    country: Country
    app: SiteDatabase
    reader: SiteDatabase
    importer: SiteDatabase
    auditor: SiteDatabase
    key: SiteKey
    media: Path
    isolated: bool = False

    async def open(self) -> None:
        for database in (self.app, self.reader, self.importer, self.auditor):
            await database.open()

    async def close(self) -> None:
        for database in (self.app, self.reader, self.importer, self.auditor):
            await database.close()

    def shut(self, why: str | None) -> None:
        """Serve nobody, because of `why`; with None, everybody again."""
        for database in (self.app, self.reader, self.importer, self.auditor):
            database.shut = why


def embedded_credentials(data: Path, server: Server) -> Credentials:
    """The roles' passwords of an embedded server, made on first use and derived from one secret file a server."""
    secret = load_secret(data / "secrets" / f"{server.name}.roles")

    def conninfo(role: str) -> str:
        password = hashlib.sha256(secret + role.encode()).hexdigest()
        return make_conninfo(
            host=str(server.socket_dir), port=server.port, dbname=DATABASE, user=role, password=password
        )

    return Credentials(*(conninfo(role) for role in ROLES))


def superuser_conninfo(server: Server, database: str | None = None) -> str:
    return make_conninfo(
        host=str(server.socket_dir),
        port=server.port,
        dbname=database or server.database,
        user=server.superuser,
        password=server.password,
    )


def configured_credentials(site: SiteConfig | HubConfig) -> Credentials:
    """The operator's own DSNs, each switched to the role it may use."""
    assert site.dsn and site.admin_dsn  # config refuses one without the other
    return Credentials(
        make_conninfo(site.admin_dsn, options=f"-c role={OWNER_ROLE}"),
        make_conninfo(site.dsn, options=f"-c role={APP_ROLE}"),
        make_conninfo(getattr(site, "import_dsn", None) or site.admin_dsn, options=f"-c role={IMPORT_ROLE}"),
        make_conninfo(getattr(site, "audit_dsn", None) or site.admin_dsn, options=f"-c role={AUDIT_ROLE}"),
    )


async def prepare_server(server: Server, credentials: Credentials) -> None:
    """Roles with their passwords, and the database, on an embedded server. Nothing happens the second time."""
    admin = Database(server.name, superuser_conninfo(server), size=1, wait_s=60)
    await admin.open()
    try:
        if await admin.run("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)):
            return
        for statement in roles_sql():
            await admin.run(statement)
        for conninfo in (credentials.owner, credentials.app, credentials.importer, credentials.auditor):
            login = conninfo_to_dict(conninfo)
            # The password is hexadecimal and the role one of ours: ALTER ROLE takes no parameters.
            await admin.run(f"ALTER ROLE {login['user']} LOGIN PASSWORD '{login['password']}'")
        await admin.run(f"GRANT pg_monitor TO {AUDIT_ROLE}")  # how old the WAL is
        await admin.run(f"CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE}")
    finally:
        await admin.close()


def make_site(config: Config, name: SiteName, credentials: Credentials, announces: str = "") -> Site:
    """A site's pools, key and media folder; nothing is connected until `open`."""
    site = config.site(name)
    return Site(
        name=name,
        country=country_of_site(name),
        app=SiteDatabase(name, credentials.app, size=8, says=announces),
        reader=SiteDatabase(f"{name} reader", credentials.app, size=12, reading=True, says=announces),
        importer=SiteDatabase(f"{name} importer", credentials.importer, size=8, says=announces),
        auditor=SiteDatabase(f"{name} auditor", credentials.auditor, size=2, says=announces),
        key=load_site_key(site.key_file or config.data / "secrets" / f"{name}.key"),
        media=site.media or config.data / "media" / name,
        isolated=site.isolated,
    )


async def check_roles(name: str, credentials: Credentials) -> None:
    """Whether the operator's DSNs lead to the roles they are for. Raises Misconfigured with what to do."""
    wanted = {"admin_dsn": credentials.owner, "dsn": credentials.app, "import_dsn": credentials.importer}
    for setting, conninfo in wanted.items():
        database = Database(name, conninfo, size=1, wait_s=10)
        await database.open()
        try:
            await database.run("SELECT 1")
        except DomicileError as error:
            role = conninfo_to_dict(conninfo)["options"]
            raise Misconfigured(
                f"{name}: {setting} does not lead to a database with {role} ({error.detail});"
                " docs/operating.md has the statements that make the roles"
            ) from None
        finally:
            await database.close()


async def check_server(name: str, database: Database) -> None:
    """Refuse a server that is too old, that would log members' data, or whose application role owns the tables."""
    rows = await database.run("SELECT name, setting FROM pg_settings WHERE name = ANY (%s)", ([*LOG_SETTINGS],))
    wrong = [f"{r.name} = {LOG_SETTINGS[r.name]} (now {r.setting})" for r in rows if r.setting != LOG_SETTINGS[r.name]]
    if wrong:
        raise Misconfigured(f"{name}: this server's log would hold members' data (rule 10); set {', '.join(wrong)}")
    version = (await database.run("SELECT current_setting('server_version_num')::int AS number"))[0].number
    if version < 150000:
        raise Misconfigured(f"{name}: PostgreSQL {version // 10000} is too old; 15 or later is needed")
    may = (
        await database.run(
            "SELECT (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = session_user) AS super,"
            " EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public'"
            " AND pg_has_role(session_user, tableowner, 'member')) AS owns"
        )
    )[0]
    if may.super or may.owns:
        raise Misconfigured(
            f"{name}: dsn connects as a superuser or as the tables' owner, who could switch the fence off"
        )


def new_token() -> bytes:
    return secrets.token_bytes(32)

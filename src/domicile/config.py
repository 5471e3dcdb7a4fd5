"""Every setting, from a TOML file and the environment. The only module that reads the environment.

A setting `limits.requests` of the file is `DOMICILE_LIMITS__REQUESTS` in the environment, which wins. Lists and tables
are JSON there: `DOMICILE_SITES='[{"name": "de-1", "isolated": true}]'`; plain lists may be written `de,ru`.
"""

import os
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal

import msgspec

from domicile.errors import Misconfigured
from domicile.ids import SiteName, parse_site_name

PREFIX = "DOMICILE_"
LONGEST_COPY = 30  # days; the law of each is asked before a copy is made
MOST_POSTS_COPIED = 200


class SiteConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One site. Without `dsn` the embedded PostgreSQL serves it. A DSN may hold a password: it is never logged.

    The roles are apart: `dsn` is the application's, neither superuser nor owner; `admin_dsn` owns and migrates;
    `import_dsn` copies whole members in; `audit_dsn` only reads. `capacity` is how many members it is meant for.
    """

    name: str
    dsn: str | None = None
    admin_dsn: str | None = None
    import_dsn: str | None = None
    audit_dsn: str | None = None
    key_file: Path | None = None
    media: Path | None = None
    operator: str = "Domicile demo operator"
    isolated: bool = False
    capacity: int | None = None
    latitude: float | None = None
    longitude: float | None = None

    def __repr__(self) -> str:
        return f"SiteConfig({self.name})"


class HubConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The directory's database and the country it stands in."""

    country: str = "DE"
    dsn: str | None = None
    admin_dsn: str | None = None
    key_file: Path | None = None
    backups: Path | None = None
    lookups_per_minute: int = 6000

    def __repr__(self) -> str:
        return f"HubConfig({self.country})"


class Embedded(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The PostgreSQL of our own: whose binaries, and which account runs them when we are root."""

    bindir: Path | None = None
    run_as: str | None = None


class Mail(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mail server that takes our letters. Its password is never logged."""

    host: str
    sender: str
    port: int = 25
    user: str | None = None
    password: str | None = None
    starttls: bool = False

    def __repr__(self) -> str:
        return f"Mail({self.host}:{self.port})"


class OperatorConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who runs the network, as the law asks it. What is not said is unknown, and the law's answer then Unsettled.

    `owner` is the owner's nationality; `established` lists countries and free zones (`AE-DIFC`) with an establishment;
    `designations` are lists of authorities that name the operator (`CN:CIIO`); `events` are the days of what rules
    wait for, by the name that the pack gives it; `turnover` is a year's, by currency.
    """

    name: str = "Domicile demo operator"
    address: str = ""
    representative: str = ""
    data_protection_officer: str = ""
    owner: str | None = None
    established: tuple[str, ...] | None = None
    designations: tuple[str, ...] = ()
    events: dict[str, date] = {}
    turnover: dict[str, int] = {}


class Sms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who takes our text messages: the gateway at `url`, or for a demonstration a folder of the data folder.

    `{number}` and `{text}` in `fields` are filled in. What the headers hold is never logged.
    """

    folder: bool = False
    url: str | None = None
    fields: dict[str, str] = msgspec.field(default_factory=lambda: {"to": "{number}", "text": "{text}"})
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: Literal["json", "form"] = "json"

    def __repr__(self) -> str:
        return f"Sms({'folder' if self.folder else 'gateway'})"


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Requests an address or a token may make in five minutes, and sizes. `exempt_loopback` suits the demonstration."""

    requests: int = 300
    sign_ups: int = 5
    log_ins: int = 30
    exempt_loopback: bool = True
    body_bytes: int = 1 << 20
    media_bytes: int = 16 << 20
    media_pixels: int = 33_177_600
    archive_bytes: int = 2 << 30
    unpacked_bytes: int = 8 << 30
    post_characters: int = 500


class CopiesConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What sites may keep of each other's members where the law lets them.

    `days`: how long at most (0: nothing is kept); `posts`: how many of each member's newest.
    """

    days: int = 7
    posts: int = 20


class BackupsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many days backups are kept; the newest stays until there is a newer one."""

    days: int = 30


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings of one running Domicile."""

    data: Path = Path("domicile-data")
    sites: tuple[SiteConfig, ...] = tuple(SiteConfig(name=f"{country}-1") for country in ("de", "ru", "cn", "us"))
    default_site: str | None = None
    hub: HubConfig = HubConfig()
    embedded: Embedded = Embedded()
    operator: OperatorConfig = OperatorConfig()
    limits: Limits = Limits()
    copies: CopiesConfig = CopiesConfig()
    backups: BackupsConfig = BackupsConfig()
    host: str = "127.0.0.1"
    port: int = 8400
    public_url: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    title: str = "Domicile"
    contact: str = "operator@domicile.invalid"
    policy: str = "default"
    packs: Path | None = None
    confirm_email: bool = False
    mail: Mail | None = None
    verifiers: tuple[str, ...] = ("phone_code",)
    sms: Sms | None = None
    password_grant: bool = False
    registrations: bool = True
    stats_floor: int = 50
    notice_days: int = 30
    demo: bool = True

    @property
    def text_messages(self) -> dict[str, Any] | None:
        """Who takes text messages: what the settings say, and in a demonstration the folder."""
        sms = self.sms or (Sms(folder=True) if self.demo else None)
        return msgspec.structs.asdict(sms) if sms else None

    @property
    def url(self) -> str:
        """The network's one public address, without a slash at its end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def site_names(self) -> tuple[SiteName, ...]:
        return tuple(SiteName(site.name) for site in self.sites)

    def site(self, name: str) -> SiteConfig:
        return next(site for site in self.sites if site.name == name)


def load_config(file: Path | None = None, environment: Mapping[str, str] | None = None, **overrides: Any) -> Config:
    """Settings from `file`, then the environment, then `overrides` (the command line's).

    Raises Misconfigured naming the file and the setting that is wrong.
    """
    settings = _read_toml(file) if file else {}
    for key, value in (os.environ if environment is None else environment).items():
        if key.startswith(PREFIX):
            _put(settings, key.removeprefix(PREFIX).lower().split("__"), value)
    settings |= {key: value for key, value in overrides.items() if value is not None}
    if isinstance(settings.get("sites"), str):
        settings["sites"] = [{"name": _site_name(part)} for part in settings["sites"].split(",") if part.strip()]
    try:
        config = msgspec.convert(settings, Config, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise Misconfigured(f"{file or 'settings'}: {error}") from None
    return _checked(config, file)


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise Misconfigured(f"{file}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file}: {error}") from None


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str | Path):
        return Path(value).expanduser()
    raise NotImplementedError


def _put(settings: dict[str, Any], path: list[str], value: str) -> None:
    for part in path[:-1]:
        inner = settings.setdefault(part, {})
        if not isinstance(inner, dict):
            raise Misconfigured(f"{PREFIX}{'__'.join(path).upper()}: {part} is not a table of settings")
        settings = inner
    settings[path[-1]] = _value(path, value)


def _value(path: list[str], value: str) -> Any:
    if value.startswith(("[", "{")):
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError as error:
            raise Misconfigured(f"{PREFIX}{'__'.join(path).upper()}: not JSON ({error})") from None
    return value.split(",") if path[-1] in ("trusted_proxies", "verifiers") else value


def _site_name(text: str) -> str:
    text = text.strip().lower()
    return text if "-" in text else f"{text}-1"


def _checked(config: Config, file: Path | None) -> Config:
    where = file or "settings"
    names = [site.name for site in config.sites]
    for name in names:
        if parse_site_name(name) is None:
            raise Misconfigured(f"{where}: a site is named like ru-1, a country's code and a number; not {name!r}")
    if len(set(names)) != len(names):
        raise Misconfigured(f"{where}: two sites have one name")
    if not names:
        raise Misconfigured(f"{where}: at least one site is needed")
    if config.default_site is not None and config.default_site not in names:
        raise Misconfigured(f"{where}: default_site {config.default_site!r} is not one of {', '.join(names)}")
    places: list[SiteConfig | HubConfig] = [*config.sites, config.hub]
    for place in places:
        if place.dsn and not place.admin_dsn:
            raise Misconfigured(f"{where}: {place!r} has a dsn and needs an admin_dsn, of a role that owns the tables")
    if len({bool(place.dsn) for place in places}) > 1:
        raise Misconfigured(f"{where}: give a dsn for the hub and every site, or for none (all embedded)")
    if config.confirm_email and config.mail is None:
        raise Misconfigured(f"{where}: confirm_email needs [mail], with host and sender, to send the links")
    if config.sms is not None and config.sms.folder == bool(config.sms.url):
        raise Misconfigured(f"{where}: [sms] needs either `url`, of a gateway, or `folder = true`, for demonstrations")
    if config.sms is not None and config.sms.url and not config.sms.url.startswith(("https://", "http://")):
        raise Misconfigured(f"{where}: [sms] url is not an address that begins with https://")
    if config.notice_days < 0:
        raise Misconfigured(f"{where}: notice_days is a number of days, and not {config.notice_days}")
    if not 0 <= config.copies.days <= LONGEST_COPY or not 0 <= config.copies.posts <= MOST_POSTS_COPIED:
        raise Misconfigured(
            f"{where}: copies.days is between 0 and {LONGEST_COPY}, copies.posts between 0 and {MOST_POSTS_COPIED}"
        )
    if config.backups.days < 1:
        raise Misconfigured(f"{where}: backups.days is 1 or more; a backup that is not kept is none")
    if not 0 < config.port < 65536:
        raise Misconfigured(f"{where}: port {config.port} is not between 1 and 65535")
    return config

"""Settings come from a file and the environment; what is wrong is named, and no password is ever shown."""

from pathlib import Path

import pytest

from domicile.config import Config, load_config
from domicile.errors import Misconfigured

DSN = "postgresql://app:hunter2@db.example/domicile"


def load(text: str, folder: Path, **environment: str) -> Config:
    file = folder / "domicile.toml"
    file.write_text(text)
    return load_config(file, environment)


def test_without_anything_there_is_a_network_of_four() -> None:
    config = load_config(environment={})
    assert config.site_names == ("de-1", "ru-1", "cn-1", "us-1")
    assert config.url == "http://127.0.0.1:8400"


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    text = 'port = 1000\ntitle = "from the file"\n[limits]\nrequests = 1\nsign_ups = 2\n'
    config = load(text, tmp_path, DOMICILE_LIMITS__REQUESTS="7", DOMICILE_PORT="2000", HOME="/elsewhere")
    assert (config.port, config.title) == (2000, "from the file")
    assert (config.limits.requests, config.limits.sign_ups) == (7, 2)
    assert load_config(tmp_path / "domicile.toml", {"DOMICILE_PORT": "2000"}, port=3000).port == 3000
    assert load_config(environment={"DOMICILE_PORT": "2000"}, port=None).port == 2000


def test_sites_are_given_in_short_or_in_full(tmp_path: Path) -> None:
    assert load_config(environment={}, sites="de, RU,us-2").site_names == ("de-1", "ru-1", "us-2")
    assert load_config(environment={"DOMICILE_SITES": "cn"}).site_names == ("cn-1",)
    assert load('[[sites]]\nname = "de-1"\nisolated = true\n', tmp_path).sites[0].isolated


def test_paths_and_lists_are_read_from_text_and_kept_when_they_are_paths(tmp_path: Path) -> None:
    config = load_config(environment={"DOMICILE_TRUSTED_PROXIES": "10.0.0.1,10.0.0.2"}, data=tmp_path)
    assert (config.data, config.trusted_proxies) == (tmp_path, ("10.0.0.1", "10.0.0.2"))
    assert load_config(environment={"DOMICILE_EMBEDDED__BINDIR": "/usr/bin"}).embedded.bindir == Path("/usr/bin")
    assert load_config(environment={"DOMICILE_DATA": "~/network"}).data == Path("~/network").expanduser()


def test_a_public_address_has_no_slash_at_its_end() -> None:
    assert load_config(environment={}, public_url="https://social.example/").url == "https://social.example"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = 0", "port 0"),
        ('port = "many"', "port"),
        ("prot = 1", "prot"),
        ("[limits]\nrequest = 1", "request"),
        ("port = ", "domicile.toml"),
        ('sites = ""', "at least one site"),
        ('sites = "germany"', "a site is named like ru-1"),
        ('sites = "de,de"', "two sites have one name"),
        ('default_site = "fr-1"', "default_site 'fr-1' is not one of"),
        (f'[hub]\ndsn = "{DSN}"', "needs an admin_dsn"),
        (f'[hub]\ndsn = "{DSN}"\nadmin_dsn = "{DSN}"', "or for none"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        load(text, tmp_path)
    assert said in refused.value.detail
    assert "domicile.toml" in refused.value.detail
    assert "hunter2" not in refused.value.detail


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        load_config(tmp_path / "nothing.toml", {})


def test_a_setting_inside_a_plain_value_is_refused() -> None:
    with pytest.raises(Misconfigured, match="DOMICILE_PORT__MORE"):
        load_config(environment={"DOMICILE_PORT": "1", "DOMICILE_PORT__MORE": "2"})


def test_no_password_is_shown(tmp_path: Path) -> None:
    text = f'[hub]\ndsn = "{DSN}"\nadmin_dsn = "{DSN}"\n[[sites]]\nname = "de-1"\ndsn = "{DSN}"\nadmin_dsn = "{DSN}"\n'
    config = load(text, tmp_path)
    assert config.sites[0].dsn == DSN
    assert "hunter2" not in f"{config} {config!r} {config.sites} {config.hub}"

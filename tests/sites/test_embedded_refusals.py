"""What our own PostgreSQL servers refuse: a clear sentence, and nothing was changed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from domicile.errors import Misconfigured
from domicile.placement import pgcluster
from domicile.placement.embedded import Embedded, discard
from domicile.placement.supervisor import inhabitants

pytestmark = pytest.mark.usefixtures("real_initdb")


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    if (tmp_path / "data" / "domicile.json").exists():
        discard(tmp_path / "data")


@pytest.mark.parametrize("theirs", ["14", "99"])
def test_a_cluster_of_another_major_version_is_refused(data: Path, theirs: str) -> None:
    folder = data / "pg" / "de-1"
    folder.mkdir(parents=True)
    (folder / "PG_VERSION").write_text(theirs + "\n")
    before = sorted(data.rglob("*"))
    with pytest.raises(Misconfigured, match=rf"made by PostgreSQL {theirs}, but .* holds PostgreSQL \d+. Set bindir"):
        Embedded.start(data, ["de-1"])
    assert sorted(data.rglob("*")) == before


def test_a_newer_format_is_refused(data: Path) -> None:
    data.mkdir()
    (data / "domicile.json").write_text(json.dumps({"format": 2, "version": "9.9"}))
    with pytest.raises(Misconfigured, match=r"has format 2, written by Domicile 9\.9"):
        Embedded.start(data, ["de-1"])
    assert [file.name for file in data.iterdir()] == ["domicile.json"]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match="cannot be used: Not a directory"):
        Embedded.start(tmp_path / "file" / "data", ["de-1"])


def test_programs_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"No PostgreSQL programs in .*: postgres and initdb missing"):
        Embedded.start(tmp_path / "data", ["de-1"], bindir=tmp_path)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", ["", "../de", "DE", "de.log", "-de"])
def test_a_name_that_is_no_folder_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Misconfigured, match="small letters"):
        Embedded.start(tmp_path / "data", [name])


def test_a_full_disk_is_noticed_before_anything_is_made(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pgcluster, "ROOM", 1 << 60)
    with pytest.raises(Misconfigured, match=r"1 new clusters in .* need .* MB"):
        Embedded.start(data, ["de-1"])
    assert list((data / "pg").resolve().glob("*de-1*")) == []


def test_a_cluster_that_cannot_be_made_leaves_nothing_half_made(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pgcluster.Binaries, "program", lambda self, name: "/bin/false")
    with pytest.raises(Misconfigured, match="The cluster of de-1 could not be made"):
        Embedded.start(data, ["de-1"])
    home = (data / "pg").resolve()
    assert not (home / "de-1").exists() and not list(home.glob(".new-*"))


def test_a_server_that_cannot_start_is_reported_with_its_log(data: Path) -> None:
    with Embedded.start(data, ["de-1"]):
        conf = (data / "pg").resolve() / "de-1" / "postgresql.conf"
    conf.write_text(conf.read_text() + "\nno_such_setting = 1\n")
    with pytest.raises(Misconfigured, match=r"The server de-1 does not start: .*"):
        Embedded.start(data, ["de-1"], patience=1.5)
    assert inhabitants(conf.parent) == [] and not (data / "runtime.json").exists()


def test_only_a_data_folder_can_be_discarded(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="is not a data folder"):
        discard(tmp_path)
    assert tmp_path.exists()

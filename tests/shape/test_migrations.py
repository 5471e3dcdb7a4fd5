"""What the revisions make is what the declarations say."""

from domicile.migrations.upgrade import HERE, scripts
from domicile.network.schema import metadata
from domicile.placement.directory import HUB_DDL, HUB_PRIVILEGES
from domicile.placement.fence import site_ddl
from domicile.placement.ownership import load_ownership


def test_the_sites_first_revision_is_the_declaration() -> None:
    frozen = (HERE / "site/versions/0001_first.sql").read_text()
    assert frozen == site_ddl(load_ownership(metadata)), "run python -m domicile.migrations.freeze before a release"


def test_the_hubs_first_revision_is_the_directory() -> None:
    frozen = (HERE / "hub/versions/0001_first.sql").read_text()
    assert frozen == f"{HUB_DDL.strip()}\n{HUB_PRIVILEGES}\n"


def test_there_is_one_line_of_revisions() -> None:
    for kind in ("site", "hub"):
        assert len(scripts(kind).get_heads()) == 1

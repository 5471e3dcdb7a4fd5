"""Write the first revisions from the declarations: `python -m domicile.migrations.freeze`. Only before a release.

After it, a change of a declaration needs a revision of its own; a test compares what the revisions make with what the
declaration makes.
"""

from domicile.migrations.upgrade import HERE, Revisions
from domicile.network.schema import metadata
from domicile.placement.directory import HUB_DDL, HUB_PRIVILEGES
from domicile.placement.fence import site_ddl
from domicile.placement.ownership import load_ownership


def main() -> None:
    """Overwrite the first revisions. One that is not the only one any more was released, and stays."""
    if any(len(Revisions().of(kind)) > 1 for kind in ("site", "hub")):
        raise SystemExit("there is more than one revision: write the next one (CONTRIBUTING.md), and freeze nothing")
    (HERE / "site/versions/0001_first.sql").write_text(site_ddl(load_ownership(metadata)))
    (HERE / "hub/versions/0001_first.sql").write_text(f"{HUB_DDL.strip()}\n{HUB_PRIVILEGES}\n")


if __name__ == "__main__":
    main()

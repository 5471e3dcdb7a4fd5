"""The command line: which commands there are, and where each is. It imports none of them."""

from typing import Annotated

import typer

from domicile import __version__
from domicile.cli.lazy import lazy_group
from domicile.logs import configure_logs

COMMANDS = {
    "up": ("domicile.cli.up:up_command", "Start the sites, the hub and the web server; stop with Ctrl-C."),
    "seed": ("domicile.cli.seed:seed_command", "Fill the network with made-up members."),
    "member": ("domicile.cli.members:member_app", "Members: add, find, look where their data is, move it, erase it."),
    "law": ("domicile.cli.laws:law_app", "What the law asks, since when, by which article. Not legal advice."),
    "plan": ("domicile.cli.plan:plan_command", "What a date, or a changed pack, would ask. Changes nothing."),
    "relocate": ("domicile.cli.relocate:relocate_command", "Move members to another site while the network serves."),
    "audit": ("domicile.cli.audit:audit_command", "Check that every row is where the law says; exit 1 if not."),
    "reconcile": ("domicile.cli.reconcile:reconcile_command", "Compare and repair both sides of follows and replies."),
    "hold": ("domicile.cli.keeping:hold_app", "Holds: what an authority wants preserved of a member."),
    "residue": ("domicile.cli.keeping:residue_app", "Residue: what had to stay behind, sealed, and until when."),
    "attest": ("domicile.cli.attest:attest_command", "Who was where when: counts and digests, no names."),
    "backup": ("domicile.cli.backup:backup_command", "Back a site or the hub up, sealed under its key."),
    "restore": ("domicile.cli.backup:restore_command", "Take a backup back. `up` must not run."),
    "scrub": ("domicile.cli.scrub:scrub_command", "Take what is left of erased rows out of a server's files."),
    "migrate": ("domicile.cli.migrate:migrate_command", "Bring hub and sites to this version's tables, one by one."),
    "hub": ("domicile.cli.hub:hub_app", "The directory: who is at home where."),
    "breach": ("domicile.cli.breach:breach_app", "Incidents, and the reports that laws ask for. Not legal advice."),
    "inventory": ("domicile.cli.inventory:inventory_app", "What is collected, since when, and what that asks for."),
    "stats": ("domicile.cli.stats:stats_command", "Members and unique users by country, and how near thresholds are."),
    "check": ("domicile.cli.check:check_command", "Read another app's tables: whose rows, what is personal."),
    "replay": ("domicile.cli.replay:replay_command", "Tell a true story step by step, and check each step."),
}

app = typer.Typer(
    cls=lazy_group(COMMANDS),
    name="domicile",
    help="A social network server that keeps every member's data in the country whose law claims it.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
)


def main() -> None:
    """The entry point of `./run` and of `domicile`."""
    configure_logs()
    app(prog_name="domicile")


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if show:
        typer.echo(__version__)
        raise typer.Exit

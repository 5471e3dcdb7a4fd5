"""`domicile member ...`"""

import contextlib
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from domicile.cli.keeping import describe_residue, show_residue
from domicile.cli.lazy import lazy_group
from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    MemberArgument,
    failures,
    find_member,
    on_network,
    out,
    print_json,
    print_table,
    settings,
)
from domicile.cli.suspending import describe_suspension
from domicile.cli.whereabouts import lingering_json, places_json, print_copies, print_lingering, print_stubs
from domicile.errors import InvalidInput, NotFound
from domicile.ids import MemberId, country_of_site, parse_member_id
from domicile.network.declaration import Proposal, ProposalState
from domicile.network.forms import SignUp
from domicile.placement.whereabouts import Whereabouts, find_whereabouts
from domicile.relocation.erasure import Receipt
from domicile.running import Domicile

member_app = typer.Typer(
    cls=lazy_group(
        {
            "tell": ("domicile.cli.tell:tell_command", "Tell whoever must move, before, in their own language."),
            "suspend": ("domicile.cli.suspending:suspend_command", "Suspend a member, and tell them why."),
            "reinstate": ("domicile.cli.suspending:reinstate_command", "End a member's suspension."),
            "import": ("domicile.cli.importing:import_command", "Take in what a member wrote elsewhere."),
        }
    ),
    help="Members: add, find, look where their data is, move it, erase it.",
    no_args_is_help=True,
)

ROLES = ("member", "owner")


@member_app.command()
def add(
    handle: Annotated[str, typer.Option(help="The name in the network.")],
    email: Annotated[str, typer.Option(help="The e-mail address; sealed at home.")],
    country: Annotated[str, typer.Option(help="Whose country's law applies (ISO 3166-1, two letters).")],
    password: Annotated[str | None, typer.Option(help="If not given, the member cannot log in with one.")] = None,
    consent: Annotated[
        list[str] | None, typer.Option(help="A consent given, like publication; may be repeated.")
    ] = None,
    role: Annotated[str, typer.Option(help="member, or owner: an operator.")] = "member",
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Make a member at the home that the law gives."""
    with failures(json):
        if role not in ROLES:
            raise InvalidInput(f"{role!r} is no role; roles are {' and '.join(ROLES)}")
        form = SignUp(
            username=handle, email=email, password=password, country=country, consents=consent or [], role=role
        )

        async def work(domicile: Domicile) -> dict[str, Any]:
            return await _whereabouts(domicile, await domicile.members.sign_up(form))

        _show(on_network(settings(data, config), work), json)


@member_app.command()
def export(
    member: MemberArgument,
    to: Annotated[Path, typer.Option("--to", help="The ZIP file to write.", dir_okay=False)],
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Everything that is a member's in one archive: JSON, Mastodon's lists, ActivityStreams, pictures, a page."""
    with failures(json):

        async def work(domicile: Domicile) -> dict[str, int]:
            number = await find_member(domicile, member)
            draft = to.with_name(f"{to.name}.part")
            with draft.open("xb") as out:
                rows = await domicile.archives.write(number, out)
            draft.replace(to)
            return rows

        try:
            rows = on_network(settings(data, config), work)
        except OSError as error:
            raise InvalidInput(f"{to} cannot be written: {error.strerror}") from error
        if json:
            print_json({"ok": True, "file": to, "rows": sum(rows.values()), "tables": rows})
        else:
            out.print(f"{to}: {sum(rows.values())} rows of {sum(map(bool, rows.values()))} tables", highlight=False)


@member_app.command()
def erase(
    member: MemberArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: it cannot be undone.")] = False,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Erase a member everywhere; again: the receipt as it stands. Exit 1 while a site has not heard of it yet."""
    with failures(json):
        if not yes and not json:
            typer.confirm(f"Erase {member} for ever, at every site?", abort=True)

        async def work(domicile: Domicile) -> Receipt:
            number = parse_member_id(member)
            if number is not None:
                with contextlib.suppress(NotFound):
                    return await domicile.erasure.receipt(number)
            return await domicile.erasure.erase(await find_member(domicile, member))

        receipt = on_network(settings(data, config), work)
        if json:
            residue = [describe_residue(residue) for residue in receipt.residue]
            said = {**msgspec.structs.asdict(receipt), "member": str(receipt.member), "residue": residue}
            print_json({"ok": not receipt.open, **said})
        else:
            out.print(f"{receipt.member}: erased at {receipt.home}, {receipt.rows} rows and {receipt.files} files")
            out.print(f"Forgotten at {', '.join(receipt.done) or 'no other site yet'}", highlight=False)
            if receipt.open:
                out.print(
                    f"[yellow]Not yet heard at {', '.join(receipt.open)}[/]; run this again to see", highlight=False
                )
            if receipt.residue:
                show_residue(list(receipt.residue))
        if receipt.open:
            raise typer.Exit(1)


@member_app.command()
def show(
    member: MemberArgument, data: DataOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """A member's id, home, country and epoch, what they proved and what is proposed; nothing of what they wrote."""
    with failures(json):

        async def work(domicile: Domicile) -> dict[str, Any]:
            found = await find_member(domicile, member)
            state = await domicile.verifications.state(found)
            _, proposals = await domicile.declarations.show(found)
            suspension = await domicile.suspensions.find(found)
            return await _whereabouts(domicile, found) | {
                "verified": [proved.method for proved in state.verified],
                "unverified_for": [proving.citation.rule for proving in state.unmet],
                "proposals": [_proposed(proposal) for proposal in proposals],
                "notice": await _told(domicile, found),
                "suspension": describe_suspension(suspension) if suspension else None,
            }

        answer = on_network(settings(data, config), work)
        _show(answer, json)
        if not json:
            for name in ("verified", "unverified_for"):
                if answer[name]:
                    out.print(f"{name.replace('_', ' ')}: {', '.join(answer[name])}", highlight=False)
            _print_proposals(answer["proposals"])


@member_app.command()
def proposals(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are closed.")] = False,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Relocations that the law suggests after members corrected what they declared; none happens by itself."""
    with failures(json):
        states: tuple[ProposalState, ...] = ("open", "declined", "superseded", "done") if everything else ("open",)

        async def work(domicile: Domicile) -> list[dict[str, Any]]:
            found = [await domicile.declarations.at_site(name, states) for name in domicile.sites]
            return [_proposed(proposal) for at_site in found for proposal in at_site]

        answer = on_network(settings(data, config), work)
        if json:
            print_json({"proposals": answer})
        else:
            _print_proposals(answer)


async def _told(domicile: Domicile, member: MemberId) -> dict[str, Any] | None:
    """The relocation to come of which a member was told."""
    notice = await domicile.notices.current(member)
    if notice is None:
        return None
    shown = {"to": notice.target, "moves_on": notice.moves_on, "told_at": notice.told_at, "language": notice.language}
    return shown | {"read": notice.dismissed_at is not None}


def _proposed(proposal: Proposal) -> dict[str, Any]:
    return {
        "member": str(proposal.member),
        "id": str(proposal.id),
        "from": proposal.source,
        "to": proposal.target,
        "may_stay": proposal.lawful,
        "rules": proposal.rules,
        "reason": proposal.reason,
        "state": proposal.state,
        "made_at": proposal.made_at,
    }


def _print_proposals(found: list[dict[str, Any]]) -> None:
    rows: list[list[object]] = [
        [p["member"], p["from"], p["to"], "yes" if p["may_stay"] else "no", ", ".join(p["rules"]), p["state"]]
        for p in found
    ]
    if rows:
        print_table("Proposed relocations", ["member", "from", "to", "may stay", "rules", "state"], rows)
    else:
        out.print("No relocation is proposed.")


@member_app.command()
def where(
    member: MemberArgument, data: DataOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Where a member's data is: home, copies with their licences, ids elsewhere, what had to stay, remains, backups."""
    with failures(json):

        async def work(domicile: Domicile) -> tuple[dict[str, Any], Whereabouts]:
            found = await find_member(domicile, member)
            places = await find_whereabouts(domicile.router, domicile.ownership, found)
            answer = await _whereabouts(domicile, found) | places_json(places, domicile.clock())
            return answer | lingering_json(await domicile.lingering(found)), places

        answer, places = on_network(settings(data, config), work)
        if json:
            print_json(answer)
            return
        _show(answer, json)
        print_table("Rows at home", ["table", "rows"], [[name, count] for name, count in answer["rows"].items()])
        print_copies(answer["copies"])
        print_lingering(answer)
        print_stubs(answer)
        if places.residue:
            show_residue(places.residue)


@member_app.command(name="check")
def check_member(
    member: MemberArgument, data: DataOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Check that every row of one member is at their home and nowhere else; exit 1 if not."""
    with failures(json):

        async def work(domicile: Domicile) -> dict[str, Any]:
            found = await find_member(domicile, member)
            places = await find_whereabouts(domicile.router, domicile.ownership, found)
            ok = not places.astray and not places.silent
            return {"ok": ok, **await _whereabouts(domicile, found), **places_json(places, domicile.clock())}

        answer = on_network(settings(data, config), work)
        if json:
            print_json(answer)
        else:
            _show({name: answer[name] for name in ("ok", "id", "home", "country", "silent", "astray")}, json)
        if not answer["ok"]:
            raise typer.Exit(1)


@member_app.command()
def token(
    member: MemberArgument,
    scopes: Annotated[str, typer.Option(help="Scopes, separated by spaces.")] = "read write follow",
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Print an access token for a member (for the operator's own tests)."""
    with failures(json):

        async def work(domicile: Domicile) -> str:
            found = await find_member(domicile, member)
            app = await domicile.access.register_app(
                "Domicile command line", ["urn:ietf:wg:oauth:2.0:oob"], scopes, None
            )
            return await domicile.access.new_token(found, app.client_id, scopes)

        text = on_network(settings(data, config), work)
        if json:
            print_json({"access_token": text, "token_type": "Bearer", "scope": scopes})
        else:
            out.print(text, highlight=False, soft_wrap=True)


@member_app.command()
def password(
    member: MemberArgument,
    new: Annotated[
        str, typer.Option("--password", prompt="New password", hide_input=True, help="Asked for if not given.")
    ],
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Give a member a new password."""
    with failures(json):

        async def work(domicile: Domicile) -> dict[str, Any]:
            found = await find_member(domicile, member)
            await domicile.members.set_password(found, new)
            return {"ok": True, "id": str(found)}

        answer = on_network(settings(data, config), work)
        if json:
            print_json(answer)
        else:
            out.print("The password is changed.")


@member_app.command()
def verify(
    member: MemberArgument,
    method: Annotated[str, typer.Option(help="What was checked, as law packs write it: id_number, mobile_number:CN.")],
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write down that you have checked a member's identity outside this software; no document is kept."""
    with failures(json):

        async def work(domicile: Domicile) -> dict[str, Any]:
            found = await find_member(domicile, member)
            state = await domicile.verifications.record(found, method)
            unmet = [proving.citation.rule for proving in state.unmet]
            return {"ok": True, "id": str(found), "verified": [v.method for v in state.verified], "unmet": unmet}

        answer = on_network(settings(data, config), work)
        if json:
            print_json(answer)
        else:
            out.print(f"Written down. Still asked for: {', '.join(answer['unmet']) or 'nothing'}.", highlight=False)


async def _whereabouts(domicile: Domicile, member: MemberId) -> dict[str, Any]:
    home = await domicile.router.home_of(member, ask_hub=True)
    return {"id": str(member), "home": home.site, "country": country_of_site(home.site), "epoch": home.epoch}


def _show(answer: dict[str, Any], json: bool) -> None:
    if json:
        print_json(answer)
        return
    for name, value in answer.items():
        if not isinstance(value, dict | list) or name in ("silent", "astray"):
            out.print(f"{name:8} {value}", highlight=False)

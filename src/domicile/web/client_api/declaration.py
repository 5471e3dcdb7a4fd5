"""Whose law applies, corrected by the member, and the relocations that follow as proposals; the paths are ours."""

from typing import Any

import msgspec

from domicile.network.declaration import Declaration, Proposal
from domicile.web.client_api.endpoint import Call, Nothing, Reply, endpoint
from domicile.web.client_api.shapes import stamp


class DeclarationForm(msgspec.Struct):
    """Countries in two letters. `citizenship` is left as it is if absent, and taken back by an empty text."""

    country: str = ""
    citizenship: str | None = None


@endpoint("GET", "/api/v1/domicile/declaration", scope="read:accounts")
async def show_declaration(call: Call) -> Reply:
    """Whose law applies, as the member declared it or as it was assumed, and what is proposed."""
    return Reply(_shape(*await call.domicile.declarations.show(call.member)))


@endpoint("PUT", "/api/v1/domicile/declaration", scope="write:accounts", body=DeclarationForm)
async def correct_declaration(call: Call, body: DeclarationForm) -> Reply:
    """Correct it. Nothing moves; where the law asks for another home, a relocation is proposed."""
    await call.domicile.declarations.correct(call.member, body.country, body.citizenship)
    return Reply(_shape(*await call.domicile.declarations.show(call.member)))


@endpoint("POST", "/api/v1/domicile/proposals/{id}/decline", scope="write:accounts", body=Nothing)
async def decline_proposal(call: Call, body: Nothing) -> Reply:
    """Say no to a proposed relocation."""
    await call.domicile.declarations.decline(call.member, call.number())
    return Reply(_shape(*await call.domicile.declarations.show(call.member)))


def _shape(declared: Declaration, proposals: list[Proposal]) -> dict[str, Any]:
    return {
        "country": declared.country,
        "assumed": declared.assumed,
        "citizenship": declared.citizenship,
        "proposals": [
            {
                "id": str(proposal.id),
                "from": proposal.source,
                "to": proposal.target,
                "may_stay": proposal.lawful,
                "reason": proposal.reason,
                "rules": proposal.rules,
                "state": proposal.state,
                "made_at": stamp(proposal.made_at),
            }
            for proposal in proposals
        ],
    }


HANDLERS = [show_declaration, correct_declaration, decline_proposal]

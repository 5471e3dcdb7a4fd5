"""Proving what a law asks of the member, for apps; the paths are ours. Also open to whoever must verify first."""

from typing import Any

import msgspec

from domicile.law.decision import Citation
from domicile.network.verification import State
from domicile.web.client_api.endpoint import Call, Reply, endpoint
from domicile.web.client_api.shapes import stamp


class StartForm(msgspec.Struct):
    """`contact` is what the verifier asks for, such as a number; `verifier` one of the offers, the first if absent."""

    contact: str = ""
    verifier: str | None = None


class AnswerForm(msgspec.Struct):
    code: str = ""


@endpoint("GET", "/api/v1/domicile/verification", scope="read:accounts", access="unverified")
async def show_verification(call: Call) -> Reply:
    """What a law asks the member to prove, what is proved, and who in this network could take the proof."""
    return Reply(_shape(await call.domicile.verifications.state(call.member)))


@endpoint("POST", "/api/v1/domicile/verification", scope="write:accounts", access="unverified", body=StartForm)
async def start_verification(call: Call, body: StartForm) -> Reply:
    """Have a verifier ask the member: for a mobile number, by a code."""
    return Reply(_shape(await call.domicile.verifications.start(call.member, body.contact, body.verifier)))


@endpoint("POST", "/api/v1/domicile/verification/answer", scope="write:accounts", access="unverified", body=AnswerForm)
async def answer_verification(call: Call, body: AnswerForm) -> Reply:
    """Give the answer."""
    return Reply(_shape(await call.domicile.verifications.finish(call.member, body.code)))


def _shape(state: State) -> dict[str, Any]:
    waiting = state.waiting
    return {
        "may_post": not state.unmet,
        "asked": [
            {
                "methods": list(proving.methods),
                "before": proving.before,
                "proved": proving.met,
                "settled": proving.settled,
                "rule": law(proving.citation),
            }
            for proving in state.asked
        ],
        "proved": [
            {
                "method": proved.method,
                "at": stamp(proved.verified_at),
                "until": stamp(proved.valid_until) if proved.valid_until else None,
            }
            for proved in state.verified
        ],
        "verifiers": [{"name": offer.verifier, "contact": offer.label} for offer in state.offers],
        "waiting": {"expires_at": stamp(waiting.expires_at), "tries_left": waiting.tries_left} if waiting else None,
    }


def law(citation: Citation) -> dict[str, str]:
    """A rule as the API names it."""
    return {
        "id": citation.rule,
        "jurisdiction": citation.jurisdiction,
        "act": citation.act,
        "article": citation.article,
        "summary": citation.summary,
    }


HANDLERS = [show_verification, start_verification, answer_verification]

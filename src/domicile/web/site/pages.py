"""All pages for people, in one list for the app, with the folder of their pictures and style."""

from pathlib import Path

from litestar import Router
from litestar.exceptions import HTTPException
from litestar.types import ControllerRouterHandler

from domicile.errors import DomicileError
from domicile.web.site.authorize import answer_consent, ask_consent
from domicile.web.site.front import show_front
from domicile.web.site.importing import show_import, take_import
from domicile.web.site.law import show_about, show_law, show_pack
from domicile.web.site.login import confirm, log_in, log_out, show_login
from domicile.web.site.move import delete_old_posts, dismiss_notice, end_other_devices, show_move
from domicile.web.site.reading import (
    change_follow,
    show_home,
    show_profile,
    show_public,
    show_tag,
    show_thread,
    write_post,
)
from domicile.web.site.refusals import show_http_refusal, show_refusal, show_unexpected
from domicile.web.site.rights import erase_account, show_rights, show_suspension, take_archive
from domicile.web.site.settings import (
    change_consent,
    change_settings,
    correct_declaration,
    decline_proposal,
    show_data,
    show_settings,
)
from domicile.web.site.signup import show_signup, sign_up
from domicile.web.site.verify import answer_verifier, forget_proof, show_verify, start_verifying

__all__ = ["ROUTES", "STATIC_DIR", "show_http_refusal"]

STATIC_DIR = Path(__file__).parent.parent / "static"

ROUTES: list[ControllerRouterHandler] = [
    Router(
        "/",
        route_handlers=[
            show_front,
            *(show_signup, sign_up, show_login, log_in, log_out, confirm),
            *(ask_consent, answer_consent),
            *(show_public, show_tag, show_home, write_post, show_profile, change_follow, show_thread),
            *(show_settings, change_settings, change_consent),
            *(show_data, correct_declaration, decline_proposal),
            *(show_move, dismiss_notice, delete_old_posts, end_other_devices),
            *(show_rights, take_archive, erase_account, show_suspension, show_import, take_import),
            *(show_verify, start_verifying, answer_verifier, forget_proof),
            *(show_law, show_pack, show_about),
        ],
        exception_handlers={
            DomicileError: show_refusal,
            HTTPException: show_http_refusal,
            Exception: show_unexpected,
        },
    )
]

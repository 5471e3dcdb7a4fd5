"""Who is reading, by cookie, and the token that every form carries.

A form's token signs the cookie it was made for: the session's, or before log-in a random one of the browser's own. A
page elsewhere can make the browser send the cookie, but cannot know the token (signed double submit, OWASP CSRF).
"""

import secrets
from urllib.parse import urlsplit

from litestar.datastructures import Cookie

from domicile.network.access import SESSION_LIFETIME, Access

SESSION_COOKIE = "domicile_session"
VISIT_COOKIE = "domicile_visit"


def new_visit() -> str:
    """What a browser is known by until somebody logs in; it is stored nowhere."""
    return secrets.token_urlsafe(24)


def form_token(access: Access, cookie: str) -> str:
    """The token for the forms of whoever holds this cookie."""
    return access.sign(f"form {cookie}")


def form_token_fits(access: Access, cookie: str, token: str) -> bool:
    return access.signed(f"form {cookie}", token)


def session_cookie(text: str, *, secure: bool) -> Cookie:
    """The cookie of a log-in."""
    age = int(SESSION_LIFETIME.total_seconds())
    return Cookie(SESSION_COOKIE, value=text, max_age=age, httponly=True, secure=secure, samesite="lax")


def visit_cookie(text: str, *, secure: bool) -> Cookie:
    return Cookie(VISIT_COOKIE, value=text, httponly=True, secure=secure, samesite="lax")


def expired_session_cookie(*, secure: bool) -> Cookie:
    """Tells the browser to forget the log-in."""
    return Cookie(SESSION_COOKIE, value="", max_age=0, httponly=True, secure=secure, samesite="lax")


def own_path(text: str, default: str = "/home") -> str:
    """`text` if it is a path of ours, else `default`: a log-in never sends anybody elsewhere."""
    odd = not text.startswith("/") or text.startswith("//") or "\\" in text or not text.isprintable()
    try:
        elsewhere = bool(urlsplit(text).scheme or urlsplit(text).netloc)
    except ValueError:
        elsewhere = True
    return default if odd or elsewhere else text

"""Every point at which a crash may fall in a relocation, by name. A test kills, hangs and overtakes at each of them.

Between two steps of the coordinator (`FORWARD`, `BACKWARD`); inside each order and each entry of the journal, when its
transaction has done everything but commit, and when it has committed but nobody has heard so; and inside each stream.
"""

FORWARD = (
    "opened",
    "described",
    "target begun",
    "source begun",
    "copied",
    "keys moved",
    "files copied",
    "fenced",
    "changes applied",
    "files caught up",
    "compared",
    "flipped",
    "source settled",
    "target settled",
    "erased",
    "forgotten",
    "done",
)
BACKWARD = ("abandoned", "reopened", "discarded", "forgotten undone", "undone")
STEPS = FORWARD + BACKWARD

_BOTH = ("Begin", "Drop", "Compare", "Settle", "Close")
ORDERS = {
    "source": (*_BOTH, "Export", "Keys", "ListFiles", "SendFiles", "Fence", "Erase", "Reopen"),
    "target": (*_BOTH, "Import", "TakeKeys", "TakeFiles", "DropFiles", "Discard"),
}
"""What each site does in a transaction of its own. `Describe` only looks."""
ENTRIES = ("open", "drop", "copy", "flip", "abandon", "take over", "done", "undone")
NOT_COMMITTED, NOT_ANSWERED = "not committed", "not answered"

INSIDE = tuple(
    f"{what}, {when}"
    for what in (
        *(f"{order} at the {role}" for role, orders in ORDERS.items() for order in orders),
        *(f"{entry} in the journal" for entry in ENTRIES),
    )
    for when in (NOT_COMMITTED, NOT_ANSWERED)
)
LOST = tuple(f"{entry} in the journal, {when}" for entry in ("vouch", "owe") for when in (NOT_COMMITTED, NOT_ANSWERED))
"""Where the source never answers again."""
_RETURNING = ("ListWhole at the source", "return in the journal", "GiveBack at the source", "GiveBack at the target")
GIVING_BACK = (
    *(f"{what}, {when}" for what in _RETURNING for when in (NOT_COMMITTED, NOT_ANSWERED)),
    "served again",
    "given back",
)
"""Where the target has lost its members after the flip."""
STREAMS = {"Export": "rows on their way", "SendFiles": "files on their way"}
"""When the first piece has been taken: the target is in the middle of a transaction, and so is the source, unless a
stream is so short that it has been read to its end ahead."""
POINTS = (*STEPS, *INSIDE, *STREAMS.values())
"""All but `LOST` and `GIVING_BACK`: those that a relocation passes of which no site is lost."""

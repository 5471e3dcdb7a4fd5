"""What the social network processes personal data for, table by table; the engine's own tables are declared with it."""

from domicile.placement.purposes import ProcessingActivity

NETWORK_ACTIVITIES = (
    ProcessingActivity(
        "Accounts and logging in",
        "to let a member log in, on the web and with apps, and to reach them about their account",
        ("vault.credential", "token", "authorization_code", "session"),
    ),
    ProcessingActivity(
        "Profiles",
        "to show a member to the audience that they chose",
        ("account",),
        ("members", "whom they write about"),
    ),
    ProcessingActivity(
        "Proving identity and age",
        "to ask what the law of a member's country wants proved before they join or post, and to keep no more of it",
        ("verification", "challenge", "vault.challenge_contact", "age_answer", "proposal", "notice"),
    ),
    ProcessingActivity(
        "Suspensions",
        "to keep from the network, for a time or until further notice, who broke its rules, and to tell them why",
        ("suspension",),
    ),
    ProcessingActivity(
        "Posts and pictures",
        "to publish what a member says to the audience that they chose, and to count and show the answers",
        (
            "post",
            "post_mention",
            "post_tag",
            "media",
            "reply_stub",
            "reaction",
            "reaction_stub",
            "mention_stub",
            "tally",
        ),
        ("members", "whom they write about"),
    ),
    ProcessingActivity(
        "Direct messages",
        "to carry a message to those to whom it is addressed",
        ("vault.direct_text",),
        ("members", "whom they write about"),
    ),
    ProcessingActivity("Follows", "to know who reads whom, and who may", ("follow", "follower")),
    ProcessingActivity("Notifications", "to tell a member what concerns them", ("notification",)),
)

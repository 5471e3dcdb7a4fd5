"""Imports point one way. The line that a newcomer needs:

law · ledger · transport | placement | border | relocation · plan · audit | orders | network | web | wiring | cli
"""

from shape.source import Module, every_module, modules, ours

LINE = (
    "law · ledger · transport | placement | border | relocation · plan · audit | orders | network | web | wiring | cli"
)
RANK = {part: place for place, group in enumerate(LINE.split(" | ")) for part in group.split(" · ")}
EVERYBODYS = {"errors", "ids", "lifecycle", "database", "logs"}
SETTINGS_FOR = {
    "app",
    "config",
    "engine",
    "placement.sites",
    "placement.servers",
    "running",
    "stories",
    "web",
    "wiring",
    "cli",
}
"""Who may know the settings: the others are handed the values they need."""
TOOLS = {
    "engine": RANK["orders"] + 0.5,
    "migrations": RANK["network"] + 0.5,
    "tables": RANK["network"] + 0.55,
    "app": RANK["network"] + 0.56,
    "running": RANK["network"] + 0.6,
    "stories": RANK["wiring"] + 0.5,
}
"""`engine` opens the engine for any app, and knows no social network; `app` is the small way to it, for tables of one's
own, which `tables` makes. `migrations` makes the tables of a declaration, and freezes the network's; `running` is the
whole, as `wiring` builds it and web and command line use it. `stories` opens networks of its own, on the engine or the
whole one, to tell what happened: between `wiring` and `cli`."""
BANNED = {"utils", "util", "helpers", "helper", "common", "core", "manager", "service", "services", "misc", "base"}


def rank(part: str) -> float:
    return TOOLS.get(part, RANK.get(part, -1))


def test_the_line_is_the_one_in_the_design() -> None:
    assert len(RANK) == 13
    known = RANK.keys() | TOOLS.keys() | EVERYBODYS | {"config", "domicile", "__main__"}
    assert {module.part for module in modules()} <= known, "a new part needs its place in the line"


@every_module
def test_a_module_imports_only_from_its_left(module: Module) -> None:
    if module.part in ("__main__", "domicile"):
        return
    for imported in filter(None, map(ours, module.imports())):
        part = imported.split(".")[0]
        if part in EVERYBODYS or part == module.part or part in ("config", "__version__"):
            continue
        assert module.part not in EVERYBODYS | {"config"}, f"{module.name} is everybody's and imports {imported}"
        assert rank(part) < rank(module.part), f"{module.name} imports {imported}"


def test_the_wiring_builds_the_parts_and_not_their_web() -> None:
    wiring = next(module for module in modules() if module.name == "wiring")
    assert not [imported for imported in wiring.imports() if imported.startswith("domicile.web")]


@every_module
def test_only_those_who_open_things_know_the_settings(module: Module) -> None:
    if any(imported.startswith("config.") for imported in filter(None, map(ours, module.imports()))):
        assert {module.name, module.part} & SETTINGS_FOR


@every_module
def test_only_the_database_module_knows_the_driver(module: Module) -> None:
    if any(imported.split(".")[0] in ("psycopg", "psycopg_pool", "asyncpg") for imported in module.imports()):
        assert module.name == "database"


@every_module
def test_only_the_settings_read_the_environment(module: Module) -> None:
    if module.uses("os.environ", "os.getenv", "os.environb"):
        # Where the user's own runtime folder lies is no setting of ours.
        assert module.name in ("config", "placement.supervised")


@every_module
def test_time_comes_in_as_a_clock(module: Module) -> None:
    """One place asks the wall for the time; monotonic time measures waits and is nobody's fact."""
    asked = module.uses("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time")
    if module.name == "web.limits":
        asked -= {"time.time"}  # the `limits` library counts its windows in seconds of the wall
    if asked:
        assert module.name == "app"


@every_module
def test_there_is_one_door_between_sites(module: Module) -> None:
    asked = [call for call in module.calls() if call.endswith("exchange.ask")]
    assert not asked or module.name in ("border.crossing", "border.delivery") or module.part == "relocation"


@every_module
def test_readers_and_writers_are_made_by_the_router_only(module: Module) -> None:
    made = {"SiteReader", "SiteWriter"} & {call.split(".")[-1] for call in module.calls()}
    assert not made or module.name == "placement.routing"


@every_module
def test_the_law_asks_no_clock_no_disk_and_no_database_for_its_answer(module: Module) -> None:
    if module.part != "law" or module.name in ("law.library",):  # the library reads the packs from their files
        return
    banned = {"time", "asyncio", "socket", "random", "secrets", "os", "sqlalchemy", "domicile.database"}
    imported = {name.split(".")[0] for name in module.imports()} | set(module.imports())
    assert not imported & banned
    assert "open" not in set(module.calls())


@every_module
def test_no_module_has_a_name_that_says_nothing(module: Module) -> None:
    assert not BANNED & set(module.name.split("."))

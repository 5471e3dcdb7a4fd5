"""The declaration: whose row is it? Everything that copies, audits or erases rows reads these answers."""

import pytest
from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, MetaData, String, Table, Text

from domicile.errors import Misconfigured
from domicile.law.categories import CATEGORIES
from domicile.network.schema import metadata
from domicile.placement.ownership import ROOT, harmless, load_ownership, local, network, personal, stays
from domicile.placement.tables import add_engine_tables, number, other_member, owner

NETWORK = load_ownership(metadata)


def test_every_table_is_owned_or_says_why_not() -> None:
    named = {owned.name for owned in NETWORK.owned} | {t.fullname for t in (*NETWORK.network, *NETWORK.site)} | {ROOT}
    assert named == set(metadata.tables)


def test_rows_can_be_copied_in_the_order_given_because_parents_come_first() -> None:
    place = {owned.name: n for n, owned in enumerate(NETWORK.owned)}
    for owned in NETWORK.owned:
        for key in owned.table.foreign_keys:
            parent = key.target_fullname.rpartition(".")[0]
            assert parent == ROOT or place[parent] < place[owned.name]


def test_every_owned_tables_key_begins_with_its_owner() -> None:
    assert all(owned.key[0] == owned.owner for owned in NETWORK.owned)


def test_what_is_collected_can_be_listed_column_by_column() -> None:
    inventory = {(table.fullname, column.name): category for table, column, category in NETWORK.personal_columns()}
    assert inventory["vault.credential", "email"] == "user.contact.email"
    assert inventory["account", "handle"] == "user.account.username"
    assert set(inventory.values()) <= CATEGORIES
    assert NETWORK["vault.credential"].sealed.keys() == {"email", "phone", "birth_date", "password_hash"}


def test_pointers_across_sites_are_told_apart_from_owners() -> None:
    assert NETWORK["follow"].remotes == {"target": "member"}
    assert NETWORK["follow"].owner == "member_id"


def test_no_table_of_the_network_points_by_key_to_another_member() -> None:
    for owned in NETWORK.owned:
        for constraint in owned.table.foreign_key_constraints:
            assert next(iter(constraint.columns)).name == owned.owner


def test_everything_that_is_wrong_is_said_at_once_with_table_and_column() -> None:
    wrong = add_engine_tables(MetaData())
    Table("diary", wrong, owner(), Column("city", Text))
    Table("note", wrong, number("note_id", key=True))
    with pytest.raises(Misconfigured) as refused:
        load_ownership(wrong)
    assert "diary.city: looks personal (user.contact.address?)" in refused.value.detail
    assert "note: no column is home()" in refused.value.detail
    assert "diary" not in refused.value.safe


def test_names_that_only_look_personal_may_say_so() -> None:
    right = add_engine_tables(MetaData())
    Table("atlas", right, Column("city", Text, primary_key=True, info=harmless("a place, nobody's")), info=network())
    Table("visit", right, number("n", key=True), Column("ip", Text, info=personal("user.device.ip_address")),
          info=local(retention="a day"))  # fmt: skip
    assert [table.name for table in load_ownership(right).network] == ["atlas"]


def test_a_key_inside_one_members_rows_is_fine() -> None:
    right = add_engine_tables(MetaData())
    Table("book", right, owner(), number("book_id", key=True))
    key = ForeignKeyConstraint(["member_id", "book_id"], ["book.member_id", "book.book_id"])
    Table("page", right, owner(), number("book_id", key=True), Column("words", String(9)), other_member("reader"), key)
    names = [owned.name for owned in load_ownership(right).owned]
    assert names.index("book") < names.index("page")


def test_the_engines_tables_are_added_once() -> None:
    twice = add_engine_tables(add_engine_tables(MetaData()))
    assert isinstance(twice.tables[ROOT].c.member_id.type, BigInteger)


def test_what_stays_is_said_and_nothing_that_moves_may_need_it() -> None:
    assert {owned.name for owned in NETWORK.owned if owned.stays} == {
        "authorization_code",
        "challenge",
        "vault.challenge_contact",
    }
    wrong = add_engine_tables(MetaData())
    Table("book", wrong, owner(), number("book_id", key=True), info=stays("a test"))
    key = ForeignKeyConstraint(["member_id", "book_id"], ["book.member_id", "book.book_id"])
    Table("page", wrong, owner(), number("book_id", key=True), key)
    Table("shelf", wrong, number("n", key=True), info=network() | stays("a test"))
    with pytest.raises(Misconfigured) as refused:
        load_ownership(wrong)
    assert "page.member_id: book stays when its member moves" in refused.value.detail
    assert "shelf: stays() is for owned tables; a network table never moves" in refused.value.detail

"""An incident is what its entries say, in whatever order they are read and however many copies there are."""

from datetime import datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from breaching import AWARE, affected, assess
from domicile.plan.breach_case import CLOCK, Case, Closed, Entry, Opened, Recounted, Settled, read_case
from domicile.plan.breach_log import make_entry

FEW, MANY = assess(*affected("DE", DE=3, KR=900)), assess(*affected("DE", DE=5, KR=1000, CN=1))


def entry(told: Opened | Recounted | Settled | Closed, minutes: int) -> Entry:
    return make_entry("de-1-abc", told, AWARE + timedelta(minutes=minutes))


def opened(minutes: int = 0) -> Entry:
    return entry(Opened(key="k", sites=(), aware=AWARE, note="", assessment=FEW), minutes)


def settled(clock: str, state: str, minutes: int, note: str = "") -> Entry:
    return entry(Settled(clock=clock, state=state, at=at(minutes), note=note), minutes)


def recounted(minutes: int) -> Entry:
    return entry(Recounted(at=at(minutes), note="", assessment=MANY), minutes)


def at(minutes: int) -> datetime:
    return AWARE + timedelta(minutes=minutes)


def case(*entries: Entry) -> Case:
    found = read_case(entries)
    assert found is not None
    return found


def states(found: Case) -> dict[str, str]:
    return {name: clock.state for name, clock in found.clocks.items()}


def test_more_persons_add_clocks_and_lengthen_none() -> None:
    before, after = case(opened()), case(opened(), recounted(60))
    assert after.clocks.keys() - before.clocks.keys() == {
        "KR-1000.report",
        "CN-4H.report",
        "CN-4H.follow_up",
        "CN-4H.members",
    }
    assert all(after.clocks[name].duty.due == clock.duty.due for name, clock in before.clocks.items())
    assert after.clocks["EU-33.report"].duty.persons == 1006


def test_a_clock_that_a_later_count_does_not_ask_for_goes_on_and_says_so() -> None:
    fewer = entry(Recounted(at=at(9), note="", assessment=FEW), 9)
    first = entry(Opened(key="k", sites=(), aware=AWARE, note="", assessment=MANY), 0)
    clock = case(first, fewer).clocks["KR-1000.report"]
    assert (clock.state, clock.binds) == ("running", False)


def test_what_was_done_stays_done_after_another_count() -> None:
    found = case(opened(), settled("EU-33.report", "made", 30), recounted(60))
    assert found.clocks["EU-33.report"].state == "made"
    assert found.clocks["EU-33.report"].duty.persons == 1006


def test_what_was_waived_can_be_done_all_the_same_and_never_the_other_way() -> None:
    waived, made = settled("EU-33.report", "waived", 10, "no risk"), settled("EU-33.report", "made", 20)
    assert case(opened(), waived, made).clocks["EU-33.report"].state == "made"
    late = settled("EU-33.report", "waived", 30, "too late")
    assert case(opened(), made, late).clocks["EU-33.report"].at == at(20)


def test_of_two_copies_that_were_told_two_things_the_earlier_holds() -> None:
    one, other = settled("EU-33.report", "made", 20, "by mail"), settled("EU-33.report", "made", 25, "by telephone")
    assert case(opened(), other, one).clocks["EU-33.report"].note == "by mail"


def test_saying_it_twice_is_saying_it_once() -> None:
    assert settled("EU-33.report", "made", 20).entry_id == settled("EU-33.report", "made", 20).entry_id
    assert opened().entry_id == opened(5).entry_id, "an incident has one first entry, whenever it was tried"
    assert recounted(5).entry_id != recounted(6).entry_id


def test_a_clock_is_overdue_from_the_moment_on() -> None:
    clock = case(opened()).clocks["EU-33.report"]
    assert clock.duty.due is not None
    assert not clock.overdue(clock.duty.due)
    assert clock.overdue(clock.duty.due + timedelta(seconds=1))
    assert (
        not case(opened(), settled("EU-33.report", "made", 20)).clocks["EU-33.report"].overdue(AWARE.replace(year=2030))
    )


def test_entries_without_the_first_tell_nothing() -> None:
    assert read_case([settled("EU-33.report", "made", 20)]) is None


LATER = st.lists(
    st.one_of(
        st.builds(
            settled,
            st.sampled_from(("EU-33.report", "EU-33.members", "KR-GRAVE.report", "KR-1000.report", "nothing")),
            st.sampled_from(("made", "waived", "running", "nonsense")),
            st.integers(1, 50),
        ),
        st.builds(recounted, st.integers(1, 50)),
        st.builds(lambda minutes: entry(Closed(note="over"), minutes), st.integers(1, 50)),
    ),
    max_size=8,
)


@given(LATER, st.randoms())
def test_the_order_in_which_copies_are_merged_does_not_matter(later: list[Entry], random: Random) -> None:
    entries = list({each.entry_id: each for each in (opened(), *later)}.values())
    shuffled = random.sample(entries, len(entries))
    assert case(*shuffled) == case(*entries)


@given(LATER)
def test_states_follow_the_declared_table(later: list[Entry]) -> None:
    before = states(case(opened()))
    ordered = sorted(later, key=lambda each: (each.at, each.entry_id))
    for number in range(len(ordered)):
        after = states(case(opened(), *ordered[: number + 1]))
        for name, state in after.items():
            earlier = before.get(name, CLOCK.start)
            assert state == earlier or state in CLOCK.moves[earlier]
        before = after

"""Domains, people who asked to be forgotten, the history of entries, and a table that was lost."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, insert, select, update

from mailrunner.errors import UserError
from mailrunner.model.delivery import State
from mailrunner.model.suppression import ChangeKind, Pseudonyms, SuppressionReason, is_pseudonym
from mailrunner.store import ClaimTerms, Delivery, Ledger
from mailrunner.store.claims import suppression_reasons
from mailrunner.store.schema import consents, deliveries, lists, recipients, returns, suppressions
from tests.support.clocks import ManualClock
from tests.support.projects import Project, on_terminal, on_unix
from tests.support.suppression import all_text, begin_campaign, entries, ledger_of

ANA, BOB, EVE = "ana@example.org", "bob@example.org", "eve@example.net"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path).write(rows=["ana@example.org,Ana", "bob@example.org,Bob"])


def terms(*, lists: tuple[str, ...] = ("club news",), transactional: bool = False) -> ClaimTerms:
    return ClaimTerms(
        campaign_no=1,
        account_no=1,
        lists=lists,
        transactional=transactional,
        limits=(),
        pace=(),
        reserve=0,
        zone=ZoneInfo("UTC"),
        content_digest="",
    )


def stopped(ledger: Ledger, *keys: str, **given: object) -> list[str]:
    """Who of `keys` would be stopped at the moment of sending."""
    with ledger.database.read() as connection:
        queued = [Delivery(n, 0, 0, key, key, (), 0, timedelta(0)) for n, key in enumerate(keys)]
        found = suppression_reasons(connection, terms(**given), queued)  # type: ignore[arg-type]
    return [keys[number] for number in sorted(found)]


def campaign_no(ledger: Ledger, name: str) -> int:
    found = ledger.campaigns.find(name)
    assert found is not None
    return found.no


class TestDomains:
    def test_everyone_at_exactly_that_domain_is_stopped(self, ledger: Ledger) -> None:
        ledger.suppressions.add(["@example.org"], reason=SuppressionReason.MANUAL, source="by hand")

        assert stopped(ledger, ANA, EVE, "x@sub.example.org", "x@myexample.org", BOB) == [ANA, BOB]
        assert stopped(ledger, ANA, transactional=True) == [ANA]

    def test_a_domain_may_be_off_one_list_alone(self, ledger: Ledger) -> None:
        ledger.suppressions.add(
            ["@example.org"], list_key="club news", reason=SuppressionReason.MANUAL, source="by hand"
        )

        assert stopped(ledger, ANA) == [ANA]
        assert stopped(ledger, ANA, lists=("another",)) == []

    def test_the_plan_counts_them(self, ledger: Ledger) -> None:
        begin_campaign(ledger, "spring", [ANA, BOB, EVE], list_key="club news")
        number = campaign_no(ledger, "spring")

        def ahead() -> int:
            return ledger.suppressions.count_queued(number, ["club news"], transactional=False)

        assert ahead() == 0
        ledger.suppressions.add([EVE], reason=SuppressionReason.MANUAL, source="by hand")
        assert ahead() == 1
        ledger.suppressions.add(["@example.org"], reason=SuppressionReason.MANUAL, source="by hand")
        assert ahead() == 3

    def test_they_are_added_shown_and_removed_by_name(self, project: Project) -> None:
        added = project.mailrunner("suppress", "add", "@Bücher.example")
        assert added.stdout == "@xn--bcher-kva.example: suppressed for all lists: manual\n"

        shown = project.mailrunner("suppress", "list", "ana@bücher.example").stdout
        assert shown.startswith("@xn--bcher-kva.example\tall lists\tmanual")

        kept = project.mailrunner("suppress", "remove", "ana@bücher.example", "--all", "--consent", "asked")
        assert "was not suppressed for all lists" in kept.stdout
        assert "still suppressed for all lists: manual (everyone @xn--bcher-kva.example)" in kept.stdout

        project.mailrunner("suppress", "remove", "@bücher.example", "--all", "--consent", "asked")
        assert entries(project) == []

    def test_an_address_of_a_suppressed_domain_is_still_added(self, project: Project) -> None:
        project.mailrunner("suppress", "add", "@example.org")

        assert (
            project.mailrunner("suppress", "add", ANA).stdout == f"{ANA}: suppressed for all lists: manual\n"
        )
        assert len(entries(project)) == 2

    @pytest.mark.parametrize(
        "name", ["@", "@nodots", "@a@b.example", "@exa mple.org", "ana@", "#12", "#" + "0" * 40]
    )
    def test_what_is_no_name_is_refused(self, project: Project, name: str) -> None:
        answer = project.mailrunner("suppress", "add", name)

        assert answer.code == 78
        assert f'"{name}"' in answer.stderr
        assert entries(project) == []


class TestForgetting:
    @pytest.fixture
    def known(self, ledger: Ledger) -> Ledger:
        """A ledger in which Ana left traces everywhere."""
        begin_campaign(ledger, "spring", [ANA, BOB], list_key="club news")
        begin_campaign(ledger, "summer", [ANA, BOB], list_key="club news")
        ledger.suppressions.add(
            [ANA], list_key="club news", reason=SuppressionReason.UNSUBSCRIBE, source=f"mail of {ANA}"
        )
        ledger.suppressions.add([ANA], reason=SuppressionReason.BOUNCE, source="x")
        ledger.suppressions.remove([ANA], list_key="", why=f"{ANA} wrote on 3 May")
        spring = deliveries.c.campaign_no == campaign_no(ledger, "spring")
        with ledger.database.write() as connection:
            ana = connection.execute(
                select(deliveries.c.id).where(spring, deliveries.c.key == ANA)
            ).scalar_one()
            words = {"reply": f"550 <{ANA.upper()}> unknown", "reason": f"refused: {ANA}"}
            done = {"state": State.FAILED, "finished_at": ledger.database.now(connection)}
            connection.execute(update(deliveries).where(deliveries.c.id == ana).values(**words, **done))
            twin = {"key": None, "state": State.SKIPPED, "reason": "duplicate of row 2"}
            bob = spring & (deliveries.c.key == BOB)
            twin_no = connection.execute(select(deliveries.c.id).where(bob)).scalar_one()
            connection.execute(update(deliveries).where(deliveries.c.id == twin_no).values(**twin))
            told = {"address": "Ana@Example.org", "data": '["Ana@Example.org"]'}
            connection.execute(update(recipients).where(recipients.c.id == twin_no).values(**told))
            now = ledger.database.now(connection)
            letter = {
                "delivery_id": ana,
                "key": ANA,
                "kind": "asked",
                "source": "inbox",
                "detail": f"I am {ANA}",
            }
            stamps = {"happened_at": now, "received_at": now, "fingerprint": "f"}
            connection.execute(insert(returns).values(**letter, **stamps))
        return ledger

    def test_the_address_is_nowhere_afterwards(self, known: Ledger) -> None:
        assert "ana@example" in all_text(known).lower()

        (done,) = known.suppressions.erase([ANA])

        assert "ana@example" not in all_text(known).lower()
        assert (done.entries, done.deliveries, done.stopped, done.rows, done.reports) == (1, 2, 1, 3, 1)
        assert is_pseudonym(done.name)
        assert BOB in all_text(known)

    def test_they_are_still_stopped_wherever_the_address_comes_again(self, known: Ledger) -> None:
        known.suppressions.erase([ANA])

        assert stopped(known, ANA, BOB, lists=("a list of tomorrow",)) == [ANA]
        assert stopped(known, ANA, transactional=True) == [ANA]
        begin_campaign(known, "autumn", [ANA, EVE], list_key="another")
        assert (
            known.suppressions.count_queued(campaign_no(known, "autumn"), ["another"], transactional=False)
            == 1
        )

    def test_what_was_to_be_sent_is_not(self, known: Ledger) -> None:
        known.suppressions.erase([ANA])

        summer = deliveries.c.campaign_no == campaign_no(known, "summer")
        with known.database.read() as connection:
            rows = connection.execute(select(deliveries.c.key, deliveries.c.state).where(summer)).all()
        assert {row.state for row in rows if is_pseudonym(row.key)} == {State.SUPPRESSED}
        assert {row.state for row in rows if row.key == BOB} == {State.QUEUED}

    def test_outcomes_stay(self, known: Ledger) -> None:
        before = known.deliveries.counts(campaign_no(known, "spring"))

        known.suppressions.erase([ANA])

        assert known.deliveries.counts(campaign_no(known, "spring")) == before

    def test_no_recipient_is_erased_while_a_message_is_in_flight(self, known: Ledger) -> None:
        summer = deliveries.c.campaign_no == campaign_no(known, "summer")
        for state in (State.CLAIMED, State.SENDING):
            with known.database.write() as connection:
                flying = update(deliveries).where(summer, deliveries.c.key == ANA)
                connection.execute(flying.values(state=state))
            before = all_text(known)

            with pytest.raises(UserError, match="on its way"):
                known.suppressions.erase([BOB, ANA])

            assert all_text(known) == before

    def test_forgetting_again_after_the_address_came_again_leaves_one_name_a_campaign(
        self, known: Ledger
    ) -> None:
        (first,) = known.suppressions.erase([ANA])
        summer = campaign_no(known, "summer")
        with known.database.write() as connection:
            other = connection.execute(
                select(deliveries.c.id).where(deliveries.c.campaign_no == summer, deliveries.c.key == BOB)
            ).scalar_one()
            connection.execute(update(deliveries).where(deliveries.c.id == other).values(key=ANA))
            connection.execute(
                update(recipients).where(recipients.c.id == other).values(address=ANA, data="[]")
            )
        known.suppressions.add([ANA], reason=SuppressionReason.BOUNCE, source="x")

        (again,) = known.suppressions.erase([ANA])

        assert again.name == first.name
        assert "ana@example" not in all_text(known).lower()
        reasons = [entry.reason for entry in known.suppressions.entries(ANA)]
        assert sorted(reasons) == [
            SuppressionReason.BOUNCE,
            SuppressionReason.MANUAL,
            SuppressionReason.UNSUBSCRIBE,
        ]

    def test_an_unknown_address_leaves_no_trace(self, known: Ledger) -> None:
        before = all_text(known)

        (done,) = known.suppressions.erase(["zoe@example.org"])

        assert not done.was_known
        assert all_text(known) == before

    def test_a_consent_takes_the_suppression_of_an_erased_recipient_back(self, known: Ledger) -> None:
        known.suppressions.erase([ANA])
        known.suppressions.remove([ANA], list_key="", why="signed up again")
        known.suppressions.remove([ANA], list_key="club news", why="signed up again")

        assert stopped(known, ANA) == []

    def test_the_history_tells_without_the_address(self, known: Ledger, clock: ManualClock) -> None:
        clock.turn(timedelta(hours=1))
        (done,) = known.suppressions.erase([ANA])

        events = known.suppressions.history(ANA)

        assert {event.name for event in events} == {done.name}
        assert ChangeKind.FORGOTTEN in [event.change for event in events]
        assert not any("ana@" in f"{event.source}{event.why}" for event in events)


class TestForget:
    def test_needs_yes_where_no_user_can_be_asked(self, project: Project) -> None:
        project.mailrunner("suppress", "add", ANA)

        answer = project.mailrunner("suppress", "forget", ANA)

        assert answer.code == 78
        assert "--yes" in answer.stderr
        assert entries(project) == [(ANA, "", "manual")]

    @on_unix
    @pytest.mark.parametrize(("typed", "stays"), [("y\n", False), ("n\n", True)])
    def test_a_terminal_is_asked(self, project: Project, typed: str, stays: bool) -> None:
        project.mailrunner("suppress", "add", ANA)

        answer = on_terminal("suppress", "forget", ANA, folder=project.folder, typed=typed)

        assert answer.code == 0, answer.stderr
        assert (entries(project)[0][0] == ANA) is stays

    def test_says_what_it_did_and_what_it_cannot(self, project: Project) -> None:
        project.mailrunner("suppress", "add", ANA)

        answer = project.mailrunner("suppress", "forget", "ANA@example.org", "zoe@example.org", "--yes")

        assert answer.code == 0, answer.stderr
        assert "ana@example.org: erased, now #" in answer.stdout
        assert "suppression entries: 1" in answer.stdout
        assert "zoe@example.org: is not in this ledger; nothing was changed" in answer.stdout
        assert "they may still contain the addresses" in answer.stderr

    def test_no_byte_of_the_address_stays_in_the_files_of_the_ledger(self, project: Project) -> None:
        with ledger_of(project) as ledger:
            begin_campaign(ledger, "spring", [f"{n}@example.net" for n in range(300)], list_key="club news")
            begin_campaign(ledger, "summer", [ANA, BOB], list_key="club news")
        project.mailrunner("suppress", "add", ANA, BOB)

        def found(key: str) -> bool:
            return any(
                key.encode() in file.read_bytes() for file in project.folder.glob("data/mailrunner.db*")
            )

        assert found(ANA)
        project.mailrunner("suppress", "forget", ANA, "--yes")
        assert not found(ANA)
        assert found(BOB)

    def test_a_domain_is_not_an_address(self, project: Project) -> None:
        assert project.mailrunner("suppress", "forget", "@example.org", "--yes").code == 78

    def test_what_is_left_goes_out_and_comes_back(self, project: Project, tmp_path: Path) -> None:
        project.mailrunner("suppress", "add", ANA)
        project.mailrunner("suppress", "forget", ANA, "--yes")
        file = str(tmp_path / "out.csv")
        project.mailrunner("suppress", "export", "--out", file)
        before = entries(project)
        project.mailrunner("suppress", "remove", ANA, "--all", "--consent", "asked")
        assert entries(project) == []

        answer = project.mailrunner("suppress", "import", file)

        assert answer.code == 0, answer.stderr
        assert entries(project) == before

    def test_a_recipient_erased_in_another_ledger_is_said_to_be_unknown(
        self, project: Project, tmp_path: Path
    ) -> None:
        project.mailrunner("suppress", "add", ANA, BOB)
        project.mailrunner("suppress", "forget", ANA, "--yes")
        project.mailrunner("suppress", "export", "--out", str(tmp_path / "out.csv"))
        other = Project(tmp_path / "other").write()

        answer = other.mailrunner("suppress", "import", str(tmp_path / "out.csv"))

        assert answer.code == 0, answer.stderr
        assert "another ledger has erased" in answer.stderr
        assert entries(other) == [(BOB, "", "manual")]


def test_a_pseudonym_depends_on_the_ledger_and_the_key_alone() -> None:
    one, other = Pseudonyms.of_ledger("one"), Pseudonyms.of_ledger("other")

    assert one.of(ANA) == one.of(ANA)
    assert len({one.of(ANA), one.of(BOB), other.of(ANA)}) == 3
    assert one.of(ANA).startswith(one.mark)
    assert not one.of(ANA).startswith(other.mark)
    assert one.all(one.of(ANA)) == (one.of(ANA),)


class TestHistory:
    def test_tells_all_changes_with_their_why(self, ledger: Ledger, clock: ManualClock) -> None:
        ledger.suppressions.add(
            [ANA], list_key="club news", reason=SuppressionReason.UNSUBSCRIBE, source="web"
        )
        clock.turn(timedelta(minutes=1))
        ledger.suppressions.remove([ANA], list_key="club news", why="wrote on 3 May")
        clock.turn(timedelta(minutes=1))
        number = ledger.suppressions.begin_import(
            file="left.csv", list_key="", reason=SuppressionReason.IMPORT
        )
        ledger.suppressions.import_chunk(number, [ANA, BOB])
        clock.turn(timedelta(minutes=1))
        ledger.suppressions.remove_import(number)
        clock.turn(timedelta(minutes=1))
        ledger.suppressions.add(["@example.org"], reason=SuppressionReason.MANUAL, source="by hand")

        events = [(e.change, e.name, e.list_key, e.source, e.why) for e in ledger.suppressions.history(ANA)]

        assert events == [
            (ChangeKind.ADDED, ANA, "club news", "web", ""),
            (ChangeKind.REMOVED, ANA, "club news", "web", "wrote on 3 May"),
            (ChangeKind.ADDED, ANA, "", "import 1: left.csv", ""),
            (ChangeKind.UNDONE, ANA, "", "import 1: left.csv", "import 1 undone"),
            (ChangeKind.ADDED, "@example.org", "", "by hand", ""),
        ]
        times = [event.at for event in ledger.suppressions.history(ANA)]
        assert times == sorted(times)
        assert len(set(times)) == 5

    def test_a_removal_of_an_older_mailrunner_is_told_too(self, ledger: Ledger) -> None:
        with ledger.database.write() as connection:
            row = {"key": ANA, "list_key": "", "reason": "manual", "why": "asked"}
            connection.execute(insert(consents).values(**row, created_at=ledger.database.now(connection)))

        assert [event.change for event in ledger.suppressions.history(ANA)] == [ChangeKind.REMOVED]

    def test_is_printed_one_a_line_or_as_json(self, project: Project) -> None:
        project.mailrunner("suppress", "add", ANA)
        project.mailrunner("suppress", "remove", ANA, "--all", "--consent", "wrote on 3 May")

        lines = project.mailrunner("suppress", "history", ANA).stdout.splitlines()
        told = json.loads(project.mailrunner("suppress", "history", ANA, "--json").stdout)["history"]

        assert [line.split("\t")[1:4] for line in lines] == [
            ["added", ANA, "all lists"],
            ["removed", ANA, "all lists"],
        ]
        assert lines[1].endswith("wrote on 3 May")
        assert [event["change"] for event in told] == ["added", "removed"]
        assert told[0] | {"at": ""} == {
            "at": "",
            "change": "added",
            "address": ANA,
            "list": None,
            "reason": "manual",
            "source": "by hand",
            "why": None,
        }


class TestLostTable:
    @pytest.fixture
    def listed(self, ledger: Ledger) -> Ledger:
        """A ledger whose list has a person off it, and that was looked at."""
        begin_campaign(ledger, "spring", [ANA, BOB], list_key="club news")
        ledger.suppressions.add(
            [ANA], list_key="club news", reason=SuppressionReason.UNSUBSCRIBE, source="web"
        )
        assert ledger.suppressions.check_not_emptied(["club news"]) is None
        return ledger

    @staticmethod
    def lose(ledger: Ledger) -> None:
        with ledger.database.write() as connection:
            connection.execute(delete(suppressions))

    def test_a_table_that_is_suddenly_empty_is_told(self, listed: Ledger) -> None:
        self.lose(listed)

        for _ in range(2):
            problem = listed.suppressions.check_not_emptied(["club news", "old news"])
            assert problem is not None
            assert '"Club news"' in problem.message
            assert "1 entry" in problem.message
            assert 'confirm-empty --list "Club news"' in problem.hint

    def test_it_is_right_once_the_user_says_so(self, listed: Ledger) -> None:
        self.lose(listed)

        assert listed.suppressions.confirm_empty("another list") == []
        assert listed.suppressions.confirm_empty("club news") == ["Club news"]

        assert listed.suppressions.check_not_emptied(["club news"]) is None

    def test_a_list_that_has_entries_needs_no_confirmation(self, listed: Ledger) -> None:
        assert listed.suppressions.confirm_empty(None) == []

    def test_the_last_entry_may_be_removed_by_a_command(self, listed: Ledger) -> None:
        listed.suppressions.remove([ANA], list_key="club news", why="asked")

        assert listed.suppressions.check_not_emptied(["club news"]) is None

    def test_an_import_may_be_undone(self, ledger: Ledger) -> None:
        begin_campaign(ledger, "spring", [ANA, BOB], list_key="club news")
        number = ledger.suppressions.begin_import(
            file="left.csv", list_key="", reason=SuppressionReason.IMPORT
        )
        ledger.suppressions.import_chunk(number, [ANA])
        assert ledger.suppressions.check_not_emptied(["club news"]) is None

        ledger.suppressions.remove_import(number)

        assert ledger.suppressions.check_not_emptied(["club news"]) is None

    def test_entries_for_all_lists_hold_for_each(self, listed: Ledger) -> None:
        self.lose(listed)
        listed.suppressions.add([BOB], reason=SuppressionReason.BOUNCE, source="x")

        assert listed.suppressions.check_not_emptied(["club news"]) is None

    def test_other_lists_do_not_count(self, listed: Ledger) -> None:
        self.lose(listed)
        listed.suppressions.add([BOB], list_key="another", reason=SuppressionReason.BOUNCE, source="x")

        assert listed.suppressions.check_not_emptied(["club news"]) is not None
        assert listed.suppressions.check_not_emptied(["another"]) is None

    def test_the_command_says_it(self, project: Project) -> None:
        with ledger_of(project) as ledger:
            begin_campaign(ledger, "spring", [ANA], list_key="club news")
            with ledger.database.write() as connection:
                connection.execute(update(lists).values(suppressed=7))

        said = project.mailrunner("suppress", "confirm-empty", "--list", "Club News")
        again = project.mailrunner("suppress", "confirm-empty")

        assert (said.code, again.code) == (0, 0)
        assert said.stdout == 'list "Club news": no entries, as confirmed\n'
        assert again.stdout == ""

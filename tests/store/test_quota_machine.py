"""The quota and the claims under adversity: random histories against an independent model.

After every step all deliveries and all windows of the ledger are compared with `tests.support.quota_model`.
HYPOTHESIS_PROFILE=long runs many more histories, other ones each time.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import hypothesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from mailrunner.model.delivery import Counts, State
from mailrunner.model.quota import Limit
from mailrunner.model.wait_reason import Wait, WaitReason
from mailrunner.store import ClaimTerms, Ledger, Phase, Run, SendPermit
from mailrunner.store.recovery import LEASE
from mailrunner.store.schema import CAMPAIGN_SHIFT, deliveries
from tests.support.clocks import ManualClock
from tests.support.ledger_builder import (
    BUCHAREST,
    begin_sending,
    claim_or_wait,
    claim_terms,
    numbered_campaign,
    record,
)
from tests.support.quota_model import (
    KINDS,
    AccountModel,
    CampaignModel,
    Cap,
    DeliveryModel,
    HeldClaim,
    Model,
    ProcessModel,
    caps_of_an_account,
    decision_of,
    opened,
)

TICK = timedelta(microseconds=1)
RECIPIENTS = 25
STARTS = [
    datetime(2026, 3, 27, 20, tzinfo=UTC),  # a day of 23 hours in Bucharest is near
    datetime(2026, 10, 23, 20, tzinfo=UTC),  # one of 25 hours
    datetime(2026, 12, 30, 12, tzinfo=UTC),  # the end of a month and a year
]
FORWARD = [
    *(timedelta(seconds=s) for s in (0.4, 1, 5, 61)),
    *(timedelta(minutes=m) for m in (5, 19, 21, 59)),
    *(timedelta(hours=h) for h in (1, 5, 12, 24, 25)),
    *(timedelta(days=d) for d in (3, 9)),
]
BACK = [timedelta(seconds=1), timedelta(minutes=7), timedelta(hours=1), timedelta(hours=5), timedelta(days=1)]


class QuotaMachine(Model, RuleBasedStateMachine):
    """Some processes and three campaigns on two accounts, any steps in any order."""

    ledger: Ledger

    def __init__(self) -> None:
        super().__init__()
        self.models: dict[int, DeliveryModel] = {}
        self.processes: list[ProcessModel] = []
        self.claims: list[HeldClaim] = []
        self.latest = STARTS[0]

    @initialize(
        start=st.sampled_from(STARTS),
        limits=st.tuples(caps_of_an_account(), caps_of_an_account()),
        pace=st.sampled_from(["1s", "1m"]),
    )
    def set_up(self, start: datetime, limits: Sequence[tuple[list[Cap], int]], pace: str) -> None:
        self.clock.turn(start - self.clock.now())
        self.latest = start
        mark = uuid4().hex[:8]  # many histories share one ledger; each has its own accounts
        self.accounts = [
            AccountModel(self.ledger.accounts.ensure(identity).no, identity, caps, reserve)
            for identity, (caps, reserve) in zip((f"smtp/a-{mark}", f"smtp/b-{mark}"), limits, strict=True)
        ]
        self.campaigns = [
            CampaignModel(
                numbered_campaign(
                    self.ledger, f"{mark}-{place}", RECIPIENTS, identity=self.accounts[index].identity
                ),
                index,
                own,
            )
            for place, (index, own) in enumerate([(0, [Cap(2, pace)]), (0, []), (1, [])])
        ]
        for place, mailing in enumerate(self.campaigns):
            base = (mailing.record.no << CAMPAIGN_SHIFT) + 1
            self.models |= {base + n: DeliveryModel(place) for n in range(RECIPIENTS)}
        self.a_process_starts()

    # Steps of a process

    @precondition(lambda self: len(self.living) < 3)
    @rule()
    def a_process_starts(self) -> None:
        self.processes.append(ProcessModel(Run.begin(self.ledger.database), self.now + LEASE))

    @precondition(lambda self: self.living)
    @rule(which=st.integers(0, 99), campaign=st.integers(0, 2), most=st.integers(1, 10))
    def claim(self, which: int, campaign: int, most: int) -> None:
        self._claim(self._pick(self.living, which), campaign, most)

    @precondition(lambda self: self.claims)
    @rule(which=st.integers(0, 99))
    def begin_sending(self, which: int) -> None:
        waiting = [claim for claim in self.claims if not claim.started]
        if waiting:
            self._begin(self._pick(waiting, which))

    @precondition(lambda self: self.claims)
    @rule(which=st.integers(0, 99), kind=st.sampled_from(KINDS))
    def record(self, which: int, kind: str) -> None:
        flying = [claim for claim in self.claims if claim.started]
        if flying:
            self._record(self._pick(flying, which), kind)

    @precondition(lambda self: self.living)
    @rule(
        which=st.integers(0, 99),
        campaign=st.integers(0, 2),
        kinds=st.lists(st.sampled_from(KINDS), max_size=8),
    )
    def send_some(self, which: int, campaign: int, kinds: list[str]) -> None:
        process = self._pick(self.living, which)
        for claim, kind in zip(self._claim(process, campaign, len(kinds) or 1), kinds, strict=False):
            if self._begin(claim):
                self._record(claim, kind)

    @precondition(lambda self: self.claims)
    @rule(which=st.integers(0, 99))
    def release(self, which: int) -> None:
        run = self._pick(self.claims, which).run
        idle = [claim for claim in self.claims if claim.run == run and not claim.started]
        ours = [claim for claim in idle if self.is_ours(claim, State.CLAIMED)]
        assert self.ledger.deliveries.release([claim.delivery for claim in idle]) == len(ours)
        for claim in idle:
            self.claims.remove(claim)
        for claim in ours:
            self.requeue(self.models[claim.delivery.id])

    @precondition(lambda self: self.living)
    @rule(which=st.integers(0, 99))
    def renew(self, which: int) -> None:
        process = self._pick(self.living, which)
        process.run.renew()
        process.leased_until = self.now + LEASE

    @precondition(lambda self: self.living)
    @rule(which=st.integers(0, 99), index=st.integers(0, 1))
    def a_test_message_begins(self, which: int, index: int) -> None:
        process, account = self._pick(self.living, which), self.accounts[index]
        if process.test is not None:
            return
        token = process.run.next_token()
        hold = self.ledger.accounts.begin_test(
            account.no,
            token=token,
            limits=[Limit.parse(str(cap)) for cap in account.caps],
            reserve=account.reserve,
            zone=BUCHAREST,
        )
        if account.paused_until is not None and account.paused_until > self.now:
            assert hold == Wait(WaitReason.ACCOUNT_PAUSED, account.paused_until, "limit exceeded")
            return
        account.usage.date(self.now)
        room = self.room(account)
        assert (hold is None) == (room > 0) or (hold is not None and account.usage_deleted)
        if hold is None:
            process.test, process.test_lost, process.test_started = (index, token), False, self.now

    @precondition(lambda self: any(p.test and not p.dead for p in self.processes))
    @rule(answered=st.booleans())
    def a_test_message_ends(self, answered: bool) -> None:
        process = next(p for p in self.processes if p.test and not p.dead)
        assert process.test is not None
        index, token = process.test
        self.ledger.accounts.end_test(self.accounts[index].no, token=token, answered=answered)
        if answered and not process.test_lost:
            self.accounts[index].usage.answer(self.now)
            self.lift_ceilings()
        process.test = None

    # Failures

    @precondition(lambda self: self.living)
    @rule(which=st.integers(0, 99))
    def a_process_is_killed(self, which: int) -> None:
        process = self._pick(self.living, which)
        process.run._lock.release()  # what the operating system does for a killed process
        process.dead = True
        self.claims = [claim for claim in self.claims if claim.run != process.run.no]

    @precondition(lambda self: self.living)
    @rule(which=st.integers(0, 99), campaign=st.integers(0, 2), started=st.integers(0, 3))
    def a_process_is_killed_with_work_in_hand(self, which: int, campaign: int, started: int) -> None:
        process = self._pick(self.living, which)
        for claim in self._claim(process, campaign, 5)[:started]:
            self._begin(claim)
        self.a_process_is_killed(self.living.index(process))

    @rule()
    def recover(self) -> None:
        gone = [p for p in self.processes if p.dead or self.now >= p.leased_until]
        in_doubt = sum(self.recover_process(process) for process in gone)
        assert self.ledger.deliveries.recover() == in_doubt
        self.processes = [p for p in self.processes if not p.dead]

    @rule(by=st.sampled_from(FORWARD))
    def time_passes(self, by: timedelta) -> None:
        self.clock.turn(by)
        self.latest = max(self.latest, self.now)

    @rule(by=st.sampled_from(BACK))
    def the_clock_is_set_back(self, by: timedelta) -> None:
        self.clock.turn(-by)
        self.lift_ceilings()

    @precondition(lambda self: self.living)
    @rule(by=st.sampled_from(BACK), campaign=st.integers(0, 2))
    def the_clock_is_wrong_for_a_while(self, by: timedelta, campaign: int) -> None:
        self.clock.turn(by)
        self.send_some(0, campaign, ["sent"] * 3)
        self._windows_are_not_passed()
        self.clock.turn(-by)
        self.lift_ceilings()

    @precondition(lambda self: self.living)
    @rule(campaign=st.integers(0, 2), kind=st.sampled_from(KINDS), again=st.booleans())
    def a_process_is_suspended_and_answers_late(self, campaign: int, kind: str, again: bool) -> None:
        process = self.living[0]
        claims = [claim for claim in self._claim(process, campaign, 3)[:2] if self._begin(claim)]
        self.time_passes(LEASE)
        self.recover()
        if again:
            self.resend_what_is_in_doubt(campaign)
        for claim in claims:
            self._record(claim, kind)

    # Steps of the user

    @precondition(lambda self: self.living)
    @rule(index=st.integers(0, 1), new=caps_of_an_account(), campaign=st.integers(0, 2))
    def limits_are_edited(self, index: int, new: tuple[list[Cap], int], campaign: int) -> None:
        account = self.accounts[index]
        account.caps, account.reserve = new
        account.usage.ceilings.clear()
        self.lift_ceilings()
        self._claim(self.living[0], campaign, 1)

    @rule(campaign=st.integers(0, 2))
    def a_campaign_is_paused(self, campaign: int) -> None:
        self.ledger.campaigns.pause(self.campaigns[campaign].record.no)
        self.campaigns[campaign].paused = True

    @precondition(lambda self: any(mailing.paused for mailing in self.campaigns))
    @rule()
    def all_campaigns_go_on(self) -> None:
        for mailing in self.campaigns:
            if mailing.paused:
                assert self.ledger.campaigns.begin(mailing.record.no, seen=Phase.PAUSED)
            mailing.paused = False

    @rule(campaign=st.integers(0, 2))
    def resend_what_is_in_doubt(self, campaign: int) -> None:
        in_doubt = [p for p in self.models.values() if (p.campaign, p.state) == (campaign, State.IN_DOUBT)]
        number = self.ledger.deliveries.requeue_in_doubt(self.campaigns[campaign].record.no)
        assert number == len(in_doubt)
        for model in in_doubt:
            model.resent += 1
            self.requeue(model)

    @precondition(lambda self: self.now >= self.latest)
    @rule(index=st.integers(0, 1))
    def old_usage_is_deleted(self, index: int) -> None:
        self.ledger.accounts.delete_old_usage(self.accounts[index].no)
        self.accounts[index].usage_deleted = True

    # Invariants

    @invariant()
    def every_delivery_is_where_it_should_be(self) -> None:
        numbers = [mailing.record.no for mailing in self.campaigns]
        with self.ledger.database.read() as connection:
            rows = connection.execute(
                select(deliveries.c.id, deliveries.c.state, deliveries.c.token).where(
                    deliveries.c.campaign_no.in_(numbers)
                )
            ).all()
        expected = {number: (model.state, model.token) for number, model in self.models.items()}
        assert {row.id: (row.state, row.token) for row in rows} == expected
        for place, number in enumerate(numbers):
            states = Counter(str(p.state) for p in self.models.values() if p.campaign == place)
            assert self.ledger.deliveries.counts(number) == Counts.of(states)

    @invariant()
    def no_message_is_accepted_twice_unless_resent(self) -> None:
        for model in self.models.values():
            assert model.perhaps_accepted <= 1 + model.resent

    @invariant()
    def no_window_is_ever_passed(self) -> None:
        self._windows_are_not_passed()

    def _windows_are_not_passed(self) -> None:
        for usage, cap, inside in self.windows():
            assert inside <= usage.ceilings.get(cap.window, cap.usable), f"{inside} in {cap}, {cap.reserve}"
            usage.ceilings[cap.window] = max(cap.usable, inside)

    @invariant()
    def quota_shows_what_was_used(self) -> None:
        for account in self.accounts:
            if account.usage_deleted:
                continue
            limits = [Limit.parse(str(cap)) for cap in account.caps]
            rooms = self.ledger.accounts.rooms(
                account.identity, limits=limits, reserve=account.reserve, zone=BUCHAREST
            )
            for cap, found in zip(account.caps, rooms, strict=True):
                assert found.used == account.usage.count(cap, self.now) + self.held(account, cap)

    def teardown(self) -> None:
        for process in self.processes:
            process.run.end()

    # The steps, and what the model says of them

    @staticmethod
    def _pick(things: Sequence[Any], which: int) -> Any:
        return things[which % len(things)]

    def _terms(self, campaign: int) -> ClaimTerms:
        mailing = self.campaigns[campaign]
        account = self.accounts[mailing.account]
        limits, pace = [str(cap) for cap in account.caps], [str(cap) for cap in mailing.pace]
        return claim_terms(mailing.record, *limits, pace=pace, reserve=account.reserve)

    def _claim(self, process: ProcessModel, campaign: int, most: int) -> list[HeldClaim]:
        mailing = self.campaigns[campaign]
        account = self.accounts[mailing.account]
        token = process.run.next_token()
        found = claim_or_wait(self.ledger, self._terms(campaign), token=token, most=most)
        expected = self.expected(account, mailing, campaign, most)
        if isinstance(found, Wait):
            assert found.reason == expected or (account.usage_deleted and found.reason is WaitReason.QUOTA)
            if found.reason is WaitReason.QUOTA and expected is WaitReason.QUOTA:
                self._check_until(found, account, mailing)
            return []
        assert len(found) == expected or (account.usage_deleted and len(found) < int(expected))
        for delivery in found:
            model = self.models[delivery.id]
            assert model.state is State.QUEUED and self.is_due(model)
            model.state, model.token = State.CLAIMED, token
        claims = [HeldClaim(process.run.no, campaign, delivery) for delivery in found]
        self.claims += claims
        return claims

    def _check_until(self, hold: Wait, account: AccountModel, mailing: CampaignModel) -> None:
        """Just before `until` there is no slot; at `until` there is one, unless slots are held."""
        assert hold.until is not None and hold.until > self.now
        nothing_held = not any(self.held(account, cap) for cap in (*account.caps, Cap(1, "1h")))
        undated = any(usage.has_undated for usage in (account.usage, mailing.usage))
        if nothing_held and not undated and not account.usage_deleted:
            assert self.room(account, mailing, hold.until - TICK) <= 0
            assert self.room(account, mailing, hold.until) > 0

    def _begin(self, claim: HeldClaim) -> bool:
        mailing, model = self.campaigns[claim.campaign], self.models[claim.delivery.id]
        account, ours = self.accounts[mailing.account], self.is_ours(claim, State.CLAIMED)
        go = begin_sending(self.ledger, self._terms(claim.campaign), claim.delivery)
        paused = account.paused_until is not None and account.paused_until > self.now
        expected = (
            SendPermit.LOST if not ours else SendPermit.HELD if paused or mailing.paused else SendPermit.GO
        )
        assert go is expected
        if go is not SendPermit.GO:
            self.claims.remove(claim)
            if go is SendPermit.HELD:
                self.requeue(model)
            return False
        model.state, model.started, claim.started = State.SENDING, self.now, True
        model.perhaps_accepted += 1
        return True

    def _record(self, claim: HeldClaim, kind: str) -> None:
        self.claims.remove(claim)
        mailing, model = self.campaigns[claim.campaign], self.models[claim.delivery.id]
        account, was = self.accounts[mailing.account], model.state
        ours = self.is_ours(claim, State.SENDING, State.IN_DOUBT)
        decision = decision_of(kind, self.now)
        recorded = record(self.ledger, self._terms(claim.campaign), claim.delivery, decision)
        assert recorded == ours
        model.perhaps_accepted -= kind not in ("sent", "doubt")
        if not ours:
            return
        model.state = decision.state
        if model.state is not State.IN_DOUBT:
            model.token = None
        model.not_before = decision.not_before or model.not_before
        if was is State.SENDING and decision.answered:
            account.usage.answer(self.now)
            if mailing.pace:
                mailing.usage.answer(self.now)
            self.lift_ceilings()  # a late answer counts although a short window had given its slot up
        until = decision.pause_account_until
        if until is not None:
            account.paused_until = max(until, account.paused_until or until)


def run_histories(ledger: Ledger, clock: ManualClock, *, short: int, long: int) -> None:
    """Run random histories: `short` of them, or `long` with HYPOTHESIS_PROFILE=long."""

    class Histories(QuotaMachine):
        pass

    Histories.ledger, Histories.clock = ledger, clock
    is_long = os.environ.get("HYPOTHESIS_PROFILE") == "long"
    budget = settings(
        max_examples=long if is_long else short,
        stateful_step_count=60,
        deadline=None,
        derandomize=not is_long,
        database=None,
        # A history of a few dozen steps says enough; making it shorter takes minutes.
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Histories, settings=budget)


def test_any_history_keeps_every_window_and_every_delivery(tmp_path: Path, clock: ManualClock) -> None:
    with opened(f"sqlite:///{tmp_path}/mailrunner.db", tmp_path, clock) as ledger:
        run_histories(ledger, clock, short=20, long=1500)


def test_some_histories_do_so_on_postgresql(
    postgresql_ledger: str, tmp_path: Path, clock: ManualClock
) -> None:
    with opened(postgresql_ledger, tmp_path, clock) as ledger:
        run_histories(ledger, clock, short=5, long=200)

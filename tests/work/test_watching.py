"""What people are shown before, during and after: preflight, explain, doubts, delivery."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path

import pytest

from runner.cli.evidence import doubts_text, story_text, support_text
from runner.domain.model import Debited, Fault, Resolution
from runner.domain.provider import Auth, Http, Limit, Provider
from runner.errors import BatchError, UsageError
from runner.sandbox.replies import Behaviour, Manner
from runner.work.limits import seconds_at_limits
from tests.app.place import KilledError, Place, emails

OPERATION = ["defastra.email"]


def limited(*limits: tuple[int, float]) -> Provider:
    """A provider with these windows."""
    http = Http(base_url="https://x.test", auth=Auth(kind="none"))
    windows = tuple(Limit(at_most=at_most, per_seconds=per) for at_most, per in limits)
    return Provider(name="x", title="X", http=http, operations={}, rules=(), limits=windows)


def test_time_at_the_limits_is_that_of_the_slowest_window() -> None:
    """200,000 rows at 60 a minute are 56 hours; the first window is free; a slower rate of one's own counts."""
    defastra = limited((60, 60), (2, 1))
    assert seconds_at_limits(defastra, 200_000) == pytest.approx(200_000, rel=0.01)
    assert seconds_at_limits(defastra, 2) == 0.0
    assert seconds_at_limits(defastra, 61) == 60.0
    assert seconds_at_limits(defastra, 61, rate=(1, 60.0)) == 3600.0
    assert seconds_at_limits(limited(), 10) == 0.0


def test_preflight_says_what_would_be_paid(place: Place) -> None:
    """Requests, what is shared and refused, the price, the keys; after a run only what is left."""
    place.write_list(["a@example.com", "A@example.com", "", "b@example.com", "c@example.com"])
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        plan = r.preflight(batch)
        assert (plan.rows, plan.requests, plan.shared, plan.not_sent) == (5, 3, 1, 1)
        assert plan.invalid == {"invalid:empty": 1}
        assert plan.columns == ("email <- email, 100 % valid",)
        assert plan.first_time
        (lane,) = plan.lanes
        assert lane.seconds == 0.0
        assert (lane.requests, lane.price, lane.amount, lane.unit) == (3, Decimal(1), Decimal(3), "check")
        place.run(r, batch, limit=1, rate="1/h")
        assert r.preflight(batch).seconds == 3600.0
        place.run(r, batch)
        done = r.preflight(batch)
    assert (done.requests, done.first_time, done.known) == (0, False, ())
    assert place.transports == 2


def test_preflight_counts_what_a_cap_or_limit_leaves(place: Place) -> None:
    """Given, kept with the batch or of this run: the least of them holds, and what was sent counts against a cap."""
    place.write_list(emails(10))
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        plan = r.preflight(batch, max_requests=4, max_spend="9.5", limit=2)
        assert (plan.requests, plan.at_most) == (10, 2)
        assert plan.caps == ("--max-requests 4", "--max-spend 9.5", "--limit 2")
        place.run(r, batch, max_requests=4, limit=3)
        kept = r.preflight(batch)
        assert (kept.requests, kept.at_most, kept.caps) == (7, 1, ("--max-requests 4",))
        with pytest.raises(UsageError, match="too small"):
            r.preflight(batch, limit=0)


def test_preflight_of_a_batch_whose_run_died_counts_what_it_had_taken(place: Place) -> None:
    """Everything not answered is still to be sent, but for the requests that were open: they are in doubt."""
    place.write_list(emails(10))
    place.dies_at = 4
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        with pytest.raises(KilledError):
            place.run(r, batch)
        planned = r.preflight(batch).requests
    with place.runner() as r:
        assert place.run(r, batch).sent == planned


def test_answers_paid_in_another_batch_are_announced(place: Place) -> None:
    """By batch and operation, only those that would be sent again."""
    place.write_list(emails(5))
    place.write_list(["person2@example.com", "other@example.com"], name="more.csv")
    with place.runner() as r:
        place.run(r, r.load("leads.csv", OPERATION))
        (known,) = r.preflight(r.load("more.csv", OPERATION)).known
    assert (known.operation, known.values, known.of) == ("defastra.email", 1, 2)
    assert known.batches == {"leads-defastra-email": 1}
    assert known.last_us <= place.time.now_us()


def test_explain_has_every_request_of_a_row_or_value(place: Place) -> None:
    """What was sent, what came back, the rule, the money, and what happens next."""
    place.write_list([*emails(1), "person1@EXAMPLE.com", "rule-invalid-request-email@example.com", ""])
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        (before,) = r.explain(batch, 1)
        assert (before.state, before.attempts) == ("queued", ())
        assert "runner run" in before.next
        place.run(r, batch)
        one, two = r.explain(batch, "PERSON1@example.com")
        assert (one.row, two.row, one.shared_rows) == (1, 2, 2)
        (attempt,) = one.attempts
        assert (attempt.status, attempt.rule, attempt.debited, attempt.amount) == (
            200,
            "success",
            Debited.YES,
            Decimal(1),
        )
        assert one.line == 2
        (failed,) = r.explain(batch, 3)
        assert (failed.state, failed.reason) == ("failed", "invalid-request-email")
        assert "runner retry" in failed.next
        (invalid,) = r.explain(batch, 4)
        assert (invalid.state, invalid.reason, invalid.attempts) == ("invalid", "invalid:empty", ())
        for nowhere in (99, "nobody@example.com"):
            with pytest.raises(BatchError) as caught:
                r.explain(batch, nowhere)
            assert "nobody" not in str(caught.value)


def test_where_no_label_is_sent_none_is_looked_for(place: Place) -> None:
    """A profile without an id of ours: its doubts are found by their times; without a price no amount is made up."""
    profile = Path("runner/providers/defastra.toml").read_text()
    for ours in ('client_request_id = "X-Request-Id"\n', ', default = "{attempt}"', "price = 1\n", 'unit = "check"\n'):
        assert ours in profile
        profile = profile.replace(ours, "")
    (place.folder / "mine.toml").write_text(profile)
    place.write_list(emails(2))
    place.world.next([Behaviour(), Behaviour(manner=Manner.DROP, charged=True)])
    with place.runner() as r:
        batch = r.load("leads.csv", ["./mine.toml:email"])
        place.run(r, batch)
        (doubt,) = r.doubts(batch)
        (story,) = r.explain(batch, doubt.row)
        (asked,) = r.support(batch, doubt.row)
        assert [doubt.attempt.client_request_id, story.attempts[0].client_request_id] == [None, None]
        assert "label" not in story_text(story)
        assert "none sent" in doubts_text([doubt])
        assert "Client request ID: none sent" in support_text(asked)
        assert r.doubt_text(batch).startswith(
            "1 request was sent but the line broke before the answer. Defastra may have charged for it. "
            "It is not sent again by itself. Look for its time in its dashboard (runner doubt list leads), then "
            "say what you found, one of:\n"
        )


def test_doubts_come_with_the_label_to_look_for(place: Place) -> None:
    """The text counts what may have been charged and names the commands; a word on all moves all."""
    place.write_list(emails(4))
    place.world.next([Behaviour(), *[Behaviour(manner=Manner.DROP, charged=True)] * 3])
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        assert (r.doubts(batch), r.doubt_text(batch)) == ([], "")
        place.run(r, batch)
        doubts = r.doubts(batch)
        assert [doubt.row for doubt in doubts] == [2, 3, 4]
        assert {doubt.attempt.fault for doubt in doubts} == {Fault.NO_ANSWER}
        labels = {entry.params["label"] for entry in place.world.books.entries}
        assert {doubt.attempt.client_request_id for doubt in doubts} <= labels
        told, *commands = r.doubt_text(batch).splitlines()
        assert told == (
            "3 requests were sent but the line broke before the answer. Defastra may have charged up to 3 checks. "
            "They are not sent again by themselves. Look for their labels in its dashboard "
            "(runner doubt list leads), then say what you found, one of:"
        )
        assert [line.split()[:7] for line in commands] == [
            ["runner", "doubt", "resolve", "leads", "--all", "--as", word] for word in Resolution
        ]
        assert r.resolve(batch, "charged").changed == 3
        status = r.status(batch)
        assert (status.debited[Debited.YES], status.debited[Debited.UNKNOWN]) == (4, 0)
        (lost,) = r.explain(batch, 2)
        with pytest.raises(BatchError, match="charged and lost") as refused:
            r.retry(batch)
        assert refused.value.fix == "runner retry leads-defastra-email --only failed:lost-answer"
        assert r.retry(batch, "failed:lost-answer").changed == 3
    assert (lost.state, lost.reason) == ("failed", "lost-answer")


def test_an_export_may_be_written_at_any_time_and_anywhere(place: Place) -> None:
    """Unfinished rows are there with their state; a text stream is written and not closed; columns can be chosen."""
    place.write_list(emails(3))
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        out = io.StringIO()
        r.export(batch, out)
        assert out.getvalue().count("queued") == 3
        place.run(r, batch)
        out = io.StringIO()
        written = r.export(batch, out, columns=["state", "email", "risk_score"])
        assert (written.rows, written.path) == (3, None)
        header = out.getvalue().splitlines()[0]
        assert header == "defastra_email_state,email,defastra_email_risk_score"
        with pytest.raises(BatchError, match="is a folder"):
            r.export(batch, place.folder)


def test_a_target_that_cannot_be_is_refused_before_anything_is_paid(place: Place) -> None:
    """A folder that is missing; one that turns bad meanwhile is told with the command that exports later."""
    place.write_list(emails(2))
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        with pytest.raises(BatchError, match="there is no folder") as missing:
            place.run(r, batch, output="nowhere/out.csv")
        assert missing.value.fix == f"mkdir -p {place.folder / 'nowhere'}"
        assert place.values() == []
        mine = place.folder / "out.csv"
        result = place.run(r, batch, output="out.csv", on_event=lambda event: mine.write_text("mine"))
        (told,) = result.notices
        assert (result.exit_code, mine.read_text()) == (0, "mine")
        assert told.endswith("the answers are stored: runner export leads-defastra-email -o FILE")


def test_a_restored_copy_of_our_export_is_still_ours(place: Place) -> None:
    """Another time of change alone does not make it somebody else's; each of several targets is remembered."""
    import os

    place.write_list(emails(2))
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        paths: list[Path] = []
        for name in ("one.csv", "two.csv"):
            exported = r.export(batch, name)
            assert exported.path is not None
            paths.append(exported.path)
        os.utime(paths[0], (1, 1))
        r.export(batch, "one.csv")
        r.export(batch, "two.csv")


def test_output_none_is_kept(place: Place) -> None:
    """`none` writes nothing from now on; a path given later is the kept one again; a query has no default."""
    place.write_list(emails(2))
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        assert place.run(r, batch, output="none").exported is None
        assert place.run(r, batch, output="auto").target == "none"
        assert place.run(r, batch, output="sub.csv").exported is not None
        assert place.run(r, batch, output="auto").target == str(place.folder / "sub.csv")
        assert place.run(r, batch, output="-").target == "-"
        given = r.load([{"email": "z@example.com"}], OPERATION, batch="given")
        assert place.run(r, given, output="auto").exported is None

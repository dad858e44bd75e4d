"""The Python API: what a program, and the command line, does with a project.

    project.py              `mailrunner.Project`: settings, ledger, accounts, the suppression list
    campaign.py             `mailrunner.Campaign`: check, preview, run, status, report
    folder.py, lookup.py    the folder and its ledger; the campaign that a name means
    running.py              one run: events, and the end by Ctrl-C
    status.py               states of campaigns and accounts as values, and as the JSON of the commands
    ledger_states.py        reads these states from the ledger
    checked.py              the result of a check
    preview_message.py      one message, to look at
    outcomes.py             a report that is open for reading
    given_rows.py           a list that a program hands over
    suppressing.py          changes of the suppression list; suppression_targets.py: entries as typed
    actions.py, doubts.py   pause, cancel, queue again; deliveries in doubt, resolved
    test_messages.py        messages to oneself
    eager_iterator.py       iterators whose errors come at once

Documented in `docs/api.md`.
"""

"""Rows that cannot become a message, files that are wrong for all, and what a renderer knows of itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailrunner.errors import RowError, UserError
from tests.support.projects import Project
from tests.support.rendering import (
    FIELDS,
    NOW,
    TOP,
    Spec,
    as_read,
    fields_for,
    modern,
    renderer,
    tree,
)


@pytest.mark.parametrize(
    ("spec", "row", "complaint"),
    [
        (Spec(subject="{{ nick }}"), {}, r'\[message\] subject, line 1: nothing is called "nick"'),
        (Spec(subject="{{ first_name }}"), {"first_name": " "}, "the subject is empty for this row"),
        (Spec(subject="{{ first_name }}"), {"first_name": "\ud800"}, "half a character"),
        (
            Spec(headers={"X-A": "{{ a }}"}),
            {"a": "1\r\nBcc: x@y.org"},
            "a: the header X-A contains a line break",
        ),
        (
            Spec(subject="{{ greeting }} {{ first_name }}"),
            {"greeting": "Hello", "first_name": "Ana\nPop"},
            "first_name: the subject contains a line break",
        ),
        (
            Spec(attachments=("data/tickets/{{ no }}.pdf",)),
            {"no": 731},
            "the attachment data/tickets/731.pdf does not exist",
        ),
        (Spec(attachments=("data/tickets/{{ no }}",)), {"no": "../programme.pdf"}, "outside the folder"),
        (Spec(attachments=("data/{{ no }}",)), {"no": "/etc/hostname"}, "without slashes"),
        (Spec(attachments=("data/{{ no }}",)), {"no": "tickets/7.txt"}, "without slashes"),
        (Spec(attachments=("data/{{ no }}",)), {"no": ".env"}, "hidden"),
        (Spec(attachments=("data/{{ no }}",)), {"no": ""}, "cannot be read: it is no file"),
        (Spec(attachments=("data/{{ no }}",)), {"no": "tickets"}, "cannot be read: it is no file"),
        (Spec(attachments=("data/{{ no }}",)), {"no": "a\0b"}, "NUL"),
        (Spec(text="spring.txt"), {"first_name": "a\0b"}, "contains a NUL character"),
        (Spec(html=None, text="spring.txt", subject="s"), {"first_name": "\ud800"}, "half a character"),
    ],
)
def test_a_row_that_cannot_be_rendered_fails_with_a_sentence(
    project: Path, spec: Spec, row: dict[str, object], complaint: str
) -> None:
    with pytest.raises(RowError, match=complaint):
        renderer(project, spec).render(fields_for(**row), NOW)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "bob",
        "bob@",
        "@x.org",
        "a b@x.org",
        "a@b@x.org",
        "a@x.org>",
        "a@x y.org",
        "bob@x..org",
        "a@\r\nb.org",
        "a,b@x.org",
    ],
)
def test_an_address_that_cannot_go_over_the_wire_fails_the_row(project: Path, address: str) -> None:
    with pytest.raises(RowError, match="the recipient"):
        renderer(project, Spec()).render(replace(FIELDS, address=address), NOW)


def test_an_image_that_only_this_row_names_fails_this_row(project: Path) -> None:
    Project(project).put("templates/spring.html", '<img src="cid:images/{{ image }}.png">')
    made = renderer(project, Spec())
    assert "image/png" in str(tree(modern(made.render(fields_for(image="top"), NOW))))
    with pytest.raises(RowError, match=r"the inline image images/gone\.png does not exist"):
        made.render(fields_for(image="gone"), NOW)
    with pytest.raises(RowError, match="plainer name"):
        made.render(fields_for(image="../../x"), NOW)
    with pytest.raises(RowError, match="plainer name"):
        made.render(fields_for(image="my logo"), NOW)


def test_an_attachment_under_a_condition_may_be_absent(project: Path) -> None:
    made = renderer(project, Spec(attachments=("{% if vip %}data/programme.pdf{% endif %}",)))
    assert not list(modern(made.render(fields_for(vip=False), NOW)).iter_attachments())
    assert list(modern(made.render(fields_for(vip=True), NOW)).iter_attachments())


def test_all_problems_of_the_files_are_told_at_once(project: Path) -> None:
    Project(project).put("templates/spring.html", '<img src="cid:gone.png">')
    spec = Spec(
        from_="Ana\nBcc: x@y.org <ana@example.org>",
        reply_to="nobody",
        subject="{{ first",
        text="sprng.txt",
        attachments=("data/gone.pdf", "../outside.pdf", ".env"),
        headers={"X-A": "a\nb", "X-B": "{% x %}"},
        vars={"row": 1},
    )
    with pytest.raises(UserError) as caught:
        renderer(project, spec)
    told = "\n".join(map(str, caught.value.problems))
    for sentence in (
        "templates/spring.html: the inline image gone.png does not exist",
        "message.from: it contains a line break",
        'message.reply_to: "nobody" is not one address',
        "[message] subject: line 1",
        'templates/sprng.txt: does not exist (did you mean "spring.txt"?)',
        "the attachment data/gone.pdf does not exist",
        "the attachment ../outside.pdf is outside the project",
        "the attachment .env is hidden",
        "message.headers.X-A: [message] headers.X-A contains a line break",
        "[message] headers.X-B: line 1",
        'message.vars.row: "row" is provided by mailrunner itself',
    ):
        assert sentence in told
    assert len(caught.value.problems) == 11
    assert "canary" not in told


def test_a_line_break_written_into_the_subject_is_the_files_fault(project: Path) -> None:
    with pytest.raises(UserError, match=r"\[message\] subject contains a line break"):
        renderer(project, Spec(subject="{{ first_name }}\nBcc: x@y.org"))


def test_an_image_in_a_comment_of_the_template_need_not_exist(project: Path) -> None:
    Project(project).put("templates/spring.html", '<p>x</p>{# <img src="cid:gone.png"> #}')
    made = renderer(project, Spec()).render(FIELDS, NOW)
    assert b"<p>x</p>" in made.data and b"gone.png" not in made.data


def test_a_symlink_out_of_the_project_is_not_attached(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.pdf"
    secret.write_bytes(b"canary")
    (project / "data/link.pdf").symlink_to(secret)
    with pytest.raises(UserError, match="outside the project"):
        renderer(project, Spec(attachments=("data/link.pdf",)))


def test_templates_see_columns_vars_and_what_the_program_provides(project: Path) -> None:
    asked = (
        "a",
        "b",
        "c",
        "vars.c",
        "row['a']",
        "campaign.id",
        "campaign.list",
        "recipient.address",
        "postal_address",
    )
    names = "|".join(f"{{{{ {name} }}}}" for name in asked)
    Project(project).put("templates/spring.txt", names)
    made = renderer(project, Spec(html=None, text="spring.txt", subject="s", vars={"b": "var", "c": "C"}))
    row = {"a": "A", "b": "column", "campaign": "mine", "row": {"a": "A"}}
    assert made.render(fields_for(**row), NOW).text == (
        "A|column|C|C|A|spring|Club news|bob@example.net|Club, 1 Park Street, Cluj"
    )


def test_a_name_that_no_row_can_have_is_told_with_a_suggestion(project: Path) -> None:
    made = renderer(project, Spec(subject="{{ city }} {{ frist_name }}", vars={"city": "Cluj"}))
    problems = made.unknown_names(["email", "first_name"])
    assert [str(p) for p in problems] == [
        '[message] subject: line 1: nothing is called "frist_name" (did you mean "first_name"?)'
    ]
    assert {p.file for p in made.unknown_names(["email"])} == {"[message] subject", "templates/spring.html"}


def test_a_column_with_two_meanings_is_told_where_the_templates_use_it(project: Path) -> None:
    made = renderer(project, Spec(vars={"city": "Cluj"}))
    assert made.clashes(["email", "campaign"]) == []
    assert [
        p.message.partition('"')[2].partition('"')[0] for p in made.clashes(["city", "unsubscribe_url"])
    ] == [
        "city",
        "unsubscribe_url",
    ]


def test_which_bodies_use_a_name(project: Path) -> None:
    Project(project).put("templates/spring.txt", "no link")
    made = renderer(project, Spec(text="spring.txt"))
    assert made.parts == {"html", "text"}
    assert made.uses("unsubscribe_url") == {"html"}
    assert made.uses("postal_address") == set()


def test_the_digest_says_what_was_changed(project: Path) -> None:
    Project(project).put("templates/spring.html", '{% include "foot.html" %}<img src="cid:logo.png">')
    Project(project).put("templates/foot.html", "foot")
    spec = Spec(attachments=("data/programme.pdf",), vars={"day": datetime(2026, 3, 1, tzinfo=UTC).date()})
    before = renderer(project, spec).digest()
    assert renderer(project, spec).digest() == before

    def changed(new: Spec = spec, list_name: str = "Club news") -> set[str]:
        after = renderer(project, new, list_name=list_name).digest()
        return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}

    assert changed(replace(spec, subject="other")) == {"[message] subject"}
    assert changed(replace(spec, vars={})) == {"[message] vars"}
    assert changed(replace(spec, headers={"X-A": "1"})) == {"[message] headers"}
    assert changed(list_name="Other") == {"list"}
    Project(project).put("templates/foot.html", "new foot")
    (project / "templates/logo.png").write_bytes(TOP)
    (project / "data/programme.pdf").write_bytes(b"new")
    assert changed() == {"templates/foot.html", "templates/logo.png", "data/programme.pdf"}


def test_what_was_read_once_stays_as_it_was_for_the_whole_run(project: Path) -> None:
    spec = Spec(attachments=("data/programme.pdf",))
    made = renderer(project, spec)
    before = made.render(FIELDS, NOW)
    Project(project).put("templates/spring.html", "changed")
    (project / "data/programme.pdf").unlink()
    assert as_read(made.render(FIELDS, NOW)) == as_read(before)


def test_threads_render_the_same_messages_as_one_alone(project: Path) -> None:
    made = renderer(project, Spec(attachments=("data/programme.pdf",)))
    letters = [replace(fields_for(first_name=f"N{n}"), address=f"n{n}@example.net") for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: made.render(one, NOW), letters))
    alone = renderer(project, Spec(attachments=("data/programme.pdf",)))
    assert [as_read(one) for one in together] == [as_read(alone.render(one, NOW)) for one in letters]
    assert len({message.data for message in together}) == 40


def test_a_column_whose_name_is_no_word_of_a_template_is_suggested_as_it_is_written(project: Path) -> None:
    made = renderer(project, Spec(subject="{{ Frist_name }}"))
    assert 'did you mean row["First name"]?' in {p.hint for p in made.unknown_names(["First name"])}


def test_a_column_of_locales_that_does_not_exist_is_the_files_fault(project: Path) -> None:
    made = renderer(project, Spec(locale="de_DE", locale_column="Lang"))
    assert 'message.locale_column: there is no column "Lang" (did you mean "lang"?)' in {
        str(p) for p in made.unknown_names(["first_name", "lang"])
    }

"""Which images a message carries is said by its template, on every way on which a message is made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrunner.errors import RowError, UserError
from mailrunner.rendering import Message, Renderer
from mailrunner.rendering.inline_images import ImageFinder, InlineImage, NameTags
from mailrunner.rendering.lint import remarks
from mailrunner.rendering.segments import interleaved, unsegmented
from mailrunner.rendering.templates import Templates
from tests.support.projects import Project
from tests.support.rendering import NOW, PNG, TOP, Spec, fields_for, modern, project_in, renderer

# A part that is joined cannot be taken apart: what names an image is then found by tags.
JOINED = "{% set joined %}{{ first_name }}{% endset %}{{ joined }}"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = project_in(tmp_path)
    (folder / "data/photo.png").write_bytes(b"GIF89a CANARY")
    return folder


def images(message: Message) -> list[str]:
    """The Content-IDs of the inline images."""
    return [str(part["Content-ID"]) for part in modern(message).walk() if part["Content-ID"]]


def outcomes(
    folder: Path, source: str, rows: Sequence[Mapping[str, object]], joined: str = ""
) -> list[list[str] | str]:
    """What each row's message carries, or why there is none; the same on every way, whichever is taken."""
    Project(folder).put("templates/spring.html", f"{source}<p>{{{{ first_name }}}}</p>{joined}")
    thrice = [row for row in rows for _ in range(3)]  # the third is from a plan
    quick, strict = renderer(folder, Spec()), renderer(folder, Spec(), strict_inlining=True)
    found = [outcome(quick, row) for row in thrice]
    assert found == [outcome(strict, row) for row in thrice]
    return found[::3]


def outcome(made: Renderer, row: Mapping[str, object]) -> list[str] | str:
    try:
        return images(made.render(fields_for(**row), NOW))
    except RowError as error:
        return str(error)


PLACES = {
    "text": "<p>{{ x }}</p>",
    "text after an image": '<img src="cid:logo.png"><p>{{ x }}</p>',
    "a source": '<img src="{{ x }}">',
    "a source without quotes": "<img src={{ x }}>",
    "a background": '<table background="{{ x }}"><tr><td>x</table>',
    "several sources": '<img srcset="{{ x }} 2x">',
    "a link": '<a href="{{ x }}">x</a>',
    "a style": '<p style="color: {{ x }}">x</p>',
    "a url of a style": '<p style="background: url({{ x }})">x</p>',
    "a sheet": "<style>p { background: {{ x }} }</style><p>x</p>",
    "a safe value": "<div>{{ x|safe }}</div>",
    "a scheme": '<img src="{{ x }}:images/top.png">',
    "half a scheme": '<img src="c{{ x }}:images/top.png">',
    "a comment": "<!-- {{ x }} --><p>x</p>",
    "a macro": "{% macro m(y) %}<b>{{ y }}</b>{% endmacro %}{{ m(x) }}",
    "a title": '<p title="{{ x }}">x</p>',
}
VALUES = ["cid:data/photo.png", "cid:images/top.png", "url(cid:data/photo.png)", "url('cid:images/top.png')"]
VALUES += [
    '"><img src="cid:data/photo.png">',
    "<img src=cid:images/top.png>",
    "cid",
    "id",
    "CID:data/photo.png",
]
VALUES += ["cid:data%2Fphoto.png", "&#99;id:data/photo.png", "src=cid:images/top.png", "cid:../.env"]


both = pytest.mark.parametrize("joined", ["", JOINED], ids=["by segments", "by tags"])


@both
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_no_value_names_an_image_wherever_it_stands(project: Path, place: str, joined: str) -> None:
    rows = [{"x": value} for value in VALUES]
    fixed = ["<logo.png>"] if "logo" in place else []
    assert outcomes(project, place, rows, joined) == [fixed] * len(rows)


@both
def test_a_value_completes_a_name_after_a_folder(project: Path, joined: str) -> None:
    (project / "templates/images/7.png").write_bytes(PNG)
    source = '<img src="cid:images/{{ x }}.png"><p style="background: url(cid:images/{{ x }}.png)">x</p>'
    rows = [{"x": value} for value in ("top", 7, "gone", "..", "")]
    found = outcomes(project, source, rows, joined)
    assert found[:2] == [["<images/top.png>"], ["<images/7.png>"]]
    assert found[2] == "the inline image images/gone.png does not exist"
    assert all(isinstance(one, str) for one in found[3:])


PATHS = ["../logo", "..", "../../data/photo", "/etc/passwd", "a/b", "..%2Flogo", "%2e%2e/logo", "./top"]
PATHS += ["a\\b", "top.png) url(cid:data/photo", "top.png\"><img src='cid:data/photo", "top.png?", "top\n"]
PATHS += ["tóp", "a b"]


@pytest.mark.parametrize("value", PATHS)
@both
def test_a_value_completes_a_name_and_never_a_path(project: Path, value: str, joined: str) -> None:
    (found,) = outcomes(project, '<img src="cid:images/{{ x }}.png">', [{"x": value}], joined)
    if joined and re.match(
        r"top.*[\s)\"]", value
    ):  # where the text and the value are one, it ends what it can end
        assert found in (["<images/top.png>"], "the inline image images/top does not exist")
        return
    assert isinstance(found, str)
    assert found.startswith("the inline image images/")


@both
def test_an_image_that_a_row_chooses_lies_in_the_folder_also_behind_a_link(
    project: Path, joined: str
) -> None:
    (project / "templates/images/link.png").symlink_to("../logo.png")
    (project / "templates/images/list.png").write_text("email,name")
    found = outcomes(project, '<img src="cid:images/{{ x }}.png">', [{"x": "link"}, {"x": "list"}], joined)
    assert "outside the folder" in str(found[0])
    assert "is no image" in str(found[1])


FOLDERLESS = [
    '<img src="cid:{{ x }}">',
    '<img src="cid:{{ x }}.png">',
    "<p style='background:url(cid:a{{ x }})'>",
]
FOLDERLESS += ['{% macro m(y) %}<img src="cid:{{ y }}">{% endmacro %}{{ m("logo.png") }}']


@pytest.mark.parametrize("source", FOLDERLESS)
def test_a_name_that_begins_with_a_value_is_the_templates_fault(project: Path, source: str) -> None:
    Project(project).put("templates/spring.html", source)
    with pytest.raises(
        UserError, match=r"templates/spring\.html: the inline image .* has no folder"
    ) as caught:
        renderer(project, Spec())
    assert "cid:badges/{{ badge }}.png" in caught.value.problems[0].hint


CHOSEN = {
    "a condition around images": (
        '{% if x %}<img src="cid:logo.png">{% else %}<img src="cid:images/top.png">{% endif %}'
    ),
    "a condition in a name": '<img src="cid:{% if x %}logo{% else %}images/top{% endif %}.png">',
    "a choice of constants": "<img src=\"{{ 'cid:logo.png' if x else 'cid:images/top.png' }}\">",
    "a name that was set": (
        "{% set y = 'cid:logo.png' if x else 'cid:images/top.png' %}<img src=\"{{ y }}\">"
    ),
    "a macro": (
        '{% macro m(y) %}<img src="{{ y }}">{% endmacro %}'
        "{{ m('cid:logo.png' if x else 'cid:images/top.png') }}"
    ),
    "a block": (
        '{% block b %}<img src="cid:{% if x %}logo.png{% else %}images/top.png{% endif %}">{% endblock %}'
    ),
}


@both
@pytest.mark.parametrize("source", CHOSEN.values(), ids=CHOSEN)
def test_a_template_may_choose_among_images_that_it_names(project: Path, source: str, joined: str) -> None:
    if joined and "cid:{%" in source:
        joined = ""  # by tags a name has to stand in one piece, see the next test
    rows = [{"x": True}, {"x": False}]
    assert outcomes(project, source, rows, joined) == [["<logo.png>"], ["<images/top.png>"]]


def test_where_values_cannot_be_told_apart_a_name_stands_in_one_piece(project: Path) -> None:
    source = '<img src="cid:logo{% if x %}-x{% endif %}.png">'
    (found,) = outcomes(project, source, [{"x": False}], JOINED)
    assert found == "the inline image logo{{ … }} has no folder before its value"


def test_vars_may_name_an_image_too(project: Path) -> None:
    Project(project).put("templates/spring.html", '<img src="{{ hero }}"><p>{{ first_name }}</p>')
    made = renderer(project, Spec(vars={"hero": "cid:logo.png"}))
    assert images(made.render(fields_for(), NOW)) == ["<logo.png>"]
    assert images(made.render(fields_for(first_name="url(cid:logo.png) cid:logo.png"), NOW)) == ["<logo.png>"]


def test_two_names_of_one_file_are_two_images_and_one_name_is_one(project: Path) -> None:
    Project(project).put(
        "templates/spring.html", '<img src="cid:images/{{ x }}"><img src="cid:images/top.png">'
    )
    message = renderer(project, Spec()).render(fields_for(x="top.png"), NOW)
    assert set(images(message)) == {"<images/top.png>"}
    octets = {part.get_payload(decode=True) for part in modern(message).walk() if part["Content-ID"]}
    assert octets == {TOP}


def test_an_image_of_a_template_that_a_row_chooses_goes_with_its_message(project: Path) -> None:
    (project / "templates/parts").mkdir()
    Project(project).put("templates/parts/part.html", '<img src="cid:images/top.png">')
    Project(project).put("templates/spring.html", '{% include "parts/" ~ x %}<p>{{ first_name }}</p>')
    made = renderer(project, Spec())
    assert images(made.render(fields_for(x="part.html"), NOW)) == ["<images/top.png>"]
    with pytest.raises(RowError):
        made.render(fields_for(x="../spring.html"), NOW)


def test_a_value_is_no_template(project: Path) -> None:
    Project(project).put(
        "templates/spring.html",
        "<p>{{ first_name }}</p>{% filter trim %} {{ first_name }} {% endfilter %}",
    )
    spec = Spec(headers={"X-A": "{{ first_name }}"}, subject="{{ first_name }}")
    message = renderer(project, spec).render(
        fields_for(first_name="{{ 7 * 7 }}{% include 'logo.png' %}"), NOW
    )
    assert "49" not in message.subject and "{{ 7 * 7 }}" in message.text


nasty = st.sampled_from(
    [
        "",
        "x",
        "cid:",
        "cid:a",
        'src="',
        "src=",
        '">',
        "url(",
        ")",
        "/",
        "..",
        "%2F",
        "&#34;",
        "&amp;",
        " ",
        "a.png",
        "'",
    ]
)
parts = st.sampled_from(
    [
        '<img src="',
        "<p background=",
        "cid:",
        "CID:a/",
        "logo.png",
        "a/",
        '">',
        "url(",
        ")",
        "x",
        " ",
        "'",
        "&quot;",
    ]
)


@given(st.lists(st.tuples(st.lists(parts, max_size=4).map("".join), nasty), max_size=6), parts)
def test_all_that_is_found_was_written_by_the_template(pairs: list[tuple[str, str]], last: str) -> None:
    """Marks and tags agree on that: a name is text of the template, or begins with a folder of it."""
    statics, values = [*(static for static, _ in pairs), last], [value for _, value in pairs]
    tags = NameTags()
    tagged = interleaved([tags.put(static) for static in statics], values)
    assert tags.removed(tagged) == interleaved(statics, values)
    found: list[InlineImage] = []
    with suppress(RowError):
        found += ImageFinder(statics).images(values, frozenset())
    with suppress(RowError):
        found += tags.images(tagged)
    assert all(is_written(image, "\n".join(statics)) for image in found)


def is_written(image: InlineImage, text: str) -> bool:
    return f"cid:{image.folder or image.name}".lower() in text.lower()


def test_tags_leave_nothing_behind(project: Path) -> None:
    source = f'<p>cid:x and url(cid:y) in words</p><img src="cid:logo.png">{JOINED}'
    Project(project).put("templates/spring.html", source)
    compiled = Templates(folder=project, templates_dir=project / "templates").html("spring.html")
    assert compiled.segments is unsegmented
    expected = source.replace(JOINED, "Bob")
    assert compiled.render({"first_name": "Bob"}) == expected
    rendering = compiled.page({"first_name": "Bob"})
    assert rendering.text == expected


@pytest.mark.parametrize(
    ("source", "doubted"),
    [
        ('<img src="cid:logo.png" alt="">', False),
        ('<img src="{{ x }}" alt="">', True),
        ('{% set y = "cid:" ~ x %}<img src="{{ y }}" alt="">', True),
        ("<p>{{ x }}</p>", False),
    ],
)
def test_a_name_behind_which_there_is_no_image_is_remarked_upon(
    project: Path, source: str, doubted: bool
) -> None:
    Project(project).put("templates/spring.html", source)
    message = renderer(project, Spec()).render(fields_for(x="cid:data/photo.png"), NOW)
    kinds = [r.kind for r in remarks(message.html, message.subject, message.size, message.images)]
    assert ("an image's cid: names no image that goes with the message" in kinds) == doubted

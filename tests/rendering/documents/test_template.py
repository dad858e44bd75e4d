"""Documents of Word, Google Docs, Mailchimp and others, made into templates that render."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import jinja2
import pytest

from mailrunner.rendering.documents.containers import read_document
from mailrunner.rendering.documents.template import ImportedTemplate, template_of
from tests.support.documents import google_zip, png, word_document, word_field

COLUMNS = ("E-Mail", "Vorname", "Nachname", "link")


def imported(
    folder: Path, content: str | bytes, name: str = "x.html", columns: Sequence[str] | None = COLUMNS
) -> ImportedTemplate:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return template_of(read_document(folder / name), "x", columns)


def body(folder: Path, content: str, columns: Sequence[str] | None = COLUMNS) -> str:
    html = imported(folder, f"<html><body>{content}</body></html>", columns=columns).html
    return html.partition("<body>")[2].partition('<p style="margin: 32px')[0].partition("</body>")[0]


@pytest.mark.parametrize(
    ("placeholder", "expected"),
    [
        ("{{ Vorname }}", "{{ Vorname }}"),
        ("{{Vor-Name}}", "{{ Vorname }}"),
        ("{{ first_name }}", "{{ Vorname }}"),
        ("{{{Vorname}}}", "{{ Vorname }}"),
        ("{{ contact.FIRSTNAME }}", "{{ Vorname }}"),
        (
            "{{ contact.FIRSTNAME | default : &ldquo;Freund&rdquo; }}",
            '{{ Vorname | default("Freund", true) }}',
        ),
        ("{{ first_name|default:'du' }}", '{{ Vorname | default("du", true) }}'),
        ("{{ personalization_token('contact.firstname', 'du') }}", '{{ Vorname | default("du", true) }}'),
        ("{{ .Subscriber.FirstName }}", "{{ Vorname }}"),
        ("*|FNAME|*", "{{ Vorname }}"),
        ("*|EMAIL|*", '{{ row["E-Mail"] }}'),
        ("*|IF:FNAME|*a*|ELSE:|*b*|END:IF|*", "{% if Vorname %}a{% else %}b{% endif %}"),
        ("&laquo;Vorname&raquo;", "{{ Vorname }}"),
        ("[[FirstName]]", "{{ Vorname }}"),
        ('[[FIRSTNAME OR "Friend"]]', '{{ Vorname | default("Friend", true) }}'),
        ('[[data:firstname:"you"]]', '{{ Vorname | default("you", true) }}'),
        ("%%First Name%%", "{{ Vorname }}"),
        ("%recipient.last_name%", "{{ Nachname }}"),
        ("%FIRSTNAME%", "{{ Vorname }}"),
        ("{$last_name}", "{{ Nachname }}"),
        ("$[FNAME]$", "{{ Vorname }}"),
        ("#recipient:First Name#", "{{ Vorname }}"),
        ("[firstname,fallback=friend]", '{{ Vorname | default("friend", true) }}'),
        ("{VORNAME}", "{{ Vorname }}"),
        ("{Vorname|du}", '{{ Vorname | default("du", true) }}'),
        ("[subscriber:firstname | default:du]", '{{ Vorname | default("du", true) }}'),
        ("[%Vorname%]", "{{ Vorname }}"),
        ("[% member:first_name %]", "{{ Vorname }}"),
        ("{contactfield=firstname|du}", '{{ Vorname | default("du", true) }}'),
        ("{!firstname}", "{{ Vorname }}"),
        ("{{lead.First Name:default=du}}", '{{ Vorname | default("du", true) }}'),
        ("[Vorname]", "{{ Vorname }}"),
        ("&lt;Vorname&gt;", "{{ Vorname }}"),
        ("@VORNAME@", "{{ Vorname }}"),
        ("*|TITLE:FNAME|*", "{{ Vorname | title }}"),
        ("*|IF:FNAME != Ana|*a*|END:IF|*", '{% if Vorname != "Ana" %}a{% endif %}'),
        (
            "*|IF:Nachname >= 4|*a*|ELSEIF:Nachname = 3|*b*|END:IF|*",
            '{% if Nachname | float >= 4 %}a{% elif Nachname == "3" %}b{% endif %}',
        ),
        ("*|INTERESTED:Group:One,Two|*a*|END:INTERESTED|*", "{% if false %}a{% endif %}"),
        ("*|RSSITEMS:|*a*|END:RSSITEMS|*", "a"),
        ("{% if Vorname &amp;&amp; link %}a{% endif %}", "{% if Vorname and link %}a{% endif %}"),
        ("&lt;&lt;Vorname&gt;&gt;", "{{ Vorname }}"),
        ("{{#if Vorname}}a{{else}}b{{/if}}", "{% if Vorname %}a{% else %}b{% endif %}"),
        ("{% if Vorname == “x” %}y{% endif %}", '{% if Vorname == "x" %}y{% endif %}'),
        ("{{ Vorname or “du” }}", '{{ Vorname or "du" }}'),
        ("*|LIST:ADDRESS|*", "{{ postal_address }}"),
    ],
)
def test_placeholders_of_other_systems_mean_the_columns_of_the_list(
    tmp_path: Path, placeholder: str, expected: str
) -> None:
    assert body(tmp_path, placeholder) == expected


@pytest.mark.parametrize(
    "text",
    [
        "«Привет»",
        "« Bonjour »",
        "{nicht}",
        "100 %, 50 %",
        "[sic]",
        "[Name fehlt]",
        "&lt;x@Y&gt;",
        "[Seite]",
        "a {b} c",
        "5 * | 3 |",
        "%C3%A4%20",
    ],
)
def test_what_only_looks_like_a_placeholder_stays_text(tmp_path: Path, text: str) -> None:
    assert body(tmp_path, text) == text


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("{{ <span style='color:red'>Vorname</span> }}", "<span style='color:red'>{{ Vorname }}</span>"),
        ("<b>{{</b><i>Vor</i><i>name</i>}}", "<b></b><i>{{ Vorname }}</i><i></i>"),
        ("{<o:p></o:p>{&nbsp;Vorname\n}}", "{{ Vorname }}"),
        ("&#123;&#123;Vorname&#125;&#125;", "{{ Vorname }}"),
        ("*|<u>FNA</u>ME|*", "<u>{{ Vorname }}</u>"),
    ],
)
def test_a_placeholder_that_the_editor_split_is_joined_where_its_name_stands(
    tmp_path: Path, split: str, expected: str
) -> None:
    assert body(tmp_path, split) == expected


def test_paragraphs_are_never_joined(tmp_path: Path) -> None:
    made = "<p>{% raw %}{{</p><p>Vorname}}{% endraw %}</p>"
    assert body(tmp_path, "<p>{{</p><p>Vorname}}</p>") == made
    assert body(tmp_path, "<p>{{</p><p>{{ Vorname }}</p>") == '<p>{{ "{{" }}</p><p>{{ Vorname }}</p>'


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("{{%20link%20}}", "{{ link }}"),
        ("http://{{link}}", "{{ link }}"),
        ("file:///C:/Users/x/{{link}}", "{{ link }}"),
        ("%7B%7Bunsubscribe%7D%7D", "{{ unsubscribe_url }}"),
        ("*%7CUNSUB%7C*", "{{ unsubscribe_url }}"),
        ("https://a.example/?m=[[email]]&amp;x=%20", "https://a.example/?m={{ row['E-Mail'] }}&amp;x=%20"),
        ("https://www.google.com/url?q=https://a.example/%3Fb%3D1&amp;sa=D", "https://a.example/?b=1"),
    ],
)
def test_placeholders_in_links_are_read(tmp_path: Path, href: str, expected: str) -> None:
    assert body(tmp_path, f'<a href="{href}">x</a>') == f'<a href="{expected}">x</a>'


def test_what_fits_no_column_is_named_and_kept(tmp_path: Path) -> None:
    made = imported(tmp_path, "<p>{{ Kontonummer }} {{#each y}} *|REWARDS|*</p>")
    assert made.unknown == {"{{ Kontonummer }}": "Kontonummer"}
    assert any("{{#each y}} is no expression" in remark for remark in made.remarks)
    assert any("*|REWARDS|* can only be filled" in remark for remark in made.remarks)
    assert "{% raw %}{{#each y}}{% endraw %}" in made.html


def test_every_template_parses_whatever_the_document_holds(tmp_path: Path) -> None:
    nasty = "<style>@media x{#a{b:c}} .c{{d}} {% x %}</style><!-- {{ oops --> "
    nasty += "<p>{{ }} {{ 'a }} {{ a b }} {{{{x}}}}</p>"
    nasty += "{% else %} {% endif %} {% if a %} {% for x in y %} {% elif > %} {% if %} {{ {# {% x"
    made = imported(tmp_path, nasty)
    jinja2.Environment(autoescape=True).parse(made.html)
    assert "{% endif %} begins or ends nothing: it was left out" in made.remarks
    assert "{{ 'a }} is no expression: it stands in the template as text" in made.remarks


def test_filtered_html_of_word_keeps_its_styles_and_brings_its_pictures(tmp_path: Path) -> None:
    (tmp_path / "Brief-Dateien").mkdir()
    (tmp_path / "Brief-Dateien" / "image 001.png").write_bytes(png())
    page = (
        '<html><head><meta http-equiv=Content-Type content="text/html; charset=windows-1252">'
        "<style>p.MsoNormal {margin:0cm;font-family:Calibri}</style></head><body lang=DE>"
        "<p class=MsoNormal><span style='color:red'>Grüße {{ Vorname }}</span></p>"
        '<img width=300 src="Brief-Dateien/image%20001.png"><img src="../secret.png"></body></html>'
    )
    (tmp_path.parent / "secret.png").write_bytes(png())
    made = imported(tmp_path, page.encode("cp1252"))
    assert "Grüße {{ Vorname }}" in made.html and "p.MsoNormal {margin:0cm" in made.html
    assert made.html.count("charset") == 1 and '<meta charset="utf-8">' in made.html
    assert 'src="cid:x/image-001.png"' in made.html and list(made.pictures) == ["image-001.png"]
    assert "the text was cp1252, it is UTF-8 now" in made.changes
    assert made.remarks == ("the picture ../secret.png does not lie beside the file",)


def test_a_word_document_comes_into_the_frame_with_its_fields_and_picture(tmp_path: Path) -> None:
    made = imported(tmp_path, word_document(), "b.docx", ("email", "Vorname", "Nummer"))
    assert "<h1>Hallo {{ Vorname }}</h1><p>Mitglied {{ Nummer }}</p>" in made.html
    assert '<p align="center" style="text-align: center"><strong>Grüße</strong></p>' in made.html
    assert '<img width="300" alt="Our garden" src="cid:x/picture-1.png" />' in made.html
    assert made.pictures["picture-1.png"] == png() and made.unknown == {}
    assert "{% extends" not in made.html and "{% block" not in made.html and "unsubscribe_url" in made.html


def test_what_word_calls_a_merge_field_is_one_though_it_fits_no_column(tmp_path: Path) -> None:
    made = imported(tmp_path, word_document(), "b.docx", ("email", "Vorname"))
    assert "<p>Mitglied {{ Nummer }}</p>" in made.html and made.unknown == {"«Nummer»": "Nummer"}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (' = "Herr" "Lieber" "Liebe" ', '{% if Nachname == "Herr" %}Lieber{% else %}Liebe{% endif %}'),
        (' &lt;&gt; "Herr" "Liebe" ', '{% if Nachname != "Herr" %}Liebe{% endif %}'),
        (' = "" "Hallo" "Liebe" ', "{% if not Nachname %}Hallo{% else %}Liebe{% endif %}"),
        (' &gt;= 4 "viel" "wenig" ', "{% if Nachname | float &gt;= 4 %}viel{% else %}wenig{% endif %}"),
    ],
)
def test_a_rule_of_words_mail_merge_is_a_condition(tmp_path: Path, code: str, expected: str) -> None:
    rule = word_field(" IF " + word_field(" MERGEFIELD Nachname ", "«Nachname»") + code, "Lieber")
    made = imported(tmp_path, word_document(f"<w:p>{rule}</w:p>"), "brief.docx")
    assert f"<p>{expected.replace('&gt;', '>')}</p>" in made.html


def test_a_rule_that_is_not_understood_is_named(tmp_path: Path) -> None:
    rule = word_field(" IF 1 = 1 a b ", "a")
    made = imported(tmp_path, word_document(f"<w:p>{rule}</w:p>"), "brief.docx")
    assert "<p>a</p>" in made.html
    assert any("a rule of Word (IF …) stands as what it showed last" in remark for remark in made.remarks)


def test_nothing_of_a_word_document_is_lost_in_silence(tmp_path: Path) -> None:
    simple = '<w:fldSimple w:instr=" MERGEFIELD Vorname "><w:r><w:t>«Vorname»</w:t></w:r></w:fldSimple>'
    right_to_left = '<w:dir w:val="rtl"><w:r><w:t>שלום</w:t></w:r></w:dir>'
    formula = '<m:oMath xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"/>'
    header = {"word/header1.xml": "<w:hdr><w:p><w:r><w:t>Club</w:t></w:r></w:p></w:hdr>"}
    table = "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>1</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
    more = f"<w:p>{simple}{right_to_left}{formula}</w:p>{table}"
    made = imported(tmp_path, word_document(more, header), "brief.docx")
    assert '<p>{{ Vorname }}שלום</p><table class="data">' in made.html
    assert "headers and footers of the printed page were left out" in made.remarks
    assert any("left out (" in remark and "oMath" in remark for remark in made.remarks)


def test_a_zip_of_google_docs_comes_with_its_pictures_and_direct_links(tmp_path: Path) -> None:
    made = imported(tmp_path, google_zip(), "g.zip")
    assert '<span class="c0">Hello </span><span\nclass="c0">{{ Vorname }}</span>' in made.html
    assert 'href="https://garden.example/day?a=1"' in made.html and 'href="{{ link }}"' in made.html
    assert 'src="cid:x/image1.png"' in made.html and list(made.pictures) == ["image1.png"]
    assert "max-width: none" in made.html


def test_a_page_in_one_file_brings_its_pictures(tmp_path: Path) -> None:
    page = (
        "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b\r\n"
        'Content-Type: text/html; charset="windows-1252"\r\nContent-Transfer-Encoding: quoted-printable\r\n'
        'Content-Location: file:///C:/1/a.htm\r\n\r\n<p>Gr=FC=DFe <img src=3D"p.png"></p>\r\n--b\r\n'
        "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n"
        f"Content-Location: file:///C:/1/p.png\r\n\r\n{base64.b64encode(png()).decode()}\r\n--b--\r\n"
    )
    made = imported(tmp_path, page, "a.mht")
    assert "Grüße" in made.html and 'src="cid:x/p.png"' in made.html


def test_the_style_sheets_beside_a_page_stand_in_it(tmp_path: Path) -> None:
    (tmp_path / "css").mkdir()
    (tmp_path / "css/book.css").write_text("p { background: url('../a.png') } q { content: '</style>' }")
    (tmp_path / "a.png").write_bytes(png())
    links = (
        '<link href="css/book.css?v=1" rel="stylesheet" media="screen"><link rel=stylesheet href=gone.css>'
    )
    web = '<link rel="stylesheet" href="https://fonts.example/css">'
    made = imported(tmp_path, f"<html><head>{links}{web}</head><body><p>x</p></body></html>")
    assert "<style>@media screen {p { background: url(cid:x/a.png) }" in made.html
    assert made.html.count("</style>") == 1
    assert "<link" not in made.html.replace(web, "")
    assert "the style sheet gone.css does not lie beside the file" in made.remarks
    assert "the style sheet css/book.css?v=1 stands in the page now" in made.changes


def test_data_pictures_become_files_and_others_are_left(tmp_path: Path) -> None:
    data = base64.b64encode(png()).decode()
    made = imported(
        tmp_path,
        f'<img src="data:image/png;base64,{data}"><img src="https://a.example/b.png">'
        f'<td background="data:image/png;base64,{data}"><p style="background:url(data:text/plain,x)">',
    )
    assert list(made.pictures) == ["picture-1.png"] and made.html.count("cid:x/picture-1.png") == 2
    assert 'src="https://a.example/b.png"' in made.html


def test_what_is_meant_for_outlook_stays_and_scripts_go(tmp_path: Path) -> None:
    html = body(
        tmp_path,
        "<!--[if mso]><v:rect><a href='{{unsubscribe}}'>q</a></v:rect><![endif]-->"
        "<!--[if !mso]><!--><b onclick='x()'>w</b><!--<![endif]--><script>a</script><!-- note -->",
    )
    assert html == (
        '<!--[if mso]><v:rect><a href="{{ unsubscribe_url }}">q</a></v:rect><![endif]-->'
        "<!--[if !mso]><!--><b>w</b><!--<![endif]-->"
    )


def test_a_page_that_can_unsubscribe_gets_no_second_footer(tmp_path: Path) -> None:
    assert imported(tmp_path, '<body><a href="*|UNSUB|*">u</a></body>').html.count("unsubscribe_url") == 1
    assert imported(tmp_path, "<body>x</body>").html.count("unsubscribe_url") == 1


@pytest.mark.parametrize("begun", ["{{", "{% ", "*|", "[[", '<a "', "<a", "url(", "<span>{{"])
def test_what_is_begun_and_never_ended_takes_no_square_of_time(tmp_path: Path, begun: str) -> None:
    """With a search that starts again at each of them this would be ended as a test that hangs."""
    assert len(imported(tmp_path, "<html>" + begun * 20_000).html) >= 20_000


LINK = '<a href="{{ unsubscribe_url }}">Unsubscribe</a>'


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("<p>Leave: {{ unsubscribe_<b>url</b> }}</p>", f"<p>Leave: {LINK}<b></b></p>"),
        ("{{unsubscribe}}", LINK),
        ('<a href="{{ unsubscribe_url }}">{{ unsubscribe_url }}</a>',) * 2,
        ('<a href="x">x</a> {{ unsubscribe_url }}', f'<a href="x">x</a> {LINK}'),
    ],
)
def test_the_address_to_unsubscribe_is_a_link(tmp_path: Path, written: str, expected: str) -> None:
    assert body(tmp_path, written) == expected


@pytest.mark.parametrize(
    ("page", "word"),
    [
        ("<body lang=DE><p>x</p></body>", "Abmelden"),
        ('<html lang="fr-CA"><body>x</body></html>', "Se désinscrire"),
        ('<html lang="x"><script>"><body>x</body></html>', "Unsubscribe"),
        ("<body lang=tlh>x</body>", "Unsubscribe"),
    ],
)
def test_the_footer_that_is_added_speaks_the_language_of_the_page(
    tmp_path: Path, page: str, word: str
) -> None:
    assert f">{word}</a>" in imported(tmp_path, page).html


def test_the_frame_of_a_word_document_speaks_its_language(tmp_path: Path) -> None:
    more = '<w:p><w:r><w:rPr><w:lang w:val="de-AT" w:eastAsia="en-US"/></w:rPr><w:t>Servus</w:t></w:r></w:p>'
    html = imported(tmp_path, word_document(more), "x.docx").html
    assert '<html lang="de-AT"' in html and "Sie erhalten diese Nachricht" in html and ">Abmelden</a>" in html


def test_merge_fields_with_blanks_in_their_names_are_read(tmp_path: Path) -> None:
    columns = ("E-Mail Adresse", "Vorname")
    field = word_field(' MERGEFIELD "E-Mail Adresse" \\* MERGEFORMAT ', "«E-Mail Adresse»")
    quoted = "<w:r><w:t>«les amis» «Tag der Wahl»</w:t></w:r>"
    made = imported(tmp_path, word_document(f"<w:p>{field}{quoted}</w:p>"), "x.docx", columns)
    assert '{{ row["E-Mail Adresse"] }}' in made.html and "«les amis» «Tag der Wahl»" in made.html
    assert not any("amis" in name or "Wahl" in name for name in made.unknown)


@pytest.mark.parametrize(
    "page",
    [
        '<html><head></head><body><div class=WordSection1><img width=900 src="https://x.example/a.png"></div>',
        '<html><head><meta name="generator" content="LibreOffice 7.4"></head><body><img src="x.png">',
    ],
)
def test_pictures_of_a_printed_page_are_no_wider_than_a_telephone(tmp_path: Path, page: str) -> None:
    assert "img, span { max-width: 100% !important" in imported(tmp_path, f"{page}</body></html>").html
    plain = '<html><head></head><body><img width=900 src="x.png"></body></html>'
    assert "img, span" not in imported(tmp_path, plain).html

"""`suppress`: who said no is heard, by hand and by file, and every slip can be mended."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from openpyxl import Workbook
from sqlalchemy import update

from mailrunner.model.suppression import Pseudonyms, SuppressionReason
from mailrunner.store import Ledger
from mailrunner.store.schema import campaigns
from mailrunner.suppression.import_file import SuppressionFile
from tests.support.projects import Project, on_terminal, on_unix
from tests.support.suppression import begin_campaign, entries, import_text, ledger_of

NO_PSEUDONYMS = Pseudonyms.of_ledger("none")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path).write(rows=["ana@example.org,Ana", "bob@example.org,Bob"])


def begin(project: Project, campaign: str, keys: list[str], *, list_key: str = "club news") -> None:
    """Let the ledger know a campaign whose snapshot holds `keys`."""
    with ledger_of(project) as ledger:
        begin_campaign(ledger, campaign, keys, list_key=list_key)


class TestAdd:
    def test_holds_for_all_lists_unless_one_is_named(self, project: Project) -> None:
        assert project.mailrunner("suppress", "add", "Ana@Example.org").code == 0
        assert project.mailrunner("suppress", "add", "bob@example.org", "--list", "Club News!").code == 0

        assert entries(project) == [
            ("ana@example.org", "", "manual"),
            ("bob@example.org", "club news", "manual"),
        ]

    def test_says_for_each_whether_it_is_new(self, project: Project) -> None:
        project.mailrunner("suppress", "add", "ana@example.org", "--reason", "complaint")

        answer = project.mailrunner(
            "suppress", "add", "ana@example.org", "bob@example.org", "--reason", "complaint"
        )

        assert answer.stdout.splitlines() == [
            "ana@example.org: was suppressed already for all lists: complaint",
            "bob@example.org: suppressed for all lists: complaint",
        ]

    def test_adds_no_address_where_one_is_wrong_and_names_all_that_are(self, project: Project) -> None:
        answer = project.mailrunner("suppress", "add", "ana@example.org", "no-at-sign", "two@@example.org")

        assert answer.code == 78
        assert '"no-at-sign"' in answer.stderr
        assert '"two@@example.org"' in answer.stderr
        assert entries(project) == []

    def test_knows_only_the_five_reasons(self, project: Project) -> None:
        assert project.mailrunner("suppress", "add", "ana@example.org", "--reason", "whim").code == 2

    def test_an_unknown_list_is_taken_but_mentioned(self, project: Project) -> None:
        answer = project.mailrunner("suppress", "add", "ana@example.org", "--list", "Club newz")

        assert answer.code == 0
        assert 'No campaign uses the list "Club newz" yet; did you mean "Club news"?' in answer.stderr
        assert entries(project) == [("ana@example.org", "club newz", "manual")]

    def test_a_known_list_is_not_mentioned(self, project: Project) -> None:
        assert project.mailrunner("suppress", "add", "a@example.org", "--list", "club NEWS").stderr == ""

    def test_a_list_without_a_name_is_refused(self, project: Project) -> None:
        assert project.mailrunner("suppress", "add", "ana@example.org", "--list", "!!!").code == 78
        assert entries(project) == []


class TestRemove:
    @pytest.mark.parametrize(
        "words",
        [
            ("ana@example.org",),
            ("ana@example.org", "--all"),
            ("ana@example.org", "--consent", "asked"),
            ("ana@example.org", "--all", "--consent", "  "),
            ("ana@example.org", "--all", "--list", "Club news", "--consent", "asked"),
            ("--all", "--consent", "asked"),
            ("--import", "1", "ana@example.org"),
            ("--import", "1", "--all"),
            (),
        ],
    )
    def test_needs_a_scope_and_a_consent(self, project: Project, words: tuple[str, ...]) -> None:
        project.mailrunner("suppress", "add", "ana@example.org")

        assert project.mailrunner("suppress", "remove", *words).code == 2

        assert entries(project) == [("ana@example.org", "", "manual")]

    def test_removes_what_was_named_and_says_what_still_holds(self, project: Project) -> None:
        project.mailrunner("suppress", "add", "ana@example.org")
        project.mailrunner(
            "suppress", "add", "ana@example.org", "--list", "Club news", "--reason", "unsubscribe"
        )

        answer = project.mailrunner(
            "suppress", "remove", "ANA@example.org", "--all", "--consent", "wrote on 3 May"
        )

        assert answer.code == 0
        assert answer.stdout.splitlines() == [
            "ana@example.org: no longer suppressed for all lists",
            'ana@example.org: still suppressed for list "club news": unsubscribe (by hand)',
        ]
        assert entries(project) == [("ana@example.org", "club news", "unsubscribe")]

    def test_names_the_addresses_that_were_not_there(self, project: Project) -> None:
        answer = project.mailrunner("suppress", "remove", "ana@example.org", "--all", "--consent", "asked")

        assert answer.code == 0
        assert answer.stdout == "ana@example.org: was not suppressed for all lists\n"


class TestList:
    def test_prints_one_entry_a_line(self, project: Project) -> None:
        project.mailrunner("suppress", "add", "ana@example.org")
        project.mailrunner("suppress", "add", "ana@example.org", "bob@example.org", "--list", "Club news")

        lines = project.mailrunner("suppress", "list").stdout.splitlines()

        assert [line.split("\t")[:4] for line in lines] == [
            ["ana@example.org", "all lists", "manual", "by hand"],
            ["ana@example.org", 'list "club news"', "manual", "by hand"],
            ["bob@example.org", 'list "club news"', "manual", "by hand"],
        ]
        assert all(line.split("\t")[4].endswith("Z") for line in lines)

    def test_prints_one_address_if_asked(self, project: Project) -> None:
        project.mailrunner("suppress", "add", "ana@example.org", "bob@example.org")

        assert project.mailrunner("suppress", "list", "Bob@Example.org").stdout.startswith(
            "bob@example.org\t"
        )

    def test_json_is_one_object(self, project: Project) -> None:
        empty = project.mailrunner("suppress", "list", "--json")
        project.mailrunner("suppress", "add", "ana@example.org", "bob@example.org", "--list", "Club news")

        full = json.loads(project.mailrunner("suppress", "list", "--json").stdout)

        assert json.loads(empty.stdout) == {"entries": []}
        assert [entry["address"] for entry in full["entries"]] == ["ana@example.org", "bob@example.org"]
        assert full["entries"][0] | {"created_at": ""} == {
            "address": "ana@example.org",
            "list": "club news",
            "reason": "manual",
            "source": "by hand",
            "created_at": "",
        }

    def test_looking_makes_no_ledger(self, project: Project) -> None:
        assert project.mailrunner("suppress", "list").code == 0
        assert not (project.folder / "data/mailrunner.db").exists()

    def test_a_source_with_tabs_and_line_ends_stays_one_line(self, project: Project) -> None:
        project.put("data/odd\tname.csv", "email\nana@example.org\n")
        project.mailrunner("suppress", "import", str(project.folder / "data/odd\tname.csv"), "--yes")

        lines = project.mailrunner("suppress", "list").stdout.splitlines()

        assert len(lines) == 1
        assert len(lines[0].split("\t")) == 5


class TestImport:
    def test_reads_a_table_with_an_address_column(self, project: Project) -> None:
        answer = import_text(project, "Name;E-Mail\nAna;Ana@Example.org\nBob;bob@example.org\n")

        assert answer.code == 0, answer.stderr
        assert entries(project) == [("ana@example.org", "", "import"), ("bob@example.org", "", "import")]
        assert "2 addresses" in answer.stderr
        assert "import 1: 2 added, 0 there already" in answer.stdout

    def test_reads_plain_lines_without_a_header(self, project: Project) -> None:
        import_text(project, "ana@example.org\n\nbob@example.org\nAna@example.org\n", name="left.txt")

        assert [key for key, _, _ in entries(project)] == ["ana@example.org", "bob@example.org"]

    def test_reads_excel(self, project: Project) -> None:
        book = Workbook()
        assert book.active is not None
        book.active.append(["who", "address"])
        book.active.append(["Ana", "ana@example.org"])
        book.save(project.folder / "left.xlsx")

        project.mailrunner("suppress", "import", str(project.folder / "left.xlsx"))

        assert entries(project) == [("ana@example.org", "", "import")]

    def test_takes_the_only_column_whatever_its_name(self, project: Project) -> None:
        assert import_text(project, "gone\nana@example.org\n").code == 0
        assert len(entries(project)) == 1

    def test_takes_the_column_that_is_named(self, project: Project) -> None:
        text = "email,old\nana@example.org,bob@example.org\n"

        assert import_text(project, text, "--column", "OLD").code == 0
        assert entries(project) == [("bob@example.org", "", "import")]

    @pytest.mark.parametrize(
        ("text", "words", "sentence"),
        [
            ("who,when\nana,3 May\n", (), "--column; there is who, when"),
            ("email,x\nana@example.org,1\n", ("--column", "emial"), 'did you mean "email"?'),
            ("email\n-\n", (), "there is no address in it"),
            ("", (), "it is empty"),
        ],
    )
    def test_a_file_without_addresses_is_explained(
        self, project: Project, text: str, words: tuple[str, ...], sentence: str
    ) -> None:
        answer = import_text(project, text, *words)

        assert answer.code == 78
        assert sentence in answer.stderr
        assert entries(project) == []

    def test_a_missing_file_is_named(self, project: Project) -> None:
        answer = project.mailrunner("suppress", "import", str(project.folder / "nowhere.csv"))

        assert answer.code == 78
        assert "nowhere.csv" in answer.stderr

    def test_says_which_lines_are_no_addresses_and_takes_the_rest(self, project: Project) -> None:
        answer = import_text(project, "email\nana@example.org\nnobody\n@@\nbob@example.org\n")

        assert answer.code == 0
        assert "2 addresses" in answer.stderr
        assert "2 are no addresses: left out" in answer.stderr
        assert 'line 3, "nobody"' in answer.stderr
        assert len(entries(project)) == 2

    def test_list_and_reason_are_those_of_the_command(self, project: Project) -> None:
        import_text(project, "email\nana@example.org\n", "--list", "Club news", "--reason", "bounce")

        assert entries(project) == [("ana@example.org", "club news", "bounce")]

    def test_can_be_undone_and_leaves_what_was_there_before(self, project: Project) -> None:
        project.mailrunner("suppress", "add", "ana@example.org", "--reason", "import")
        answer = import_text(project, "email\nana@example.org\nbob@example.org\n")
        assert "mailrunner suppress remove --import 1" in answer.stderr

        undone = project.mailrunner("suppress", "remove", "--import", "1")

        assert undone.stdout == "import 1 undone: 1 entry removed\n"
        assert entries(project) == [("ana@example.org", "", "import")]

    def test_an_unknown_import_is_refused(self, project: Project) -> None:
        answer = project.mailrunner("suppress", "remove", "--import", "7")

        assert answer.code == 78
        assert "there is no import 7" in answer.stderr

    def test_imports_are_listed(self, project: Project) -> None:
        import_text(project, "email\nana@example.org\n")
        project.mailrunner("suppress", "remove", "--import", "1")

        shown = json.loads(project.mailrunner("suppress", "list", "--imports", "--json").stdout)

        assert [(one["import"], one["file"], one["added"]) for one in shown["imports"]] == [
            (1, "left.csv", 1)
        ]
        assert shown["imports"][0]["removed_at"]
        assert project.mailrunner("suppress", "list", "--imports").stdout.startswith(
            "1\tleft.csv\tall lists\t"
        )

    def test_the_list_of_a_campaign_is_not_taken_unasked(self, project: Project) -> None:
        file = str(project.folder / "data/spring.csv")

        refused = project.mailrunner("suppress", "import", file)

        assert refused.code == 78
        assert 'the campaign "spring" is sent to' in refused.stderr
        assert entries(project) == []
        assert project.mailrunner("suppress", "import", file, "--yes").code == 0
        assert len(entries(project)) == 2

    def test_recipients_that_are_mailed_now_are_not_suppressed_unasked(self, project: Project) -> None:
        begin(project, "spring", ["ana@example.org", "eve@example.org"])

        refused = import_text(project, "email\nana@example.org\nzoe@example.org\n")

        assert refused.code == 78
        assert "2 addresses, 1 of them on lists that are mailed now" in refused.stderr
        assert "add --yes" in refused.stderr
        assert entries(project) == []

    def test_addresses_of_no_list_are_suppressed_unasked(self, project: Project) -> None:
        begin(project, "spring", ["ana@example.org"])

        assert import_text(project, "email\nzoe@example.org\n").code == 0

    @on_unix
    @pytest.mark.parametrize(("typed", "number"), [("y\n", 1), ("n\n", 0)])
    def test_a_terminal_is_asked(self, project: Project, typed: str, number: int) -> None:
        project.put("left.csv", "email\nzoe@example.org\n")

        answer = on_terminal("suppress", "import", "left.csv", folder=project.folder, typed=typed)

        assert answer.code == 0, answer.stderr
        assert "Suppress 1 address?" in answer.stderr
        assert len(entries(project)) == number


class TestExport:
    def test_comes_back_as_it_was(self, project: Project, tmp_path: Path) -> None:
        project.mailrunner("suppress", "add", "ana@example.org", "--reason", "complaint")
        project.mailrunner("suppress", "add", "ana@example.org", "bob@example.org", "--list", "Club news")
        project.mailrunner("suppress", "export", "--out", str(tmp_path / "out.csv"))
        other = Project(tmp_path / "other").write()

        answer = other.mailrunner("suppress", "import", str(tmp_path / "out.csv"))

        assert answer.code == 0, answer.stderr
        assert entries(other) == entries(project)

    def test_options_beat_what_an_export_says(self, project: Project, tmp_path: Path) -> None:
        project.mailrunner("suppress", "add", "ana@example.org", "--reason", "complaint")
        project.mailrunner("suppress", "export", "--out", str(tmp_path / "out.csv"))
        other = Project(tmp_path / "other").write()

        other.mailrunner(
            "suppress", "import", str(tmp_path / "out.csv"), "--list", "Club news", "--reason", "bounce"
        )

        assert entries(other) == [("ana@example.org", "club news", "bounce")]

    def test_an_export_with_a_foreign_reason_is_refused_whole(self, project: Project) -> None:
        text = "address,list,reason,source,created_at\nana@example.org,,manual,,\nbob@example.org,,whim,,\n"

        answer = import_text(project, text)

        assert answer.code == 78
        assert "line 3" in answer.stderr
        assert entries(project) == []

    def test_goes_to_stdout_unless_a_file_is_named(self, project: Project) -> None:
        project.mailrunner("suppress", "add", "ana@example.org")

        lines = project.mailrunner("suppress", "export").stdout.splitlines()

        assert lines[0] == "address,list,reason,source,created_at"
        assert next(csv.reader(lines[1:]))[:4] == ["ana@example.org", "", "manual", "by hand"]

    def test_replaces_an_older_file(self, project: Project, tmp_path: Path) -> None:
        out = tmp_path / "out.csv"
        out.write_text("old", encoding="utf-8")

        assert project.mailrunner("suppress", "export", "--out", str(out)).code == 0

        assert out.read_text("utf-8").startswith("address,")
        assert [path.name for path in tmp_path.glob("out*")] == ["out.csv"]


def test_a_list_is_what_its_newest_campaign_and_those_not_finished_are_sent_to(ledger: Ledger) -> None:
    everyone = [f"{name}@example.org" for name in ("old", "slow", "new", "other", "nobody")]
    begin_campaign(ledger, "old", everyone[0:1], list_key="club news")
    begin_campaign(ledger, "slow", everyone[1:2], list_key="club news")
    begin_campaign(ledger, "new", everyone[2:3], list_key="club news")
    begin_campaign(ledger, "other", everyone[3:4], list_key="another list")
    with ledger.database.write() as connection:
        over = update(campaigns).where(campaigns.c.id != "slow")
        connection.execute(over.values(finished_at=ledger.database.now(connection)))

    assert ledger.suppressions.on_current_lists(everyone) == set(everyone[1:4])


def test_an_address_left_out_of_a_campaign_is_not_on_its_list(ledger: Ledger) -> None:
    begin_campaign(ledger, "spring", ["ana@example.org"], list_key="club news")
    campaign = ledger.campaigns.find("spring")
    assert campaign is not None
    ledger.campaigns.cancel(campaign.no)

    assert ledger.suppressions.on_current_lists(["ana@example.org"]) == set()


def test_more_addresses_than_one_query_holds_are_found(ledger: Ledger) -> None:
    keys = [f"p{n}@example.org" for n in range(1203)]
    begin_campaign(ledger, "spring", keys, list_key="club news")

    assert ledger.suppressions.on_current_lists([*keys, "eve@example.org"]) == set(keys)


def test_a_chunk_of_an_import_may_have_a_list_and_reason_of_its_own(ledger: Ledger) -> None:
    number = ledger.suppressions.begin_import(file="left.csv", list_key="", reason=SuppressionReason.IMPORT)

    ledger.suppressions.import_chunk(number, ["a@example.org"])
    ledger.suppressions.import_chunk(
        number, ["b@example.org"], list_key="club news", reason=SuppressionReason.BOUNCE
    )

    found = {entry.key: (entry.list_key, entry.reason) for entry in ledger.suppressions}
    assert found == {
        "a@example.org": ("", SuppressionReason.IMPORT),
        "b@example.org": ("club news", SuppressionReason.BOUNCE),
    }
    assert ledger.suppressions.remove_import(number) == 2


def test_the_first_row_of_a_headless_file_counts(tmp_path: Path) -> None:
    path = tmp_path / "left.txt"
    path.write_text("1,ana@example.org\n2,bob@example.org\n", encoding="utf-8")

    file = SuppressionFile.open(path, column=None, pseudonyms=NO_PSEUDONYMS)

    assert [keys for _, keys in file.groups()] == [["ana@example.org"], ["bob@example.org"]]
    assert file.summarise(lambda keys: ()).valid == 2


def test_an_address_that_is_on_a_list_is_counted_each_time_it_stands_there(tmp_path: Path) -> None:
    path = tmp_path / "left.txt"
    path.write_text("ana@example.org\nANA@example.org\nbob@example.org\n", encoding="utf-8")

    survey = SuppressionFile.open(path, column=None, pseudonyms=NO_PSEUDONYMS).summarise(
        lambda keys: {"ana@example.org"}
    )

    assert (survey.valid, survey.listed) == (3, 2)

"""Each rule of the gate and of the entrance by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from mailrunner.store import Ledger, Phase
from mailrunner.web.gate.entrance import Entrance
from tests.support.dashboards import FORM, PASSWORD, SAME, Board, ServedDashboard
from tests.support.web_clicks import Reply, ask

PAGES = (
    *("/", "/c/spring", "/c/spring/recipients", "/c/spring/recipients/1", "/c/spring/recipients/1/frame"),
    *("/c/spring/confirm?do=cancel", "/accounts/relay", "/suppressions?q=ana", "/log", "/metrics"),
    *("/enter?t=x", "/static/dashboard.css", "/static/follow.js", "/nowhere", "/c/none"),
)
Ask = Callable[[ServedDashboard], Reply]


def phase(ledger: Ledger) -> Phase:
    record = ledger.campaigns.find("spring")
    assert record is not None
    return record.phase


# -- Host


@pytest.mark.parametrize(
    "host", ["evil.example:{port}", "127.0.0.1:1", "127.0.0.1", "localhost.evil.example:{port}"]
)
def test_a_host_that_is_not_this_socket_gets_nothing(served: ServedDashboard, host: str) -> None:
    answers = {path: served.get(path, {"Host": host.format(port=served.port)}) for path in PAGES}
    assert {(path, answer.status, answer.body) for path, answer in answers.items()} == {
        (path, 421, b"") for path in PAGES
    }


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_the_names_of_loopback_are_answered_with_the_port(served: ServedDashboard, host: str) -> None:
    assert served.get("/", {"Host": f"{host}:{served.port}"}).status == 200


# -- Proxies


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Forwarded-Proto", "X-Real-IP"])
def test_a_proxy_that_was_not_named_is_refused_with_a_sentence(served: ServedDashboard, header: str) -> None:
    answer = served.get("/", {header: "203.0.113.9"})
    assert answer.status == 403 and "--forwarded-allow" in answer.text


def test_a_named_proxy_says_which_user_it_let_in(board: Board) -> None:
    with ServedDashboard(board, proxies="127.0.0.1", user_header="X-Forwarded-User") as served:
        mine = {"X-Forwarded-User": "ana", "X-Forwarded-For": "203.0.113.9"}
        assert ask(served.port, "GET", "/", headers=mine).status == 200
        assert served.bare("GET", "/", X_Forwarded_For="203.0.113.9").status == 401
        served.post("/c/spring/pause", {**SAME, **mine})
        assert [one.user for one in served.desk.actions(9)] == ["ana"]


def test_a_users_header_from_elsewhere_is_not_trusted(board: Board) -> None:
    with ServedDashboard(board, proxies="10.0.0.0/8", user_header="X-Forwarded-User") as served:
        assert served.bare("GET", "/", X_Forwarded_User="ana").status == 401


# -- What changes something


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:{port}"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {},
    ],
)
def test_a_form_of_another_site_changes_nothing(
    board: Board, served: ServedDashboard, headers: dict[str, str]
) -> None:
    given = {name: value.format(port=served.port) for name, value in headers.items()}
    for action in ("pause", "cancel", "resolve", "requeue", "suppress"):
        answer = served.post(f"/c/spring/{action}", {"Content-Type": FORM, **given}, seen=2)
        assert answer.status == 403, action
    assert phase(board.ledger) is Phase.BEGUN and served.desk.actions(9) == []


def test_our_own_origin_will_do_for_a_browser_without_fetch_metadata(
    board: Board, served: ServedDashboard
) -> None:
    answer = served.post("/c/spring/pause", {"Content-Type": FORM, "Origin": served.url})
    assert (answer.status, phase(board.ledger)) == (303, Phase.PAUSED)


def test_no_get_changes_the_ledger(board: Board, served: ServedDashboard) -> None:
    before = dump(board.ledger)
    paths = [
        *PAGES,
        "/c/spring/pause",
        "/c/spring/cancel",
        "/leave",
        "/c/spring/confirm?do=resolve&as=resend",
    ]
    for path in paths:
        served.get(path)
        served.get(f"{path}{'&' if '?' in path else '?'}seen=2&do=cancel&place=1")
    assert dump(board.ledger) == before


def dump(ledger: Ledger) -> list[str]:
    """Every row of every table."""
    with ledger.database.read() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        return list(driver.iterdump())


# -- Sessions


def test_without_a_session_there_is_the_way_in_alone(served: ServedDashboard) -> None:
    for path in (path for path in PAGES if not path.startswith(("/enter", "/static"))):
        answer = served.bare("GET", path)
        assert answer.status == 401 and "mailrunner dashboard --link" in answer.text, path
        assert "spring" not in answer.text, path


def test_a_link_opens_one_session_and_only_by_its_button(board: Board, served: ServedDashboard) -> None:
    token = served.entrance.new_link()
    for _ in range(3):  # scanners, and a browser that loads it before its user clicks
        page = served.bare("GET", f"/enter?t={token}", Sec_Fetch_Site="cross-site")
        assert page.status == 200 and f'value="{token}"' in page.text
    entered = enter(served, t=token)
    assert entered.status == 303 and entered.headers["location"] == "./"
    cookie = entered.headers["set-cookie"]
    assert cookie.startswith(f"mr_{board.ledger.mark}_{served.port}=")
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
    assert served.bare("GET", "/", Cookie=cookie.partition(";")[0]).status == 200
    again = enter(served, t=token)
    assert again.status == 403 and "used already" in again.text and "set-cookie" not in again.headers


def test_a_link_is_too_old_after_ten_minutes(board: Board, served: ServedDashboard) -> None:
    token = served.entrance.new_link()
    board.clock.turn(by=timedelta(minutes=10))
    assert enter(served, t=token).status == 403


def test_a_session_lasts_twelve_hours_from_its_last_use(board: Board, served: ServedDashboard) -> None:
    for _ in range(3):
        board.clock.turn(by=timedelta(hours=11))
        assert served.get("/log").status == 200
    board.clock.turn(by=timedelta(hours=12))
    assert served.get("/log").status == 401


def test_signing_out_ends_the_session(served: ServedDashboard) -> None:
    assert served.post("/leave").status == 200
    assert served.get("/").status == 401


def test_the_folder_of_sessions_holds_nothing_to_enter_with(board: Board, served: ServedDashboard) -> None:
    token = served.entrance.new_link()
    folder = board.project.folder / ".mailrunner" / "dashboard"
    names = [file.name for file in folder.iterdir()]
    contents = b"".join(file.read_bytes() for file in folder.iterdir())
    assert not any(served.session in name or token in name for name in names)
    assert served.session.encode() not in contents and token.encode() not in contents
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.iterdir())


def test_two_projects_stay_signed_in_side_by_side(
    served: ServedDashboard, board: Board, tmp_path: Path
) -> None:
    with ServedDashboard(board) as other:
        both = "; ".join(f"{one.cookie_name}={one.session}" for one in (served, other))
        assert (
            served.bare("GET", "/", Cookie=both).status == other.bare("GET", "/", Cookie=both).status == 200
        )
        assert served.cookie_name != other.cookie_name


# -- Passwords


def test_the_password_opens_a_session_and_shows_programs_in(board: Board) -> None:
    with ServedDashboard(board, password=PASSWORD) as served:
        assert enter(served, password="wrong").status == 403
        cookie = enter(served, password=PASSWORD).headers["set-cookie"].partition(";")[0]
        assert served.bare("GET", "/", Cookie=cookie).status == 200
        assert served.bare("GET", "/metrics", Authorization=f"Bearer {PASSWORD}").status == 200
        assert served.bare("GET", "/metrics", Authorization="Bearer wrong").status == 401
        shown = {"Authorization": f"Bearer {PASSWORD}", "Content_Type": FORM}
        assert served.bare("POST", "/c/spring/pause", b"", **shown).status == 303


def test_wrong_passwords_are_not_even_looked_at_after_ten(tmp_path: Path, board: Board) -> None:
    entrance = Entrance(tmp_path / "other", clock=board.clock, password=PASSWORD)
    for _ in range(10):
        assert not entrance.is_password("wrong", "203.0.113.9")
    assert not entrance.is_password(PASSWORD, "203.0.113.9")
    assert entrance.is_password(PASSWORD, "203.0.113.10")


def test_without_a_password_none_is_right(served: ServedDashboard) -> None:
    assert served.bare("GET", "/metrics", Authorization="Bearer ").status == 401
    assert enter(served, password="").status == 403


# -- Read only, headers, the log


def test_read_only_refuses_every_change_and_lets_users_in_and_out(board: Board) -> None:
    with ServedDashboard(board, read_only=True) as served:
        answer = served.post("/c/spring/pause")
        assert answer.status == 403 and "--read-only" in answer.text
        assert phase(board.ledger) is Phase.BEGUN
        assert "/c/spring/pause" not in served.get("/c/spring").text
        assert enter(served, t=served.entrance.new_link()).status == 303
        assert served.post("/leave").status == 200


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_has_the_headers(served: ServedDashboard, path: str) -> None:
    headers = served.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'") and "unsafe-inline' " not in policy
    assert headers["referrer-policy"] == "no-referrer" and headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] in ("no-store", "no-cache")
    assert "access-control-allow-origin" not in headers


def test_the_access_log_has_no_token_campaign_or_address(served: ServedDashboard) -> None:
    token = served.entrance.new_link()
    for path in (*PAGES, f"/enter?t={token}", "/suppressions?q=ana@example.org", f"/{token}"):
        served.get(path)
    enter(served, t=token)
    served.stop()  # a line is written after its answer
    lines = "\n".join(served.log)
    assert not re.search(rf"{token}|{served.session}|spring|ana|relay", lines)
    assert "GET /enter 200" in lines and "POST /enter 303" in lines


def enter(served: ServedDashboard, **form: str) -> Reply:
    """The form of the entrance's own page, sent by a browser without a session."""
    from urllib.parse import urlencode

    given = {"Sec_Fetch_Site": "same-origin", "Content_Type": FORM}
    return served.bare("POST", "/enter", urlencode(form).encode(), **given)

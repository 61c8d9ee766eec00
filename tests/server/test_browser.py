"""The pages as a browser sees them: a form filled in, left, resumed and sent; pages that ask nobody else."""

from __future__ import annotations

import base64
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pumphouse.sources.surveys.events import AnswerEvent, decode
from pumphouse.sources.surveys.invitations import invite

WAIT_S = 20.0
DEVTOOLS_READ, DEVTOOLS_WRITE = 3, 4
NAVIGATED = ("Inspected target navigated or closed", "Execution context was destroyed.")


class LeftPage(Exception):
    """The page that was asked made way for the next one before it answered."""


class Browser:
    """A headless Chromium, driven through its DevTools protocol over a pipe: JSON texts that end with a zero byte."""

    def __init__(self, program: str, profile: Path) -> None:
        theirs, self._write = os.pipe()
        self._read, answers = os.pipe()
        aside = max(theirs, answers) + 1
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        self._process = os.posix_spawn(
            program,
            [program, *arguments, "--remote-debugging-pipe", f"--user-data-dir={profile}"],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                # The protocol's two descriptors have fixed numbers; ours may be those numbers, so by way of others.
                (os.POSIX_SPAWN_DUP2, theirs, aside),
                (os.POSIX_SPAWN_DUP2, answers, aside + 1),
                (os.POSIX_SPAWN_DUP2, aside, DEVTOOLS_READ),
                (os.POSIX_SPAWN_DUP2, aside + 1, DEVTOOLS_WRITE),
            ],
        )
        os.close(theirs)
        os.close(answers)
        self._buffer = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, *, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if answer.get("error", {}).get("message") in NAVIGATED:
                    raise LeftPage(method, answer)
                assert "error" not in answer, (method, answer)
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            data = os.read(self._read, 1 << 20)
            assert data, "the browser ended"
            self._buffer += data
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    def tab(self, address: str, *, width: int = 1280, height: int = 900, dark: bool = False) -> Tab:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Tab(self, target, session)
        for domain in ("Page", "Runtime", "Network", "Log"):
            tab.call(f"{domain}.enable")
        tab.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        tab.call("Emulation.setEmulatedMedia", features=[scheme])
        tab.go(address)
        return tab

    def close(self) -> None:
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._write)
        os.close(self._read)


class Tab:
    """One page of the browser."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self._browser, self._target, self._session = browser, target, session

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._browser.call(method, session=self._session, **parameters)

    def go(self, address: str) -> None:
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, (script, result)
        return result["result"].get("value")

    def wait(self, condition: str) -> None:
        """Ask until it holds of a page that is there: one that still comes, or is just left, answers nothing."""
        until = time.monotonic() + WAIT_S
        while not self._holds(condition):
            assert time.monotonic() < until, (condition, self.run("document.body?.innerText"), self.said())
            time.sleep(0.02)

    def _holds(self, condition: str) -> bool:
        try:
            return bool(self.run(f"document.readyState !== 'loading' && Boolean({condition})"))
        except LeftPage:
            return False

    def click(self, selector: str) -> None:
        self.wait(f"document.querySelector({json.dumps(selector)})")
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def type(self, selector: str, text: str) -> None:
        self.wait(f"document.querySelector({json.dumps(selector)})")
        self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        self.call("Input.insertText", text=text)

    def text(self) -> str:
        return str(self.run("document.body.innerText"))

    def said(self) -> list[str]:
        """What the browser complained of: errors, refused loads."""
        self.run("1")
        events = [event for event in self._browser.events if event.get("sessionId") == self._session]
        logged = [event["params"]["entry"]["text"] for event in events if event["method"] == "Log.entryAdded"]
        thrown = [str(event["params"]) for event in events if event["method"] == "Runtime.exceptionThrown"]
        return logged + thrown

    def asked(self) -> list[str]:
        """The addresses that the page asked for."""
        events = [event for event in self._browser.events if event.get("sessionId") == self._session]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def picture(self, path: Path) -> None:
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 6000), "scale": 1}
        shot = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        self._browser.call("Target.closeTarget", targetId=self._target)


@pytest.fixture(scope="module")
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(chromium, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


RADIO, NEXT, COMPLETE = "input[value=price]", ".sd-navigation__next-btn", ".sd-navigation__complete-btn"
VISITS = "input[type=number]"


def answers_in(served: Any) -> list[dict[str, Any]]:
    return [event.answers for event in events_of(served, "exit_survey")]


def events_of(served: Any, survey: str) -> list[AnswerEvent]:
    events = [decode(event.body) for event in served.shop.lake.state.events(f"survey/{survey}")]
    return [event for event in events if event.withdrawn is None]


@pytest.mark.browser
def test_form_left_halfway_is_resumed_and_sent_once(served: Any, browser: Browser) -> None:
    before = len(answers_in(served))
    form = f"{served.url}/surveys/exit_survey"
    first = browser.tab(form, width=390, height=844)
    first.click(RADIO)
    first.click(NEXT)
    first.type(VISITS, "3")
    first.close()

    second = browser.tab(form, width=390, height=844)
    second.wait(f"document.querySelector('{VISITS}')?.value === '3'")
    assert second.run("document.documentElement.scrollWidth") <= 390
    second.click(COMPLETE)
    second.wait("document.body.innerText.includes('Thank you')")
    assert answers_in(served)[before:] == [{"reason": "price", "visits": 3}]
    assert second.run("localStorage.length") == 0
    assert {address.split("/")[2] for address in second.asked()} == {served.url.split("/")[2]}
    second.close()


@pytest.mark.browser
def test_answers_completed_without_a_connection_are_sent_when_it_is_back(served: Any, browser: Browser) -> None:
    before = len(answers_in(served))
    form = f"{served.url}/surveys/exit_survey"
    tab = browser.tab(form)
    tab.click(RADIO)
    tab.click(NEXT)
    tab.wait(f"document.querySelector('{COMPLETE}')")
    offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    tab.call("Network.emulateNetworkConditions", offline=True, **offline)
    tab.click(COMPLETE)
    tab.wait("document.getElementById('status').innerText.includes('no connection')")
    assert len(answers_in(served)) == before
    tab.close()

    again = browser.tab(form)  # nobody clicks: it was on its way
    again.wait("document.body.innerText.includes('Thank you')")
    assert answers_in(served)[before:] == [{"reason": "price"}]
    again.close()


@pytest.mark.browser
def test_form_shows_what_is_missing(served: Any, browser: Browser) -> None:
    tab = browser.tab(f"{served.url}/surveys/exit_survey")
    tab.click(NEXT)
    tab.wait("document.body.innerText.includes('Response required')")
    tab.close()


@pytest.mark.browser
def test_answers_sent_twice_and_from_two_tabs_of_one_link_are_kept_once(served: Any, browser: Browser) -> None:
    (link,) = invite(served.shop.lake.state, "invited_only", [{}])
    before = len(events_of(served, "invited_only"))
    form = f"{served.url}/surveys/invited_only#{link}"
    tabs = [browser.tab(form, width=390, height=844) for _ in range(2)]
    for tab in tabs:
        tab.click(RADIO)
        tab.click(NEXT)
        tab.wait(f"document.querySelector('{COMPLETE}')")
    for tab in tabs:
        tab.run(f"const done = document.querySelector('{COMPLETE}'); done.click(); done.click(); done.click()")
    for tab in tabs:
        tab.wait("document.body.innerText.includes('Thank you')")
        tab.close()
    assert [event.answers for event in events_of(served, "invited_only")[before:]] == [{"reason": "price"}]

    again = browser.tab(form)
    again.wait("document.body.innerText.includes('Your answers have arrived.')")
    assert link not in " ".join(again.asked()).replace(form, "")  # only in the address that a browser keeps to itself
    again.close()
    stranger = browser.tab(f"{served.url}/surveys/invited_only")
    stranger.wait("document.body.innerText.includes('for those who were invited')")
    stranger.close()


@pytest.mark.browser
def test_reply_that_was_lost_leads_to_one_answer(served: Any, browser: Browser) -> None:
    before = len(answers_in(served))
    tab = browser.tab(f"{served.url}/surveys/exit_survey")
    tab.run(
        "const real = window.fetch; let times = 0;"
        "window.fetch = async (...asked) => { const answer = await real(...asked);"
        " if (times++ < 1) throw new TypeError('lost'); return answer; }"
    )
    tab.click(RADIO)
    tab.click(NEXT)
    tab.click(COMPLETE)
    tab.wait("document.body.innerText.includes('Thank you')")
    assert answers_in(served)[before:] == [{"reason": "price"}]
    tab.close()


@pytest.mark.browser
def test_text_is_agreed_to_before_the_questions(served: Any, browser: Browser) -> None:
    form = f"{served.url}/surveys/asked_first"
    tab = browser.tab(form, width=390, height=844)
    tab.wait("document.querySelector('#consent li')")
    assert not tab.run(f"Boolean(document.querySelector('{RADIO}'))")
    tab.click("#decline")
    tab.wait("document.body.innerText.includes('Nothing was kept')")
    assert tab.run("localStorage.length") == 0
    tab.go("about:blank")
    tab.go(form)
    tab.click("#agree")
    tab.click(RADIO)
    tab.click(NEXT)
    tab.click(COMPLETE)
    tab.wait("document.body.innerText.includes('Thank you')")
    (event,) = events_of(served, "asked_first")[-1:]
    assert event.consent is not None
    assert served.shop.lake.blobs.get(event.consent).startswith(b"# What becomes of it")
    tab.close()


@pytest.mark.browser
def test_respondent_takes_back_what_they_sent_by_their_receipt(served: Any, browser: Browser) -> None:
    tab = browser.tab(f"{served.url}/surveys/exit_survey", width=390, height=844)
    tab.click(RADIO)
    tab.click(NEXT)
    tab.type(VISITS, "3")
    tab.run(f"const field = document.querySelector('{VISITS}'); field.select()")
    tab.call("Input.dispatchKeyEvent", type="keyDown", key="Delete", code="Delete", windowsVirtualKeyCode=46)
    tab.click(COMPLETE)
    tab.wait("!document.querySelector('#receipt').hidden")
    assert events_of(served, "exit_survey")[-1].marks["visits"] == "cleared"
    assert not tab.run("document.querySelector('#next').checkVisibility()")  # that is an interviewer's
    tab.click("#withdraw")
    tab.wait("document.querySelector('input[name=key]')?.value")
    assert tab.run("location.hash") == ""
    tab.click("button")
    tab.wait("document.body.innerText.includes('Your answers are taken back')")
    assert decode(served.shop.lake.state.events("survey/exit_survey")[-1].body).withdrawn
    tab.close()


@pytest.mark.browser
def test_interviewer_types_in_one_respondent_after_the_other(served: Any, browser: Browser) -> None:
    before = len(events_of(served, "exit_survey"))
    tab = browser.tab(served.serving.entrance)
    tab.wait("location.search === '' && document.readyState === 'complete'")
    tab.go(f"{served.url}/interviews/exit_survey")
    tab.wait("!document.querySelector('#interview').hidden")
    tab.run(
        "const form = document.querySelector('#interview'); form.mode.value = 'paper'; form.day.value = '2026-05-01'"
    )
    tab.run("document.querySelector('#interview').dispatchEvent(new Event('change'))")
    for number in range(2):
        tab.click(RADIO)
        tab.click(NEXT)
        tab.type(VISITS, str(number))
        tab.click(COMPLETE)
        tab.wait("document.activeElement?.id === 'next'")
        tab.click("#next")
        tab.wait("document.readyState === 'complete' && document.querySelector('#receipt')?.hidden")
    typed = events_of(served, "exit_survey")[before:]
    assert [event.answers["visits"] for event in typed] == [0, 1]
    assert {(event.mode, bool(event.by), bool(event.given_at)) for event in typed} == {("paper", True, True)}
    tab.close()


@pytest.mark.browser
def test_owner_signs_in_by_the_printed_address_and_finds_an_asset(served: Any, browser: Browser) -> None:
    tab = browser.tab(served.serving.entrance)
    tab.wait("location.search === '' && document.readyState === 'complete' && window.htmx")
    assert "orders" in tab.text()
    tab.type("input[name=find]", "ticket")
    tab.wait("![...document.querySelectorAll('.line .name')].some((name) => name.innerText === 'orders')")
    assert "tickets_search" in tab.text()
    assert tab.said() == []
    tab.close()


@pytest.mark.browser
@pytest.mark.parametrize(
    "path",
    ["/", "/assets/orders", "/assets/weekly", "/runs", "/snapshots", "/catalog", "/search/tickets_search?q=late"],
)
def test_page_fits_a_phone_runs_no_strangers_script_and_asks_nobody_else(
    path: str, served: Any, browser: Browser
) -> None:
    tab = browser.tab(served.serving.entrance, width=390, height=844)
    tab.wait("location.search === ''")
    tab.call("Page.addScriptToEvaluateOnNewDocument", source="window.alert = () => { throw new Error('it ran') }")
    tab.go(served.url + path)
    assert tab.run("document.documentElement.scrollWidth") <= 390
    complaints = [said for said in tab.said() if "sandbox" not in said]  # of the report's own script, which may not run
    assert complaints == []
    assert {address.split("/")[2] for address in tab.asked() if address.startswith("http")} == {
        served.url.split("/")[2]
    }
    tab.close()

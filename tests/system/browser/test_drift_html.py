"""The page of a drift report in a browser: it can be read by everybody, on a phone, and asks nobody for anything."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from allium_market_data.drift.model import Example, Level
from allium_market_data.drift.report.html import html, unchecked
from allium_market_data.drift.report.report import Report
from drift.reports import MADE, full, of_level

pytestmark = pytest.mark.xdist_group("browser")  # one browser is enough

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"width": 360, "height": 740}
WHOLE = {"full", "unchecked"}
"""The pages that axe looks at in whole; of the others it sees what they have of their own, the banner."""

Save = Callable[[str], str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium with a profile of its own, which ends with the tests."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        message = "no Chromium on the path; Debian's package is called chromium"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=FLAGS, timeout=60_000)
        yield started
        started.close()


@pytest.fixture(scope="module")
def report() -> Report:
    return full(examples=True)


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Puts a page into a file and gives its address."""

    def saved(text: str) -> str:
        path = tmp_path / "drift.html"
        path.write_text(text, encoding="utf-8")
        return path.as_uri()

    return saved


@contextmanager
def opened(browser: Browser, url: str, **context: Any) -> Iterator[Page]:
    """A page that was opened; at the end, it must have asked for itself alone, and have complained of nothing."""
    surroundings = browser.new_context(**context)
    asked: list[str] = []
    complaints: list[str] = []
    surroundings.on("request", lambda request: asked.append(request.url.partition("#")[0]))
    surroundings.on("console", lambda message: complaints.append(message.text))
    surroundings.on("weberror", lambda error: complaints.append(str(error.error)))
    page = surroundings.new_page()
    page.goto(url)
    yield page
    surroundings.close()
    assert set(asked) - {"data:,"} == {url.partition("#")[0]}
    assert complaints == []


def shown(page: Page) -> list[str | None]:
    """The levels of the changes that can be seen."""
    return [change.get_attribute("data-level") for change in page.locator(".change:visible").all()]


def stretched(report: Report) -> Report:
    """The report with texts in every second change that are long and cannot be broken, some too long to be shown whole."""
    long = "x" * 500
    changes = [
        replace(
            change,
            where=long,
            place=long,
            kind=long,
            sentence=long,
            nearest=long,
            old=[long],
            new=[long] * 5,
            clauses=(long, long),
            example=Example("request", long * 10, long),
        )
        if at % 2
        else change
        for at, change in enumerate(report.judgement.changes)
    ]
    return replace(report, judgement=replace(report.judgement, changes=tuple(changes), notes=(long,)))


def pages(report: Report) -> dict[str, str]:
    found = {str(level): html(of_level(level)) for level in (Level.NONE, Level.DOCS, Level.COMPATIBLE)}
    return {
        **found,
        "full": html(stretched(report)),
        "unchecked": unchecked("The server answered 503.", MADE, "0.1.0"),
    }


def test_axe_finds_nothing_to_complain_of_in_light_and_in_dark(browser: Browser, save: Save, report: Report) -> None:
    axe = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    for name, text in pages(report).items():
        with opened(browser, save(text), viewport=PHONE) as page:
            page.evaluate(axe)
            papers = set()
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
                found = page.evaluate("run => axe.run(run)", "html" if name in WHOLE else "header")
                said = [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]]
                assert said == [], (name, scheme)
                assert "color-contrast" in {one["id"] for one in found["passes"]}, (name, scheme)
            assert len(papers) == 2


def test_nothing_is_wider_than_a_phone(browser: Browser, save: Save, report: Report) -> None:
    for text in [*pages(report).values(), unchecked("x" * 500, MADE, "0.1.0")]:
        with opened(browser, save(text), viewport=PHONE) as page:
            wide = page.evaluate(
                "[...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > 360.5)"
                ".map(one => one.outerHTML.slice(0, 200))"
            )
            assert wide == []
            assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_the_filters_work_by_keyboard_and_stay_in_the_address(browser: Browser, save: Save, report: Report) -> None:
    url = save(html(report))
    everything = [str(change.level) for change in report.judgement.changes]
    with opened(browser, url) as page:
        assert shown(page) == everything
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.value") == "breaking"
        assert page.evaluate("getComputedStyle(document.activeElement.parentElement).outlineStyle") == "solid"
        page.keyboard.press("Space")
        assert shown(page) == [level for level in everything if level != "breaking"]
        assert page.url == f"{url}#show=compatible.docs"
        assert page.locator("#shown").inner_text() == "4 of 8 changes shown"
        page.reload()
        assert shown(page) == [level for level in everything if level != "breaking"]
        page.get_by_label("breaking").check()
        assert shown(page) == everything
        assert page.url == url
        page.get_by_label("docs").uncheck()
        page.evaluate("location.hash = ''")  # as by the button that goes back
        page.wait_for_function("document.querySelectorAll('.change[is_hidden]').length === 0")


def test_links_to_changes_lead_there_through_any_filter(browser: Browser, save: Save, report: Report) -> None:
    url = save(html(report))
    last = report.judgement.changes[-1].fingerprint
    with opened(browser, f"{url}#{last}", viewport=PHONE) as page:
        article = page.locator(f"[id='{last}']")
        assert article.evaluate("one => one === document.activeElement && one.matches('.target:target')")
        assert page.evaluate(f"document.getElementById('{last}').getBoundingClientRect().top < innerHeight")
        assert page.url == f"{url}#{last}"
    with opened(browser, f"{url}#{last}&show=breaking") as page:
        assert set(shown(page)) == {"breaking", "docs"}
        assert page.locator(f"[id='{last}']").evaluate("one => one === document.activeElement")
        page.get_by_label("docs").uncheck()
        assert page.url == f"{url}#show=breaking"
        first = report.judgement.changes[0].fingerprint
        page.get_by_role("link", name=f"Link to change {first}").click()
        page.wait_for_url(f"{url}#{first}&show=breaking")
        assert set(shown(page)) == {"breaking"}


def test_a_link_to_a_change_that_is_gone_says_so(browser: Browser, save: Save, report: Report) -> None:
    with opened(browser, f"{save(html(report))}#0123456789ab") as page:
        assert "0123456789ab is not in this report" in page.locator("#missing").inner_text()
        assert len(shown(page)) == 8
    with opened(browser, f"{save(html(of_level(Level.NONE)))}#0123456789ab") as page:
        assert page.locator("#missing").is_visible()


def test_everything_is_there_without_scripts(browser: Browser, save: Save, report: Report) -> None:
    url = save(html(report))
    last = report.judgement.changes[-1].fingerprint
    with opened(browser, f"{url}#{last}", java_script_enabled=False) as page:
        assert page.locator(".change:visible").count() == 8
        assert page.locator("#filter").is_hidden()
        assert page.locator(f"[id='{last}']:target").is_visible()


def test_what_upstream_wrote_runs_no_script_and_sends_nothing(browser: Browser, save: Save, report: Report) -> None:
    attack = "</script><script>document.title='taken'</script><img src='http://127.0.0.1:9/' onerror=\"document.title='taken'\">"
    changes = tuple(
        replace(one, sentence=attack, old=attack, where=attack, kind=attack) for one in report.judgement.changes
    )
    with opened(browser, save(html(replace(report, judgement=replace(report.judgement, changes=changes))))) as page:
        assert page.title() == "Breaking: drift check of 2026-11-24 03:17 UTC"
        assert page.locator("img").count() == 0
        assert attack in page.locator("h3").first.inner_text()


def test_the_policy_of_the_page_stops_whatever_would_get_in(browser: Browser, save: Save, report: Report) -> None:
    page = browser.new_page()
    page.goto(save(html(report)))
    stopped = page.evaluate(
        """async () => {
          const stopped = [];
          addEventListener("securitypolicyviolation", (event) => stopped.push(event.effectiveDirective));
          const script = document.createElement("script");
          script.textContent = "document.title = 'taken'";
          const image = new Image();
          image.src = "http://127.0.0.1:9/";
          document.body.append(script, image);
          await fetch("http://127.0.0.1:9/").catch(() => null);
          await new Promise((done) => setTimeout(done, 100));
          return [document.title !== "taken", ...stopped.sort()];
        }"""
    )
    page.close()
    assert stopped == [True, "connect-src", "img-src", "script-src-elem"]

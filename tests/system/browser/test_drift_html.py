"""The HTML report in a browser: it is accessible, fits a phone, filters its changes, and requests nothing."""

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
from allium_market_data.drift.result import CheckResult
from drift.results import CHECKED_AT, full_result, result_of_level

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
TOO_WIDE = (
    "[...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > 360.5)"
    ".map(one => one.outerHTML.slice(0, 200))"
)
"""The elements that are wider than the phone."""

Save = Callable[[str], str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium with a temporary profile."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        message = "no Chromium on the path; Debian's package is called chromium"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS, timeout=60_000)
        yield started
        started.close()


@pytest.fixture(scope="module")
def report() -> CheckResult:
    return full_result()


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Writes a page to a file and returns its address."""

    def saved(text: str) -> str:
        path = tmp_path / "drift.html"
        path.write_text(text, encoding="utf-8")
        return path.as_uri()

    return saved


@contextmanager
def opened(browser: Browser, url: str, **context: Any) -> Iterator[Page]:
    """An open page. When it is closed, it must have requested only itself, and have logged nothing."""
    browser_context = browser.new_context(**context)
    requested: list[str] = []
    messages: list[str] = []
    browser_context.on("request", lambda request: requested.append(request.url.partition("#")[0]))
    browser_context.on("console", lambda message: messages.append(message.text))
    browser_context.on("weberror", lambda error: messages.append(str(error.error)))
    page = browser_context.new_page()
    page.goto(url)
    yield page
    browser_context.close()
    assert set(requested) - {"data:,"} == {url.partition("#")[0]}
    assert messages == []


def shown(page: Page) -> list[str | None]:
    """The levels of the visible changes."""
    return [change.get_attribute("data-level") for change in page.locator(".change:visible").all()]


def stretched(report: CheckResult) -> CheckResult:
    """The result with long unbreakable texts in every second change; some get a box that scrolls."""
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


def pages(report: CheckResult) -> dict[str, str]:
    """A page for each verdict; that of "breaking" has everything that a report can show."""
    return {
        **{str(level): html(result_of_level(level)) for level in (Level.NONE, Level.DOCS, Level.COMPATIBLE)},
        "breaking": html(stretched(report)),
        "unchecked": unchecked("x" * 500, CHECKED_AT, "0.1.0"),
    }


VERDICTS = ("none", "docs", "compatible", "breaking", "unchecked")


@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_page_is_accessible_and_fits_a_phone(
    verdict: str, browser: Browser, save: Save, report: CheckResult
) -> None:
    """The whole page of the two verdicts with most content; the banner, the only other difference, of all of them."""
    axe = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    with opened(browser, save(pages(report)[verdict]), viewport=PHONE) as page:
        assert page.evaluate(TOO_WIDE) == []
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.evaluate(axe)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found = page.evaluate("run => axe.run(run)", "html" if verdict in ("breaking", "unchecked") else "header")
            nodes = [(rule["id"], [node["html"][:200] for node in rule["nodes"]]) for rule in found["violations"]]
            assert nodes == [], scheme
            assert "color-contrast" in {rule["id"] for rule in found["passes"]}, scheme


def test_light_and_dark_have_other_colours(browser: Browser, save: Save, report: CheckResult) -> None:
    with opened(browser, save(html(report))) as page:
        colours = set()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            colours.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert len(colours) == 2


def test_filters_work_by_keyboard_and_are_kept_in_the_address(
    browser: Browser, save: Save, report: CheckResult
) -> None:
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
        page.evaluate("location.hash = ''")  # like the back button
        page.wait_for_function("document.querySelectorAll('.change[hidden]').length === 0")


def test_links_to_changes_work_with_any_filter(browser: Browser, save: Save, report: CheckResult) -> None:
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


def test_a_link_to_a_change_that_is_gone_says_so(browser: Browser, save: Save, report: CheckResult) -> None:
    with opened(browser, f"{save(html(report))}#0123456789ab") as page:
        assert "0123456789ab is not in this report" in page.locator("#missing").inner_text()
        assert len(shown(page)) == 8
    with opened(browser, f"{save(html(result_of_level(Level.NONE)))}#0123456789ab") as page:
        assert page.locator("#missing").is_visible()


def test_everything_is_visible_without_scripts(browser: Browser, save: Save, report: CheckResult) -> None:
    url = save(html(report))
    last = report.judgement.changes[-1].fingerprint
    with opened(browser, f"{url}#{last}", java_script_enabled=False) as page:
        assert page.locator(".change:visible").count() == 8
        assert page.locator("#filter").is_hidden()
        assert page.locator(f"[id='{last}']:target").is_visible()


def test_text_from_upstream_runs_no_script(browser: Browser, save: Save, report: CheckResult) -> None:
    attack = "</script><script>document.title='taken'</script><img src='http://127.0.0.1:9/' onerror=\"document.title='taken'\">"
    changes = tuple(
        replace(one, sentence=attack, old=attack, where=attack, kind=attack) for one in report.judgement.changes
    )
    with opened(browser, save(html(replace(report, judgement=replace(report.judgement, changes=changes))))) as page:
        assert page.title() == "Breaking: drift check of 2026-11-24 03:17 UTC"
        assert page.locator("img").count() == 0
        assert attack in page.locator("h3").first.inner_text()


def test_the_policy_blocks_scripts_images_and_requests(browser: Browser, save: Save, report: CheckResult) -> None:
    page = browser.new_page()
    page.goto(save(html(report)))
    title, *blocked = page.evaluate(
        """async () => {
          const blocked = [];
          const all = new Promise((resolve) => {
            setTimeout(resolve, 30000); // fail rather than hang
            addEventListener("securitypolicyviolation", (event) => {
              if (blocked.push(event.effectiveDirective) === 3) resolve();
            });
          });
          const script = document.createElement("script");
          script.textContent = "document.title = 'taken'";
          const image = new Image();
          image.src = "http://127.0.0.1:9/";
          document.body.append(script, image);
          await fetch("http://127.0.0.1:9/").catch(() => null);
          await all;
          return [document.title, ...blocked.sort()];
        }"""
    )
    page.close()
    assert title != "taken"
    assert blocked == ["connect-src", "img-src", "script-src-elem"]

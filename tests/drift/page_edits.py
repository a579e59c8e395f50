"""Edits of what a reader sees of the page, each with the verdict that it must get.

A clause that is lost or has other facts is breaking. A clause in other words with the same facts, and a new sentence that
speaks of the contract, is to be looked at. Other wording is docs, and markup and typography are no change.
"""

from __future__ import annotations

from collections.abc import Iterator

from drift.page import PAGE, Edit, swapped

CAP = "The query window is currently capped at **7 days** per request."
RETURNS = "Returns the open interest timeseries for a perpetual market."
NOTE = f"<Note>\n  {CAP}\n</Note>\n"
SAMPLES = 'each bucket reports the last sample within it ("OI as of the end of the bucket").'
ROWS = "Maximum rows to return (1–5000)."
START = "Start of the window (ISO 8601; naive datetimes treated as UTC)."
BASE = "Open interest in base-asset units."
PERPS = "Perp markets only."


def noted(sentence: str) -> str:
    """The page with a sentence in a note of its own."""
    return PAGE.replace(NOTE, f"{NOTE}\n<Note>\n  {sentence}\n</Note>\n")


_MARKUP = {
    "a link in the sentence": (
        CAP,
        "The [query window](https://a.example) is currently capped at **7 days** per request.",
    ),
    "emphasis in the sentence": (RETURNS, "Returns the *open interest* timeseries for a perpetual market."),
    "bold by tags": ("**7 days**", "<b>7 days</b>"),
    "a tag with attributes": ("**7 days**", '<span class="x">7 days</span>'),
    "code": ("**7 days**", "`7 days`"),
    "no-break spaces": ("**7 days**", "7&nbsp;days"),
    "a thin space": ("**7 days**", "7\u2009days"),
    "curly quotation marks": ('"OI as of the end of the bucket"', "“OI as of the end of the bucket”"),
    "a hyphen for a dash": ("(1–5000)", "(1-5000)"),
    "a thousands separator": ("(1–5000)", "(1–5,000)"),
    "no hyphen": ("base-asset", "base asset"),
    "a no-break hyphen": ("base-asset", "base\u2011asset"),
    "a soft hyphen": ("timeseries for a perpetual market.\n", "time\u00adseries for a perpetual market.\n"),
    "another component": ("<Note>", "<Info>"),
    "a comment in the sentence": ("Perp markets", "Perp <!-- sic --> markets"),
    "a comment of JSX": (PERPS, "{/* sic */} Perp markets only."),
    "another line break": ("is currently capped", "is\n  currently capped"),
    "a list": (PERPS, "\n\n- Perp markets only."),
}
_DOCS = {"a link in the sentence", "a hyphen for a dash", "a thousands separator", "no hyphen", "a no-break hyphen"}
"""Another address, and another text of a description, are words that changed all the same."""
_BREAKING = {
    "the cap struck through": (CAP, f"~~{CAP}~~"),
    "the cap struck by a tag": (CAP, f"<del>{CAP}</del>"),
    "the cap struck by one tilde": (CAP, f"~{CAP}~"),
    "the cap commented out": (CAP, f"<!-- {CAP} -->"),
    "the note commented out": (NOTE, f"<!--\n{NOTE}-->\n"),
    "the note commented out in JSX": (NOTE, f"{{/*\n{NOTE}*/}}\n"),
    "perpetuals struck through": (PERPS, f"~~{PERPS}~~"),
    "perpetuals in a comment that has no end": ("## OpenAPI", f"## OpenAPI\n\n<!-- {PERPS}"),
    "another cap": ("**7 days**", "**31 days**"),
    "a cap in other words": (CAP, "A request may span at most 24 hours."),
    "a shorter week": ("**7 days**", "6 days and 23 hours"),
    "an exception": (CAP, "The query window is currently capped at **7 days** per request, except for `1m`."),
    "no cap": (CAP, "The query window is no longer capped at **7 days** per request."),
    "the first sample": ("the last sample within it", "the first sample within it"),
    "the mean": ("reports the last sample within it", "reports the mean of its samples"),
    "the start of the bucket": ("end of the bucket", "start of the bucket"),
    "spot markets": (PERPS, "Spot markets only."),
    "all markets": (PERPS, ""),
    "fewer rows": ("(1–5000)", "(1–1000)"),
    "local times": ("treated as UTC", "treated as local time"),
    "quote units": (BASE, "Open interest in quote-asset units."),
    "thousands": ("Open interest in USD notional.", "Open interest in USD notional. In thousands."),
    "volume": (RETURNS, "Returns the volume timeseries for a perpetual market."),
}
_REWORDED = {
    "one week": ("**7 days**", "one week"),
    "168 hours": ("**7 days**", "168 hours"),
    "seven days": ("**7 days**", "seven days"),
    "no currently": ("is currently capped", "is capped"),
    "retrieves": (RETURNS, "Retrieves the open interest timeseries for a perpetual market."),
    "the cap turned": (CAP, "Each request may span at most **7 days**."),
    "the cap without a note": (NOTE, ""),
    "a range in words": (ROWS, "Maximum rows to return, between 1 and 5000."),
    "a number of rows": (ROWS, "Maximum number of rows to return (1 to 5,000)."),
    "naive times turned": (START, "Start of the window (ISO 8601). Naive datetimes are treated as UTC."),
    "perpetual": (PERPS, "Perpetual markets only."),
    "units of the base asset": (BASE, "Open interest, in units of the base asset."),
}
_NEW = {
    "a cap for one interval": "For `1m` the window is capped at 24 hours.",
    "a cap of rows": "At most 1,000 rows are returned, whatever `limit` says.",
    "thousands": "Since May, `oi_quote_usd` is in thousands.",
    "the end of the bucket": "`ts` names the end of the bucket.",
    "another key": "The `X-API-KEY` header is no longer accepted.",
    "deprecation": "This endpoint is deprecated and will be removed on 2026-12-31.",
    "a delay": "Rows may arrive up to 15 minutes late.",
    "a delay without a number": "Data is delayed for some venues.",
    "retention": "Data is retained for 90 days.",
    "restatement": "Rows may be restated.",
    "order": "Rows are sorted by time, descending.",
    "gaps": "Buckets without samples are omitted.",
    "a rate": "Requests are limited to 10 per second.",
    "an inclusive end": "The end is inclusive.",
    "a default": "The default is 500.",
}
_WORDS = {
    "the candles": "See also the candles.",
    "the console": "Try it in the console.",
    "a support address": "Questions? Write to us.",
    "a greeting": "Enjoy our API!",
    "other products": "We also publish wallet balances.",
}


def page_edits() -> Iterator[Edit]:
    for verdict, table in (("none", _MARKUP), ("breaking", _BREAKING), ("look", _REWORDED)):
        for name, (old, new) in table.items():
            page = swapped(old, new)
            if name == "perpetuals in a comment that has no end":
                page = page.replace(PERPS, "", 1)
            stated = "docs" if name in _DOCS else verdict
            yield Edit(f"page: {stated}: {name}", page, stated)
    for verdict, sentences in (("look", _NEW), ("docs", _WORDS)):
        for name, sentence in sentences.items():
            yield Edit(f"page: new: {name}", noted(sentence), verdict)
            yield Edit(f"page: new at the end: {name}", swapped(PERPS, f"{PERPS} {sentence}"), verdict)

"""The verdict."""
from __future__ import annotations
from .compare import differences
from .model import Judgement, ordered
from .source import Source

def judge(baseline: Source, upstream: Source) -> Judgement:
    return Judgement(ordered(f.change for f in differences(baseline.document, upstream.document)))

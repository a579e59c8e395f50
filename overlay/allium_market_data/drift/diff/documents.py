"""Two documents: every difference between them, and how much it matters.

A response that the old document did not allow is breaking, and so is a request that the new document no longer allows or
where that cannot be decided. What only narrows responses or widens requests is compatible; `annotations` finds what changed
in texts alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ...codegen.canonical import join, same
from ...codegen.document import check_references
from ...codegen.page import Document, check
from ...codegen.renames import renames
from ..model import Level, fingerprint
from ..schema.schema import Resolver
from ..schema.unchanged import Unchanged
from .annotations import annotation_findings
from .finding import Finding, Location, finding, merged, operation_finding
from .operations import Operation, OperationKey, operations
from .renamed import joined
from .requests import request_findings
from .responses import response_findings
from .security import access_findings, scheme, security_alternatives

_Operations = Mapping[OperationKey, Operation]


def compare_documents(old: Document, new: Document, is_late: Callable[[], bool] = lambda: False) -> list[Finding]:
    """Every change between two documents; none for documents that mean the same.

    Once ``is_late`` returns True, the operations that are left are not compared, and one finding says which.
    Raises `SpecError` for anything but an OpenAPI document of version 3.0 or 3.1, and for references that lead nowhere.
    """
    old, new = check("the old document", old), check("the new document", new)
    check_references("the old document", old)
    check_references("the new document", new)
    resolvers = (Resolver(old), Resolver(new))
    findings = merged(_findings(resolvers, operations(resolvers[0]), operations(resolvers[1]), is_late))
    return joined(findings, renames(old, new))


def _findings(
    resolvers: tuple[Resolver, Resolver], before: _Operations, after: _Operations, is_late: Callable[[], bool]
) -> Iterator[Finding]:
    unchanged = Unchanged(*resolvers)
    for resolver in resolvers:
        resolver.is_same, resolver.skipped = unchanged.same_schemas, unchanged.is_component
    left = list({**before, **after})
    compared: list[OperationKey] = []
    while left and not is_late():
        key = left.pop(0)
        old, new = before.get(key), after.get(key)
        if old is None or new is None:
            yield from _added_or_removed(old, new)
        elif not _is_same(old, new, unchanged):
            compared.append(key)
            yield from _operation(old, new)
    if left:
        yield _unfinished([before.get(key) or after[key] for key in left])
    yield from annotation_findings(resolvers, *({key: side[key] for key in compared} for side in (before, after)))
    yield from _webhooks(*(resolver.document for resolver in resolvers))


def _unfinished(left: list[Operation]) -> Finding:
    names = sorted(operation.name for operation in left)
    sentence = f"The time ended before everything was compared; these were not: {', '.join(names)}."
    path = ("unfinished", *names)
    return finding(Level.LOOK, "unfinished", path, "the document", sentence, (names, names), ("", ""), Location())


def _is_same(old: Operation, new: Operation, unchanged: Unchanged) -> bool:
    """Whether two operations are certainly the same in everything but texts."""
    parts = [
        [
            [each.raw, [parameter.raw for parameter in each.parameters.values()], each.security, each.servers],
            [scheme(each.resolver, name) for requirement in each.security or () for name in requirement],
        ]
        for each in (old, new)
    ]
    is_same_place = old.path == new.path and security_alternatives(old) == security_alternatives(new)
    return is_same_place and unchanged.same(*parts)


def _added_or_removed(old: Operation | None, new: Operation | None) -> Iterator[Finding]:
    operation = old or new
    if operation is not None:
        yield finding(
            Level.BREAKING if old else Level.COMPATIBLE,
            "operation.removed" if old else "operation.added",
            ("operation", *operation.key),
            operation.name,
            f"{operation.name} {'was removed' if old else 'is new'}.",
            (old.name if old else None, new.name if new else None),
            (old.pointer if old else "", new.pointer if new else ""),
            Location(old, new, "operation"),
        )


def _operation(old: Operation, new: Operation) -> Iterator[Finding]:
    yield from request_findings(old, new)
    yield from response_findings(old, new)
    yield from access_findings(old, new)
    before, after = (operation.raw.get("deprecated", False) is True for operation in (old, new))
    if before != after:
        sentence = f"{old.name} is {'now' if after else 'no longer'} deprecated."
        location, values = Location(old, new, "operation"), (before, after)
        yield operation_finding(Level.COMPATIBLE, "operation.deprecated", "deprecated", sentence, location, values)
    calls = [operation.raw.get("callbacks") for operation in (old, new)]
    if not same(*calls):
        digests = (_digest(calls[0]), _digest(calls[1]))
        level = Level.BREAKING if calls[0] else Level.COMPATIBLE
        kind, location = "operation.callbacks", Location(old, new, "callbacks")
        sentence, is_unsure = "The callbacks changed.", None not in digests
        yield operation_finding(level, kind, "callbacks", sentence, location, digests, cannot_tell=is_unsure)


def _webhooks(old: Document, new: Document) -> Iterator[Finding]:
    """Webhooks are compared as a whole: this client receives none."""
    before, after = old.get("webhooks", {}), new.get("webhooks", {})
    for name in {**before, **after}:
        if not same(before.get(name), after.get(name)):
            pointer = join("/webhooks", name)
            yield finding(
                Level.BREAKING if name in before else Level.COMPATIBLE,
                "webhook",
                ("webhook", name),
                f"webhook {name}",
                f"The webhook {name} {'is new' if name not in before else 'changed' if name in after else 'was removed'}.",
                (_digest(before.get(name)), _digest(after.get(name))),
                (pointer, pointer),
                Location(),
                cannot_tell=name in before and name in after,
            )


def _digest(value: object) -> str | None:
    return None if value is None else fingerprint(value)

"""Whether a schema allows a value, decided by jsonschema."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators
from jsonschema.exceptions import UnknownType
from jsonschema.protocols import Validator

from ...errors import SpecError
from .constraints import compiled
from .schema import Resolver, Schema

_DATE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S*")
_FORMATS: Final = FormatChecker(("date", "email", "ipv4", "ipv6", "uuid"))
_UNRESTRICTED: Final = frozenset({"password", "byte", "binary", "float", "double", "decimal", "int32", "int64"})
"""Formats that allow every value of their type."""


@_FORMATS.checks("date-time", ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or bool(_DATE_TIME.fullmatch(value) and dt.datetime.fromisoformat(value))


@_FORMATS.checks("uri")
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or _URI.fullmatch(value) is not None


def accepts(schema: Schema, value: Any, side: str = "") -> bool | None:
    """Whether a schema allows a value; None where that depends on a format or pattern that cannot be checked here.

    ``side`` is ``request`` or ``response`` where readOnly or writeOnly count: such a member need not be there.
    """
    lenient, strict = (_is_valid(schema, value, side, unknown_matches=matches) for matches in (True, False))
    return lenient if lenient == strict else None


def matches_format(name: str, value: str) -> bool | None:
    """Whether a text has a format; None if the format is not known here."""
    if name in _FORMATS.checkers:
        return _FORMATS.conforms(value, name)
    return True if name in _UNRESTRICTED else None


def _is_valid(schema: Schema, value: Any, side: str, *, unknown_matches: bool) -> bool:
    key = (side, unknown_matches)
    known = schema.resolver.validators
    if key not in known:
        known[key] = _validator(schema.resolver, side, unknown_matches=unknown_matches)
    try:
        return all(known[key].evolve(schema=given.value).is_valid(value) for given in schema.given)
    except (AttributeError, TypeError, UnknownType) as problem:
        raise SpecError(schema.pointer, f"is not a valid JSON Schema: {problem}") from None


def _validator(resolver: Resolver, side: str, *, unknown_matches: bool) -> Validator:
    def check_format(_: Validator, name: Any, value: Any, __: Any) -> Iterator[ValidationError]:
        if isinstance(value, str) and isinstance(name, str):
            matches = matches_format(name, value)
            if not (unknown_matches if matches is None else matches):
                yield ValidationError(f"does not match the format {name}")

    def check_pattern(_: Validator, pattern: Any, value: Any, __: Any) -> Iterator[ValidationError]:
        if isinstance(value, str) and isinstance(pattern, str):
            regex = compiled(pattern)
            if not (unknown_matches if regex is None else regex.search(value)):
                yield ValidationError(f"does not match {pattern}")

    def check_required(_: Validator, names: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
        missing = [name for name in names if name not in value] if isinstance(value, dict) else []
        if missing:
            own = resolver.schema(schema, "")
            yield from (
                ValidationError(f"{name} is missing") for name in missing if not own.member(name).is_hidden(side)
            )

    extended = validators.extend(  # type: ignore[no-untyped-call]
        Draft202012Validator,
        {"format": check_format, "pattern": check_pattern, "required": check_required, "multipleOf": _check_multiple},
    )
    made: Validator = extended(resolver.document)
    return made


def _check_multiple(_: Validator, step: Any, value: Any, __: Any) -> Iterator[ValidationError]:
    """Exact, where binary floating point would refuse 0.3 as a multiple of 0.1."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and step and (Fraction(str(value)) / Fraction(str(step))).denominator != 1:
        yield ValidationError(f"is not a multiple of {step}")

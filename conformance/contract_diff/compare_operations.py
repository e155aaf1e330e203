"""Compare two operations: parameters, body, responses with their headers and media types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from conformance.contract_diff.change import Audience, Change, Impact
from conformance.contract_diff.compare_schemas import SchemaWalk
from conformance.contract_diff.elements import (
    BACKEND,
    EXHAUSTIVE,
    NONE,
    RECEIVER,
    SENDER,
    Impacts,
    Scribe,
)
from conformance.contract_diff.schema_change import Direction
from conformance.contract_diff.surface import (
    Operation,
    Part,
    Surface,
    content,
    headers,
    item_schema,
)
from conformance.contract_diff.value_relation import Comparison

_SERIALIZED = ("style", "explode", "allowReserved")
_STYLES = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}


class OperationComparison:
    """Compares operations of two surfaces."""

    def __init__(self, old: Surface, new: Surface) -> None:
        self._old, self._new = old, new
        self._sets = Comparison(old.schemas, new.schemas)

    def compare(self, old: Operation, new: Operation, scribe: Scribe) -> Iterator[Change]:
        """Yield the changes, apart from those of security."""
        yield from self._names(scribe, old, new)
        yield from _deprecation(scribe, "operation", "operation", old.part, new.part)
        if old.part.value.get("callbacks") != new.part.value.get("callbacks"):
            places = ((*old.part.route, "callbacks"), (*new.part.route, "callbacks"))
            undecided = dict.fromkeys(Audience, Impact.UNDECIDED)
            message = "The callbacks changed; they are not compared."
            yield scribe.change("callbacks-changed", "callbacks", message, places, undecided)
        yield from self._parameters(scribe, old, new)
        yield from self._body(scribe, old, new)
        yield from self._responses(scribe, old, new)

    def _names(self, scribe: Scribe, old: Operation, new: Operation) -> Iterator[Change]:
        generated: Impacts = {
            Audience.SENDER: Impact.GENERATED,
            Audience.RECEIVER: Impact.GENERATED,
        }
        before, after = (each.part.value.get("operationId") for each in (old, new))
        if before != after:
            places = ((*old.part.route, "operationId"), (*new.part.route, "operationId"))
            message = f"The operationId changes from {before} to {after}."
            yield scribe.change("operation-id-changed", "operation", message, places, generated)
        if old.path_names != new.path_names:
            message = f"Path parameters are renamed: {_listed(old)} to {_listed(new)}."
            places = (old.part.route[:2], new.part.route[:2])
            yield scribe.change(
                "path-parameter-renamed",
                "path",
                message,
                places,
                {Audience.SENDER: Impact.GENERATED},
            )

    def _parameters(self, scribe: Scribe, old: Operation, new: Operation) -> Iterator[Change]:
        for key in sorted({*old.parameters, *new.parameters}):
            before, after = old.parameters.get(key), new.parameters.get(key)
            where, name = key[0], (after or before or Part({}, ())).value["name"]
            label = f"{where} parameter {name}"
            if before and after:
                yield from self._parameter(scribe, before, after, label)
            elif after:
                required = bool(after.value.get("required"))
                yield scribe.change(
                    f"{'required-' if required else ''}parameter-added",
                    label,
                    f"`{name}` is added{' and required' if required else ''}.",
                    (None, after.route),
                    {**BACKEND, **(SENDER if required else NONE)},
                    f"a request without `{name}`" if required else "",
                )
            elif before:
                yield scribe.change(
                    "parameter-removed",
                    label,
                    f"`{name}` is removed.",
                    (before.route, None),
                    SENDER,
                    f"a request with `{name}`",
                )

    def _parameter(self, scribe: Scribe, before: Part, after: Part, label: str) -> Iterator[Change]:
        yield from _deprecation(scribe, "parameter", label, before, after)
        yield from _requiredness(scribe, "parameter", label, before, after)
        old, new = _serialization(before), _serialization(after)
        if old != new:
            yield scribe.change(
                "parameter-serialization-changed",
                label,
                f"It is written as {new} instead of {old}.",
                (before.route, after.route),
                {**SENDER, **BACKEND},
            )
        else:
            yield from self._schemas(scribe, "parameter", label, before, after, Direction.REQUEST)

    def _body(self, scribe: Scribe, old: Operation, new: Operation) -> Iterator[Change]:
        if old.body is None and new.body is None:
            return
        if old.body is None and new.body is not None:
            required = bool(new.body.value.get("required"))
            yield scribe.change(
                f"{'required-' if required else ''}request-body-added",
                "request body",
                f"A body is added{' and required' if required else ''}.",
                (None, new.body.route),
                {**BACKEND, **(SENDER if required else NONE)},
                "a request without a body" if required else "",
            )
        elif old.body is not None and new.body is None:
            yield scribe.change(
                "request-body-removed",
                "request body",
                "The body is removed.",
                (old.body.route, None),
                SENDER,
                "a request with a body",
            )
        elif old.body is not None and new.body is not None:
            yield from _requiredness(scribe, "request-body", "request body", old.body, new.body)
            yield from self._content(scribe, "request body", old.body, new.body, Direction.REQUEST)

    def _responses(self, scribe: Scribe, old: Operation, new: Operation) -> Iterator[Change]:
        for code in sorted({*old.responses, *new.responses}):
            before, after = old.responses.get(code), new.responses.get(code)
            if before and after:
                yield from self._response(scribe, code, before, after)
            elif after:
                wider = _covering(code, old.responses)
                if wider and wider not in new.responses:
                    yield from self._another_range(scribe, wider, code, old, new)
                elif wider:
                    yield from self._response(scribe, code, old.responses[wider], after)
                elif not any(_covering(each, {code: after}) for each in old.responses):
                    yield scribe.change(
                        "response-added",
                        f"response {code}",
                        f"The status code {code} is added.",
                        (None, after.route),
                        EXHAUSTIVE,
                        f"a response {code}",
                    )
            elif before and not _narrower(code, new.responses):
                wider = _covering(code, new.responses)
                if wider and wider not in old.responses:
                    yield from self._another_range(scribe, code, wider, old, new)
                elif wider:
                    yield from self._response(scribe, code, before, new.responses[wider])
                else:
                    success = code.startswith("2")
                    yield scribe.change(
                        "response-removed",
                        f"response {code}",
                        f"The status code {code} is removed.",
                        (before.route, None),
                        {**BACKEND, **(RECEIVER if success else NONE)},
                    )

    def _another_range(
        self, scribe: Scribe, was: str, becomes: str, old: Operation, new: Operation
    ) -> Iterator[Change]:
        """Yield the changes of a response whose status codes become fewer or more."""
        before, after = old.responses[was], new.responses[becomes]
        if _covering(becomes, {was: before}):
            kind, code, effect, impacts = "narrowed", becomes, "no longer allowed", BACKEND
        else:
            kind, code, effect, impacts = "widened", was, "possible", EXHAUSTIVE
        yield scribe.change(
            f"response-range-{kind}",
            f"response {code}",
            f"{was} becomes {becomes}: other status codes are {effect}.",
            (before.route, after.route),
            impacts,
        )
        yield from self._response(scribe, code, before, after)

    def _response(self, scribe: Scribe, code: str, before: Part, after: Part) -> Iterator[Change]:
        where = f"response {code}"
        yield from self._headers(scribe, where, before, after)
        yield from self._content(scribe, where, before, after, Direction.RESPONSE)

    def _headers(self, scribe: Scribe, where: str, before: Part, after: Part) -> Iterator[Change]:
        old = headers(self._old.document, before)
        new = headers(self._new.document, after)
        for key in sorted({*old, *new}):
            name = (new.get(key) or old[key])[0]
            label = f"{where} header {name}"
            if key in old and key in new:
                first, second = old[key][1], new[key][1]
                yield from _deprecation(scribe, "header", label, first, second)
                yield from _header_requiredness(scribe, label, first, second)
                yield from self._schemas(scribe, "header", label, first, second, Direction.RESPONSE)
            elif key in new:
                part = new[key][1]
                impacts = BACKEND if part.value.get("required") else NONE
                message = f"The header {name} is added."
                yield scribe.change("header-added", label, message, (None, part.route), impacts)
            else:
                message = f"The header {name} is removed."
                places = (old[key][1].route, None)
                example = f"a response without {name}"
                yield scribe.change("header-removed", label, message, places, RECEIVER, example)

    def _content(
        self, scribe: Scribe, where: str, before: Part, after: Part, direction: Direction
    ) -> Iterator[Change]:
        request = direction is Direction.REQUEST
        prefix = "request" if request else "response"
        old, new = content(before), content(after)
        for media in sorted({*old, *new}):
            first, second = _media(media, old), _media(media, new)
            if first and second:
                yield from self._schemas(
                    scribe, prefix, f"{where} {media}", first, second, direction
                )
            elif second:
                yield scribe.change(
                    f"{prefix}-media-type-added",
                    f"{where} {media}",
                    f"The media type {media} is added.",
                    (None, second.route),
                    BACKEND if request else EXHAUSTIVE,
                )
            elif first:
                # If a range becomes one of its media types, receivers get a type they know.
                narrowed = any(fnmatchcase(each, media) for each in new)
                reading = BACKEND if narrowed else {**RECEIVER, **BACKEND}
                yield scribe.change(
                    f"{prefix}-media-type-removed",
                    f"{where} {media}",
                    f"The media type {media} is removed.",
                    (first.route, None),
                    SENDER if request else reading,
                )

    def _schemas(
        self,
        scribe: Scribe,
        prefix: str,
        where: str,
        before: Part,
        after: Part,
        direction: Direction,
    ) -> Iterator[Change]:
        """Compare the schemas of two parts; those of a stream's items where both have them."""
        documents = (self._old.document, self._new.document)
        items = (item_schema(before), item_schema(after))
        pairs = []
        if items[0] and items[1]:
            pairs.append((items[0], items[1], "[]"))
        if "schema" in before.value or "schema" in after.value:
            both = "schema" in before.value and "schema" in after.value
            if both or not pairs:
                pairs.append((before.node("schema"), after.node("schema"), ""))
        if "content" in before.value and "content" in after.value:
            media = next(iter(after.value["content"]))
            keys = ("content", media, "schema")
            pairs.append((before.node(*keys), after.node(*keys), ""))
        walk = SchemaWalk(documents, self._sets, direction)
        for old, new, at in pairs:
            for found in walk.compare(old, new, at):
                yield scribe.schema_change(found, prefix, where, direction)


def _listed(operation: Operation) -> str:
    return ", ".join(operation.path_names)


def _deprecation(
    scribe: Scribe, prefix: str, where: str, before: Part, after: Part
) -> Iterator[Change]:
    now = bool(after.value.get("deprecated"))
    if bool(before.value.get("deprecated")) != now:
        places = ((*before.route, "deprecated"), (*after.route, "deprecated"))
        message = f"It is {'now' if now else 'no longer'} deprecated."
        yield scribe.change(f"{prefix}-{'' if now else 'un'}deprecated", where, message, places)


def _requiredness(
    scribe: Scribe, prefix: str, where: str, before: Part, after: Part
) -> Iterator[Change]:
    required = bool(after.value.get("required"))
    if bool(before.value.get("required")) != required:
        places = ((*before.route, "required"), (*after.route, "required"))
        kind = "required" if required else "optional"
        impacts = SENDER if required else BACKEND
        example = "a request without it"
        message = f"It becomes {kind}."
        yield scribe.change(f"{prefix}-became-{kind}", where, message, places, impacts, example)


def _header_requiredness(scribe: Scribe, where: str, before: Part, after: Part) -> Iterator[Change]:
    required = bool(after.value.get("required"))
    if bool(before.value.get("required")) != required:
        places = ((*before.route, "required"), (*after.route, "required"))
        kind = "required" if required else "optional"
        impacts = BACKEND if required else RECEIVER
        message = f"It becomes {kind}."
        yield scribe.change(f"header-became-{kind}", where, message, places, impacts)


def _serialization(part: Part) -> str:
    """Return how the value is written, in words, defaults filled in."""
    value = part.value
    if "content" in value:
        return str(next(iter(value["content"])))
    style = value.get("style", _STYLES.get(value["in"], "form"))
    explode = value.get("explode", style == "form")
    reserved = ", reserved characters as they are" if value.get("allowReserved") else ""
    return f"{style}{', exploded' if explode else ''}{reserved}"


def _covering(code: str, responses: Mapping[str, Part]) -> str:
    """Return the range or default that stands for the code, if there is one."""
    for wide in (f"{code[0]}XX", f"{code[0]}xx", "default"):
        if wide in responses and wide != code:
            return wide
    return ""


def _narrower(code: str, responses: Mapping[str, Part]) -> bool:
    """Return whether a range is replaced by status codes of its own."""
    return code.upper().endswith("XX") and any(each[0] == code[0] for each in responses)


def _media(media: str, known: dict[str, Part]) -> Part | None:
    """Return the media type itself, or the range of media types that it belongs to."""
    if media in known:
        return known[media]
    ranges = [each for each in known if "*" in each and fnmatchcase(media, each)]
    return known[max(ranges, key=len)] if ranges else None

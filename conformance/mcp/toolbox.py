"""Tools over the Model Context Protocol: a function with typed arguments and a typed result.

The docstring of the function is what an agent reads, its parameter and its result are models. An
error that the agent can do something about is a result with its text; unknown arguments are errors.
"""

import inspect
import json
import re
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Generic, TypeVar

from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema

from conformance import __version__
from conformance.errors import KitError
from conformance.redaction import visible

_MAX_SHOWN = 80
_MAX_ERRORS = 5
_MAX_RESULT = 32_768
"""Characters of a result; what is larger would fill the context of an agent."""

_EXPECTED = re.compile(r"^\w+ should (be |have )?")

C = TypeVar("C")
Context = ServerRequestContext[Any, Any]


class Arguments(BaseModel):
    """The base of the arguments of a tool; unknown ones are errors."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Result(BaseModel):
    """The base of the result of a tool."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


def _parsed(value: Any) -> Any:
    """Return the value in JSON text: some clients send objects and lists as text."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def shorten(limit: int) -> Callable[[str], str]:
    """Return a function that cuts a text after `limit` characters."""
    return lambda text: text if len(text) <= limit else f"{text[: limit - 3]}..."


FROM_JSON = BeforeValidator(_parsed)
Line = Annotated[str, AfterValidator(shorten(120))]
Text = Annotated[str, AfterValidator(shorten(400))]


class _Schema(GenerateJsonSchema):
    """Short schemas, since an agent reads them: no titles that repeat names, no docstrings, and
    no null where leaving an argument out is the same."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def generate(self, schema: Any, mode: Any = "validation") -> dict[str, Any]:
        found = super().generate(schema, mode)
        for each in (found, *found.get("$defs", {}).values()):
            each.pop("title", None)
            each.pop("description", None)
            for name, field in each.get("properties", {}).items():
                each["properties"][name] = _shorten_schema(field, given=mode == "validation")
        return found


def _shorten_schema(field: dict[str, Any], *, given: bool) -> dict[str, Any]:
    """Return the schema of a field, with null as a type or, where it is the default, left out."""
    others = [each for each in field.get("anyOf", ()) if each != {"type": "null"}]
    if len(others) != 1 or len(field["anyOf"]) != 2:
        return field
    rest = {key: value for key, value in field.items() if key != "anyOf"}
    if given and rest.get("default", 0) is None:
        del rest["default"]
        return {**others[0], **rest}
    if isinstance(others[0].get("type"), str):
        return {**others[0], "type": [others[0]["type"], "null"], **rest}
    return field


@dataclass(frozen=True, slots=True)
class Tool(Generic[C]):
    """A tool. `reads` says that it sends nothing to an API."""

    run: Callable[[Any, C], Awaitable[Result]]
    arguments: type[Arguments]
    result: type[Result]
    reads: bool

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.run.__name__

    @property
    def description(self) -> str:
        """The docstring of the function on one line."""
        return " ".join((inspect.getdoc(self.run) or "").split())

    @property
    def summary(self) -> str:
        """The first sentence of the description, without its explanations."""
        return re.split(r"[.:] |, by |, and ", self.description)[0].rstrip(".") + "."

    def describe(self) -> types.Tool:
        """Return the tool as a client lists it."""
        return types.Tool(
            name=self.name,
            description=self.description,
            input_schema=self.arguments.model_json_schema(schema_generator=_Schema),
            output_schema=self.result.model_json_schema(
                mode="serialization", schema_generator=_Schema
            ),
            annotations=types.ToolAnnotations(
                read_only_hint=self.reads,
                destructive_hint=False,
                idempotent_hint=self.reads,
                open_world_hint=not self.reads,
            ),
        )


def tool(run: Callable[[Any, C], Awaitable[Result]], *, reads: bool = False) -> Tool[C]:
    """Return the tool of a function `(arguments, context) -> result`."""
    kinds = inspect.get_annotations(run, eval_str=True)
    return Tool(run, next(iter(kinds.values())), kinds["return"], reads)


def server(
    name: str,
    instructions: str,
    tools: Iterable[Tool[C]],
    context: Callable[[Context], C],
    lifespan: Callable[[Server[Any]], AbstractAsyncContextManager[Any]],
) -> Server[Any]:
    """Return a server with these tools; each call gets the `context` of its request, and
    `lifespan` is entered while it serves."""
    known = {each.name: each for each in tools}
    listed = types.ListToolsResult(tools=[each.describe() for each in known.values()])

    async def list_tools(_: Context, __: types.PaginatedRequestParams | None) -> Any:
        return listed

    async def call_tool(ctx: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        chosen = known.get(params.name)
        if chosen is None:
            return _error(_unknown("tool", params.name[:_MAX_SHOWN], known))
        try:
            given = chosen.arguments.model_validate(params.arguments or {})
        except ValidationError as error:
            return _error(_explain(error, chosen.arguments))
        try:
            return _success(await chosen.run(given, context(ctx)))
        except KitError as error:
            return _error(" ".join(f"{message} {hint}" for message, hint in error.parts))
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            return _error(f"{chosen.name}: internal error ({type(error).__name__}).")

    return Server(
        name,
        version=__version__,
        instructions=instructions,
        lifespan=lifespan,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _success(result: Result) -> types.CallToolResult:
    content = result.model_dump(mode="json", by_alias=True)
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    if len(text) > _MAX_RESULT:
        return _error(
            f"the result has {len(text)} characters, expected at most {_MAX_RESULT}. "
            "Ask for less with limit."
        )
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)], structured_content=content
    )


def _error(text: str) -> types.CallToolResult:
    content = types.TextContent(type="text", text=shorten(2_000)(visible(" ".join(text.split()))))
    return types.CallToolResult(content=[content], is_error=True)


def _explain(error: ValidationError, arguments: type[Arguments]) -> str:
    """Return each invalid argument with what was expected."""
    errors = error.errors(include_url=False)
    return " ".join(_explain_one(one, arguments) for one in errors[:_MAX_ERRORS])


def _explain_one(one: Any, arguments: type[Arguments]) -> str:
    where = ".".join(map(str, one["loc"])) or "the arguments"
    where = shorten(_MAX_SHOWN)(where)
    if one["type"] == "extra_forbidden":
        known = [field.alias or name for name, field in arguments.model_fields.items()]
        return _unknown("argument", where, known)
    if one["type"] == "missing":
        return f"{where}: expected a value, got none."
    message = str(one["msg"]).removeprefix("Value error, ")
    message = _EXPECTED.sub("expected ", message.replace("should match", "should be text matching"))
    if not message.startswith("expected "):
        message = f"expected another value ({message})"
    if "token" in where.lower():  # It may be a secret.
        return f"{where}: {message}, got another text."
    given = shorten(_MAX_SHOWN)(repr(one["input"])[: _MAX_SHOWN * 2])
    return f"{where}: {message}, got {given}."


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Return the message for a `name` that is none of `known`, with the nearest of them."""
    listed = list(known)
    near = get_close_matches(name, listed, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{what}: expected one of {', '.join(listed)}, got {name!r}.{hint}"

"""The tools, resources and prompts that the public conformance suite asks for, served by our own machinery.

The offer is the suite's; what serves it is what serves Mainstay's: the guard, the transport, the scopes, the check of
arguments. What was really called is counted, since a suite that finds no tool may pass all the same.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import mcp_types as types
from mcp.shared.exceptions import MCPError
from starlette.types import ASGIApp

from mainstay.kernel.errors import CommandRefused, NotFound
from mainstay.mcp_server.house import House
from mainstay.mcp_server.http import Door, who
from mainstay.mcp_server.offer import ANYBODY, Call, Offer, Parameter, Prompt, Resource, Template, Tool
from mainstay.mcp_server.schema import closed
from mainstay.mcp_server.server import Serving, Turns, build

CALLED: Counter[str] = Counter()
NOTHING = closed({})


def asgi(front: House) -> ASGIApp:
    """The application, as `mainstay.mcp_server.http.asgi` makes it of the product's offer."""
    serving = Serving(OFFER, front, who, Turns())
    return Door(build("conformance", "Conformance", "What the suite asks for.", serving, OFFER))


def _png() -> str:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    raw = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\x00\xff\x00\x00")) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + raw).decode()


def _wav() -> str:
    sound = b"\x00\x00" * 8
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8_000, 16_000, 2, 16)
    body = b"WAVE" + form + struct.pack("<4sI", b"data", len(sound)) + sound
    return base64.b64encode(struct.pack("<4sI", b"RIFF", len(body)) + body).decode()


PNG, WAV = _png(), _wav()


def _text(text: str) -> types.TextContent:
    return types.TextContent(type="text", text=text)


def _image() -> types.ImageContent:
    return types.ImageContent(type="image", data=PNG, mime_type="image/png")


def _embedded(uri: str, text: str, media_type: str = "text/plain") -> types.EmbeddedResource:
    contents = types.TextResourceContents(uri=uri, mime_type=media_type, text=text)
    return types.EmbeddedResource(type="resource", resource=contents)


def _answers(*content: types.ContentBlock) -> Callable[[Call], Awaitable[types.CallToolResult]]:
    async def run(call: Call) -> types.CallToolResult:
        return types.CallToolResult(content=list(content))

    return run


async def _refuses(call: Call) -> types.CallToolResult:
    raise CommandRefused("This tool intentionally returns an error for testing")


async def _tells_progress(call: Call) -> types.CallToolResult:
    for done in (0, 50, 100):
        await call.progress(done, 100, f"{done} of 100")
    return types.CallToolResult(content=[_text("It is done.")])


async def _logs(call: Call) -> types.CallToolResult:
    # Nothing of the log goes to a client, asked or not; the suite looks that nothing does.
    return types.CallToolResult(content=[_text("It is logged, and not here.")])


async def _needs_sampling(call: Call) -> types.CallToolResult:
    raise MCPError(
        code=types.MISSING_REQUIRED_CLIENT_CAPABILITY,
        message="This needs a client that samples.",
        data={"requiredCapabilities": {"sampling": {}}},
    )


async def _echoes(call: Call) -> types.CallToolResult:
    return types.CallToolResult(content=[_text(str(call.given))])


JSON_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


def _tool(name: str, run: Any, takes: dict[str, Any] = NOTHING) -> Tool:
    async def counted(call: Call) -> Any:
        CALLED[name] += 1
        return await run(call)

    return Tool(name, name, f"What the suite asks for as {name}.", ANYBODY, takes, counted)


TOOLS = (
    _tool("test_simple_text", _answers(_text("This is a simple text response for testing."))),
    _tool("test_image_content", _answers(_image())),
    _tool("test_audio_content", _answers(types.AudioContent(type="audio", data=WAV, mime_type="audio/wav"))),
    _tool(
        "test_embedded_resource",
        _answers(_embedded("test://embedded-resource", "This is an embedded resource content.")),
    ),
    _tool(
        "test_multiple_content_types",
        _answers(
            _text("Multiple content types test:"),
            _image(),
            _embedded("test://mixed-content-resource", '{"test":"data","value":123}', "application/json"),
        ),
    ),
    _tool("test_error_handling", _refuses),
    _tool("test_tool_with_progress", _tells_progress),
    _tool("test_logging_tool", _logs),
    _tool("test_missing_capability", _needs_sampling),
    _tool("test_streaming_elicitation", _tells_progress),
    _tool("json_schema_2020_12_tool", _echoes, JSON_SCHEMA),
    _tool("test_custom_header", _echoes, closed({"region": {"type": "string", "x-mcp-header": "Region"}})),
)


def _said(role: Any, *content: types.ContentBlock) -> types.GetPromptResult:
    return types.GetPromptResult(messages=[types.PromptMessage(role=role, content=one) for one in content])


async def _simple(call: Call) -> types.GetPromptResult:
    return _said("user", _text("This is a simple prompt for testing."))


async def _with_arguments(call: Call) -> types.GetPromptResult:
    one, two = call.given["arg1"], call.given["arg2"]
    return _said("user", _text(f"Prompt with arguments: arg1='{one}', arg2='{two}'"))


async def _with_resource(call: Call) -> types.GetPromptResult:
    embedded = _embedded(call.given["resourceUri"], "Embedded resource content for testing.")
    return _said("user", embedded, _text("Please process the embedded resource above."))


async def _with_image(call: Call) -> types.GetPromptResult:
    return _said("user", _image(), _text("Please analyze the image above."))


def _prompt(name: str, make: Any, *parameters: str) -> Prompt:
    async def counted(call: Call) -> Any:
        CALLED[name] += 1
        return await make(call)

    found = tuple(Parameter(one, f"the {one}") for one in parameters)
    return Prompt(name, name, f"What the suite asks for as {name}.", ANYBODY, counted, found)


PROMPTS = (
    _prompt("test_simple_prompt", _simple),
    _prompt("test_prompt_with_arguments", _with_arguments, "arg1", "arg2"),
    _prompt("test_prompt_with_embedded_resource", _with_resource, "resourceUri"),
    _prompt("test_prompt_with_image", _with_image),
)
RESOURCES = (
    Resource("test://static-text", "static-text", "Text", "A static text.", ANYBODY, "text/plain"),
    Resource("test://static-binary", "static-binary", "Image", "A static image.", ANYBODY, "image/png"),
)
TEMPLATES = (
    Template(
        "test://template/{id}/data", "template", "By id", "One part varies.", ANYBODY, "application/json"
    ),
)
FIRST, LAST = "test://template/", "/data"


async def _read(call: Call, uri: str) -> types.ReadResourceResult:
    CALLED[uri] += 1
    if uri == "test://static-text":
        text = "This is the content of the static text resource."
        return _contents(types.TextResourceContents(uri=uri, mime_type="text/plain", text=text))
    if uri == "test://static-binary":
        return _contents(types.BlobResourceContents(uri=uri, mime_type="image/png", blob=PNG))
    if uri.startswith(FIRST) and uri.endswith(LAST):
        named = uri.removeprefix(FIRST).removesuffix(LAST)
        text = f'{{"id":"{named}","templateTest":true,"data":"Data for ID: {named}"}}'
        return _contents(types.TextResourceContents(uri=uri, mime_type="application/json", text=text))
    raise NotFound("There is no such resource.")


def _contents(one: types.TextResourceContents | types.BlobResourceContents) -> types.ReadResourceResult:
    return types.ReadResourceResult(contents=[one])


async def _complete(call: Call) -> Sequence[str]:
    CALLED["completion"] += 1
    return ["paris", "park", "party"]


OFFER = Offer(TOOLS, RESOURCES, TEMPLATES, PROMPTS, _read, complete=_complete)
NEEDED = frozenset(
    {one.name for one in TOOLS if one.name != "json_schema_2020_12_tool"}  # which is listed, and never called
    | {one.name for one in PROMPTS}
    | {one.uri for one in RESOURCES}
    | {"test://template/123/data", "completion"}
)

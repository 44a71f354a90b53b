"""What is offered, as the protocol lists it: a page at a time, with the cursor to the next."""

from __future__ import annotations

from collections.abc import Sequence

import mcp_types as types

from mainstay.mcp_server.offer import Prompt, Resource, Template, Tool


def tools(page: Sequence[Tool], after: str | None) -> types.ListToolsResult:
    """What can be done."""
    return types.ListToolsResult(tools=[_tool(one) for one in page], next_cursor=after)


def resources(page: Sequence[Resource], after: str | None) -> types.ListResourcesResult:
    """What can be read by an address of its own."""
    return types.ListResourcesResult(resources=[_resource(one) for one in page], next_cursor=after)


def templates(page: Sequence[Template], after: str | None) -> types.ListResourceTemplatesResult:
    """How addresses are made of what else can be read."""
    return types.ListResourceTemplatesResult(
        resource_templates=[_template(one) for one in page], next_cursor=after
    )


def prompts(page: Sequence[Prompt], after: str | None) -> types.ListPromptsResult:
    """The questions worth asking."""
    return types.ListPromptsResult(prompts=[_prompt(one) for one in page], next_cursor=after)


def _tool(one: Tool) -> types.Tool:
    return types.Tool(
        name=one.name,
        title=one.title,
        description=one.description,
        input_schema=one.takes,
        output_schema=one.gives,
        annotations=types.ToolAnnotations(
            title=one.title,
            read_only_hint=one.reads_only,
            idempotent_hint=one.same_twice,
            destructive_hint=one.destroys,
            open_world_hint=False,
        ),
    )


def _resource(one: Resource) -> types.Resource:
    return types.Resource(
        uri=one.uri,
        name=one.name,
        title=one.title,
        description=one.description,
        mime_type=one.media_type,
    )


def _template(one: Template) -> types.ResourceTemplate:
    return types.ResourceTemplate(
        uri_template=one.pattern,
        name=one.name,
        title=one.title,
        description=one.description,
        mime_type=one.media_type,
    )


def _prompt(one: Prompt) -> types.Prompt:
    return types.Prompt(
        name=one.name,
        title=one.title,
        description=one.description,
        arguments=[
            types.PromptArgument(name=each.name, description=each.description, required=each.required)
            for each in one.parameters
        ],
    )

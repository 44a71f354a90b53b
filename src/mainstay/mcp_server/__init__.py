"""The MCP server: what a client of the Model Context Protocol may see, start and propose here.

    client        who asks, and what it was granted
    house         how the SDK is used on its behalf, without keeping the protocol waiting
    schema        the JSON schemas that we check ourselves, before anything is done
    outside       text of others, marked as data
    offer         tools, resources and prompts, as one value
    tools/        one file a noun
    resources     runs, cards and memories by their address
    prompts       questions worth asking
    server        the offer as a server of the protocol
    stdio, http   the two ways in

Rules of the package: it calls the SDK (`mainstay.workspace`) and decides nothing. A client proposes; it approves only
where the operator granted exactly that to a client of their own. The protocol's library is needed here and nowhere
else: `pip install "mainstay[mcp]"`.
"""

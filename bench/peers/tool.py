"""One tool with FastMCP: streamable HTTP without sessions, JSON answers, bearer tokens that it is told of with the scope that
the tool needs, and an agent as structured content. Nothing is logged or audited."""

import asyncio

import uvicorn
from fastmcp import FastMCP
from fastmcp.server.auth.providers.jwt import StaticTokenVerifier

from told import listening, told

asked = told()
agents = asked["agents"]
tokens = {
    token: {"client_id": agent, "scopes": ["agents:read"], "agent": agent}
    for token, agent in asked["tokens"].items()
}
server = FastMCP("peer", auth=StaticTokenVerifier(tokens=tokens, required_scopes=["agents:read"]))


@server.tool
def get_agent_status(agent_id: str) -> dict:
    """The agent and its wallet's address."""
    return agents[agent_id]


app = server.http_app(path="/mcp", transport="http", stateless_http=True, json_response=True)
# As FastMCP brings it: what makes uvicorn faster is installed for another peer.
config = uvicorn.Config(app, log_level="warning", http="h11", loop="asyncio")
asyncio.run(uvicorn.Server(config).serve(sockets=[listening()]))

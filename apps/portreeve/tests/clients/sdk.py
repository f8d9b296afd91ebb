"""The official SDK for Python, as an agent's program uses it: it knows an address and nothing else. `v1` is the older
package, which speaks the handshake alone; it is installed beside the other and not with it. At the vault it lists, reads and
searches; at the wallet it looks at the balance."""

import asyncio
import json
import os
import sys
import threading
import traceback
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlparse

from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata
from mcp.shared._httpx_utils import create_mcp_http_client

OLD = sys.argv[1:] == ["v1"]
if OLD:
    from mcp import ClientSession
else:
    from mcp import Client
    from mcp.client.auth import AuthorizationCodeResult

FACE = os.environ.get("PORTREEVE_FACE")
ENDPOINT = os.environ["PORTREEVE_ORIGIN"] + (FACE or "/mcp")


def say(what):
    print(json.dumps(what), flush=True)


class Callback:
    """An address on this machine to which a browser comes back."""

    def __init__(self):
        self.came = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                page = b"<!doctype html><title>back</title><main>Back at the program</main>"
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.send_header("content-length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)
                if self.path.startswith("/callback?"):
                    outer.query = parse_qs(urlparse(self.path).query)
                    outer.came.set()

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/callback"

    async def answer(self):
        await asyncio.to_thread(self.came.wait)
        one = {name: values[0] for name, values in self.query.items()}
        if OLD:
            return one["code"], one.get("state")
        return AuthorizationCodeResult(code=one["code"], state=one.get("state"), iss=one.get("iss"))


class Kept:
    tokens = None
    client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


@asynccontextmanager
async def connected(http):
    if not OLD:
        async with Client(streamable_http_client(ENDPOINT, http_client=http)) as client:
            yield client
        return
    async with streamable_http_client(ENDPOINT, http_client=http) as (read, write, _):
        async with ClientSession(read, write) as client:
            await client.initialize()
            yield client


async def see_vault(client, tools):
    resources = await client.list_resources()
    templates = await client.list_resource_templates()
    first = resources.resources[0].uri
    read = await client.read_resource(first)
    found = await client.call_tool("search", {"query": os.environ["PORTREEVE_WORD"]})
    content = read.contents[0]
    return {
        "tools": sorted(tool.name for tool in tools.tools),
        "isError": bool(found.isError if OLD else found.is_error),
        "found": found.structuredContent if OLD else found.structured_content,
        "uris": [str(one.uri) for one in resources.resources],
        "templates": [one.uriTemplate for one in templates.resourceTemplates]
        if OLD
        else [one.uri_template for one in templates.resource_templates],
        "read": {"uri": str(content.uri), "text": content.text, "mimeType": content.mimeType if OLD else content.mime_type},
    }


async def look(**options):
    async with create_mcp_http_client(**options) as http:
        async with connected(http) as client:
            tools = await client.list_tools()
            if FACE:
                return await see_vault(client, tools)
            balance = await client.call_tool("get_balance", {})
            return {
                "tools": sorted(tool.name for tool in tools.tools),
                "isError": bool(balance.isError if OLD else balance.is_error),
                "balance": balance.structuredContent if OLD else balance.structured_content,
            }


async def program():
    back, kept = Callback(), Kept()

    async def opened(url):
        say({"open": url})

    metadata = OAuthClientMetadata(
        client_name="Python SDK",
        redirect_uris=[back.url],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        token_endpoint_auth_method="none",
    )
    provider = OAuthClientProvider(ENDPOINT, metadata, kept, opened, back.answer)
    by_token = await look(auth=provider)
    # The token is over, and the program goes on by itself.
    before = kept.tokens.refresh_token
    provider.context.token_expiry_time = 1
    after_refresh = await look(auth=provider)
    by_key = await look(headers={"Authorization": "Bearer " + os.environ["PORTREEVE_KEY"]})
    return {
        "byToken": by_token,
        "afterRefresh": after_refresh,
        "refreshed": kept.tokens.refresh_token != before,
        "byKey": by_key,
    }


try:
    say({"done": asyncio.run(program())})
except BaseException:
    say({"failed": traceback.format_exc()})

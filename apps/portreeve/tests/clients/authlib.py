"""Authlib: the code flow and the flow of services, with httpx."""

import json
import os
import sys
import traceback

# This file is named after the library.
sys.path.pop(0)

from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
from authlib.common.security import generate_token
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import OKPKey

ORIGIN = os.environ["PORTREEVE_ORIGIN"]
ENDPOINT = ORIGIN + "/mcp"


def say(what):
    print(json.dumps(what), flush=True)


class Callback(BaseHTTPRequestHandler):
    came = None

    def do_GET(self):
        page = b"<!doctype html><title>back</title><main>Back at the program</main>"
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)
        if self.path.startswith("/callback?"):
            Callback.came = self.path

    def log_message(self, *_):
        pass


def program():
    http = httpx.Client()
    server = http.get(f"{ORIGIN}/.well-known/oauth-authorization-server").json()
    listener = HTTPServer(("127.0.0.1", 0), Callback)
    back = f"http://127.0.0.1:{listener.server_port}/callback"
    registered = http.post(
        server["registration_endpoint"],
        json={
            "client_name": "Authlib",
            "redirect_uris": [back],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        },
    ).json()
    client = OAuth2Client(
        client_id=registered["client_id"],
        token_endpoint_auth_method="none",
        redirect_uri=back,
        scope="wallets:read",
        code_challenge_method="S256",
        token_endpoint=server["token_endpoint"],
        revocation_endpoint_auth_method="none",
    )
    verifier = generate_token(48)
    url, state = client.create_authorization_url(
        server["authorization_endpoint"], code_verifier=verifier, resource=ENDPOINT
    )
    say({"open": url})
    while Callback.came is None:
        listener.handle_request()
    client.fetch_token(
        server["token_endpoint"], authorization_response=back + Callback.came.removeprefix("/callback"),
        code_verifier=verifier, state=state,
    )
    client.refresh_token(server["token_endpoint"])
    api = f"{ORIGIN}/api/v1/agents/{os.environ['PORTREEVE_AGENT']}/balance"
    balance = client.get(api)
    scope, access = client.token["scope"], client.token["access_token"]
    client.revoke_token(server["revocation_endpoint"], token=client.token["refresh_token"])
    after = http.get(api, headers={"Authorization": f"Bearer {access}"})

    service = OAuth2Client(
        client_id=os.environ["PORTREEVE_SERVICE"], client_secret=os.environ["PORTREEVE_SERVICE_SECRET"]
    )
    own = service.fetch_token(server["token_endpoint"], grant_type="client_credentials", resource=ENDPOINT)
    about = service.introspect_token(server["introspection_endpoint"], token=own["access_token"]).json()
    robot = OAuth2Client(
        client_id=os.environ["PORTREEVE_ROBOT"],
        client_secret=OKPKey.import_key(json.loads(os.environ["PORTREEVE_SIGNS_WITH"])),
        token_endpoint_auth_method=PrivateKeyJWT(server["token_endpoint"], alg="EdDSA"),
    )
    signed = robot.fetch_token(server["token_endpoint"], grant_type="client_credentials")
    return {
        "resource": ENDPOINT,
        "scope": scope,
        "balance": balance.status_code,
        "afterRevocation": after.status_code,
        "active": about["active"],
        "bySignature": signed["token_type"],
    }


try:
    say({"done": program()})
except BaseException:
    say({"failed": traceback.format_exc()})

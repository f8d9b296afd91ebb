"""One entity with FastAPI: a middleware verifies an RS256 token and puts its scopes into the request's state, the handler asks for
the scope and finds the entity in a dict. Nothing is logged or audited."""

import time

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI, HTTPException, Request

from told import listening, told

AUDIENCE = "https://peer.example"
UNAUTHORIZED = b'{"detail":"Unauthorized"}'

asked = told()
entities = asked["entities"]
headers = [(name.encode(), value.encode()) for name, value in asked["headers"].items()]
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
public = key.public_key()


class Auth:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["path"] == "/token":
            return await self.app(scope, receive, send)
        header = dict(scope["headers"]).get(b"authorization", b"").decode()
        try:
            claims = jwt.decode(header.removeprefix("Bearer "), public, algorithms=["RS256"], audience=AUDIENCE)
        except jwt.PyJWTError:
            own = [(b"content-type", b"application/json"), (b"content-length", str(len(UNAUTHORIZED)).encode())]
            await send({"type": "http.response.start", "status": 401, "headers": own})
            return await send({"type": "http.response.body", "body": UNAUTHORIZED})
        scope.setdefault("state", {}).update(scope=claims["scope"].split(), sub=claims["sub"])

        async def with_headers(message):
            # As many bytes as what it is compared with.
            if message["type"] == "http.response.start":
                own = {name for name, _ in headers}
                message["headers"] = [*(one for one in message["headers"] if one[0] not in own), *headers]
            await send(message)

        await self.app(scope, receive, with_headers)


app = FastAPI()
app.add_middleware(Auth)


@app.get("/vault/api/v1/entities/{entity_id}")
async def entity(entity_id: str, request: Request):
    if "mcp:read" not in request.state.scope:
        raise HTTPException(403)
    if entity_id not in entities:
        raise HTTPException(404)
    return entities[entity_id]


@app.get("/token")
async def token():
    now = int(time.time())
    claims = {"sub": "u1", "scope": "mcp:read", "aud": AUDIENCE, "iat": now, "exp": now + 36000}
    return {"token": jwt.encode(claims, key, algorithm="RS256")}


uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listening()])

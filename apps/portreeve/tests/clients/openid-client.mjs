// openid-client: the same, by a library that keeps the server's description and the client in one thing.
import { callback, endpoint, origin, provided, run, say } from "./program.mjs";

const client = await import(provided.resolve("openid-client"));

await run(async () => {
  const back = await callback();
  const config = await client.dynamicClientRegistration(
    new URL(origin),
    {
      client_name: "openid-client",
      redirect_uris: [back.url],
      grant_types: ["authorization_code", "refresh_token"],
      token_endpoint_auth_method: "none",
    },
    client.None(),
    { algorithm: "oauth2" },
  );
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: back.url,
    scope: "wallets:read",
    resource: endpoint,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
  });
  say({ open: String(url) });
  const came = await back.answer;
  const tokens = await client.authorizationCodeGrant(config, came, { pkceCodeVerifier: verifier, expectedState: state });
  const next = await client.refreshTokenGrant(config, tokens.refresh_token);
  const api = new URL(`${origin}/api/v1/agents/${process.env.PORTREEVE_AGENT}/balance`);
  const balance = await client.fetchProtectedResource(config, next.access_token, api, "GET");
  await client.tokenRevocation(config, next.refresh_token);
  const after = await fetch(api, { headers: { Authorization: `Bearer ${next.access_token}` } });

  const options = { algorithm: "oauth2" };
  const service = await client.discovery(
    new URL(origin),
    process.env.PORTREEVE_SERVICE,
    undefined,
    client.ClientSecretPost(process.env.PORTREEVE_SERVICE_SECRET),
    options,
  );
  const own = await client.clientCredentialsGrant(service, { resource: endpoint });
  const about = await client.tokenIntrospection(service, own.access_token);
  const key = await crypto.subtle.importKey("jwk", JSON.parse(process.env.PORTREEVE_SIGNS_WITH), { name: "Ed25519" }, false, ["sign"]);
  const robot = await client.discovery(
    new URL(origin),
    process.env.PORTREEVE_ROBOT,
    undefined,
    client.PrivateKeyJwt({ key, kid: "1" }),
    options,
  );
  const signed = await client.clientCredentialsGrant(robot, {});
  return {
    resource: endpoint,
    scope: next.scope,
    balance: balance.status,
    afterRevocation: after.status,
    active: about.active,
    bySignature: signed.token_type,
  };
});

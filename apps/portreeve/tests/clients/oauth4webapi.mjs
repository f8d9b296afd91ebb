// oauth4webapi: the code flow and the flow of services, as its readme has them.
import { callback, endpoint, origin, provided, run, say } from "./program.mjs";

const oauth = await import(provided.resolve("oauth4webapi"));

await run(async () => {
  const issuer = new URL(origin);
  const server = await oauth.processDiscoveryResponse(
    issuer,
    await oauth.discoveryRequest(issuer, { algorithm: "oauth2" }),
  );
  const resource = new URL(endpoint);
  const described = await oauth.processResourceDiscoveryResponse(
    resource,
    await oauth.resourceDiscoveryRequest(resource),
  );

  // A public client of the code flow registers itself.
  const back = await callback();
  const client = await oauth.processDynamicClientRegistrationResponse(
    await oauth.dynamicClientRegistrationRequest(server, {
      client_name: "oauth4webapi",
      redirect_uris: [back.url],
      grant_types: ["authorization_code", "refresh_token"],
      token_endpoint_auth_method: "none",
    }),
  );
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const url = new URL(server.authorization_endpoint);
  for (const [name, value] of Object.entries({
    client_id: client.client_id,
    redirect_uri: back.url,
    response_type: "code",
    scope: "wallets:read",
    resource: endpoint,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
  }))
    url.searchParams.set(name, value);
  say({ open: String(url) });
  const none = oauth.None();
  const parameters = oauth.validateAuthResponse(server, client, await back.answer, state);
  const tokens = await oauth.processAuthorizationCodeResponse(
    server,
    client,
    await oauth.authorizationCodeGrantRequest(server, client, none, parameters, back.url, verifier),
  );
  const next = await oauth.processRefreshTokenResponse(
    server,
    client,
    await oauth.refreshTokenGrantRequest(server, client, none, tokens.refresh_token),
  );
  const api = new URL(`${origin}/api/v1/agents/${process.env.PORTREEVE_AGENT}/balance`);
  const balance = await oauth.protectedResourceRequest(next.access_token, "GET", api);
  const revoked = await oauth.revocationRequest(server, client, none, next.refresh_token);
  await oauth.processRevocationResponse(revoked);
  const after = await fetch(api, { headers: { Authorization: `Bearer ${next.access_token}` } });

  // A service by its secret, which may also ask what its token is good for.
  const service = { client_id: process.env.PORTREEVE_SERVICE, ...{} };
  const secret = oauth.ClientSecretBasic(process.env.PORTREEVE_SERVICE_SECRET);
  const own = await oauth.processClientCredentialsResponse(
    server,
    service,
    await oauth.clientCredentialsGrantRequest(server, service, secret, { resource: endpoint }),
  );
  const about = await oauth.processIntrospectionResponse(
    server,
    service,
    await oauth.introspectionRequest(server, service, secret, own.access_token),
  );
  // And one that signs.
  const key = await crypto.subtle.importKey("jwk", JSON.parse(process.env.PORTREEVE_SIGNS_WITH), { name: "Ed25519" }, false, ["sign"]);
  const robot = { client_id: process.env.PORTREEVE_ROBOT };
  const signed = await oauth.processClientCredentialsResponse(
    server,
    robot,
    await oauth.clientCredentialsGrantRequest(server, robot, oauth.PrivateKeyJwt({ key, kid: "1" }), {}),
  );
  return {
    resource: described.resource,
    scope: next.scope,
    balance: balance.status,
    afterRevocation: after.status,
    active: about.active,
    bySignature: signed.token_type,
  };
});

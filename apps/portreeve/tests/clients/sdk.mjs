// The official SDK for TypeScript, as an agent's program uses it: it knows an address and nothing else. `v1` is the older
// package, which speaks the handshake alone. At the vault it lists, reads and searches; at the wallet it looks at the balance.
import { callback, endpoint, provided, run, say } from "./program.mjs";

const old = process.argv[2] === "v1";
const { Client, StreamableHTTPClientTransport, UnauthorizedError } = old
  ? {
      ...provided("@modelcontextprotocol/sdk/client/index.js"),
      ...provided("@modelcontextprotocol/sdk/client/streamableHttp.js"),
      ...provided("@modelcontextprotocol/sdk/client/auth.js"),
    }
  : provided("@modelcontextprotocol/client");

const named = { name: "portreeve-test", version: "1.0.0" };
const connected = async (options) => {
  const client = new Client(named);
  const transport = new StreamableHTTPClientTransport(new URL(endpoint), options);
  await client.connect(transport);
  return client;
};
const seeVault = async (client, tools) => {
  const { resources } = await client.listResources();
  const { resourceTemplates } = await client.listResourceTemplates();
  const { contents } = await client.readResource({ uri: resources[0].uri });
  const found = await client.callTool({ name: "search", arguments: { query: process.env.PORTREEVE_WORD } });
  return {
    tools: tools.map((one) => one.name).sort(), isError: found.isError ?? false, found: found.structuredContent,
    uris: resources.map((one) => one.uri), templates: resourceTemplates.map((one) => one.uriTemplate), read: contents[0],
  };
};
const look = async (client) => {
  const { tools } = await client.listTools();
  if (process.env.PORTREEVE_FACE) return await seeVault(client, tools);
  const balance = await client.callTool({ name: "get_balance", arguments: {} });
  return { tools: tools.map((one) => one.name).sort(), isError: balance.isError ?? false, balance: balance.structuredContent };
};

await run(async () => {
  const back = await callback();
  const kept = {};
  const authProvider = {
    redirectUrl: back.url,
    clientMetadata: {
      client_name: `TypeScript SDK ${process.argv[2]}`,
      redirect_uris: [back.url],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    },
    clientInformation: () => kept.client,
    saveClientInformation: (client) => (kept.client = client),
    tokens: () => kept.tokens,
    saveTokens: (tokens) => (kept.tokens = tokens),
    redirectToAuthorization: (url) => say({ open: String(url) }),
    saveCodeVerifier: (verifier) => (kept.verifier = verifier),
    codeVerifier: () => kept.verifier,
    state: () => "a state of its own",
  };
  const first = new StreamableHTTPClientTransport(new URL(endpoint), { authProvider });
  try {
    await new Client(named).connect(first);
    throw new Error("it was let in without asking anybody");
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
  }
  const { searchParams } = await back.answer;
  if (searchParams.get("state") !== "a state of its own") throw new Error("another state came back");
  await first.finishAuth(old ? searchParams.get("code") : searchParams);
  const client = await connected({ authProvider });
  const byToken = await look(client);

  // The token does no longer; the program finds out, and goes on by itself.
  const before = kept.tokens.refresh_token;
  kept.tokens = { ...kept.tokens, access_token: `${kept.tokens.access_token}x` };
  const afterRefresh = await look(client);
  const refreshed = kept.tokens.refresh_token !== before;
  await client.close();

  const headers = { Authorization: `Bearer ${process.env.PORTREEVE_KEY}` };
  const byKey = await look(await connected({ requestInit: { headers } }));
  return { byToken, afterRefresh, refreshed, byKey, client: kept.client };
});

// What the programs here have in common: each is told things in the environment, says what it does line by line as JSON,
// and has an address on this machine to which a browser comes back.
import { createServer } from "node:http";
import { createRequire } from "node:module";

/** What npm provides, which is installed elsewhere, so that nothing lies between the sources. */
export const provided = createRequire(`${process.env.PORTREEVE_CLIENTS}/`);

/** The server, and where its tools are. */
export const origin = process.env.PORTREEVE_ORIGIN;
export const endpoint = `${origin}${process.env.PORTREEVE_FACE ?? "/mcp"}`;

/** `{"open": …}` is an address that somebody opens, `{"done": …}` what came of it all. */
export const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

/** An address for an answer, and the answer: the parameters that the browser came back with. */
export async function callback() {
  let came;
  const answer = new Promise((resolve) => (came = resolve));
  const server = createServer((request, response) => {
    const url = new URL(request.url, `http://127.0.0.1:${server.address().port}`);
    response.setHeader("content-type", "text/html");
    response.end("<!doctype html><title>back</title><main>Back at the program</main>");
    if (url.pathname === "/callback") came(url);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}/callback`, answer };
}

/** Runs the program. What goes wrong is told, and ends it. */
export async function run(program) {
  try {
    say({ done: await program() });
    // A pipe takes 64 KiB at once; what is longer has to be out before the end.
    process.stdout.write('', () => process.exit(0));
  } catch (error) {
    say({ failed: String(error?.stack ?? error), cause: error?.cause instanceof Error ? String(error.cause) : (error?.cause ?? null) });
    process.exit(1);
  }
}

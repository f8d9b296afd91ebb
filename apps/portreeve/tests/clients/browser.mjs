// A real Chromium with an authenticator of its own, as one person has it.
//
// As a module it gives `launch`. As a program it does what each line on standard input says, `{"do": name, …}`, and
// answers each with a line: `{"ok": …}` or `{"error": "…"}`. It ends with its input.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

// Installed elsewhere, so that nothing lies between the sources.
const { chromium } = createRequire(`${process.env.PORTREEVE_CLIENTS}/`)("playwright-core");

/** Opens a browser. Without `verifies` its authenticator does not know who touches it. */
export async function launch({ verifies = true, width = 1024 } = {}) {
  const browser = await chromium.launch({
    executablePath: process.env.PORTREEVE_CHROMIUM ?? "/usr/bin/chromium",
    // Chromium has no sandbox of its own where everybody is root, as in a container.
    args: process.getuid() === 0 ? ["--no-sandbox"] : [],
  });
  const context = await browser.newContext({ viewport: { width, height: 800 } });
  const page = await context.newPage();
  const person = new Person(browser, context, page);
  await person.hold({ verifies });
  return person;
}

class Person {
  constructor(browser, context, page) {
    Object.assign(this, { browser, context, page, complaints: [] });
    page.setDefaultTimeout(15_000);
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("console", (line) => {
      // What a browser says of an answer that is no success is no complaint about the page.
      const isAnswer = line.text().startsWith("Failed to load resource");
      if (line.type() === "error" && !isAnswer) this.complaints.push(line.text());
    });
  }

  /** Gives the page an authenticator. It belongs to this page: another one begins with none. */
  async hold({ verifies }) {
    const session = await this.context.newCDPSession(this.page);
    await session.send("WebAuthn.enable");
    const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", {
      options: {
        protocol: "ctap2",
        transport: "internal",
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: verifies,
        automaticPresenceSimulation: true,
      },
    });
    this.passkeys = async () =>
      (await session.send("WebAuthn.getCredentials", { authenticatorId })).credentials.map((one) => ({
        site: one.rpId,
        discoverable: one.isResidentCredential,
        name: one.userName,
      }));
  }

  async open({ url }) {
    // A new fragment alone loads nothing.
    await this.page.goto("about:blank");
    await this.page.goto(url);
    return this.see();
  }

  /** What somebody sees, and where. */
  async see() {
    const text = (selector) => this.page.locator(selector).allInnerTexts();
    return {
      url: this.page.url(),
      title: await this.page.title(),
      heading: (await text("h1")).join(" "),
      text: (await text("main")).join(" "),
      // Wider than the window: somebody has to scroll sideways.
      tooWide: await this.page.evaluate(() => document.documentElement.scrollWidth > innerWidth),
    };
  }

  /** Presses the button, by keyboard alone, and waits until the page has gone on or says why not. */
  async press({ button }) {
    const target = this.page.getByRole("button", { name: button });
    for (let tries = 0; tries < 20; tries += 1) {
      if (await target.evaluate((node) => node === document.activeElement)) break;
      await this.page.keyboard.press("Tab");
    }
    const left = this.page.waitForEvent("load").then(() => "went on");
    const told = this.page.locator("#said.bad").waitFor().then(() => "was told");
    await this.page.keyboard.press("Enter");
    // The one that loses ends with its time, or with the page.
    for (const one of [left, told]) one.catch(() => {});
    const outcome = await Promise.race([left, told]);
    return { outcome, ...(await this.see()) };
  }

  /** Goes where the link leads, by keyboard alone. */
  async follow({ link }) {
    await this.page.getByRole("link", { name: link, exact: true }).focus();
    await Promise.all([this.page.waitForEvent("load"), this.page.keyboard.press("Enter")]);
    return this.see();
  }

  async fill({ label, value }) {
    await this.page.getByLabel(label).fill(value);
  }

  async choose({ label, option }) {
    await this.page.getByLabel(label).selectOption({ label: option });
  }

  async untick({ label }) {
    await this.page.getByLabel(label).uncheck();
  }

  /** Cookies as the browser keeps them, and as scripts see them. */
  async cookies() {
    return { kept: await this.context.cookies(), seen: await this.page.evaluate(() => document.cookie) };
  }

  /** Runs a script in the page, as the page's own site could. */
  async run({ script }) {
    return (await this.page.evaluate(script)) ?? null;
  }

  async complained() {
    return this.complaints.splice(0);
  }

  async close() {
    await this.browser.close();
  }
}

async function obey() {
  const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
  let person;
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: name, ...how } = JSON.parse(line);
    try {
      if (name === "launch") {
        person = await launch(how);
        say({ ok: null });
      } else {
        say({ ok: (await person[name](how)) ?? null });
      }
    } catch (error) {
      say({ error: String(error.stack ?? error) });
    }
  }
  await person?.close();
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await obey();

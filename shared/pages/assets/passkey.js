// Makes passkeys, signs in with them, signs out, approves policies with them, decides what programs may do, and ends that: the forms of our
// pages, each known by its id, or by its class where there are several of a kind.
"use strict";

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

/** Asks the server. A refusal is thrown, in its own words. */
async function ask(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const told = answer.status === 204 ? {} : await answer.json();
  if (told.code === "AUTH_ASSERTION_REQUIRED") {
    // The same page asks for the passkey first.
    return { next: location.pathname + location.search };
  }
  if (!answer.ok) throw new Error(`${told.title}. ${told.detail}`);
  return told;
}

async function enrol(form) {
  const link = location.hash.slice(1);
  const { ceremony, options } = await ask("/enrol/begin", { link });
  const made = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: (options.excludeCredentials ?? []).map((one) => ({ ...one, id: bytes(one.id) })),
    },
  });
  return ask("/enrol/finish", {
    ceremony,
    name: form.get("name"),
    id: text(made.rawId),
    attestationObject: text(made.response.attestationObject),
    clientData: text(made.response.clientDataJSON),
  });
}

async function signin(form) {
  const { ceremony, options } = await ask("/signin/begin", {});
  const shown = await navigator.credentials.get({ publicKey: { ...options, challenge: bytes(options.challenge) } });
  return ask("/signin/finish", {
    ceremony,
    next: form.get("next"),
    id: text(shown.rawId),
    userHandle: text(shown.response.userHandle ?? new ArrayBuffer(0)),
    authenticatorData: text(shown.response.authenticatorData),
    clientData: text(shown.response.clientDataJSON),
    signature: text(shown.response.signature),
  });
}

const decision = (form, pressed) => {
  // Nothing chosen is not everything.
  if (pressed.value === "allow" && !form.get("agent")) throw new Error("Choose for whom it acts.");
  return choice(form, pressed);
};

const choice = (form, pressed) => ({
  formToken: form.get("formToken"),
  decision: pressed.value,
  scopes: form.getAll("scope"),
  agentId: !form.get("agent") || form.get("agent") === "me" ? null : form.get("agent"),
});

async function consent(form, pressed) {
  return ask("/oauth/consent", { request: form.get("request"), ...decision(form, pressed) });
}

async function device(form, pressed) {
  return ask("/device", { userCode: form.get("userCode"), ...decision(form, pressed) });
}

async function approve(form) {
  const ids = form.get("passkeys").split(" ");
  const shown = await navigator.credentials.get({
    publicKey: {
      challenge: bytes(form.get("challenge")),
      rpId: form.get("site"),
      allowCredentials: ids.map((id) => ({ type: "public-key", id: bytes(id) })),
      userVerification: "required",
    },
  });
  return ask("/approve", {
    agentId: form.get("agent"),
    policyVersion: Number(form.get("version")),
    formToken: form.get("formToken"),
    id: text(shown.rawId),
    authenticatorData: text(shown.response.authenticatorData),
    clientData: text(shown.response.clientDataJSON),
    signature: text(shown.response.signature),
  });
}

async function signout(form) {
  await ask("/signout", { formToken: form.get("formToken") });
  return { next: "/signin" };
}

async function end(form) {
  await ask("/grants/end", { grantId: form.get("grantId"), formToken: form.get("formToken") });
  return { next: "/signin" };
}

/** What a browser says is for programmers; the usual ones for people. */
function words(error) {
  if (!window.PublicKeyCredential) return "This browser cannot use passkeys, or not on this page.";
  switch (error.name) {
    case "NotAllowedError":
      return "Nothing was done: it was cancelled, or took too long. Try again.";
    case "InvalidStateError":
      return "This device already holds a passkey of yours. Sign in with it, or use another device.";
    case "SecurityError":
      return "Passkeys do not work under this address. Open the page under the server's own name.";
    default:
      return error.message;
  }
}

const acts = { enrol, signin, signout, consent, device, approve, end };

for (const [name, act] of Object.entries(acts)) {
  for (const form of document.querySelectorAll(`form#${name}, form.${name}`)) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const said = document.getElementById("said");
      const buttons = form.querySelectorAll("button");
      const enable = (yes) => buttons.forEach((button) => (button.disabled = !yes));
      enable(false);
      said.className = "";
      said.textContent = "One moment …";
      try {
        const { next } = await act(new FormData(form), event.submitter);
        location.assign(next);
      } catch (error) {
        said.className = "bad";
        said.textContent = words(error);
        enable(true);
      }
    });
  }
}

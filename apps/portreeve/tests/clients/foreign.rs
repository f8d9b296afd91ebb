//! Programs that know nothing of us but an address, unmodified: they find out the rest, somebody consents in a browser, and
//! they go on by themselves.

use {
    crate::{
        browser::{Browser, modules, node},
        house::{Agent, House},
        people::{enrol, invite},
    },
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    portreeve_signing::key::SecretKey as SigningKey,
    serde_json::{Value, json},
    std::{
        fs,
        io::{BufRead, BufReader, Lines, Write},
        net::TcpListener,
        path::{Path, PathBuf},
        process::{Child, ChildStderr, ChildStdout, Command, Stdio},
    },
};

/// A house with one agent, and somebody who may let programs act for it.
pub(crate) struct Street {
    pub(crate) house: House,
    agent: Agent,
    browser: Browser,
    key: String,
    /// What programs are told besides.
    told: Vec<(&'static str, String)>,
}

impl Street {
    fn open() -> Self {
        let mut house = House::secured();
        house.serve(&[]);
        Self::of(house, "wallets:read", Vec::new())
    }

    /// A house that serves, and a key with this scope.
    pub(crate) fn of(house: House, scope: &str, told: Vec<(&'static str, String)>) -> Self {
        let agent = house.agent(&["--daily", "1sol"]);
        let (_, link) = invite(&house, "Ada", "owner");
        let mut browser = Browser::believing(&house.home().join("tls/ca.pem"));
        enrol(&mut browser, &link);
        let made = ["key", "create", "by key", "--agent", &agent.id, "--scope", scope];
        let made = house.cli(&[&made[..], &["--json"]].concat()).json();
        Self {
            told,
            key: made["key"].as_str().unwrap().to_owned(),
            house,
            agent,
            browser,
        }
    }

    /// A client that acts for the agent by itself, with what it is told of that in the environment.
    fn services(&self) -> Vec<(&'static str, String)> {
        let text = |made: &Value, name: &str| made[name].as_str().unwrap().to_owned();
        let create = |name: &str, more: &[&str]| {
            let args = ["client", "create", name, "--agent", &self.agent.id, "--json"];
            // Programs that know nothing ask for all that the resource's document names.
            let scopes = [
                "--scope=agents:read",
                "--scope=policies:read",
                "--scope=transactions:execute",
                "--scope=transactions:read",
                "--scope=wallets:read",
            ];
            self.house.cli(&[&args[..], &scopes, more].concat()).json()
        };
        let service = create("service", &[]);
        let key = SigningKey::from_seed(&[5; 32]);
        let [x, d] = [key.public().as_bytes().to_vec(), vec![5; 32]].map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes));
        let public = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "1", "use": "sig", "alg": "EdDSA"});
        let file = self.house.home().join("public.json");
        fs::write(&file, json!({"keys": [public]}).to_string()).unwrap();
        let robot = create("robot", &["--jwks", file.to_str().unwrap()]);
        let private = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "d": d, "kid": "1"});
        vec![
            ("PORTREEVE_AGENT", self.agent.id.clone()),
            ("PORTREEVE_SERVICE", text(&service, "id")),
            ("PORTREEVE_SERVICE_SECRET", text(&service, "clientSecret")),
            ("PORTREEVE_ROBOT", text(&robot, "id")),
            ("PORTREEVE_SIGNS_WITH", private.to_string()),
        ]
    }

    /// Runs a program of this folder. Whenever it sends a browser somewhere, somebody says yes to what it asks.
    pub(crate) fn runs(&mut self, program: &str, args: &[&str]) -> Value {
        let mut command = match program.rsplit_once('.') {
            Some((_, "py")) => Command::new(python(args.first().copied())),
            _ => Command::new(node()),
        };
        command.arg(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/clients")
                .join(program),
        );
        command.args(args);
        command
            .env("PORTREEVE_CLIENTS", modules())
            .env("PORTREEVE_ORIGIN", self.house.origin())
            .env("PORTREEVE_KEY", &self.key)
            // Whom to believe, as `docs/tls.md` says.
            .env("NODE_EXTRA_CA_CERTS", self.house.home().join("tls/ca.pem"))
            .env("SSL_CERT_FILE", self.house.home().join("tls/ca.pem"))
            .envs(self.services())
            .envs(self.told.iter().map(|(name, value)| (name, value)));
        let mut running = Running::start(command);
        loop {
            let said = running.says();
            if let Some(url) = said["open"].as_str() {
                let seen = self.browser.go(url);
                assert_eq!(seen["heading"], "A program asks for access", "{seen:#}");
                let seen = self.browser.press("Allow");
                assert_eq!(seen["title"], "back", "{seen:#}");
            } else {
                assert!(said["failed"].is_null(), "{program}: {said:#}");
                return said["done"].clone();
            }
        }
    }
}

/// Where `cargo xtask test --stage tools` has put what pip provides; for the older packages and the adapter of LangChain elsewhere.
pub(crate) fn python(kind: Option<&str>) -> PathBuf {
    let folder = kind.map_or_else(|| "python".to_owned(), |kind| format!("python-{kind}"));
    modules().join(folder).join("bin/python")
}

/// A program that says what it does line by line.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        Self {
            lines: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
        }
    }

    #[track_caller]
    fn says(&mut self) -> Value {
        let line = self
            .lines
            .next()
            .unwrap_or_else(|| panic!("it ended without a word"))
            .unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("it says: {line}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program saw of the wallet: by token, after the token was exchanged, and by key.
#[track_caller]
fn went_well(street: &Street, done: &Value) {
    for way in ["byToken", "afterRefresh", "byKey"] {
        let seen = &done[way];
        assert_eq!(seen["isError"], false, "{way}: {done:#}");
        assert_eq!(seen["balance"]["agentId"], json!(street.agent.id), "{way}: {done:#}");
    }
    let tools = done["byToken"]["tools"].as_array().unwrap();
    assert!(tools.contains(&json!("execute_transaction")), "{done:#}");
    assert!(!tools.contains(&json!("suspend_agent")), "{done:#}");
    assert_eq!(done["byKey"]["tools"], json!(["get_balance"]), "{done:#}");
    assert_eq!(done["refreshed"], true, "{done:#}");
    let grants = street.house.cli(&["grant", "list", "--json"]).json();
    assert_eq!(grants["items"][0]["agentId"], json!(street.agent.id));
}

#[test]
fn the_typescript_sdk_of_the_older_kind_finds_its_way_in() {
    let mut street = Street::open();
    let done = street.runs("sdk.mjs", &["v1"]);
    went_well(&street, &done);
}

#[test]
fn the_typescript_sdk_finds_its_way_in() {
    let mut street = Street::open();
    let done = street.runs("sdk.mjs", &["v2"]);
    went_well(&street, &done);
}

#[test]
fn the_python_sdk_of_the_older_kind_finds_its_way_in() {
    let mut street = Street::open();
    let done = street.runs("sdk.py", &["v1"]);
    went_well(&street, &done);
}

#[test]
fn the_python_sdk_finds_its_way_in() {
    let mut street = Street::open();
    let done = street.runs("sdk.py", &[]);
    went_well(&street, &done);
}

/// What a library did: registered, had somebody consent, refreshed, read, gave back; and acted by itself, by a secret and by
/// what it signs.
#[track_caller]
fn did_all(street: &Street, done: &Value) {
    let expected = json!({
        "resource": format!("{}/mcp", street.house.origin()), "scope": "wallets:read", "balance": 200,
        "afterRevocation": 401, "active": true,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(done[name], *value, "{name}: {done:#}");
    }
    assert!(
        done["bySignature"].as_str().unwrap().eq_ignore_ascii_case("bearer"),
        "{done:#}"
    );
}

#[test]
fn oauth4webapi_does_all_that_the_metadata_promises() {
    let mut street = Street::open();
    let done = street.runs("oauth4webapi.mjs", &[]);
    did_all(&street, &done);
}

#[test]
fn openid_client_does_all_that_the_metadata_promises() {
    let mut street = Street::open();
    let done = street.runs("openid-client.mjs", &[]);
    did_all(&street, &done);
}

#[test]
fn authlib_does_all_that_the_metadata_promises() {
    let mut street = Street::open();
    let done = street.runs("authlib.py", &[]);
    did_all(&street, &done);
}

/// A program that npm provides, by the file that it begins with.
fn provided(street: &Street, file: &str) -> Command {
    let mut command = Command::new(node());
    command
        .arg(modules().join("node_modules").join(file))
        .env("NODE_EXTRA_CA_CERTS", street.house.home().join("tls/ca.pem"))
        .env("MCP_REMOTE_CONFIG_DIR", street.house.home().join("mcp-remote"))
        .env("HOME", street.house.home());
    command
}

#[test]
fn the_inspector_lists_tools_and_calls_one_by_key() {
    let street = Street::open();
    let asks = |more: &[&str]| {
        let mut command = provided(
            &street,
            "@modelcontextprotocol/inspector/clients/launcher/build/index.js",
        );
        let endpoint = format!("{}/mcp", street.house.origin());
        let header = format!("Authorization: Bearer {}", street.key);
        command.args(["--cli", &endpoint, "--transport", "http", "--header", &header]);
        let output = command.args(more).output().unwrap();
        let (out, err) = (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        );
        assert!(output.status.success(), "{out}{err}");
        serde_json::from_str::<Value>(&out).unwrap_or_else(|_| panic!("{out}{err}"))
    };
    let listed = asks(&["--method", "tools/list"]);
    assert_eq!(listed["tools"][0]["name"], "get_balance", "{listed:#}");
    let balance = asks(&["--method", "tools/call", "--tool-name", "get_balance"]);
    assert_eq!(
        balance["structuredContent"]["agentId"],
        json!(street.agent.id),
        "{balance:#}"
    );
}

/// mcp-remote, which hands what a local program says to a server far away.
struct Remote {
    child: Child,
    answers: Lines<BufReader<ChildStdout>>,
    log: Lines<BufReader<ChildStderr>>,
}

impl Remote {
    fn start(street: &Street, args: &[&str]) -> Self {
        let mut command = provided(street, "mcp-remote/dist/proxy.js");
        command.arg(format!("{}/mcp", street.house.origin())).args(args);
        let piped = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        Self {
            answers: BufReader::new(child.stdout.take().unwrap()).lines(),
            log: BufReader::new(child.stderr.take().unwrap()).lines(),
            child,
        }
    }

    /// The first line of its log that holds this.
    #[track_caller]
    fn logs(&mut self, what: &str) -> String {
        let mut all = String::new();
        for line in self.log.by_ref() {
            let line = line.unwrap();
            if line.contains(what) {
                return line;
            }
            all.push_str(&line);
            all.push('\n');
        }
        panic!("it never said `{what}`: {all}");
    }

    /// Says these, one after the other, and waits for the answer to the last.
    #[track_caller]
    fn answers(&mut self, lines: &[Value]) -> Value {
        let last = lines.last().unwrap()["id"].clone();
        for line in lines {
            writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
        }
        loop {
            let Some(line) = self.answers.next() else {
                self.logs("it ended, and so does its log");
                return Value::Null;
            };
            let line = line.unwrap();
            let answer: Value = serde_json::from_str(&line).unwrap();
            if answer["id"] == last {
                return answer;
            }
        }
    }

    /// Greets, and asks for the balance.
    #[track_caller]
    fn balance(&mut self) -> Value {
        let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
        }});
        let greeted = self.answers(&[hello]);
        assert_eq!(
            greeted["result"]["serverInfo"]["name"], "portreeve-wallet",
            "{greeted:#}"
        );
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "get_balance", "arguments": {}}});
        self.answers(&[ready, call])["result"]["structuredContent"].clone()
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn mcp_remote_has_a_person_consent_in_the_browser() {
    let mut street = Street::open();
    let mut remote = Remote::start(&street, &[]);
    let url = remote.logs("/oauth/authorize?");
    let seen = street.browser.go(url.trim());
    assert_eq!(seen["heading"], "A program asks for access", "{seen:#}");
    street.browser.press("Allow");
    assert_eq!(remote.balance()["agentId"], json!(street.agent.id));
}

#[test]
fn mcp_remote_signs_in_as_a_service() {
    let street = Street::open();
    let services = street.services();
    let of = |name: &str| services.iter().find(|(known, _)| *known == name).unwrap().1.clone();
    let client = json!({"client_id": of("PORTREEVE_SERVICE"), "client_secret": of("PORTREEVE_SERVICE_SECRET")});
    let args = [
        "--client-credentials",
        "--static-oauth-client-info",
        &client.to_string(),
    ];
    assert_eq!(
        Remote::start(&street, &args).balance()["agentId"],
        json!(street.agent.id)
    );
}

#[test]
fn mcp_remote_has_a_person_consent_on_another_device() {
    let mut street = Street::open();
    let kiosk = street
        .house
        .cli(&["client", "create", "kiosk", "--device", "--public", "--json"])
        .json();
    let client = json!({"client_id": kiosk["id"]}).to_string();
    let mut remote = Remote::start(&street, &["--device-code", "--static-oauth-client-info", &client]);
    let line = remote.logs("/device?user_code=");
    let (_, url) = line.rsplit_once(' ').unwrap();
    let seen = street.browser.go(url);
    assert_eq!(seen["heading"], "A program asks for access", "{seen:#}");
    street.browser.press("Allow");
    assert_eq!(remote.balance()["agentId"], json!(street.agent.id));
}

/// The official suite about authorization servers.
#[test]
fn the_conformance_suite_finds_the_authorization_server_as_it_should_be() {
    let mut street = Street::open();
    let create = [
        "client",
        "create",
        "suite",
        "--redirect",
        "http://127.0.0.1/callback",
        "--public",
    ];
    let made = street.house.cli(&[&create[..], &["--json"]].concat()).json();
    // Free a moment ago; the suite wants to be told.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        .to_string();
    let origin = street.house.origin();
    let resource = format!("{origin}/mcp");
    let mut command = provided(&street, "@modelcontextprotocol/conformance/dist/index.js");
    command.args([
        "authorization",
        "--url",
        &origin,
        "--port",
        &port,
        "--resource",
        &resource,
    ]);
    command.args(["--client-id", made["id"].as_str().unwrap()]);
    command.current_dir(street.house.home());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.trim().starts_with(&format!("{origin}/oauth/authorize?")) {
            let seen = street.browser.go(line.trim());
            assert_eq!(seen["heading"], "A program asks for access", "{seen:#}");
            street.browser.press("Allow");
        }
        said.push_str(&line);
        said.push('\n');
    }
    assert!(child.wait().unwrap().success(), "{said}");
    for scenario in ["authorization-server-metadata-endpoint", "authorization-code-grant"] {
        assert!(said.contains(scenario), "{scenario}: {said}");
    }
    assert!(!said.contains("FAILURE") && !said.contains("SKIPPED"), "{said}");
}

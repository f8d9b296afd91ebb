//! A vault of a hundred thousand notes, served: how soon after its start it answers, what memory it takes, one entity against
//! FastAPI, and searches at a steady pace while notes change and somebody asks for the server's health.

mod busy;

use {
    crate::{
        Effort,
        load::{self, Answer},
        peers,
        process::{Installation, Server},
        processors::{self, Whose},
        result::{Measurement, Target},
        served::{SETTING, headers, text},
        side::{self, Side},
    },
    portreeve_notes::testing::{Manifest, Plan},
    serde_json::{Value, json},
    std::{
        fs,
        path::{Path, PathBuf},
        thread,
        time::{Duration, Instant},
    },
    tempfile::TempDir,
};

/// How many entities are read in turn.
const READ: usize = 1_000;

/// A vault that is served, and who may read it.
struct Served {
    installation: Installation,
    folder: TempDir,
    manifest: Manifest,
    key: String,
}

/// How soon a server answered after it was started, in seconds.
struct Start {
    server: Server,
    lists: f64,
    text: f64,
}

/// Measures on an installation in `folder`.
pub(crate) async fn measure(effort: Effort, folder: &Path) -> Measurement {
    let folder = folder.to_owned();
    let done = tokio::task::spawn_blocking(move || measured(effort, &folder));
    done.await.unwrap()
}

fn measured(effort: Effort, folder: &Path) -> Measurement {
    let mut result = Measurement::new("vault");
    let served = Served::new(folder, effort.pick(100_000, 600));
    let manifest = &served.manifest;
    result.with(format!(
        "a vault made up by seed: {} entities, {:.0} MB, Korean and English",
        manifest.types.values().sum::<usize>(),
        manifest.bytes as f64 / 1e6
    ));
    result.with(SETTING);
    result.with("started means from the start of the process to the answer; the files lie in the system's memory as far as it keeps them");
    let cold = served.start();
    result.hold("first start: lists and reads", cold.lists, "s", Target::AtMost(5.0));
    result.hold("first start: full text", cold.text, "s", Target::AtMost(20.0));
    let of_bytes = |memory: f64| memory * 1e6 / manifest.bytes as f64;
    let peak = of_bytes(cold.server.peak_memory());
    result.hold(
        "memory at its peak, of the vault's bytes",
        peak,
        "×",
        Target::AtMost(1.5),
    );
    result.tell("memory then", cold.server.memory(), "MB");
    drop(cold.server);
    // It was killed: what a start finds was kept when the full text was read.
    let warm = served.start();
    result.hold("started again: lists and reads", warm.lists, "s", Target::AtMost(2.0));
    result.tell("started again: full text", warm.text, "s");
    drop(warm.server);
    read(effort, &served, &mut result);
    let server = served.start().server;
    busy::measure(effort, &served, &server, &mut result);
    result.tell("memory at the end", server.memory(), "MB");
    result
}

/// One entity, against FastAPI.
fn read(effort: Effort, served: &Served, result: &mut Measurement) {
    let server = processors::on(Whose::Server, || served.start().server);
    let ids = served.ids(&server, effort.pick(READ, 64));
    let paths: Vec<String> = ids.iter().map(|id| format!("/vault/api/v1/entities/{id}")).collect();
    let requests: Vec<Vec<u8>> = paths.iter().map(|path| served.get(path)).collect();
    let answers: Vec<Answer> = requests
        .iter()
        .map(|request| load::ask(server.address, request))
        .collect();
    let entities: serde_json::Map<_, _> = ids.iter().cloned().zip(answers.iter().map(Answer::json)).collect();
    let told = json!({"entities": entities, "headers": headers(&answers[0])});
    let peer = peers::python("entity.py", &told);
    let token = text(&load::ask(peer.address, &load::get("/token")).json(), "token");
    let theirs: Vec<Vec<u8>> = paths.iter().map(|path| load::get_as(path, &token)).collect();
    for (request, answer) in theirs.iter().zip(&answers) {
        let other = load::ask(peer.address, request);
        assert_eq!(other.json(), answer.json(), "both answer the same");
        assert_eq!(other.body.len(), answer.body.len(), "and as much");
    }
    let rounds = effort.pick(5, 1);
    let length = effort.pick(Duration::from_secs(2), Duration::from_millis(300));
    let mut ours = Side::new(server);
    let mut peer = Side::new(peer);
    side::in_turn(&mut [(&mut peer, &theirs), (&mut ours, &requests)], rounds, length);
    result.with(format!(
        "GET /vault/api/v1/entities/{{id}} by API key, {} tasks in turn",
        ids.len()
    ));
    result.with(
        "peer: FastAPI on uvicorn with uvloop and httptools, one process; a middleware verifies an RS256 token for each request, \
         the entities lie in a dict; without a log; it answers the same bodies and as many headers",
    );
    result.with(side::client(rounds, length));
    result.with(ours.words("ours"));
    result.with(peer.words("FastAPI"));
    result.hold(
        "an entity: of the rate of FastAPI",
        ours.rate() / peer.rate(),
        "×",
        Target::AtLeast(15.0),
    );
    ours.rounds.tell("an entity, ours", result);
    peer.rounds.tell("an entity, FastAPI", result);
}

impl Served {
    fn new(folder: &Path, entities: usize) -> Self {
        let installation = Installation::new(folder);
        let folder = tempfile::tempdir_in(folder).unwrap();
        let plan = Plan {
            entities,
            ..Plan::default()
        };
        let manifest = plan.write(folder.path()).unwrap();
        let mut served = Self {
            installation,
            folder,
            manifest,
            key: String::new(),
        };
        served.key = served.reader();
        served
    }

    fn notes(&self) -> PathBuf {
        self.folder.path().join("notes")
    }

    /// A key that may read the vault. The server has to know of one for that; what it kept of it is thrown away.
    fn reader(&self) -> String {
        let small = self.folder.path().join("small");
        fs::create_dir(&small).unwrap();
        let server = self.installation.serve_with(&[("PORTREEVE__VAULT__ROOT", &small)]);
        let headers = [
            "Content-Type: application/json",
            &format!("Authorization: Bearer {}", self.installation.owner_key()),
        ];
        let body = json!({"name": "bench", "scopes": ["mcp:read"]});
        let made = load::ask(
            server.address,
            &load::post("/api/v1/auth/keys", &headers, &body.to_string()),
        );
        drop(server);
        fs::remove_dir_all(self.installation.home().join("vault")).unwrap();
        text(&made.json(), "key")
    }

    fn get(&self, path: &str) -> Vec<u8> {
        load::get_as(path, &self.key)
    }

    /// A search, as it goes over the wire.
    fn search(&self, words: &str) -> Vec<u8> {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("q", words)
            .finish();
        self.get(&format!("/vault/api/v1/search?{query}"))
    }

    fn start(&self) -> Start {
        let start = Instant::now();
        let root = self.notes();
        let server = self.installation.serve_with(&[("PORTREEVE__VAULT__ROOT", &root)]);
        load::ask(server.address, &self.get("/vault/api/v1/tasks?limit=20"));
        let lists = start.elapsed().as_secs_f64();
        let search = self.search("harbour");
        while load::is_unavailable(server.address, &search) {
            thread::sleep(Duration::from_millis(20));
        }
        let text = start.elapsed().as_secs_f64();
        Start { server, lists, text }
    }

    /// Some tasks, from all over the vault.
    fn ids(&self, server: &Server, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        let mut cursor = String::new();
        while ids.len() < count {
            let page = load::ask(
                server.address,
                &self.get(&format!("/vault/api/v1/tasks?limit=64{cursor}")),
            )
            .json();
            ids.extend(
                page["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|item| text(item, "entity_id")),
            );
            let Value::String(next) = &page["cursor"] else { break };
            let next = form_urlencoded::Serializer::new(String::new())
                .append_pair("cursor", next)
                .finish();
            cursor = format!("&{next}");
        }
        ids.truncate(count);
        ids
    }
}

//! The guides, word for word: what stands in their blocks is run as somebody would who reads them, against a server as it is
//! set up by default. What a guide says is to be put in is put in, and the port is the one that this house has.

use {
    crate::{blocks::blocks, foreign::python, house::House},
    portreeve_house::house::portreeve,
    portreeve_notes::testing::Plan,
    serde_json::{Value, json},
    std::{
        fs,
        os::unix::fs::symlink,
        path::{Path, PathBuf},
        process::{Command, Stdio},
    },
};

fn guide(name: &str) -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/connect");
    fs::read_to_string(docs.join(name)).unwrap()
}

/// Somebody who has set the program up: it is in the path, and what it keeps is at `~/.portreeve`.
struct Reader {
    house: House,
    home: PathBuf,
    agent: String,
    /// Whom the agent may pay.
    payee: String,
}

impl Reader {
    fn new() -> Self {
        let mut house = House::secured();
        Plan::default().write(house.notes().parent().unwrap()).unwrap();
        house.serve(&[("PORTREEVE__VAULT__ROOT", house.notes().to_str().unwrap())]);
        let payee = house.somebody();
        let agent = house.agent(&["--daily", "1sol", "--to", &payee]).id;
        let home = house.home().with_file_name("reader");
        fs::create_dir(&home).unwrap();
        symlink(house.home(), home.join(".portreeve")).unwrap();
        Self {
            house,
            home,
            agent,
            payee,
        }
    }

    /// What a guide calls by its default address is at this one; what it has its reader put in is put in.
    fn here(&self, text: &str) -> String {
        text.replace("https://localhost:8787", &self.house.origin())
            .replace("AGENT_ID", &self.agent)
            .replace("--agent AGENT ", &format!("--agent {} ", self.agent))
            .replace("ADDRESS", &self.payee)
    }

    /// A program in the reader's own environment.
    fn program(&self, path: &Path) -> Command {
        let mut command = self.house.program(path);
        let mut places = vec![portreeve().parent().unwrap().to_owned()];
        places.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        command
            .env_remove("PORTREEVE_HOME")
            .env("HOME", &self.home)
            .env("PATH", std::env::join_paths(places).unwrap())
            .env("PORTREEVE_SERVER", self.house.origin())
            .current_dir(&self.home)
            .stdin(Stdio::null());
        command
    }

    /// What each of `scripts` printed, which one shell runs one after the other and stops at the first that fails.
    #[track_caller]
    fn runs(&self, scripts: &[String]) -> Vec<String> {
        const NEXT: &str = "== next ==\n";
        let script: Vec<String> = scripts.iter().map(|script| self.here(script)).collect();
        let script = script.join(&format!("printf '{}'\n", NEXT.replace('\n', "\\n")));
        let mut shell = self.program(Path::new("sh"));
        let done = shell.args(["-e", "-u", "-c", &script]).output().unwrap();
        let (said, why) = (
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr),
        );
        assert!(done.status.success(), "{}\n{said}\n{why}", done.status);
        let parts: Vec<String> = said.split(NEXT).map(str::to_owned).collect();
        assert_eq!(parts.len(), scripts.len(), "{said}");
        parts
    }

    /// What the API answers this credential about the agent.
    fn status_of(&self, bearer: &str) -> String {
        let ca = "CURL_CA_BUNDLE=~/.portreeve/tls/ca.pem curl -s -o answer.json -w '%{http_code}'";
        let ask = format!("{ca} https://localhost:8787/api/v1/agents/AGENT_ID -H 'Authorization: Bearer {bearer}'\n");
        self.runs(&[ask]).concat()
    }
}

/// The JSON documents that stand one after the other in `text`.
#[track_caller]
fn documents(text: &str) -> Vec<Value> {
    let all = serde_json::Deserializer::from_str(text).into_iter();
    all.map(|one| one.unwrap_or_else(|error| panic!("{error}: {text}")))
        .collect()
}

#[test]
fn the_guide_for_curl_does_what_it_says_word_for_word() {
    let reader = Reader::new();
    let mut scripts = blocks(&guide("curl.md"), "sh");
    scripts.push("echo \"$KEY $TOKEN\"\n".to_owned());
    let said = reader.runs(&scripts);
    let [made, by_key, by_token, by_signature, tool, vault, documents_of, kept] = said.as_slice() else {
        panic!("{said:#?}");
    };
    assert_eq!(made, "", "a key is printed into its file alone");

    let [agent, paid] = documents(by_key).try_into().unwrap();
    assert_eq!(agent["id"], json!(reader.agent));
    assert_eq!(
        (&paid["to"], &paid["amount"]),
        (&json!(reader.payee), &json!("1000000")),
        "{paid}"
    );

    let [shown, active] = documents(by_token).try_into().unwrap();
    assert_eq!((&shown["id"], &active), (&json!(reader.agent), &json!(true)));
    let [token] = documents(by_signature).try_into().unwrap();
    let token = token.as_str().unwrap();
    assert_eq!(reader.status_of(token), "200");

    assert_eq!(documents(tool)[0]["agentId"], json!(reader.agent), "{tool}");
    assert!(documents(vault)[0].is_object(), "{vault}");
    let (challenge, found) = documents_of.split_once('\n').unwrap();
    assert!(
        challenge.to_lowercase().starts_with("www-authenticate: bearer"),
        "{challenge}"
    );
    let origin = reader.house.origin();
    assert_eq!(
        documents(found),
        [json!([origin]), json!(format!("{origin}/oauth/token"))]
    );

    let (key, token) = kept.trim().split_once(' ').unwrap();
    assert_eq!(
        (reader.status_of(key).as_str(), reader.status_of(token).as_str()),
        ("200", "401")
    );
    for _ in 0..400 {
        if reader.house.chain.balance(&reader.payee) == 1_000_000 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("the payment of the guide does not land");
}

#[test]
fn the_guide_for_langchain_lists_the_tools_and_calls_one() {
    let reader = Reader::new();
    let text = guide("langchain.md");
    let make = blocks(&text, "sh").concat();
    let made = &documents(&reader.runs(&[make])[0])[0];
    let programs = blocks(&text, "python");
    let [program] = programs.as_slice() else {
        panic!("{programs:#?}");
    };
    let file = reader.home.join("chain.py");
    fs::write(&file, reader.here(program)).unwrap();
    let mut running = reader.program(&python(Some("langchain")));
    let done = running
        .arg(&file)
        .env("PORTREEVE_KEY", made["key"].as_str().unwrap())
        .env("SSL_CERT_FILE", reader.home.join(".portreeve/tls/ca.pem"))
        .output()
        .unwrap();
    let (said, why) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    assert!(done.status.success(), "{said}\n{why}");
    let (tools, balance) = said.split_once('\n').unwrap();
    let tools: Vec<&str> = tools.split('\'').skip(1).step_by(2).collect();
    let expected = [
        "execute_transaction",
        "get_agent_status",
        "get_balance",
        "get_policy",
        "get_policy_usage",
        "get_transaction",
        "list_transactions",
    ];
    assert_eq!(tools, expected);
    assert!(
        balance.contains(&reader.agent) && balance.contains("10000000000"),
        "{balance}"
    );
    // What the guide says it was tried with is what it is tried with here.
    let pinned = include_str!("requirements-langchain.txt");
    let (_, tried) = text.split_once("(tried with ").unwrap();
    let tried = tried.split(')').next().unwrap();
    assert!(
        pinned.contains(&format!("\nlangchain-mcp-adapters=={tried} ")),
        "{tried}"
    );
}

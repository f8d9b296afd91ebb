//! What a row of the table is: one wrong thing, and how each face of the product has to refuse it.

use {
    serde_json::{Value, json},
    std::{fmt, path::Path},
};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Act {
    Pay,
    Check,
    NewAgent,
    NewKey,
    NewClient,
    NewUser,
    NewServer,
    NewTask,
    NewProject,
    NewProgram,
    NewHypothesis,
}

impl Act {
    pub(super) const ALL: [Self; 11] = [
        Self::Pay,
        Self::Check,
        Self::NewAgent,
        Self::NewKey,
        Self::NewClient,
        Self::NewUser,
        Self::NewServer,
        Self::NewTask,
        Self::NewProject,
        Self::NewProgram,
        Self::NewHypothesis,
    ];
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // POST /transactions, /agents/{agentId}/policy/check, /agents, /auth/keys, /auth/clients, /auth/users and
        // /auth/resource-servers; the vault's /tasks, /projects, /programs and /hypotheses.
        f.write_str(match self {
            Self::Pay => "pay",
            Self::Check => "ask",
            Self::NewAgent => "make an agent",
            Self::NewKey => "make a key",
            Self::NewClient => "make a client",
            Self::NewUser => "invite",
            Self::NewServer => "register a server",
            Self::NewTask => "make a task",
            Self::NewProject => "make a project",
            Self::NewProgram => "make a program",
            Self::NewHypothesis => "ask a question",
        })
    }
}

/// Who refuses on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// The command line itself, before anything is sent.
    Line,
    /// The server that was asked.
    Server,
}

/// How the API has to refuse.
#[derive(Debug, Clone)]
pub(super) enum Rest {
    Refuses {
        body: Vec<u8>,
        headers: Vec<(String, String)>,
        status: u16,
        code: &'static str,
        param: Option<String>,
    },
    /// It cannot be said to this face, or is no fault there.
    Not(&'static str),
}

/// How the command line has to refuse.
#[derive(Debug, Clone)]
pub(super) enum Cli {
    Refuses {
        args: Vec<String>,
        exit: i32,
        /// What its complaint has to name.
        names: Vec<String>,
    },
    /// It cannot be said to this face, or is no fault there.
    Not(&'static str),
}

/// One wrong thing.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) act: Act,
    pub(super) what: String,
    /// What of it a message may repeat.
    pub(super) input: String,
    pub(super) rest: Rest,
    pub(super) cli: Cli,
}

impl Row {
    /// The same with another reason why the command line is left out, or another way in which it refuses.
    pub(super) fn on_the_line(self, cli: Cli) -> Self {
        Self { cli, ..self }
    }

    /// The same, where the refusal names another field.
    pub(super) fn naming(mut self, field: &str) -> Self {
        if let Rest::Refuses { param, .. } = &mut self.rest {
            *param = Some(field.to_owned());
        }
        if let Cli::Refuses { names, exit: 1, .. } = &mut self.cli {
            names.truncate(1);
            names.push(format!("field: {field}"));
        }
        self
    }

    /// The same, where the refusal names no field.
    pub(super) fn naming_nothing(mut self) -> Self {
        if let Rest::Refuses { param, .. } = &mut self.rest {
            *param = None;
        }
        if let Cli::Refuses { names, exit: 1, .. } = &mut self.cli {
            names.truncate(1);
        }
        self
    }

    /// Whether it is a payment by an agent that does not exist, well-formed otherwise. Whoever has an answer to it has
    /// it from the server.
    pub(super) fn is_by_nobody(&self) -> bool {
        let unknown = |code: &str| code == "AGENT_NOT_FOUND";
        self.act == Act::Pay && matches!(&self.rest, Rest::Refuses { code, .. } if unknown(code))
    }

    /// The same with another status.
    pub(super) fn answered(mut self, other: u16) -> Self {
        if let Rest::Refuses { status, .. } = &mut self.rest {
            *status = other;
        }
        self
    }
}

/// Who and what the rows are about.
pub(super) struct World {
    pub(super) shop: String,
    pub(super) agent: String,
    pub(super) vault: String,
    pub(super) multisig: String,
    pub(super) stranger: String,
    /// Where files for the command line lie.
    pub(super) folder: std::path::PathBuf,
}

impl World {
    pub(super) fn path(&self, act: Act) -> String {
        match act {
            Act::Pay => "/api/v1/transactions".to_owned(),
            Act::Check => format!("/api/v1/agents/{}/policy/check", self.agent),
            Act::NewAgent => "/api/v1/agents".to_owned(),
            Act::NewKey => "/api/v1/auth/keys".to_owned(),
            Act::NewClient => "/api/v1/auth/clients".to_owned(),
            Act::NewUser => "/api/v1/auth/users".to_owned(),
            Act::NewServer => "/api/v1/auth/resource-servers".to_owned(),
            Act::NewTask => "/vault/api/v1/tasks".to_owned(),
            Act::NewProject => "/vault/api/v1/projects".to_owned(),
            Act::NewProgram => "/vault/api/v1/programs".to_owned(),
            Act::NewHypothesis => "/vault/api/v1/hypotheses".to_owned(),
        }
    }

    /// A body with nothing wrong in it.
    pub(super) fn good(&self, act: Act) -> Value {
        match act {
            Act::Pay => json!({"agentId": self.agent, "to": self.shop, "amount": "1000000"}),
            Act::Check => json!({"to": self.shop, "amount": "1000000"}),
            Act::NewAgent => json!({
                "nickname": "probe", "tags": ["ok"],
                "policy": {"preset": "custom", "limits": {"perTransaction": "1", "daily": "1"}},
            }),
            Act::NewKey | Act::NewClient => json!({"name": "probe", "scopes": ["agents:read"]}),
            Act::NewUser => json!({"name": "probe", "role": "viewer"}),
            Act::NewServer => json!({
                "name": "probe", "resource": "https://probe.example/mcp",
                "scopes": [{"scope": "probe:read", "words": "Probe", "isDefault": true}],
                "roles": [{"role": "prober", "scopes": [], "bypass": false}],
            }),
            Act::NewTask => json!({"entity_name": "Probe - one", "project_id": "prj-001", "assignee": "member-01"}),
            Act::NewProject => json!({
                "entity_name": "Probe - one", "owner": "member-01", "parent_id": "trk-1", "conditions_3y": ["cond-a"],
            }),
            Act::NewProgram => json!({"entity_name": "Probe", "program_type": "launch", "owner": "member-01"}),
            Act::NewHypothesis => json!({
                "entity_name": "Probe", "parent_id": "trk-1", "hypothesis_question": "Is it one?",
            }),
        }
    }

    /// A command line with nothing wrong in it, without the flag `but`.
    fn line(&self, act: Act, but: &str) -> Vec<String> {
        let (words, pairs): (&[&str], Vec<(&str, &str)>) = match act {
            Act::Pay => (
                &["tx", "send", "--no-wait"],
                vec![("--agent", &self.agent), ("--to", &self.shop), ("--amount", "1000000")],
            ),
            Act::Check => (
                &["policy", "check"],
                vec![("", &self.agent), ("--to", &self.shop), ("--amount", "1000000")],
            ),
            Act::NewAgent => (&["agent", "create"], vec![("", "probe"), ("--daily", "1sol")]),
            Act::NewKey => (&["key", "create"], vec![("", "probe"), ("--scope", "agents:read")]),
            Act::NewClient => (&["client", "create"], vec![("", "probe"), ("--scope", "agents:read")]),
            Act::NewUser => (&["user", "invite"], vec![("", "probe"), ("--role", "viewer")]),
            // Two of its arguments have no flag: what is said of them is said to the API.
            Act::NewServer => (
                &["resource", "add", "probe", "https://probe.example/mcp"],
                vec![("--scope", "probe:read=Probe")],
            ),
            // No flag of these is in this table.
            Act::NewTask | Act::NewProject | Act::NewProgram | Act::NewHypothesis => (&["vault", "new"], Vec::new()),
        };
        let mut line: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        for (flag, value) in pairs.into_iter().filter(|(flag, _)| *flag != but) {
            line.extend(
                [flag, value]
                    .into_iter()
                    .filter(|part| !part.is_empty())
                    .map(str::to_owned),
            );
        }
        line
    }

    /// The argument that is the field `name`: a flag, or nothing for the one that has none.
    fn flag(act: Act, name: &str) -> Option<&'static str> {
        Some(match (act, name) {
            (Act::Pay | Act::Check, "to") => "--to",
            (Act::Pay | Act::Check, "amount") => "--amount",
            (Act::Pay | Act::Check, "mint") => "--mint",
            (Act::Pay, "memo") => "--memo",
            (Act::Pay | Act::NewKey | Act::NewClient, "agentId") => "--agent",
            (Act::Pay, "Idempotency-Key") => "--idempotency-key",
            (Act::NewAgent, "nickname") | (Act::NewKey | Act::NewClient | Act::NewUser, "name") => "",
            (Act::NewUser, "role") => "--role",
            (Act::NewServer, "scopes") => "--scope",
            (Act::NewAgent, "policy.limits.daily") => "--daily",
            (Act::NewAgent, "policy.limits.perTransaction") => "--per-transaction",
            (Act::NewAgent, "policy.whitelist.allowedDestinations[0]") => "--to",
            (Act::NewAgent, "policy.preset") => "--preset",
            (Act::NewAgent, "tags[0]") => "--tag",
            (Act::NewKey | Act::NewClient, "scopes[0]") => "--scope",
            (Act::NewKey, "allowedIps[0]") => "--ip",
            (Act::NewKey, "tier") => "--tier",
            (Act::NewKey, "expiresAt") => "--expires",
            _ => return None,
        })
    }

    /// The command line that says `text` where the field `name` is.
    pub(super) fn said(&self, act: Act, name: &str, text: &str, by: By, code: &str, param: &str) -> Cli {
        let Some(flag) = Self::flag(act, name) else {
            return Cli::Not("no argument of the command line says it");
        };
        if text.contains('\0') {
            return Cli::Not("an argument ends at NUL");
        }
        let mut args = self.line(act, flag);
        match flag {
            // What begins with a dash is an argument only behind two of them.
            "" => args.extend(["--".to_owned(), text.to_owned()]),
            flag => args.push(format!("{flag}={text}")),
        }
        let named = match (by, flag) {
            (By::Line, "") => panic!("a complaint about `{name}` has no flag to name"),
            (By::Line, flag) => vec![flag.to_owned()],
            (By::Server, _) => vec![code.to_owned(), format!("field: {param}")],
        };
        Cli::Refuses {
            args,
            exit: if by == By::Line { 2 } else { 1 },
            names: named,
        }
    }

    /// A good request but for one field. The refusal has to name it.
    pub(super) fn field(&self, act: Act, name: &str, bad: &Value, code: &'static str, by: By) -> Row {
        let mut body = self.good(act);
        put(&mut body, name, bad.clone());
        let cli = match bad {
            Value::String(text) => self.said(act, name, text, by, code, name),
            _ => Cli::Not("a command line has text only"),
        };
        Row {
            act,
            what: format!("{name} {bad}"),
            input: bad.as_str().map_or_else(|| bad.to_string(), str::to_owned),
            rest: self.sent(act, body.to_string().into_bytes(), code, Some(name)),
            cli,
        }
    }

    /// A good request without a field.
    pub(super) fn without(&self, act: Act, name: &str) -> Row {
        let mut body = self.good(act);
        body.as_object_mut().unwrap().remove(name).unwrap();
        let flag = match name {
            "scopes" => Some("--scope"),
            "policy" => None,
            name => Self::flag(act, name),
        };
        let cli = match flag {
            None => Cli::Not("without one it takes the preset `standard`"),
            Some(flag) => Cli::Refuses {
                args: self.line(act, flag),
                exit: 2,
                names: vec![if flag.is_empty() {
                    name.to_uppercase()
                } else {
                    flag.to_owned()
                }],
            },
        };
        Row {
            act,
            what: format!("no {name}"),
            input: String::new(),
            rest: self.sent(
                act,
                body.to_string().into_bytes(),
                "VALIDATION_REQUIRED_FIELD",
                Some(name),
            ),
            cli,
        }
    }

    /// A body as it is sent, with what else the request needs.
    pub(super) fn sent(&self, act: Act, body: Vec<u8>, code: &'static str, param: Option<&str>) -> Rest {
        let headers = match act {
            Act::Pay => vec![("Idempotency-Key".to_owned(), "probe".to_owned())],
            _ => Vec::new(),
        };
        Rest::Refuses {
            body,
            headers,
            status: 400,
            code,
            param: param.map(str::to_owned),
        }
    }

    /// A body that the command line would never write.
    pub(super) fn body(&self, act: Act, what: &str, body: Vec<u8>, code: &'static str, param: Option<&str>) -> Row {
        Row {
            act,
            what: what.to_owned(),
            input: String::new(),
            rest: self.sent(act, body, code, param),
            cli: Cli::Not("the command line writes the body itself"),
        }
    }

    /// A good body with other headers.
    pub(super) fn headers(&self, act: Act, what: &str, other: &[(&str, &str)], code: &'static str, param: &str) -> Row {
        let rest = Rest::Refuses {
            body: self.good(act).to_string().into_bytes(),
            headers: other
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            status: 400,
            code,
            param: Some(param.to_owned()),
        };
        Row {
            act,
            what: what.to_owned(),
            input: String::new(),
            rest,
            cli: Cli::Not("the command line writes the headers itself"),
        }
    }

    /// The command line with a policy in a file. `names` is what the complaint has to hold.
    pub(super) fn policy_file(&self, number: usize, content: &[u8], names: &[&str]) -> Cli {
        let file = self.folder.join(format!("policy-{number}.json"));
        std::fs::write(&file, content).unwrap();
        Cli::Refuses {
            args: ["agent", "create", "probe", "--policy", text(&file)]
                .map(str::to_owned)
                .to_vec(),
            exit: 1,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Puts `value` where `path`, such as `policy.whitelist.allowedDestinations[0]`, says.
fn put(body: &mut Value, path: &str, value: Value) {
    let mut place = body;
    // A name may be empty; only a policy's and those of lists of things have steps.
    let steps: Vec<&str> = match path.split_once('.') {
        Some(("policy" | "scopes[0]" | "roles[0]", _)) => path.split('.').collect(),
        _ => vec![path],
    };
    for step in steps {
        let (name, index) = match step.split_once('[') {
            Some((name, rest)) => (name, rest.trim_end_matches(']').parse::<usize>().ok()),
            None => (step, None),
        };
        place = &mut place[name];
        if let Some(index) = index {
            if !place.is_array() {
                *place = json!([]);
            }
            let list = place.as_array_mut().unwrap();
            while list.len() <= index {
                list.push(Value::Null);
            }
            place = &mut place[index];
        }
    }
    *place = value;
}

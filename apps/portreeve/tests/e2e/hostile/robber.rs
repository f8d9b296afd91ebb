//! Whoever holds the server's socket.

use {
    crate::{
        estate::{Agent, Estate, spend, transaction},
        house::SignerClient,
    },
    portreeve_chain::{Action, Message, Transaction},
    portreeve_kernel::{Address, AgentId},
    portreeve_signing::{
        Bytes, Reason, Refusal,
        protocol::{Answer, KeySignature, Request, Signed},
    },
};

/// It asks the signer for whatever it likes, and sends what it gets signed to the chain.
pub(super) struct Robber<'a> {
    pub(super) estate: &'a Estate,
    pub(super) client: SignerClient,
    /// How many different things were signed for it.
    pub(super) signed: usize,
}

impl<'a> Robber<'a> {
    pub(super) fn new(estate: &'a Estate) -> Self {
        let client = estate.house.signer_client();
        Self {
            estate,
            client,
            signed: 0,
        }
    }

    /// Asks for one thing; what is signed goes to the chain at once, whether or not the chain takes it.
    pub(super) fn ask(&mut self, request: &Request) -> Result<Answer, Refusal> {
        let answer = self.client.ask(request)?;
        let (signatures, message) = match (&answer, request) {
            (Answer::Spend(spend), Request::SignSpend { message, .. }) => (&spend.signatures, message),
            (
                Answer::Signed(Signed { signatures }),
                Request::SignSetup { message, .. }
                | Request::SignLimitRemoval { message, .. }
                | Request::SignLimitRestore { message, .. },
            ) => (signatures, message),
            _ => return Ok(answer),
        };
        self.signed += 1;
        let signed: Vec<_> = signatures
            .iter()
            .map(|KeySignature { key, signature }| (*key, *signature))
            .collect();
        let transaction = Transaction::assemble(Message::parse(&message.0).unwrap(), &signed).unwrap();
        let _ = self.estate.broadcast(&transaction);
        Ok(answer)
    }

    /// Asks for one thing that must be refused.
    #[track_caller]
    pub(super) fn refused(&mut self, what: &str, request: &Request) -> Refusal {
        match self.ask(request) {
            Err(refusal) => refusal,
            Ok(answer) => panic!("{what}: {answer:?}"),
        }
    }

    /// Asks for the same bytes in every way there is; all must be refused.
    pub(super) fn refused_every_way(&mut self, what: &str, agent: &AgentId, bytes: &[u8]) -> Vec<Reason> {
        let ways = every_way(agent, bytes);
        ways.iter().map(|request| self.refused(what, request).reason).collect()
    }

    /// A payment by `agent`, out of `whose` wallet.
    pub(super) fn pay(&self, agent: &Agent, whose: &Agent, id: u64, to: Address, lamports: u64) -> Request {
        let message = spend(&whose.wallet, id, to, lamports, self.estate.blockhash());
        Request::SignSpend {
            transaction: transaction(id),
            agent: agent.id.clone(),
            message: Bytes(message.as_bytes().to_vec()),
        }
    }

    pub(super) fn bytes(&self, agent: &Agent, actions: &[Action]) -> Vec<u8> {
        agent
            .wallet
            .message(self.estate.blockhash(), actions)
            .unwrap()
            .as_bytes()
            .to_vec()
    }
}

fn every_way(agent: &AgentId, bytes: &[u8]) -> [Request; 4] {
    let (agent, message) = (agent.clone(), Bytes(bytes.to_vec()));
    let (transaction, again) = (transaction(7_000), message.clone());
    [
        Request::SignSpend {
            transaction,
            agent: agent.clone(),
            message: again,
        },
        Request::SignSetup {
            agent: agent.clone(),
            message: message.clone(),
        },
        Request::SignLimitRemoval {
            agent: agent.clone(),
            message: message.clone(),
        },
        Request::SignLimitRestore { agent, message },
    ]
}

//! From a name to addresses, each of them judged. What is called is what was judged: nobody asks for the name again.

use {
    crate::address,
    portreeve_kernel::Network,
    reqwest::dns::{Addrs, Name, Resolve, Resolving},
    std::{
        io,
        net::{IpAddr, SocketAddr},
        sync::Arc,
    },
};

/// Says which addresses a name has.
#[async_trait::async_trait]
pub trait Lookup: Send + Sync {
    /// All of them.
    ///
    /// # Errors
    /// When there is none, or nobody answers.
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's own.
#[derive(Debug)]
pub(crate) struct SystemLookup;

#[async_trait::async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((name, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// An address that is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is an inner or a special-purpose address")]
pub(crate) struct Forbidden(pub(crate) IpAddr);

/// Which addresses may be called.
#[derive(Debug, Clone)]
pub(crate) struct Judge {
    /// Beside all that are outside.
    pub(crate) allowed: Arc<[Network]>,
}

impl Judge {
    pub(crate) fn judge(&self, address: IpAddr) -> Result<(), Forbidden> {
        let is_allowed = address::is_outside(address) || self.allowed.iter().any(|network| network.contains(address));
        if is_allowed { Ok(()) } else { Err(Forbidden(address)) }
    }

    /// One address that is not to be called is reason enough not to call the others: such a name is not honest.
    fn judge_all(&self, addresses: &[IpAddr]) -> Result<(), Forbidden> {
        addresses.iter().try_for_each(|address| self.judge(*address))
    }
}

/// Looks names up for the client, which connects to what this gives and to nothing else.
#[derive(Clone)]
pub(crate) struct Pinned {
    pub(crate) lookup: Arc<dyn Lookup>,
    pub(crate) judge: Judge,
}

impl Resolve for Pinned {
    fn resolve(&self, name: Name) -> Resolving {
        let own = self.clone();
        Box::pin(async move {
            let addresses = own.lookup.lookup(name.as_str()).await?;
            own.judge.judge_all(&addresses)?;
            // The port is that of the address that was asked for.
            let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

//! Who may ask. The kernel says which user is at the other end of a Unix socket; nothing the peer says can change that.

use {rustix::net::sockopt::socket_peercred, std::os::unix::net::UnixStream};

/// The users who may connect: this process's own, and those that were named.
#[derive(Debug, Clone)]
pub(crate) struct Peers {
    own: u32,
    others: Vec<u32>,
}

impl Peers {
    /// This user and `others`.
    pub(crate) fn new(others: Vec<u32>) -> Self {
        Self {
            own: rustix::process::geteuid().as_raw(),
            others,
        }
    }

    /// True when nobody but this user may connect.
    pub(crate) const fn only_own(&self) -> bool {
        self.others.is_empty()
    }

    /// True when the peer's user is one of them. In doubt, not.
    pub(crate) fn admit(&self, stream: &UnixStream) -> bool {
        socket_peercred(stream).is_ok_and(|peer| self.includes(peer.uid.as_raw()))
    }

    fn includes(&self, uid: u32) -> bool {
        uid == self.own || self.others.contains(&uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_user_and_those_named_may_connect_and_nobody_else() {
        let peers = Peers {
            own: 1000,
            others: vec![1001],
        };
        let admitted: Vec<u32> = [0, 1, 999, 1000, 1001, 1002, u32::MAX]
            .into_iter()
            .filter(|uid| peers.includes(*uid))
            .collect();
        assert_eq!(admitted, [1000, 1001], "root is nobody special here");
    }

    #[test]
    fn our_own_socket_is_admitted() {
        let (one, _other) = UnixStream::pair().unwrap();
        assert!(Peers::new(Vec::new()).admit(&one));
    }
}

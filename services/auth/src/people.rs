//! People: invited by an owner, enrolled with a passkey by a link that is good once, signed in by that passkey.
//!
//! What must stay true: whoever is nobody writes nothing; a link, a ceremony and a counter's value are good once, however
//! many try at the same moment; nobody is given a role that is wider than who gives it; and the last owner stays.
//!
//! Locks are taken in one order: API keys, users, links, passkeys, sessions, and then what `oauth` locks.

pub(crate) mod ceremony;
pub(crate) mod error;
pub(crate) mod known;
pub(crate) mod links;
pub(crate) mod passkeys;
pub(crate) mod sessions;
pub(crate) mod users;
mod visitor;

use {
    crate::{SealKey, keys::Keys, people::ceremony::Ceremonies},
    portreeve_kernel::{Now, Timestamp},
    std::{fmt, sync::Arc},
};

/// All that invites, enrols, signs in and removes people.
pub struct People {
    /// Whether who asks is still good; and with it the database, time, chance, and the server's name.
    keys: Arc<Keys>,
    ceremonies: Ceremonies,
}

impl fmt::Debug for People {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("People")
    }
}

impl People {
    /// The people of the server whose keys these are. `seal` is what a ceremony is sealed with while a browser has it.
    #[must_use]
    pub fn new(keys: &Arc<Keys>, seal: SealKey) -> Self {
        Self {
            ceremonies: Ceremonies::new(&keys.origin, seal),
            keys: Arc::clone(keys),
        }
    }

    /// False when the server is called by a number: a passkey belongs to a name, so nobody can sign in there.
    #[must_use]
    pub const fn can_sign_in(&self) -> bool {
        self.ceremonies.has_site()
    }

    fn now(&self) -> Now {
        self.keys.clock.now()
    }

    fn at(&self) -> Timestamp {
        self.now().for_expiry()
    }
}

//! What the traces did, counted.

/// What the traces did, counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) allowed: u64,
    pub(crate) denied: u64,
    pub(crate) landed: u64,
    pub(crate) lost: u64,
    pub(crate) configured: u64,
    pub(crate) attempts: u64,
    pub(crate) refused_by_chain: u64,
    pub(crate) stolen: u64,
    pub(crate) compared: u64,
    /// Groups of traces that began anew, because their chain did not answer.
    pub(crate) again: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.allowed += other.allowed;
        self.again += other.again;
        self.denied += other.denied;
        self.landed += other.landed;
        self.lost += other.lost;
        self.configured += other.configured;
        self.attempts += other.attempts;
        self.refused_by_chain += other.refused_by_chain;
        self.stolen += other.stolen;
        self.compared += other.compared;
    }
}

//! `/hypotheses`: make, change, copy and delete hypotheses.

super::writing::writes! {
    Hypothesis, "/hypotheses", "/hypotheses/{entity_id}",
    /// A new hypothesis.
    NewHypothesis "NewVaultHypothesis",
    /// What changes of a hypothesis. What is null is taken out.
    ChangeHypothesis "VaultChangeHypothesis",
    /// Ask a question about a track.
    "createVaultHypothesis",
    /// Change a hypothesis that nobody has changed since it was read.
    "updateVaultHypothesis",
    /// Make a copy of a hypothesis: another id, and today's days.
    "/hypotheses/{entity_id}/duplicate" "duplicateVaultHypothesis",
    /// Move a hypothesis into the vault's trash.
    "deleteVaultHypothesis",
}

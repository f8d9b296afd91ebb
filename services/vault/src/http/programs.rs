//! `/programs`: make, change, copy and delete programs.

super::writing::writes! {
    Program, "/programs", "/programs/{entity_id}",
    /// A new program.
    NewProgram "NewVaultProgram",
    /// What changes of a program. What is null is taken out.
    ChangeProgram "VaultChangeProgram",
    /// Make a program, which has no end.
    "createVaultProgram",
    /// Change a program that nobody has changed since it was read.
    "updateVaultProgram",
    /// Make a copy of a program: another id, and today's days.
    "/programs/{entity_id}/duplicate" "duplicateVaultProgram",
    /// Move a program into the vault's trash, unless projects belong to it.
    "deleteVaultProgram",
}

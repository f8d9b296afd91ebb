//! `/projects`: make, change, copy and delete projects.

super::writing::writes! {
    Project, "/projects", "/projects/{entity_id}",
    /// A new project.
    NewProject "NewVaultProject",
    /// What changes of a project. What is null is taken out.
    ChangeProject "VaultChangeProject",
    /// Make a project, with a folder of its own.
    "createVaultProject",
    /// Change a project that nobody has changed since it was read.
    "updateVaultProject",
    /// Make a copy of a project: another id, and today's days.
    "/projects/{entity_id}/duplicate" "duplicateVaultProject",
    /// Move a project and its folder into the vault's trash.
    "deleteVaultProject",
}

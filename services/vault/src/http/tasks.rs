//! `/tasks`: make, change, copy and delete tasks.

super::writing::writes! {
    Task, "/tasks", "/tasks/{entity_id}",
    /// A new task.
    NewTask "NewVaultTask",
    /// What changes of a task. What is null is taken out.
    ChangeTask "VaultChangeTask",
    /// Make a task in a project's folder.
    "createVaultTask",
    /// Change a task that nobody has changed since it was read.
    "updateVaultTask",
    /// Make a copy of a task: another id, and today's days.
    "/tasks/{entity_id}/duplicate" "duplicateVaultTask",
    /// Move a task into the vault's trash.
    "deleteVaultTask",
}

//! Projects and owners: what every other row belongs to.

use {
    crate::{error::StoreError, reader::Fetch, row::Row, sql::Sql, tx::Tx},
    portreeve_kernel::{Cluster, OwnerId, ProjectId, Timestamp},
};

/// A name and a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// For people.
    pub name: String,
    /// The chain its wallets live on. The environment, live or test, follows from it.
    pub cluster: Cluster,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A person or organisation that owns agents and money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its id.
    pub id: OwnerId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// For people.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Adds a project.
///
/// # Errors
/// [`StoreError::Conflict`] when the id exists.
pub async fn add_project(tx: &mut Tx, project: &Project) -> Result<(), StoreError> {
    let insert =
        Sql::new("INSERT INTO projects (id, name, cluster, environment, created_at) VALUES ($1, $2, $3, $4, $5)")
            .bind(&project.id)
            .bind(project.name.as_str())
            .bind(&project.cluster)
            .bind(&project.cluster.environment())
            .bind(project.created_at);
    tx.execute(insert).await?;
    Ok(())
}

/// Adds an owner to its project.
///
/// # Errors
/// [`StoreError::Conflict`] when the id exists, [`StoreError::Statement`] when the project does not.
pub async fn add_owner(tx: &mut Tx, owner: &Owner) -> Result<(), StoreError> {
    let insert = Sql::new("INSERT INTO owners (id, project_id, name, created_at) VALUES ($1, $2, $3, $4)")
        .bind(&owner.id)
        .bind(&owner.project)
        .bind(owner.name.as_str())
        .bind(owner.created_at);
    tx.execute(insert).await?;
    Ok(())
}

/// All projects, oldest first.
///
/// # Errors
/// As any read.
pub async fn projects(from: &mut (impl Fetch + Send)) -> Result<Vec<Project>, StoreError> {
    let rows = from
        .fetch_all(Sql::new("SELECT * FROM projects ORDER BY created_at, id"))
        .await?;
    rows.iter().map(project).collect()
}

/// The owners of one project, oldest first.
///
/// # Errors
/// As any read.
pub async fn owners(from: &mut (impl Fetch + Send), project: &ProjectId) -> Result<Vec<Owner>, StoreError> {
    let sql = Sql::new("SELECT * FROM owners WHERE project_id = $1 ORDER BY created_at, id").bind(project);
    from.fetch_all(sql).await?.iter().map(owner).collect()
}

fn project(row: &Row) -> Result<Project, StoreError> {
    Ok(Project {
        id: row.get("id")?,
        name: row.get("name")?,
        cluster: row.get("cluster")?,
        created_at: row.get("created_at")?,
    })
}

fn owner(row: &Row) -> Result<Owner, StoreError> {
    Ok(Owner {
        id: row.get("id")?,
        project: row.get("project_id")?,
        name: row.get("name")?,
        created_at: row.get("created_at")?,
    })
}

//! Projects and owners.

use {
    crate::support::{T, owner, project},
    portreeve_kernel::Cluster,
    portreeve_store::{
        StoreError, Tx,
        tenancy::{Owner, Project, add_owner, add_project, owners, projects},
        testing::TestDatabase,
    },
};

pub(crate) async fn projects_and_owners_are_kept(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    let house = Project {
        id: project(),
        name: "house".to_owned(),
        cluster: Cluster::Local,
        created_at: T,
    };
    let lady = Owner {
        id: owner(),
        project: house.id.clone(),
        name: "lady".to_owned(),
        created_at: T,
    };
    let (made, born) = (house.clone(), lady.clone());
    let unit = async move |tx: &mut Tx| {
        add_project(tx, &made).await?;
        add_owner(tx, &born).await
    };
    database.write(unit).await.unwrap();
    let mut read = database.read();
    assert_eq!(projects(&mut read).await.unwrap(), std::slice::from_ref(&house));
    assert_eq!(owners(&mut read, &house.id).await.unwrap(), [lady]);
    assert!(owners(&mut read, &project()).await.unwrap().is_empty());
}

pub(crate) async fn an_owner_without_a_project_is_refused(place: &TestDatabase) {
    let database = place.open().await.unwrap();
    let stray = Owner {
        id: owner(),
        project: project(),
        name: "stray".to_owned(),
        created_at: T,
    };
    let refused = database.write(async move |tx| add_owner(tx, &stray).await).await;
    assert!(matches!(refused, Err(StoreError::Statement(_))));
}

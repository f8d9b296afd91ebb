//! What answers are tagged with tells nothing of what they leave out.

use {
    super::{House, put, small},
    crate::{Moment, members::MembersView},
    portreeve_notes::{Limits, Root, Seal, Vault},
    std::{collections::BTreeSet, sync::Arc},
};

#[test]
fn whoever_knows_all_the_rest_of_a_file_cannot_try_out_what_is_private_in_it() {
    let house = House::open(small(1), |root| {
        put(root, "00_Meta/members.yaml", "members: [{id: member-01, salary: 12}]\n");
    });
    let root = Root::at(&house.home.path().join("notes")).unwrap();
    let tags = |key: u8| {
        let limits = Limits {
            seal: Seal::new([key; 32]),
            ..Limits::keeping_private()
        };
        let moment = Moment::of(Arc::new(Vault::open(&root, limits, &|_| {}).unwrap()), house.plan.today);
        let snapshot = moment.snapshot();
        let notes = snapshot.notes().iter().map(|note| note.revision.to_string());
        let mut tags: BTreeSet<_> = notes.collect();
        tags.insert(snapshot.generation().to_string());
        tags.insert(snapshot.schema().revision.unwrap().to_string());
        tags.insert(MembersView::read(&moment).unwrap().tag());
        assert!(tags.len() > 100 && !tags.contains(""), "{tags:?}");
        tags
    };
    assert_eq!(tags(1), tags(1), "the same after a restart");
    assert!(tags(1).is_disjoint(&tags(2)), "they follow from the files alone");
}

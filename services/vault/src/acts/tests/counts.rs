//! What was written is what is counted and found.

use {
    super::{House, paging},
    crate::acts::{context, folder, graph, impact, search, stats, status},
    portreeve_notes::{EntityType, testing::Plan},
    std::collections::{BTreeMap, BTreeSet},
};

#[test]
fn every_count_planted_word_and_relation_is_that_of_the_manifest() {
    for seed in [1, 2, 3] {
        let plan = Plan {
            seed,
            body: 600,
            ..Plan::default()
        };
        agrees(&House::open(plan, |_| {}));
    }
}

fn agrees(house: &House) {
    let (moment, manifest) = (house.moment(), &house.manifest);
    let status = status::status(&moment);
    assert_eq!(status.totals, manifest.types);
    let statuses: BTreeMap<_, _> = status
        .tasks
        .iter()
        .map(|(name, count)| (name.0.to_string(), *count))
        .collect();
    assert_eq!(statuses, manifest.task_statuses);
    assert_eq!(status.attention_needed.total, manifest.overdue);
    assert!(status.attention_needed.items.is_sorted_by_key(|late| late.due.clone()));
    assert!(
        status
            .recent_updates
            .iter()
            .rev()
            .is_sorted_by_key(|recent| recent.updated.clone())
    );
    assert_eq!(stats::stats(&moment, true).types, manifest.types);

    for (term, files) in &manifest.terms {
        let wanted = search::Wanted {
            words: term,
            ..search::Wanted::default()
        };
        let mut found = BTreeSet::new();
        let mut cursor = None;
        loop {
            let page = search::search(&moment, Some(&house.index), &wanted, &paging(100, cursor.as_deref())).unwrap();
            assert_eq!(page.total, files.len(), "{term}");
            for hit in page.items {
                let snippet = hit.snippet.unwrap();
                assert!(
                    snippet.before.len() + snippet.found.len() + snippet.after.len() > snippet.found.len(),
                    "{term}"
                );
                assert!(found.insert(hit.path.to_string()), "{term}: twice");
            }
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, *files, "{term}");
    }

    for (id, count) in &manifest.children {
        let Ok(graph) = graph::graph(&moment, id) else { continue };
        assert_eq!(graph.children_total, *count, "{id}");
        assert_eq!(graph.children.len(), (*count).min(20), "{id}");
        let context = context::entity(&moment, id, &crate::shown::Ask::default()).unwrap();
        assert_eq!(context.children.total, *count, "{id}");
    }
    for (id, count) in &manifest.validated_by {
        let relations = context::entity(&moment, id, &crate::shown::Ask::default()).unwrap();
        let relations = relations.entity.relations.unwrap();
        let validates = relations
            .incoming
            .iter()
            .find(|related| related.relation == "validates");
        assert_eq!(validates.map(|related| related.total), Some(*count), "{id}");
    }
    for (path, count) in &manifest.backlinks {
        let note = moment.note(path).unwrap();
        let id = note.entity().unwrap().id.to_string();
        let context = context::entity(&moment, &id, &crate::shown::Ask::default()).unwrap();
        assert_eq!(context.backlinks_total, *count, "{path}");
    }

    let root = folder::contents(&moment, None, false, &paging(100, None)).unwrap();
    let below: usize = root.folders.iter().map(|folder| folder.notes).sum();
    assert_eq!(below + root.total, moment.snapshot().notes().len());
    assert_eq!(root.stats.by_type, manifest.types);
    for folder in &root.folders {
        let inner = folder::contents(&moment, Some(&folder.path), false, &paging(100, None)).unwrap();
        assert_eq!(inner.stats.notes, folder.notes, "{}", folder.path);
    }
}

#[test]
fn a_context_holds_what_belongs_to_it_and_nothing_else() {
    let house = House::open(super::small(4), |_| {});
    let moment = house.moment();
    let mut tasks = 0;
    for found in moment.of_type(&EntityType::Project) {
        let context = context::project(&moment, found.id(), &crate::shown::Ask::default()).unwrap();
        let by_status: usize = context.tasks_by_status.values().sum();
        assert_eq!(context.tasks.total, by_status);
        tasks += context.tasks.total;
        assert!(
            context
                .tasks
                .items
                .iter()
                .all(|task| task.entity_type == EntityType::Task)
        );
        assert!(
            context
                .hypotheses
                .items
                .iter()
                .all(|found| found.entity_type == EntityType::Hypothesis)
        );
        let parent = found.entity.fields.text("parent_id").unwrap();
        assert_eq!(context.parent_track.unwrap().entity_id.as_str(), &*parent);
        assert_eq!(context.evidence.total, context.score.evidence);
    }
    // Some odd ones have no project.
    let alone = |found: &crate::Served<'_>| {
        let mut named = ["project_id", "parent_id"]
            .into_iter()
            .filter_map(|field| found.entity.fields.text(field));
        named.all(|id| moment.entity_of(&EntityType::Project, &id).is_err())
    };
    let alone = moment.of_type(&EntityType::Task).filter(alone).count();
    assert!(alone < 5, "{alone}");
    assert_eq!(tasks + alone, house.manifest.types["Task"], "each task in one project");
    let mut projects = 0;
    for found in moment.of_type(&EntityType::Track) {
        let context = context::track(&moment, found.id(), &crate::shown::Ask::default()).unwrap();
        projects += context.projects.total;
        assert!(context.condition.is_some());
        let detail = impact::one(&moment, found.id(), None).unwrap();
        assert_eq!(detail.impact.score, context.score);
        assert_eq!(detail.parts.len(), context.projects.total);
    }
    assert_eq!(projects, house.manifest.types["Project"]);
    for wrong in ["trk-1", "nobody", ""] {
        assert!(
            context::project(&moment, wrong, &crate::shown::Ask::default()).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn what_is_due_today_is_not_late_and_what_was_due_yesterday_is() {
    let house = House::open(super::small(5), |_| {});
    let late = || status::status(&house.moment()).attention_needed.total;
    let before = late();
    for (number, due, status, more) in [
        (1, "2026-03-01", "doing", 0),
        (2, "2026-02-28", "todo", 0),
        (3, "2026-02-30", "doing", 0),
        (4, "2026-02-28", "doing", 1),
    ] {
        let id = format!("tsk-000000-170000000000{number}");
        let text = format!("---\nentity_type: Task\nentity_id: {id}\nstatus: {status}\ndue: {due}\n---\n");
        house.write(&format!("50_Projects/2026/{id}.md"), &text);
        assert_eq!(late(), before + more, "{status} and due {due}");
    }
}

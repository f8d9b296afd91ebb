//! Pages, filters and tags.

use {
    super::{House, paging, small},
    crate::{
        acts::{findings, list, search},
        listing::Filter,
        shown::{Ask, NoteView, Selection, Window},
    },
    portreeve_kernel::Code,
    portreeve_notes::EntityType,
    std::{collections::BTreeSet, fs},
};

#[test]
fn pages_add_up_to_the_list_in_one_order_without_gap_or_repeat() {
    let house = House::open(small(1), |_| {});
    let moment = house.moment();
    let mut filters = vec![Filter::default()];
    filters.extend(moment.snapshot().counts().map(|(kind, _)| Filter::of(kind.clone())));
    for filter in filters {
        let all: Vec<_> = filter
            .entities(&moment)
            .iter()
            .map(|found| found.id().to_owned())
            .collect();
        for limit in [1, 7, 100] {
            let mut found = Vec::new();
            let mut cursor: Option<String> = None;
            loop {
                let page = list::list(
                    &moment,
                    &filter,
                    &Selection::default(),
                    &paging(limit, cursor.as_deref()),
                )
                .unwrap();
                assert_eq!(page.total, all.len());
                assert_eq!(page.has_more, page.cursor.is_some());
                found.extend(
                    page.items
                        .iter()
                        .map(|item| item.entity_id.clone().unwrap().to_string()),
                );
                cursor = page.cursor;
                if cursor.is_none() {
                    break;
                }
                assert_eq!(page.items.len(), usize::try_from(limit).unwrap());
            }
            assert_eq!(found, all, "{filter:?} by {limit}");
        }
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }
    let total: usize = house.manifest.types.values().sum();
    assert_eq!(Filter::default().entities(&moment).len(), total);
}

#[test]
fn a_filter_lets_through_what_a_walk_over_all_of_them_finds() {
    let house = House::open(small(2), |_| {});
    let moment = house.moment();
    for field in [
        "status",
        "assignee",
        "priority",
        "project_id",
        "parent_id",
        "evidence_status",
        "horizon",
        "tags",
    ] {
        let mut values = moment
            .entities()
            .flat_map(|found| found.entity.fields.texts(field).collect::<Vec<_>>());
        let value = values.next().unwrap_or_else(|| panic!("nobody has `{field}`"));
        let value = &*value;
        let filter = Filter::default().with(&moment, field, Some(value)).unwrap();
        let found: BTreeSet<_> = filter
            .entities(&moment)
            .iter()
            .map(|found| found.id().to_owned())
            .collect();
        let walked: BTreeSet<_> = moment
            .entities()
            .filter(|found| found.entity.fields.texts(field).any(|text| &*text == value))
            .map(|found| found.id().to_owned())
            .collect();
        assert!(!walked.is_empty(), "{field}");
        assert_eq!(found, walked, "{field}");
    }
}

#[test]
fn a_word_that_nothing_could_hold_is_refused_and_one_that_nothing_holds_is_not() {
    let house = House::open(small(1), |_| {});
    let moment = house.moment();
    let tasks = |status: &str| {
        let filter = Filter::of(EntityType::Task)
            .with(&moment, "status", Some(status))
            .unwrap();
        list::list(&moment, &filter, &Selection::default(), &paging(1, None))
    };
    assert_eq!(tasks("nonsense").unwrap_err().code(), Code::ValidationInvalidEnum);
    assert!(tasks("doing").unwrap().total > 0);
    let nobody = Filter::of(EntityType::Task)
        .with(&moment, "assignee", Some("nobody"))
        .unwrap()
        .with(&moment, "status", Some("doing"))
        .unwrap();
    assert_eq!(
        list::list(&moment, &nobody, &Selection::default(), &paging(1, None))
            .unwrap()
            .total,
        0
    );
    assert!(Filter::default().with(&moment, "notes", Some("x")).is_err());
    assert!(Filter::of_name(&moment, Some("Nonsense")).is_err());
}

#[test]
fn only_the_fields_that_were_asked_for_are_shown() {
    let house = House::open(small(1), |_| {});
    let moment = house.moment();
    let selection = Selection::parse(&moment, Some("status, entity_name")).unwrap();
    let found = moment.of_type(&EntityType::Task).next().unwrap();
    let told = serde_json::to_value(NoteView::new(found.note, &selection)).unwrap();
    let names: BTreeSet<_> = told["fields"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["entity_name", "status"]));
    for always in ["entity_id", "entity_type", "path", "revision"] {
        assert!(told[always].is_string(), "{always}");
    }
    for unknown in ["nonsense", "", "status,,", "status,nonsense"] {
        let refused = Selection::parse(&moment, Some(unknown)).unwrap_err();
        assert_eq!(refused.code(), Code::ValidationInvalidEnum, "{unknown:?}");
    }
    let many = vec!["status"; 65].join(",");
    assert_eq!(
        Selection::parse(&moment, Some(&many)).unwrap_err().code(),
        Code::ValidationOutOfRange
    );
}

#[test]
fn a_text_is_read_on_where_it_was_cut() {
    let house = House::open(small(1), |_| {});
    let moment = house.moment();
    let note = moment.of_type(&EntityType::Task).next().unwrap().note;
    let whole = moment.open(note).unwrap().body;
    let mut read = String::new();
    loop {
        let window = Window {
            from: read.chars().count(),
            most: Some(37),
        };
        let ask = Ask {
            body: Some(window),
            ..Ask::default()
        };
        let text = NoteView::asked(&moment, note, &ask).unwrap().text.unwrap();
        read.push_str(&text.body);
        assert_eq!(text.chars_left, whole.chars().count() - read.chars().count());
        if !text.truncated {
            break;
        }
    }
    assert_eq!(read, whole);
}

#[test]
fn findings_come_in_pages_that_add_up_and_filters_that_fit() {
    let house = House::open(small(1), |_| {});
    let moment = house.moment();
    let report = portreeve_notes::check(moment.snapshot());
    let all = |wanted: findings::Wanted<'_>| {
        let mut found = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = findings::findings(&report, &wanted, &paging(3, cursor.as_deref())).unwrap();
            found.extend(page.items);
            cursor = page.cursor;
            if cursor.is_none() {
                assert_eq!(found.len(), page.total);
                return found;
            }
        }
    };
    let found = all(findings::Wanted::default());
    assert_eq!(found.len(), report.findings.len());
    assert!(found.len() > 10);
    let errors = all(findings::Wanted {
        severity: Some("error"),
        ..findings::Wanted::default()
    });
    assert!(!errors.is_empty() && errors.len() < found.len());
    assert!(errors.iter().all(|finding| finding.code != "invalid_date"));
    let one = all(findings::Wanted {
        path: Some(&found[0].path),
        ..findings::Wanted::default()
    });
    assert!(one.iter().all(|finding| finding.path == found[0].path));
    for (code, severity) in [(Some("nonsense"), None), (None, Some("nonsense"))] {
        let wanted = findings::Wanted {
            code,
            severity,
            path: None,
        };
        assert!(findings::findings(&report, &wanted, &paging(1, None)).is_err());
    }
}

#[test]
fn searches_are_refused_while_there_is_no_index_and_where_they_ask_nothing() {
    let house = House::open(small(1), |_| {});
    let moment = house.moment();
    let ask = |words: &str, kind: Option<&str>, folder: Option<&str>, cursor: Option<&str>| {
        let wanted = search::Wanted {
            words,
            kind,
            folder,
            ..search::Wanted::default()
        };
        let paging = portreeve_guard::PagingQuery {
            limit: None,
            cursor: cursor.map(str::to_owned),
        };
        search::search(&moment, Some(&house.index), &wanted, &paging.check()?)
    };
    let wanted = search::Wanted {
        words: "FLOTSAM",
        ..search::Wanted::default()
    };
    let none = search::search(&moment, None, &wanted, &paging(1, None)).unwrap_err();
    assert_eq!((none.code(), none.code().retryable()), (Code::VaultIndexing, true));
    for (words, code) in [
        ("", Code::ValidationOutOfRange),
        (" a ", Code::ValidationOutOfRange),
        ("--", Code::ValidationInvalidFormat),
        (&"a ".repeat(40), Code::ValidationOutOfRange),
    ] {
        assert_eq!(ask(words, None, None, None).unwrap_err().code(), code, "{words:?}");
    }
    assert_eq!(
        ask("word", Some("Nonsense"), None, None).unwrap_err().code(),
        Code::ValidationInvalidEnum
    );
    assert_eq!(
        ask("word", None, Some("../x"), None).unwrap_err().code(),
        Code::ValidationInvalidFormat
    );
    // `eA` is `x` in the cursor's alphabet, and `MTAwMA` is `1000`.
    assert_eq!(
        ask("word", None, None, Some("eA")).unwrap_err().code(),
        Code::ValidationInvalidFormat
    );
    assert_eq!(
        ask("word", None, None, Some("MTAwMA")).unwrap_err().code(),
        Code::ValidationOutOfRange
    );
    assert!(ask("FLOTSAM", Some("Task"), Some("50_Projects/"), None).unwrap().total > 0);
    assert_eq!(ask("FLOTSAM", Some("Track"), None, None).unwrap().total, 0);
}

#[test]
fn a_search_says_when_the_full_text_is_not_that_of_the_moment() {
    let house = House::open(small(1), |_| {});
    let wanted = search::Wanted {
        words: "FLOTSAM",
        ..search::Wanted::default()
    };
    let total = |moment: &crate::Moment| {
        let found = search::search(moment, Some(&house.index), &wanted, &paging(1, None)).unwrap();
        let window = crate::shown::Window::default();
        let read = search::search_and_read(moment, Some(&house.index), &wanted, 1, window).unwrap();
        assert_eq!((read.total, read.indexing), (found.total, found.indexing));
        (found.total, found.indexing)
    };
    let before = house.moment();
    let (count, indexing) = total(&before);
    assert!(count > 0 && !indexing);
    house.write("10_Study/new.md", "FLOTSAM");
    let after = house.moment();
    assert_eq!(
        total(&after),
        (count, true),
        "as it was before the change, and it says so"
    );
    assert_eq!(total(&before), (count, false));
    house.index.follow(&house.notes, after.snapshot(), &|_| {}).unwrap();
    assert_eq!(total(&after), (count + 1, false));
    assert_eq!(
        total(&before),
        (count + 1, true),
        "whoever began before the change is told, too"
    );
    // A note that cannot be read when the text is written is not in it.
    house.write("10_Study/new.md", "FLOTSAM once more");
    fs::remove_file(house.home.path().join("notes/10_Study/new.md")).unwrap();
    let gone = house.moment();
    house.index.follow(&house.notes, gone.snapshot(), &|_| {}).unwrap();
    assert_eq!(total(&gone), (count, true));
}

#[test]
fn the_tag_of_the_vault_changes_with_what_it_says_and_with_nothing_else() {
    let house = House::open(small(1), |_| {});
    let generation = || house.moment().snapshot().generation().content;
    let first = generation();
    let path = "10_Study/tag.md";
    house.write(path, "one");
    let one = generation();
    assert_ne!(first, one);
    // The same bytes, written again.
    house.write(path, "one");
    assert_eq!(generation(), one);
    house.write(path, "two");
    assert_ne!(generation(), one);
    fs::remove_file(house.home.path().join("notes").join(path)).unwrap();
    house.notes.look_again(&|_| {}).unwrap();
    assert_eq!(generation(), first);
}

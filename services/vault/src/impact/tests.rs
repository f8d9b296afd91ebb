//! Scores by hand, by the windows of a calendar, and against a second reckoning that knows nothing of the first.

use {
    super::*,
    portreeve_notes::{Limits, Root, Vault},
    std::{fs, path::Path},
};

fn put(home: &Path, path: &str, matter: &str) {
    let whole = home.join(path);
    fs::create_dir_all(whole.parent().unwrap()).unwrap();
    fs::write(whole, format!("---\n{matter}---\n\ntext\n")).unwrap();
}

/// Three projects of track 1 and one of track 2 that also serves track 1; evidence of three strengths.
fn vault(home: &Path) -> Vault {
    for (path, matter) in [
        ("trk-1.md", "entity_type: Track\nentity_id: trk-1\n"),
        ("trk-2.md", "entity_type: Track\nentity_id: trk-2\n"),
        ("cond-a.md", "entity_type: Condition\nentity_id: cond-a\n"),
        (
            "p1.md",
            "entity_type: Project\nentity_id: prj-001\nparent_id: trk-1\ntier: strategic\nimpact_magnitude: high\nconfidence: 0.7\n\
             condition_contributes: [{condition_id: cond-a, weight: 0.5}]\n",
        ),
        (
            "p2.md",
            "entity_type: Project\nentity_id: prj-002\nparent_id: trk-1\nexpected_impact: {tier: enabling, impact_magnitude: low, confidence: 0.5}\n\
             condition_contributes: {cond-a: 0.25}\n",
        ),
        (
            "p3.md",
            "entity_type: Project\nentity_id: prj-003\nparent_id: trk-1\ntier: operational\nimpact_magnitude: high\nconfidence: 1\n",
        ),
        (
            "p4.md",
            "entity_type: Project\nentity_id: prj-004\nparent_id: trk-2\ntier: strategic\nimpact_magnitude: mid\nconfidence: 1\n\
             track_contributes: [{to: trk-1, weight: 0.1}]\n",
        ),
        (
            "e1.md",
            "entity_type: Evidence\nentity_id: ev:2026-0001\nproject: prj-001\nnormalized_delta: 0.5\nevidence_strength: strong\nwindow_id: 2026-02\n",
        ),
        (
            "e2.md",
            "entity_type: Evidence\nentity_id: ev:2026-0002\nproject: prj-001\nnormalized_delta: 1\nevidence_strength: weak\n\
             attribution_share: 0.5\nwindow_id: 2026-05\n",
        ),
        (
            "e3.md",
            "entity_type: Evidence\nentity_id: ev:2026-0003\nproject: prj-002\nnormalized_delta: 0.8\nevidence_strength: medium\ncreated: 2026-03-31\n",
        ),
        (
            "e4.md",
            "entity_type: Evidence\nentity_id: ev:2026-0004\nproject: prj-003\nnormalized_delta: 1\nevidence_strength: strong\nwindow_id: 2026-01\n",
        ),
    ] {
        put(home, path, matter);
    }
    Vault::open(&Root::at(home).unwrap(), Limits::default(), &|_| {}).unwrap()
}

fn score(vault: &Vault, id: &str, window: Option<&str>) -> (Option<f64>, f64, usize) {
    let snapshot = vault.snapshot();
    let entity = snapshot.find(id).unwrap().entity().unwrap();
    let window = window.map(|window| window.parse().unwrap());
    let Score {
        expected,
        realized,
        evidence,
    } = match entity.kind {
        EntityType::Project => project(&snapshot, entity, window),
        _ => sum(&parts(&snapshot, entity, window)),
    };
    (expected, realized, evidence)
}

#[test]
fn scores_are_those_that_were_reckoned_by_hand() {
    let home = tempfile::tempdir().unwrap();
    let vault = vault(home.path());
    for (id, expected, realized, evidence) in [
        // 10 × 0.7; 0.5 × 1 + 1 × 0.4 × 0.5
        ("prj-001", Some(7.0), 0.7, 2),
        // 1.5 × 0.5; 0.8 × 0.7
        ("prj-002", Some(0.75), 0.56, 1),
        ("prj-003", Some(2.0), 1.0, 1),
        ("prj-004", Some(6.0), 0.0, 0),
        // 7 + 0.75 + 0.1 × 6, without the operational one; 0.7 + 0.56
        ("trk-1", Some(8.35), 1.26, 3),
        ("trk-2", Some(6.0), 0.0, 0),
        // 0.5 × 7 + 0.25 × 0.75; 0.5 × 0.7 + 0.25 × 0.56
        ("cond-a", Some(3.69), 0.49, 3),
    ] {
        assert_eq!(score(&vault, id, None), (expected, realized, evidence), "{id}");
    }
}

#[test]
fn only_what_was_shown_in_a_window_counts_there() {
    let home = tempfile::tempdir().unwrap();
    let vault = vault(home.path());
    for (id, window, realized, evidence) in [
        ("prj-001", "2026-02", 0.5, 1),
        ("prj-001", "2026-05", 0.2, 1),
        ("prj-001", "2026-03", 0.0, 0),
        ("trk-1", "2026-Q1", 1.06, 2),
        ("trk-1", "2026-Q2", 0.2, 1),
        ("cond-a", "2026-H1", 0.49, 3),
        ("cond-a", "2026-H2", 0.0, 0),
        // Where no window is named, the day on which it was made counts: the 31st of March, a Tuesday.
        ("prj-002", "2026-W14", 0.56, 1),
        ("prj-002", "2026-W13", 0.0, 0),
        ("prj-002", "2026-03", 0.56, 1),
    ] {
        let (_, found, count) = score(&vault, id, Some(window));
        assert_eq!((found, count), (realized, evidence), "{id} {window}");
    }
}

#[test]
fn what_cannot_be_counted_is_not() {
    for (field, value) in [
        ("normalized_delta", "1.5"),
        ("normalized_delta", "-0.1"),
        ("normalized_delta", "much"),
        ("evidence_strength", "huge"),
        ("attribution_share", "2"),
        ("attribution_share", "[]x"),
    ] {
        let home = tempfile::tempdir().unwrap();
        put(
            home.path(),
            "p.md",
            "entity_type: Project\nentity_id: prj-001\ntier: strategic\n",
        );
        let mut matter = "entity_type: Evidence\nentity_id: ev:2026-0001\nproject: prj-001\n".to_owned();
        for (name, usual) in [
            ("normalized_delta", "1"),
            ("evidence_strength", "strong"),
            ("attribution_share", "1"),
        ] {
            matter.push_str(
                &format!("{name}: \"{}\"\n", if name == field { value } else { usual }).replace("\"1\"", "1"),
            );
        }
        put(home.path(), "e.md", &matter);
        let vault = Vault::open(&Root::at(home.path()).unwrap(), Limits::default(), &|_| {}).unwrap();
        assert_eq!(score(&vault, "prj-001", None), (None, 0.0, 0), "{field}: {value}");
    }
}

/// What a line of front matter holds, read without the library.
fn held<'a>(text: &'a str, field: &str) -> Option<&'a str> {
    let start = format!("\n{field}: ");
    text.split("\n---\n").next()?.split_once(&start)?.1.lines().next()
}

#[test]
fn scores_of_a_made_up_vault_are_those_of_a_second_reckoning() {
    let home = tempfile::tempdir().unwrap();
    let plan = portreeve_notes::testing::Plan {
        entities: 900,
        seed: 7,
        ..Default::default()
    };
    plan.write(home.path()).unwrap();
    let vault = Vault::open(
        &Root::at(&home.path().join("notes")).unwrap(),
        Limits::default(),
        &|_| {},
    )
    .unwrap();
    let snapshot = vault.snapshot();
    let texts: Vec<String> = snapshot
        .notes()
        .iter()
        .filter_map(|note| fs::read_to_string(home.path().join("notes").join(note.path().as_str())).ok())
        .collect();
    let mut shown = 0;
    for project_text in texts.iter().filter(|text| held(text, "entity_type") == Some("Project")) {
        let id = held(project_text, "entity_id").unwrap();
        let of = texts.iter().filter(|text| held(text, "project") == Some(id));
        let mut cents = 0.0;
        for evidence in of {
            let delta: f64 = held(evidence, "normalized_delta").unwrap().parse().unwrap();
            let tenths = match held(evidence, "evidence_strength").unwrap() {
                "strong" => 10.0,
                "medium" => 7.0,
                _ => 4.0,
            };
            cents += delta * tenths * 10.0;
            shown += 1;
        }
        let (_, realized, _) = score(&vault, id, None);
        assert!(
            (realized * 100.0 - cents).abs() <= 0.5 + 1e-9,
            "{id}: {realized} and {cents} hundredths"
        );
    }
    assert!(shown > 10, "{shown} pieces of evidence");
    let tracks = snapshot.of_type(&EntityType::Track).count();
    assert_eq!(tracks, 6);
}

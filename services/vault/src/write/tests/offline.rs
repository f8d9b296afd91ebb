//! What is made without a server is what a server would make.

use super::*;

fn wish(kind: EntityType, fields: &[(&str, &str)]) -> Wish {
    let fields = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Wish {
        kind,
        fields: fields.collect(),
        body: None,
    }
}

fn task(more: &[(&str, &str)]) -> Wish {
    let always = [
        ("entity_name", "Gate - oil it"),
        ("project_id", "prj-001"),
        ("assignee", "member-01"),
    ];
    wish(EntityType::Task, &[always.as_slice(), more].concat())
}

#[tokio::test]
async fn without_a_server_the_same_file_is_made_as_with_one() {
    let (house, other) = (House::new().await, House::new().await);
    let given = json!({
        "entity_name": "Gate - oil it", "project_id": "prj-001", "assignee": ["member-01", "member-02"], "tags": ["oil"], "body": "Text.\n",
    });
    let given = given.as_object().unwrap().clone();
    let served = house
        .writer
        .create(&house.caller, Kind::Task, given, false)
        .await
        .unwrap();
    let served = json!(served);
    let mut wish = task(&[("assignee", "member-02"), ("tags", "oil")]);
    wish.body = Some("Text.\n".to_owned());
    let made = create_offline(
        other.writer.open.notes(),
        &wish,
        other.writer.clock.now().for_release(),
        Arc::clone(&other.writer.entropy),
        false,
    );
    let made = made.unwrap();
    assert_eq!(
        (served["entity_id"].as_str(), served["path"].as_str()),
        (Some(&*made.id), Some(made.path.as_str()))
    );
    let file = |house: &House| fs::read_to_string(house.home.path().join("notes").join(made.path.as_str())).unwrap();
    assert_eq!(file(&house), file(&other));
    assert_eq!(made.text, file(&other));
}

#[tokio::test]
async fn what_is_refused_with_a_server_is_refused_without_one() {
    let house = House::new().await;
    let notes = house.writer.open.notes();
    let now = house.writer.clock.now().for_release();
    let refused = |wish: &Wish| {
        let entropy = Arc::clone(&house.writer.entropy);
        create_offline(notes, wish, now, entropy, false).unwrap_err().code()
    };
    for (wish, code) in [
        (task(&[("priority", "soon")]), Code::VaultRuleBroken),
        (task(&[("due", "soon")]), Code::ValidationInvalidFormat),
        (
            task(&[("due", "2026-01-01"), ("due", "2026-01-02")]),
            Code::ValidationInvalidFormat,
        ),
        (task(&[("salary", "1")]), Code::ValidationInvalidFormat),
        (task(&[("actual_hours", "many")]), Code::ValidationInvalidFormat),
        (
            wish(EntityType::Task, &[("entity_name", "A - b")]),
            Code::ValidationRequiredField,
        ),
        (wish(EntityType::Track, &[]), Code::ValidationInvalidEnum),
    ] {
        assert_eq!(refused(&wish), code, "{wish:?}");
    }
    let lock = notes.jail().try_lock().unwrap().unwrap();
    let (done, waited) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let entropy = Arc::clone(&house.writer.entropy);
            let made = create_offline(notes, &task(&[("actual_hours", "1.5")]), now, entropy, true);
            done.send(made.is_ok()).unwrap();
        });
        assert!(
            waited.recv_timeout(std::time::Duration::from_millis(200)).is_err(),
            "somebody else writes"
        );
        drop(lock);
        assert!(waited.recv().unwrap());
    });
}

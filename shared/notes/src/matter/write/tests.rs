//! What is written is what was meant, and nothing else moves.

use {super::*, crate::matter::Budget, proptest::prelude::*};

fn set(name: &str, value: Value) -> Edit {
    (name.into(), Some(value))
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

fn out(name: &str) -> Edit {
    (name.into(), None)
}

fn spliced(file: &str, edits: &[Edit]) -> Result<String, WriteFault> {
    splice(file.as_bytes(), edits, None, Limits::default()).map(|bytes| String::from_utf8(bytes).unwrap())
}

fn fields(file: &[u8]) -> Fields {
    match split(file) {
        Split::Fenced(fenced) => {
            parse(fenced.matter, Budget::default(), &mut Words::default())
                .unwrap()
                .fields
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_the_lines_of_a_changed_field_change() {
    let file = "---\n# kept\nentity_id: tsk-1   # its id\n\nstatus: todo # since Monday\ntags:\n  - a\n  # about b\n  - b\n\
                # about notes\nnotes: |\n  # no remark\n\n  text\nodd field: {x: [1, 2]}\n---\nstatus: not this\n---\n";
    for (edit, was, now) in [
        (
            set("status", text("done")),
            "status: todo # since Monday\n",
            "status: done # since Monday\n",
        ),
        (
            set("tags", Value::List([text("x")].into())),
            "tags:\n  - a\n  # about b\n  - b\n",
            "tags: [x]\n",
        ),
        (
            set("notes", text("one\n---\ntwo")),
            "notes: |\n  # no remark\n\n  text\n",
            "notes: \"one\\n---\\ntwo\"\n",
        ),
        (out("notes"), "notes: |\n  # no remark\n\n  text\n", ""),
        (out("status"), "status: todo # since Monday\n", ""),
        (
            set("entity_id", text("tsk-2")),
            "entity_id: tsk-1   # its id\n",
            "entity_id: tsk-2   # its id\n",
        ),
        (
            set("closed", text("2026-03-01")),
            "\n---\nstatus",
            "\nclosed: 2026-03-01\n---\nstatus",
        ),
    ] {
        assert_eq!(file.matches(was).count(), 1, "{was:?}");
        assert_eq!(spliced(file, &[edit]).unwrap(), file.replacen(was, now, 1));
    }
}

#[test]
fn empty_values_quoted_names_and_indented_blocks_are_found() {
    for (file, edit, expected) in [
        (
            "---\ndue:\nb: 1\n---\n",
            set("due", text("2026-01-02")),
            "---\ndue: 2026-01-02\nb: 1\n---\n",
        ),
        (
            "---\ndue:   # when?\nb: 1\n---\n",
            set("due", text("x")),
            "---\ndue: x   # when?\nb: 1\n---\n",
        ),
        ("---\n\"due\": 'a'\n---\n", set("due", text("b")), "---\ndue: b\n---\n"),
        (
            "---\n  a: 1\n  b: 2\n---\n",
            set("c", text("x")),
            "---\n  a: 1\n  b: 2\n  c: x\n---\n",
        ),
        ("---\n  a: 1\n  b: 2\n---\n", out("a"), "---\n  b: 2\n---\n"),
        ("---\n---\n", set("a", Value::Integer(1)), "---\na: 1\n---\n"),
        (
            "---\n# only\n---\n",
            set("a", Value::Bool(true)),
            "---\n# only\na: true\n---\n",
        ),
        ("---\na: 1\n---", set("b", Value::Null), "---\na: 1\nb: null\n---"),
        ("---\na:\n- x\n- y\nb: 1\n---\n", out("a"), "---\nb: 1\n---\n"),
        (
            "---\na: >-\n  x\n\n  y\n\n# c\nb: 1\n---\n",
            set("a", text("z")),
            "---\na: z\n\n# c\nb: 1\n---\n",
        ),
        (
            "---\n? a\n: 1\nb: 2\n---\n",
            set("a", Value::Integer(3)),
            "---\na: 3\nb: 2\n---\n",
        ),
    ] {
        assert_eq!(spliced(file, &[edit]).unwrap(), expected, "{file:?}");
    }
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_stay() {
    let file = "\u{feff}---\r\na: 1\r\nb: x # y\r\n---\r\nbody\r\n";
    let changed = spliced(file, &[set("b", text("z")), set("c", text("w"))]).unwrap();
    assert_eq!(changed, "\u{feff}---\r\na: 1\r\nb: z # y\r\nc: w\r\n---\r\nbody\r\n");
}

#[test]
fn of_a_field_that_stands_twice_the_one_that_is_read_is_changed_and_all_are_taken_out() {
    let file = "---\nstatus: todo\nx: 1\nstatus: hold\ny: 2\n---\n";
    assert_eq!(
        spliced(file, &[set("status", text("done"))]).unwrap(),
        "---\nstatus: todo\nx: 1\nstatus: done\ny: 2\n---\n"
    );
    assert_eq!(spliced(file, &[out("status")]).unwrap(), "---\nx: 1\ny: 2\n---\n");
    assert_eq!(
        spliced(file, &[set("x", Value::Integer(2))]).unwrap(),
        file.replace("x: 1", "x: 2")
    );
}

#[test]
fn fields_with_an_underscore_are_not_written_and_go_when_something_is() {
    let file = "---\n_path: a.md\na: 1\n_body: \"x\\ny\"\n---\n";
    assert_eq!(
        spliced(file, &[set("a", Value::Integer(2))]).unwrap(),
        "---\na: 2\n---\n"
    );
    for name in ["_path", "", "a b", "a:", "한글", "-a", "1a"] {
        assert!(matches!(
            spliced("---\na: 1\n---\n", &[set(name, Value::Null)]),
            Err(WriteFault::Name(_))
        ));
    }
}

#[test]
fn what_cannot_be_changed_alone_is_refused_and_not_guessed() {
    for file in [
        "---\n{a: 1, b: 2}\n---\n",
        "---\n{a: 1,\n b: 2}\n---\n",
        "---\n{\n  a: 1,\n  b: 2\n}\n---\n",
    ] {
        assert!(
            matches!(
                spliced(file, &[set("a", Value::Integer(3))]),
                Err(WriteFault::Woven(_) | WriteFault::Unreadable(_))
            ),
            "{file:?}"
        );
    }
    assert_eq!(spliced("no matter\n", &[out("a")]), Err(WriteFault::NoMatter));
    assert!(matches!(
        spliced("---\na: &x 1\n---\n", &[out("a")]),
        Err(WriteFault::Unreadable(_))
    ));
}

#[test]
fn a_text_is_replaced_and_kept_apart_from_the_fence() {
    let replaced = |file: &str, body: &str| {
        let bytes = splice(file.as_bytes(), &[], Some(body), Limits::default()).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!(
        replaced("---\na: 1\n---\nold\n", "---\nnew\n"),
        "---\na: 1\n---\n---\nnew\n"
    );
    assert_eq!(replaced("---\na: 1\n---", "new"), "---\na: 1\n---\nnew");
    assert_eq!(replaced("---\na: 1\n---\nold\n", ""), "---\na: 1\n---\n");
    let control = splice(b"---\na: 1\n---\n", &[], Some("a\0b"), Limits::default());
    assert_eq!(control, Err(WriteFault::Control("body".into())));
}

#[test]
fn nothing_is_written_that_would_not_be_read() {
    let limits = Limits {
        bytes: 200,
        matter: Budget {
            bytes: 100,
            ..Budget::default()
        },
        ..Limits::default()
    };
    let fields: Fields = [("a".into(), text(&"x".repeat(80)))].into_iter().collect();
    assert!(compose(&fields, "", limits).is_ok());
    let fields: Fields = [("a".into(), text(&"x".repeat(101)))].into_iter().collect();
    assert!(matches!(compose(&fields, "", limits), Err(WriteFault::Unreadable(_))));
    assert_eq!(
        compose(&Fields::default(), &"x".repeat(193), limits),
        Err(WriteFault::TooLarge(200))
    );
    assert!(compose(&Fields::default(), &"x".repeat(192), limits).is_ok());
    let deep = (0..40).fold(Value::Null, |inner, _| Value::List([inner].into()));
    assert!(matches!(
        compose(&[("a".into(), deep)].into_iter().collect(), "", Limits::default()),
        Err(WriteFault::Unreadable(_))
    ));
}

#[test]
fn control_characters_are_refused_wherever_they_stand() {
    for bad in ["\0", "\u{7f}", "\u{85}", "\u{1b}[2J", "a\rb"] {
        for value in [
            text(bad),
            Value::List([text(bad)].into()),
            Value::Map([("x".into(), text(bad))].into_iter().collect()),
            Value::Map([(bad.into(), Value::Null)].into_iter().collect()),
        ] {
            let refused = compose(&[("a".into(), value)].into_iter().collect(), "", Limits::default());
            assert_eq!(refused, Err(WriteFault::Control("a".into())), "{bad:?}");
        }
    }
}

#[test]
fn what_people_write_plainly_is_written_plainly_and_what_could_mean_more_is_quoted() {
    let written = |value: &str| {
        let mut to = String::new();
        scalar(value, &mut to).unwrap();
        to
    };
    for plain in [
        "todo",
        "prj-a1b2c3",
        "2026-03-01",
        "등대 - 첫 빛",
        "member-01",
        "a/b (c)",
    ] {
        assert_eq!(written(plain), plain);
    }
    for quoted in [
        "",
        " ",
        "null",
        "Yes",
        "NO",
        "true",
        "007",
        "1e3",
        "-a",
        "a: b",
        "a #b",
        "#a",
        "&a",
        "*a",
        "!a",
        "[a]",
        "a,b",
        "~",
        "2026-13-45",
        "12:30",
        "ev:1",
        "@a",
        "`a`",
        "%a",
        "a ",
        "---",
        "...",
        "<<",
        "=",
        ".5",
        "?",
        "|",
        ">",
    ] {
        assert!(written(quoted).starts_with('"'), "{quoted:?}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Integer),
        words().prop_map(|word| Value::Text(word.into())),
    ];
    scalar.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| Value::List(items.into())),
            proptest::collection::vec((words(), inner), 0..4)
                .prop_map(|items| Value::Map(items.into_iter().map(|(name, value)| (name.into(), value)).collect())),
        ]
    })
}

/// Whatever a text may be that has no control characters but line ends and tabs; and what looks like YAML.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        "[\\PC\n\t]{0,24}",
        "[-:#?!&*\\[\\]{},|>'\"%@` \n\t0-9eE.+~a-z가-힣=<]{0,24}",
        "[ \t]*(null|true|yes|no|on|[0-9]{4}-[0-9]{2}-[0-9]{2}|0x1f|1_000|---|\\.\\.\\.)[ \n]*",
    ]
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_back_the_same(value in value(), body in "[-\\PC\r\n\t]{0,30}") {
        let fields_in: Fields = [("a".into(), value)].into_iter().collect();
        let written = compose(&fields_in, &body, Limits::default()).unwrap();
        prop_assert_eq!(&fields(&written), &fields_in);
    }

    #[test]
    fn a_change_moves_nothing_else(
        before in "([a-d]: ([a-z]{1,4}|\\[x, y\\]|\"q: #\"|)( # note)?\r?\n|# remark\n|\n|[e-g]:\n  - one\n  - two: 3\n|[h-i]: \\|\n  text\n\n   more\n){0,8}",
        name in "[a-k]",
        value in value(),
        body in "[-x\r\n]{0,20}",
    ) {
        let file = format!("---\n{before}---\n{body}");
        let old = fields(file.as_bytes());
        let changed = splice(file.as_bytes(), &[set(&name, value.clone())], None, Limits::default()).unwrap();
        let new = fields(&changed);
        prop_assert_eq!(new.get(&name), Some(&value));
        for (field, value) in old.iter().filter(|(field, _)| ***field != *name) {
            prop_assert_eq!(new.get(field), Some(value));
        }
        let changed = std::str::from_utf8(&changed).unwrap();
        let tail = format!("---\n{body}");
        prop_assert!(changed.ends_with(&tail));
        // Every remark on a line of its own, every blank line outside of a text, is still there.
        prop_assert_eq!(changed.matches("# remark\n").count(), before.matches("# remark\n").count());
        // Setting it back to nothing leaves a file without it that says the same otherwise.
        let without = splice(changed.as_bytes(), &[out(&name)], None, Limits::default());
        if let Ok(without) = without {
            prop_assert_eq!(fields(&without), old.with(&[out(&name)]));
        }
    }

    #[test]
    fn any_file_is_changed_or_refused(file in "(---\n)?[a-c:\\-\\[\\]{}&*!|>'\"#? \n\t\r0-9가]{0,80}\n---\n", value in value()) {
        let _ = splice(file.as_bytes(), &[set("a", value), out("b")], Some("x"), Limits::default());
    }
}

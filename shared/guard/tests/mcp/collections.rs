//! Resources that are many: how they are listed, found and watched.

use {
    super::*,
    crate::subscriptions::Stream,
    portreeve_guard::mcp::{Collection, Member, Members},
    std::time::Duration,
    tokio::time::{Instant, timeout},
};

const PAGES: Collection = Collection {
    template: "toy://pages/{+path}",
    name: "page",
    title: "A page",
    about: "About it.",
    mime_type: "text/markdown",
};

const SHEETS: Collection = Collection {
    template: "toy://sheets/{id}",
    name: "sheet",
    ..PAGES
};

const PARTS: Collection = Collection {
    template: "toy://parts/{id}",
    name: "part",
    ..PAGES
};

/// Five pages, two at a time.
async fn list(_: Toy, _: Caller<scopes::Read>, after: Option<String>) -> Result<Members, Problem> {
    let from = after.map_or(0, |after| after.parse().unwrap());
    let members = (from..5).take(2).map(|number| Member {
        variable: format!("a b/{number}.md"),
        name: number.to_string(),
        title: Some("Title".to_owned()),
        about: None,
    });
    Ok(Members {
        members: members.collect(),
        next: (from + 2 < 5).then(|| (from + 2).to_string()),
    })
}

async fn one_part(_: Toy, _: Caller<scopes::Write>, _: Option<String>) -> Result<Members, Problem> {
    let member = Member {
        variable: "x/y".to_owned(),
        name: "x".to_owned(),
        title: None,
        about: None,
    };
    Ok(Members {
        members: vec![member],
        next: None,
    })
}

async fn read(toy: Toy, _: Caller<scopes::Read>, which: String) -> Result<String, Problem> {
    match which.as_str() {
        "gone" => Err(Problem::new(Code::VaultNotFound)),
        "panic" => panic!("the secret is hunter2"),
        _ => Ok(format!("{which}, {}", toy.done.load(Ordering::SeqCst))),
    }
}

async fn part(toy: Toy, caller: Caller<scopes::Write>, which: String) -> Result<String, Problem> {
    drop(caller);
    Ok(format!("part {which} {}", toy.done.load(Ordering::SeqCst)))
}

fn server() -> Server {
    let about = |name, effect| About {
        name,
        title: "A title",
        about: "About it.",
        effect,
    };
    Server::offering(MANY, |offer| {
        offer
            .tool(about("add", Effect::Adds), act)
            .tool(about("change", Effect::Changes), act)
            .counted_by(|toy| u64::try_from(toy.done.load(Ordering::SeqCst)).ok())
            .looked_at_every(Duration::from_millis(250))
            .listed_collection(PAGES, list, read)
            .collection(SHEETS, read)
            .listed_collection(PARTS, one_part, part)
    })
}

fn ask(is_modern: bool, method: &str, params: Value) -> Wire {
    if is_modern {
        Wire::modern(method, params)
    } else {
        legacy(method, params)
    }
}

/// All pages of the list, each with its addresses.
async fn listed(server: &Server, is_modern: bool, bearer: &'static str) -> Vec<Vec<String>> {
    let (mut pages, mut params) = (Vec::new(), json!({}));
    loop {
        let page = server.send(ask(is_modern, "resources/list", params).by(bearer)).await;
        let page = page.result();
        let resources = page["resources"].as_array().unwrap();
        let uris = resources.iter().map(|one| one["uri"].as_str().unwrap().to_owned());
        pages.push(uris.collect());
        match page["nextCursor"].as_str() {
            Some(cursor) => params = json!({"cursor": cursor}),
            None => return pages,
        }
        assert!(pages.len() < 10, "{pages:?}");
    }
}

#[tokio::test]
async fn a_list_goes_on_from_page_to_page_through_what_the_caller_may_read() {
    let server = server();
    let page = |numbers: &[u8]| -> Vec<String> {
        let address = |number| format!("toy://pages/a%20b/{number}.md");
        numbers.iter().map(address).collect()
    };
    for is_modern in [true, false] {
        let of_reader = [page(&[0, 1]), page(&[2, 3]), page(&[4])];
        assert_eq!(listed(&server, is_modern, "reader").await, of_reader);
        // Who speaks for an agent has resources of its own, and those come first, once.
        let of_agent = listed(&server, is_modern, "agent").await;
        assert_eq!(of_agent[0][0], "toy://state");
        assert_eq!(
            (&of_agent[0][1..], &of_agent[1..]),
            (&of_reader[0][..], &of_reader[1..])
        );
        // A collection with another scope is the writer's alone.
        let of_writer = listed(&server, is_modern, "writer").await;
        assert_eq!(of_writer[..3], of_reader);
        assert_eq!(of_writer[3..], [["toy://parts/x%2Fy"]]);
        assert_eq!(listed(&server, is_modern, "nobody").await, [Vec::<String>::new()]);
    }
    let first = server.send(Wire::modern("resources/list", json!({}))).await.result();
    assert_eq!(
        first["resources"][0],
        json!({"uri": "toy://pages/a%20b/0.md", "name": "0", "title": "Title", "mimeType": "text/markdown"})
    );
    for (cursor, bearer) in [
        ("AAAA", "reader"),
        ("", "reader"),
        ("WzIsbnVsbF0", "reader"),
        ("WzksbnVsbF0", "writer"),
    ] {
        let wire = Wire::modern("resources/list", json!({"cursor": cursor})).by(bearer);
        let error = server.send(wire).await.is_error(200, -32602);
        assert_eq!(error["data"]["param"], "cursor", "{error}");
    }
    for (bearer, expected) in [("reader", 3), ("writer", 4), ("agent", 2), ("nobody", 0)] {
        let wire = Wire::modern("resources/templates/list", json!({})).by(bearer);
        let list = server.send(wire).await.result();
        let templates = list["resourceTemplates"].as_array().unwrap();
        assert_eq!(templates.len(), expected, "{bearer}: {list}");
    }
}

#[tokio::test]
async fn one_of_many_is_read_at_its_address_with_its_scope() {
    let server = server();
    for is_modern in [true, false] {
        let read = |uri: &str| ask(is_modern, "resources/read", json!({"uri": uri}));
        for (uri, text) in [
            ("toy://pages/a%20b/1.md", "a b/1.md, 0"),
            ("toy://pages/a b/1.md", "a b/1.md, 0"),
            ("toy://sheets/ev%3A1", "ev:1, 0"),
        ] {
            let result = server.send(read(uri).by("reader")).await.result();
            assert_eq!(
                result["contents"],
                json!([{"uri": uri, "mimeType": "text/markdown", "text": text}])
            );
        }
        let unknown = if is_modern { -32602 } else { -32002 };
        for uri in [
            "toy://pages/gone",
            "toy://pages/",
            "toy://sheets/a/b",
            "toy://pages/%ff",
        ] {
            let error = server.send(read(uri).by("reader")).await.is_error(200, unknown);
            assert_eq!(error["data"]["uri"], uri);
        }
        server
            .send(read("toy://pages/x").by("nobody"))
            .await
            .is_problem(Code::AuthScopeInsufficient);
        server
            .send(read("toy://parts/x").by("reader"))
            .await
            .is_problem(Code::AuthScopeInsufficient);
        let panicked = server.send(read("toy://pages/panic").by("reader")).await;
        assert!(!String::from_utf8_lossy(&panicked.body).contains("hunter2"));
        assert!(String::from_utf8_lossy(&panicked.body).contains("SYSTEM_INTERNAL_ERROR"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_one_of_many_is_told_as_soon_as_the_count_is_looked_at() {
    let server = server();
    let uri = "toy://pages/a%20b/1.md";
    let mut told = Stream::of(&server, "agent", &[uri]).await;
    assert!(timeout(Duration::from_secs(5), told.next()).await.is_err());
    for count in 1..4 {
        let start = Instant::now();
        server.toy.done.store(count, Ordering::SeqCst);
        let update = told.next().await.unwrap();
        assert_eq!(update["params"]["uri"], uri);
        assert!(start.elapsed() <= Duration::from_millis(250), "{:?}", start.elapsed());
    }
    // The credential is looked at while nothing changes, too.
    server.tokens.agent_is_revoked.store(true, Ordering::SeqCst);
    let start = Instant::now();
    assert!(told.next().await.unwrap()["result"].is_object());
    assert!(start.elapsed() <= Duration::from_secs(3));
}

#[tokio::test]
async fn what_adds_and_what_changes_says_so() {
    let server = server();
    let list = server.send(Wire::modern("tools/list", json!({}))).await.result();
    let hints = |name: &str| {
        let tools = list["tools"].as_array().unwrap();
        tools.iter().find(|tool| tool["name"] == name).unwrap()["annotations"].clone()
    };
    let hint = |destructive, idempotent| {
        json!({
            "readOnlyHint": false, "destructiveHint": destructive, "idempotentHint": idempotent, "openWorldHint": false,
        })
    };
    assert_eq!(hints("add"), hint(false, false));
    assert_eq!(hints("change"), hint(true, true));
}

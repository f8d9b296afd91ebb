//! The way out, against a server that may do anything, and against names that lead anywhere.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails may panic"
)]

use {
    portreeve_outbound::{
        Lookup, Outbound, OutboundError, Outside, Rules, SetupError,
        testing::{Page, World},
    },
    std::{
        io,
        net::IpAddr,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    },
    tokio::time::Instant,
};

const HERE: &str = "127.0.0.1";
const NAME: &str = "app.example";

/// A name leads to one list after the other, and then to the last for ever.
struct Names {
    lists: Vec<Vec<&'static str>>,
    asked: AtomicUsize,
}

impl Names {
    fn leading_to(lists: &[&[&'static str]]) -> Arc<Self> {
        Arc::new(Self {
            lists: lists.iter().map(|list| list.to_vec()).collect(),
            asked: AtomicUsize::new(0),
        })
    }
}

#[async_trait::async_trait]
impl Lookup for Names {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        assert_eq!(name.trim_end_matches('.'), NAME);
        let turn = self.asked.fetch_add(1, Ordering::SeqCst).min(self.lists.len() - 1);
        Ok(self.lists[turn].iter().map(|text| text.parse().unwrap()).collect())
    }
}

/// A world that is believed, and whose network may be called when `allowed`.
struct Scene {
    world: World,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let world = World::start(&[NAME, HERE]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        world.write_ca(&folder.path().join("ca.pem")).unwrap();
        world.put("/doc", Page::json("{\"a\":1}", "max-age=60"));
        Self { world, folder }
    }

    fn rules(&self, allowed: &[&str]) -> Rules {
        Rules {
            allowed: allowed.iter().map(|text| text.parse().unwrap()).collect(),
            extra_ca: Some(self.folder.path().join("ca.pem")),
        }
    }

    fn outbound(&self, allowed: &[&str], names: Arc<Names>) -> Outbound {
        Outbound::with_lookup(&self.rules(allowed), names).unwrap()
    }

    /// What comes of asking for `path` when everything leads here and may.
    async fn get(&self, path: &str) -> Result<String, OutboundError> {
        let outbound = self.outbound(&[HERE], Names::leading_to(&[&[HERE]]));
        let found = outbound.json(&self.world.at(NAME, path), 64).await?;
        Ok(String::from_utf8(found.body.to_vec()).unwrap())
    }
}

fn forbidden(text: &str) -> OutboundError {
    OutboundError::Forbidden(text.parse().unwrap())
}

#[tokio::test]
async fn a_document_comes_with_how_long_it_is_good() {
    let scene = Scene::new();
    let outbound = scene.outbound(&[HERE], Names::leading_to(&[&[HERE]]));
    let found = outbound.json(&scene.world.at(NAME, "/doc"), 7).await.unwrap();
    assert_eq!((&*found.body, found.fresh_for.as_secs()), (&b"{\"a\":1}"[..], 60));
}

#[tokio::test]
async fn no_name_leads_inside() {
    let scene = Scene::new();
    for (list, first) in [
        (vec!["127.0.0.1"], "127.0.0.1"),
        (vec!["10.0.0.1"], "10.0.0.1"),
        (vec!["169.254.169.254"], "169.254.169.254"),
        (vec!["::1"], "::1"),
        (vec!["fd00::1"], "fd00::1"),
        (vec!["::ffff:192.168.0.1"], "::ffff:192.168.0.1"),
        (vec!["8.8.8.8", "10.0.0.1"], "10.0.0.1"),
        (vec!["2606:4700::1", "8.8.8.8", "::1"], "::1"),
    ] {
        for name in [NAME.to_owned(), format!("{NAME}.")] {
            let outbound = scene.outbound(&[], Names::leading_to(&[&list]));
            let refused = outbound.json(&scene.world.at(&name, "/doc"), 64).await;
            assert_eq!(refused, Err(forbidden(first)), "{name} {list:?}");
        }
    }
    assert_eq!(scene.world.asked("/doc"), 0, "nobody was called");
}

#[tokio::test]
async fn no_number_leads_inside_however_it_is_spelt() {
    let scene = Scene::new();
    let outbound = scene.outbound(&[], Names::leading_to(&[&["8.8.8.8"]]));
    for (host, address) in [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0", "0.0.0.0"),
        ("%31%32%37.0.0.1", "127.0.0.1"),
        ("１２７.0.0.1", "127.0.0.1"),
        ("127。0。0。1", "127.0.0.1"),
        ("169.254.169.254", "169.254.169.254"),
        ("[::1]", "::1"),
        ("[::]", "::"),
        ("[::ffff:10.0.0.1]", "::ffff:10.0.0.1"),
        ("[::ffff:7f00:1]", "::ffff:127.0.0.1"),
        ("[64:ff9b::127.0.0.1]", "64:ff9b::127.0.0.1"),
        ("[2002:7f00:1::]", "2002:7f00:1::"),
    ] {
        let refused = outbound.json(&scene.world.at(host, "/doc"), 64).await;
        assert_eq!(refused, Err(forbidden(address)), "{host}");
    }
    assert_eq!(scene.world.asked("/doc"), 0, "nobody was called");
}

#[tokio::test]
async fn the_address_that_was_judged_is_the_one_that_is_called() {
    let scene = Scene::new();
    let names = Names::leading_to(&[&[HERE], &["10.0.0.1"]]);
    let outbound = scene.outbound(&[HERE], Arc::clone(&names));
    let address = scene.world.at(NAME, "/doc");
    outbound.json(&address, 64).await.unwrap();
    assert_eq!(names.asked.load(Ordering::SeqCst), 1, "a name is looked up once");
    let refused = outbound.json(&address, 64).await;
    assert_eq!(refused, Err(forbidden("10.0.0.1")), "and judged anew the next time");
}

#[tokio::test]
async fn what_is_no_https_address_is_not_asked() {
    let scene = Scene::new();
    let (outbound, port) = (
        scene.outbound(&[HERE], Names::leading_to(&[&[HERE]])),
        scene.world.port(),
    );
    for address in [
        format!("http://{NAME}:{port}/doc"),
        format!("ftp://{NAME}:{port}/doc"),
        "file:///etc/passwd".to_owned(),
        format!("https://user@{NAME}:{port}/doc"),
        format!("https://:secret@{NAME}:{port}/doc"),
        "https://".to_owned(),
        format!("//{NAME}/doc"),
        String::new(),
    ] {
        let refused = outbound.json(&address, 64).await;
        assert_eq!(refused, Err(OutboundError::Address), "{address}");
    }
    assert_eq!(scene.world.asked("/doc"), 0);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let scene = Scene::new();
    for status in [301, 302, 303, 307, 308] {
        let to = scene.world.at(NAME, "/doc");
        scene.world.put(
            "/moved",
            Page {
                status,
                ..Page::json("{}", "max-age=60")
            }
            .with("Location", &to),
        );
        assert_eq!(scene.get("/moved").await, Err(OutboundError::Status(status)));
    }
    assert_eq!(scene.world.asked("/doc"), 0);
}

#[tokio::test]
async fn only_a_json_document_that_is_there_is_one() {
    let scene = Scene::new();
    assert_eq!(scene.get("/none").await, Err(OutboundError::Status(404)));
    for status in [201, 204, 206, 304, 401, 500] {
        scene.world.put(
            "/doc",
            Page {
                status,
                ..Page::json("", "max-age=60")
            },
        );
        assert_eq!(scene.get("/doc").await, Err(OutboundError::Status(status)));
    }
    for kind in [
        "text/html",
        "text/plain",
        "application/jsonp",
        "json",
        "application/x+json-seq",
    ] {
        scene
            .world
            .put("/doc", Page::json("{}", "max-age=60").with("Content-Type", kind));
        assert_eq!(scene.get("/doc").await, Err(OutboundError::MediaType), "{kind}");
    }
    for kind in [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/jwk-set+json",
    ] {
        scene
            .world
            .put("/doc", Page::json("{}", "max-age=60").with("Content-Type", kind));
        assert_eq!(scene.get("/doc").await.as_deref(), Ok("{}"), "{kind}");
    }
}

#[tokio::test]
async fn the_last_byte_that_fits_is_taken_and_no_endless_body_is_read() {
    let scene = Scene::new();
    scene.world.put("/doc", Page::json("x".repeat(64), "max-age=60"));
    assert_eq!(scene.get("/doc").await.unwrap().len(), 64);
    scene.world.put("/doc", Page::json("x".repeat(65), "max-age=60"));
    assert_eq!(scene.get("/doc").await, Err(OutboundError::TooLarge(64)));
    let endless = Page {
        endless: Some(Duration::from_millis(1)),
        ..Page::json("x", "max-age=60")
    };
    scene.world.put("/doc", endless);
    assert_eq!(scene.get("/doc").await, Err(OutboundError::TooLarge(64)));
}

#[tokio::test]
async fn a_body_that_drips_ends_after_five_seconds() {
    let scene = Scene::new();
    let dripping = Page {
        endless: Some(Duration::from_secs(1)),
        ..Page::json("x", "max-age=60")
    };
    scene.world.put("/doc", dripping);
    let began = Instant::now();
    assert_eq!(scene.get("/doc").await, Err(OutboundError::TimedOut));
    assert!((5..8).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_server_whose_authority_nobody_knows_is_not_believed() {
    let scene = Scene::new();
    let rules = Rules {
        extra_ca: None,
        ..scene.rules(&[HERE])
    };
    let stranger = Outbound::with_lookup(&rules, Names::leading_to(&[&[HERE]])).unwrap();
    let refused = stranger.json(&scene.world.at(NAME, "/doc"), 64).await;
    assert!(matches!(refused, Err(OutboundError::Network(_))), "{refused:?}");
    let elsewhere = World::start(&["other.example"]).unwrap();
    elsewhere.write_ca(&scene.folder.path().join("ca.pem")).unwrap();
    let known = scene.outbound(&[HERE], Names::leading_to(&[&[HERE]]));
    let refused = known.json(&elsewhere.at(NAME, "/doc"), 64).await;
    assert!(
        matches!(refused, Err(OutboundError::Network(_))),
        "believed for another name: {refused:?}"
    );
}

#[test]
fn a_file_without_an_authority_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let rules = || Rules {
        extra_ca: Some(file.clone()),
        ..Rules::default()
    };
    let refused = || Outbound::new(&rules()).map(|_| ()).unwrap_err();
    assert!(matches!(refused(), SetupError::ExtraCa { .. }), "there is no file");
    for text in [
        "",
        "nonsense",
        "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
    ] {
        std::fs::write(&file, text).unwrap();
        assert!(matches!(refused(), SetupError::ExtraCa { .. }), "{text:?}");
    }
}

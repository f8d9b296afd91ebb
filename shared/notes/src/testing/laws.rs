//! What holds for any bytes, paths and queries at all. The fuzzer in `fuzz/` tries to break these, and so do the tests.

use {
    crate::{
        entity::EntityId,
        finding::Finding,
        jail::Stamp,
        matter::{Budget, Split, parse, split},
        note::{Area, Note, Rules},
        path::NotePath,
        revision::Seal,
        schema::Schema,
        search::Query,
        value::{Fields, Value, Words},
    },
    std::path::{Component, Path},
};

const MARK: &str = "\u{feff}";

/// A file of these bytes is taken apart without loss, costs what its size allows, and is the same note however often it is read.
///
/// # Panics
/// When it does not hold.
pub fn matter(bytes: &[u8]) {
    let apart = split(bytes);
    let is_text = std::str::from_utf8(bytes).is_ok();
    assert_eq!(
        is_text,
        apart != Split::Undecodable,
        "all text is read, and nothing else"
    );
    if let Split::Fenced(fenced) = apart {
        assert_eq!(&bytes[fenced.body.start..], fenced.body.text.as_bytes());
        assert!(
            fenced.matter.len() < fenced.body.start,
            "what is between the fences is not body"
        );
        front(fenced.matter);
    }
    if let Split::Plain(body) = apart {
        assert_eq!(&bytes[body.start..], body.text.as_bytes());
    }
    let note = read(bytes);
    assert_eq!(note, read(bytes), "reading is no chance");
    let Ok(note) = note else { return };
    assert!(bytes.len() >= note.body_start && std::str::from_utf8(&bytes[note.body_start..]).is_ok());
    assert!(note.links.len() <= 2_000);
    assert!(note.fields().iter().all(|(name, _)| !name.starts_with('_')));
    assert!(note.findings.iter().all(|finding| finding.path == note.path().as_str()));
    if let Some(entity) = note.entity() {
        let id = entity.id.as_str().into();
        assert_eq!(
            EntityId::new(&id).as_ref(),
            Some(&entity.id),
            "an id is one however often it is read"
        );
    }
    if !bytes.starts_with(MARK.as_bytes()) {
        let marked = read(&[MARK.as_bytes(), bytes].concat()).unwrap();
        assert_eq!(marked.content, note.content, "a byte order mark means nothing");
    }
}

/// A block of YAML.
fn front(text: &str) {
    let budget = Budget::default();
    let Ok(parsed) = parse(text, budget, &mut Words::default()) else {
        return;
    };
    assert_eq!(parsed.fields.len(), parsed.lines.len());
    let lines = text.split(['\n', '\r']).count();
    assert!(
        parsed.lines.iter().all(|line| (1..=lines).contains(line)),
        "{:?} of {lines}",
        parsed.lines
    );
    let weight = Weight::of(&parsed.fields, 1);
    assert!(
        weight.depth <= budget.depth && weight.nodes <= budget.nodes,
        "{weight:?}"
    );
    // `\P` is two bytes, and what it means three.
    assert!(
        weight.bytes <= text.len().saturating_mul(2),
        "{weight:?} of {}",
        text.len()
    );
}

#[derive(Debug, Default)]
struct Weight {
    depth: usize,
    nodes: usize,
    bytes: usize,
}

impl Weight {
    fn of(fields: &Fields, depth: usize) -> Self {
        let mut weight = Self {
            depth,
            nodes: 1,
            bytes: 0,
        };
        let mut names = std::collections::HashSet::new();
        for (name, value) in fields.iter() {
            assert!(names.insert(name), "each name once");
            weight.nodes += 1;
            weight.bytes += name.len();
            weight.take(value, depth);
        }
        weight
    }

    fn take(&mut self, value: &Value, depth: usize) {
        let inner = match value {
            Value::Map(fields) => Self::of(fields, depth + 1),
            Value::List(items) => {
                let mut list = Self {
                    depth: depth + 1,
                    nodes: 1,
                    bytes: 0,
                };
                items.iter().for_each(|item| list.take(item, depth + 1));
                list
            }
            single => Self {
                depth,
                nodes: 1,
                bytes: single.text().map_or(0, |text| text.len()),
            },
        };
        self.depth = self.depth.max(inner.depth);
        self.nodes += inner.nodes;
        self.bytes += inner.bytes;
    }
}

fn read(bytes: &[u8]) -> Result<Note, Finding> {
    let place = NotePath::parse("a/b.md").unwrap().into();
    let stamp = Stamp {
        size: bytes.len() as u64,
        modified: 0,
        changed: 0,
        inode: 0,
    };
    let schema = Schema::default();
    let rules = Rules {
        area: Area::Entities,
        schema: &schema,
        budget: Budget::default(),
        seal: Seal::default(),
    };
    let mut note = Note::read(place, stamp, bytes, rules, &mut Words::default())?;
    // Its size is not what it says.
    note.stamp.size = 0;
    Ok(note)
}

/// A path that is taken leads beneath the root, by whatever rules it is read again, and names nothing hidden.
///
/// # Panics
/// When it does not hold.
pub fn path(text: &str) {
    let Ok(taken) = NotePath::parse(text) else { return };
    let spelled = taken.as_str();
    assert_eq!(NotePath::parse(spelled).as_ref(), Ok(&taken), "one spelling");
    assert!(spelled.len() <= 4095 && !spelled.contains(['\\', '\0', '\n']));
    let whole = Path::new("/root").join(spelled);
    let beneath: Vec<Component<'_>> = whole.strip_prefix("/root").unwrap().components().collect();
    assert!(!beneath.is_empty() && beneath.iter().all(|part| matches!(part, Component::Normal(_))));
    assert!(
        spelled
            .split('/')
            .all(|part| (1..=255).contains(&part.len()) && !part.starts_with('.'))
    );
    assert_eq!(decoded(spelled), spelled, "nobody reads it otherwise");
    assert!(taken.is_within(spelled) && taken.folder().is_none_or(|folder| taken.is_within(folder)));
}

/// Percent-decoding, as a careless program does it.
fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let hex = behind.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.filter(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match byte.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if *first == b'%' => {
                out.push(byte);
                rest = &behind[2..];
            }
            _ => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A query that is taken shows a piece of a text, on one line, in which what was found stands where it says.
///
/// # Panics
/// When it does not hold.
pub fn query(text: &str, body: &str) {
    let Ok(query) = Query::parse(text) else { return };
    assert!(text.len() <= 512);
    let Some(snippet) = query.snippet(body) else { return };
    let found = snippet.text.get(snippet.found.clone()).unwrap();
    assert!(!found.trim().is_empty());
    assert!(!snippet.text.contains(char::is_control), "one line");
    let around = snippet.text.chars().count() - found.chars().count();
    assert!(around <= 120, "{around} characters around it");
}

//! What was read of a vault, kept in a file, so that the next start reads only what has changed since.
//!
//! Nothing in it is believed that the disk does not confirm: a note is taken from it when its file still has the same stamp, and
//! all of it is dropped when it is torn, was written by another version, or under other rules.

use {
    crate::{
        entity::{Entity, EntityId, EntityType},
        finding::{Finding, FindingCode},
        jail::{Place, Stamp},
        links::Link,
        note::{Content, Limits, Note},
        path::NotePath,
        revision::Revision,
        schema::{Remembered, Schema},
        value::{Fields, Text, Value, Words},
        whole::{self, Format},
    },
    serde::{Deserialize, Serialize},
    std::{fs, io, path::Path, sync::Arc},
};

/// Changes whenever the same file would be read otherwise.
const FORMAT: &Format = b"portreeve-notes5";

/// By what the notes were read: under other rules they may be something else.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct KeptRules {
    schema: Option<[u8; 16]>,
    /// Of what is left out. Where there is no schema, that is what the last one said.
    private: Remembered,
    limits: [usize; 5],
    /// Of nothing: it tells one seal from another.
    seal: [u8; 16],
}

impl KeptRules {
    fn new(schema: &Schema, limits: Limits) -> Self {
        let Limits {
            bytes,
            matter,
            keeps_private,
            seal,
        } = limits;
        Self {
            schema: schema.revision.map(|revision| *revision.bytes()),
            private: Remembered::of(schema),
            limits: [
                bytes,
                matter.bytes,
                matter.nodes,
                matter.depth,
                usize::from(keeps_private),
            ],
            seal: *seal.revision(b"").bytes(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct KeptNote<'a> {
    path: &'a str,
    on_disk: Option<&'a str>,
    stamp: (u64, i64, i64, u64),
    revision: [u8; 16],
    body_start: usize,
    #[serde(borrow)]
    fields: Vec<(&'a str, KeptValue<'a>)>,
    /// What makes an entity of it: id, type, and the lines of its fields.
    entity: Option<(&'a str, &'a str, Vec<u16>)>,
    #[serde(borrow)]
    links: Vec<(bool, &'a str)>,
    findings: Vec<(Option<u32>, &'a str, &'a str)>,
}

#[derive(Serialize, Deserialize)]
enum KeptValue<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Number(&'a str),
    Text(&'a str),
    #[serde(borrow)]
    List(Vec<KeptValue<'a>>),
    Map(Vec<(&'a str, KeptValue<'a>)>),
}

/// Writes what a vault holds, in place of what was kept before: the rules, and one note after another.
///
/// # Errors
/// Those of [`whole::replace`].
pub(crate) fn keep(file: &Path, schema: &Schema, limits: Limits, notes: &[Arc<Note>]) -> io::Result<()> {
    whole::replace(file, FORMAT, |to| {
        let rules = KeptRules::new(schema, limits);
        to.write_all(&postcard::to_stdvec(&rules).map_err(io::Error::other)?)?;
        let mut bytes = Vec::new();
        for note in notes {
            bytes = postcard::to_extend(&kept_note(note), bytes).map_err(io::Error::other)?;
            to.write_all(&bytes)?;
            bytes.clear();
        }
        Ok(())
    })
}

/// What was kept of a vault under these rules; nothing, where it cannot be used.
pub(crate) fn kept(file: &Path, schema: &Schema, limits: Limits) -> Vec<Arc<Note>> {
    fs::read(file)
        .ok()
        .and_then(|bytes| read(&bytes, schema, limits))
        .unwrap_or_default()
}

fn read(bytes: &[u8], schema: &Schema, limits: Limits) -> Option<Vec<Arc<Note>>> {
    let (rules, mut rest) = postcard::take_from_bytes::<KeptRules>(whole::opened(bytes, FORMAT)?).ok()?;
    if rules != KeptRules::new(schema, limits) {
        return None;
    }
    let mut words = Words::default();
    let mut notes = Vec::new();
    while !rest.is_empty() {
        let (kept, behind) = postcard::take_from_bytes(rest).ok()?;
        notes.push(Arc::new(note(kept, schema, &mut words)?));
        rest = behind;
    }
    Some(notes)
}

fn kept_note(note: &Note) -> KeptNote<'_> {
    let Stamp {
        size,
        modified,
        changed,
        inode,
    } = note.stamp;
    KeptNote {
        path: note.path().as_str(),
        on_disk: note.place.on_disk.as_deref(),
        stamp: (size, modified, changed, inode),
        revision: *note.revision.bytes(),
        body_start: note.body_start,
        fields: kept_fields(note.fields()),
        entity: note
            .entity()
            .map(|entity| (entity.id.as_str(), entity.kind.as_str(), entity.lines().to_vec())),
        links: note
            .links
            .iter()
            .map(|link| match link {
                Link::Here(text) => (true, &**text),
                Link::Elsewhere(text) => (false, &**text),
            })
            .collect(),
        findings: note
            .findings
            .iter()
            .map(|finding| (finding.line, finding.code.as_str(), finding.message.as_str()))
            .collect(),
    }
}

fn kept_fields(fields: &Fields) -> Vec<(&str, KeptValue<'_>)> {
    fields
        .iter()
        .map(|(name, value)| (&**name, kept_value(value)))
        .collect()
}

fn kept_value(value: &Value) -> KeptValue<'_> {
    match value {
        Value::Null => KeptValue::Null,
        Value::Bool(value) => KeptValue::Bool(*value),
        Value::Integer(value) => KeptValue::Integer(*value),
        Value::Number(text) => KeptValue::Number(text),
        Value::Text(text) => KeptValue::Text(text),
        Value::List(items) => KeptValue::List(items.iter().map(kept_value).collect()),
        Value::Map(fields) => KeptValue::Map(kept_fields(fields)),
    }
}

fn note(kept: KeptNote<'_>, schema: &Schema, words: &mut Words) -> Option<Note> {
    let path = NotePath::parse(kept.path).ok()?;
    let (size, modified, changed, inode) = kept.stamp;
    let fields = fields(kept.fields, words);
    let content = match kept.entity {
        None => Content::Prose(fields),
        Some((id, kind, lines)) => {
            let id = EntityId::new(&words.share(id))?;
            let kind = EntityType::new(&words.share(kind));
            Content::Entity(Box::new(Entity::new(
                id,
                kind,
                fields,
                lines.into_boxed_slice(),
                schema,
            )))
        }
    };
    let link = |(here, text): (bool, &str), words: &mut Words| {
        let text = words.share(text);
        if here { Link::Here(text) } else { Link::Elsewhere(text) }
    };
    let finding = |(line, code, message): (Option<u32>, &str, &str)| {
        Some(Finding {
            path: path.as_str().to_owned(),
            line,
            code: *FindingCode::ALL.iter().find(|known| known.as_str() == code)?,
            message: message.to_owned(),
        })
    };
    Some(Note {
        stamp: Stamp {
            size,
            modified,
            changed,
            inode,
        },
        revision: Revision::from_bytes(&kept.revision),
        body_start: kept.body_start,
        content,
        links: kept.links.into_iter().map(|kept| link(kept, words)).collect(),
        findings: kept.findings.into_iter().map(finding).collect::<Option<_>>()?,
        place: Place {
            on_disk: kept.on_disk.map(Text::from),
            path,
        },
    })
}

fn fields(kept: Vec<(&str, KeptValue<'_>)>, words: &mut Words) -> Fields {
    let fields = kept
        .into_iter()
        .map(|(name, kept)| (words.share(name), value(kept, words)));
    Fields::new(fields.collect())
}

fn value(kept: KeptValue<'_>, words: &mut Words) -> Value {
    match kept {
        KeptValue::Null => Value::Null,
        KeptValue::Bool(value) => Value::Bool(value),
        KeptValue::Integer(value) => Value::Integer(value),
        KeptValue::Number(text) => Value::Number(words.share(text)),
        KeptValue::Text(text) => Value::Text(words.share(text)),
        KeptValue::List(items) => Value::List(items.into_iter().map(|kept| value(kept, words)).collect()),
        KeptValue::Map(kept) => Value::Map(fields(kept, words)),
    }
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        crate::{Root, Vault, schema::SCHEMA, testing::Plan},
        std::sync::atomic::{AtomicU64, Ordering},
    };

    struct House {
        home: tempfile::TempDir,
    }

    impl House {
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            let plan = Plan {
                entities: 120,
                ..Plan::default()
            };
            plan.write(home.path()).unwrap();
            Self { home }
        }

        fn path(&self, path: &str) -> std::path::PathBuf {
            self.home.path().join(path)
        }

        /// Opens the vault with what was kept, and says how many bytes it read.
        fn open(&self, kept: Option<&Path>) -> (Vault, u64) {
            let read = AtomicU64::new(0);
            let tell = |progress: crate::Progress| {
                read.fetch_max(progress.bytes, Ordering::Relaxed);
            };
            let root = Root::at(&self.path("notes")).unwrap();
            let vault = match kept {
                Some(file) => Vault::open_kept(&root, Limits::default(), file, &tell),
                None => Vault::open(&root, Limits::default(), &tell),
            };
            (vault.unwrap(), read.into_inner())
        }
    }

    #[test]
    fn a_warm_start_reads_what_changed_and_is_as_a_cold_one() {
        let house = House::new();
        let file = house.path("kept");
        house.open(None).0.keep(&file).unwrap();
        let (warm, read) = house.open(Some(&file));
        // Only the file that cannot be decoded, which is not served, is read again.
        assert!(read < 100, "{read} bytes");
        assert!(warm.snapshot().is_as(&house.open(None).0.snapshot()));
        fs::write(house.path("notes/README.md"), "changed meanwhile").unwrap();
        fs::write(house.path("notes/new.md"), "new").unwrap();
        fs::remove_file(house.path("notes/10_Study/reading.md")).unwrap();
        let (warm, read) = house.open(Some(&file));
        assert!(read < 200, "{read} bytes");
        assert!(warm.snapshot().is_as(&house.open(None).0.snapshot()));
    }

    #[test]
    fn what_stands_there_already_is_not_written_again() {
        use std::os::unix::fs::MetadataExt as _;
        let house = House::new();
        let file = house.path("kept");
        let written = || fs::metadata(&file).unwrap().ino();
        let keep = |vault: &Vault| {
            // Held open, so that its number is not given to the next one.
            let before = fs::File::open(&file).ok();
            vault.keep(&file).unwrap();
            drop(before);
            written()
        };
        let first = keep(&house.open(None).0);
        let (vault, _) = house.open(Some(&file));
        // One file of the plan is read again each time, and is not served.
        assert_eq!(keep(&vault), first);
        fs::write(house.path("notes/README.md"), "changed").unwrap();
        vault.look_again(&|_| {}).unwrap();
        let second = keep(&vault);
        assert_ne!(second, first);
        assert_eq!(keep(&vault), second);
        fs::write(house.path("notes/README.md"), "again").unwrap();
        assert_ne!(
            keep(&house.open(Some(&file)).0),
            second,
            "something was read that is not in it"
        );
        fs::remove_file(house.path("notes/README.md")).unwrap();
        let third = written();
        assert_ne!(keep(&house.open(Some(&file)).0), third, "something in it has gone");
        fs::remove_dir_all(house.path("notes")).unwrap();
        fs::create_dir(house.path("notes")).unwrap();
        fs::write(&file, "something else").unwrap();
        let fourth = written();
        let (empty, _) = house.open(Some(&file));
        assert_eq!(empty.snapshot().notes().len(), 0);
        assert_ne!(
            keep(&empty),
            fourth,
            "nothing, as what was read of a file that cannot be used"
        );
    }

    #[test]
    fn what_is_torn_foreign_or_of_another_schema_is_dropped() {
        let house = House::new();
        let file = house.path("kept");
        house.open(None).0.keep(&file).unwrap();
        let good = fs::read(&file).unwrap();
        let cold = house.open(None).1;
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        for bad in [
            &good[..good.len() - 1],
            &good[..20],
            &[][..],
            b"something else",
            &flipped,
        ] {
            fs::write(&file, bad).unwrap();
            let (vault, read) = house.open(Some(&file));
            assert_eq!(read, cold, "all is read again");
            assert!(vault.snapshot().is_as(&house.open(None).0.snapshot()));
        }
        fs::write(&file, &good).unwrap();
        fs::write(house.path("notes").join(SCHEMA), "schema_version: other\n").unwrap();
        let (vault, _) = house.open(Some(&file));
        assert!(vault.snapshot().is_as(&house.open(None).0.snapshot()));
        let tight = Limits {
            bytes: 100,
            ..Limits::default()
        };
        vault.keep(&file).unwrap();
        let root = Root::at(&house.path("notes")).unwrap();
        let kept = Vault::open_kept(&root, tight, &file, &|_| {}).unwrap();
        assert!(
            kept.snapshot()
                .is_as(&Vault::open(&root, tight, &|_| {}).unwrap().snapshot())
        );
    }

    #[test]
    fn what_was_kept_for_somebody_who_may_see_all_is_read_again_for_others() {
        let house = House::new();
        let file = house.path("kept");
        let schema = house.path("notes").join(SCHEMA);
        let listed = fs::read_to_string(&schema).unwrap() + "private_fields: {Task: [assignee]}\n";
        fs::write(&schema, listed).unwrap();
        let (all, _) = house.open(None);
        all.keep(&file).unwrap();
        let root = Root::at(&house.path("notes")).unwrap();
        let shown = Vault::open_kept(&root, Limits::keeping_private(), &file, &|_| {}).unwrap();
        let assigned = |vault: &Vault| {
            let tasks = vault.snapshot();
            let tasks = tasks.of_type(&EntityType::Task).filter_map(|note| note.entity());
            tasks.filter(|task| task.fields.get("assignee").is_some()).count()
        };
        assert!(assigned(&all) > 0);
        assert_eq!(assigned(&shown), 0);
        shown.keep(&file).unwrap();
        let again = Vault::open_kept(&root, Limits::default(), &file, &|_| {}).unwrap();
        assert_eq!(assigned(&again), assigned(&all));
    }
}

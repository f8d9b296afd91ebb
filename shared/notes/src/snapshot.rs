//! A vault at one moment. A request looks at one snapshot from its first question to its last, whatever happens to the files
//! meanwhile; everything that is derived is derived here, from the files alone, and anew for each snapshot.

use {
    crate::{
        entity::{Entity, EntityId, EntityType},
        finding::{Finding, FindingCode},
        links::Link,
        note::Note,
        path::NotePath,
        relations::Relation,
        revision::Revision,
        scan::{Scanned, find},
        schema::Schema,
        value::{Text, nfc},
    },
    sha2::{Digest, Sha256},
    std::{
        collections::{BTreeMap, HashMap, HashSet},
        fmt,
        sync::Arc,
    },
    unicode_normalization::is_nfc,
};

/// A note's place in a snapshot.
type Place = u32;

/// Which state a vault is in. The number grows with each change that this process saw; the rest follows from what the files
/// hold, so it is the same on each node and after a restart. What depends on the whole vault has this for its `ETag`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Generation {
    /// Grows.
    pub number: u64,
    /// Of all paths and revisions, and of the schema.
    pub content: Revision,
}

/// Somebody who says something of an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Incoming {
    relation: Relation,
    from: Place,
}

/// See the top of this file.
#[derive(Debug)]
pub struct Snapshot {
    generation: Generation,
    schema: Arc<Schema>,
    schema_findings: Vec<Finding>,
    scanned: Scanned,
    derived: Arc<Derived>,
}

/// What follows from how all notes stand to one another, and from nothing else. Notes are told by their places.
#[derive(Debug, Default, PartialEq, Eq)]
struct Derived {
    ids: HashMap<EntityId, Place>,
    /// Each by id.
    types: BTreeMap<EntityType, Vec<Place>>,
    incoming: HashMap<Place, Vec<Incoming>>,
    backlinks: HashMap<Place, Vec<Place>>,
    /// What each link means that leads somewhere.
    targets: HashMap<Text, Place>,
    /// What only the whole vault shows.
    findings: Vec<Finding>,
}

impl Snapshot {
    pub(crate) fn new(number: u64, schema: Arc<Schema>, schema_findings: Vec<Finding>, scanned: Scanned) -> Self {
        let derived = Arc::new(Derived::new(&scanned.notes));
        Self::with(number, schema, schema_findings, scanned, derived)
    }

    /// The snapshot after this one, under the same schema. Most changes are to a text or a value: then all notes stand to one another
    /// as they did.
    pub(crate) fn next(&self, number: u64, scanned: Scanned) -> Self {
        let stands = |(one, other): (&Arc<Note>, &Arc<Note>)| Arc::ptr_eq(one, other) || one.stands_like(other);
        let same = self.notes().len() == scanned.notes.len() && self.notes().iter().zip(&scanned.notes).all(stands);
        let derived = if same {
            Arc::clone(&self.derived)
        } else {
            Arc::new(Derived::new(&scanned.notes))
        };
        Self::with(
            number,
            Arc::clone(&self.schema),
            self.schema_findings.clone(),
            scanned,
            derived,
        )
    }

    fn with(
        number: u64,
        schema: Arc<Schema>,
        schema_findings: Vec<Finding>,
        scanned: Scanned,
        derived: Arc<Derived>,
    ) -> Self {
        Self {
            generation: Generation {
                number,
                content: content(&schema, &scanned.notes),
            },
            schema,
            schema_findings,
            scanned,
            derived,
        }
    }

    /// Which state it is.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// The vault's rules.
    #[must_use]
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// All notes, by path.
    #[must_use]
    pub fn notes(&self) -> &[Arc<Note>] {
        &self.scanned.notes
    }

    /// The note at a path.
    #[must_use]
    pub fn note(&self, path: &NotePath) -> Option<&Arc<Note>> {
        find(&self.scanned.notes, path)
    }

    /// The notes of a folder and of all folders in it, by path.
    #[must_use]
    pub fn within(&self, folder: &str) -> &[Arc<Note>] {
        // Between `folder/` and `folder0`: `0` is the next byte after `/`.
        let (from, to) = (format!("{folder}/"), format!("{folder}0"));
        let place = |text: &str| self.notes().partition_point(|note| note.path().as_str() < text);
        self.notes().get(place(&from)..place(&to)).unwrap_or_default()
    }

    /// The note of an entity.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Arc<Note>> {
        let ids = &self.derived.ids;
        // Nearly every id is spelled so already.
        let place = if is_nfc(id) {
            ids.get(id)
        } else {
            ids.get(&*nfc(&Text::from(id)))
        };
        self.at(*place?)
    }

    /// The notes of all entities of a type, by id.
    pub fn of_type(&self, kind: &EntityType) -> impl DoubleEndedIterator<Item = &Arc<Note>> {
        let places = self.derived.types.get(kind).into_iter().flatten();
        places.filter_map(|place| self.at(*place))
    }

    /// How many entities of each type there are.
    pub fn counts(&self) -> impl Iterator<Item = (&EntityType, usize)> {
        self.derived.types.iter().map(|(kind, places)| (kind, places.len()))
    }

    /// What an entity says of others that exist.
    pub fn outgoing<'a>(&'a self, entity: &'a Entity) -> impl Iterator<Item = (&'a Relation, &'a Arc<Note>)> {
        let said = entity.relations.iter();
        said.filter_map(|said| Some((&said.relation, self.find(said.target.as_str())?)))
    }

    /// What others say of an entity, by their paths.
    pub fn incoming(&self, id: &str) -> impl Iterator<Item = (&Relation, &Arc<Note>)> {
        let said = self
            .derived
            .ids
            .get(id)
            .and_then(|place| self.derived.incoming.get(place));
        said.into_iter()
            .flatten()
            .filter_map(|said| Some((&said.relation, self.at(said.from)?)))
    }

    /// Those who say one thing of an entity: its children are those who say that it is their parent.
    pub fn who<'a>(&'a self, relation: &'a Relation, id: &str) -> impl Iterator<Item = &'a Arc<Note>> {
        self.incoming(id)
            .filter(move |(said, _)| *said == relation)
            .map(|(_, note)| note)
    }

    /// The note that `[[target]]` means in the text of some note.
    #[must_use]
    pub fn target(&self, link: &str) -> Option<&Arc<Note>> {
        self.at(*self.derived.targets.get(&*nfc(&Text::from(link)))?)
    }

    /// The notes whose text links to a note, by path.
    pub fn backlinks(&self, path: &NotePath) -> impl Iterator<Item = &Arc<Note>> {
        let place = self.notes().binary_search_by(|note| note.path().cmp(path)).ok();
        let from = place.and_then(|place| self.derived.backlinks.get(&Place::try_from(place).ok()?));
        from.into_iter().flatten().filter_map(|place| self.at(*place))
    }

    /// Everything that is wrong with the vault as it lies there, by path: with single files, and with how they fit together.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.schema_findings
            .iter()
            .chain(self.scanned.unserved.values())
            .chain(self.notes().iter().flat_map(|note| &note.findings))
            .chain(&self.derived.findings)
    }

    /// Of these, what is wrong with one note that it serves.
    pub fn findings_of<'a>(&'a self, note: &'a Note) -> impl Iterator<Item = &'a Finding> {
        let among_others = self.derived.findings.iter();
        let own = among_others.filter(|finding| finding.path == note.path().as_str());
        note.findings.iter().chain(own)
    }

    pub(crate) const fn scanned(&self) -> &Scanned {
        &self.scanned
    }

    /// Whether both say the same, however they came to be.
    #[cfg(test)]
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        self.scanned == other.scanned && self.derived == other.derived
    }

    fn at(&self, place: Place) -> Option<&Arc<Note>> {
        at(self.notes(), place)
    }
}

fn at(notes: &[Arc<Note>], place: Place) -> Option<&Arc<Note>> {
    notes.get(usize::try_from(place).ok()?)
}

fn entities(notes: &[Arc<Note>]) -> impl Iterator<Item = (Place, &Arc<Note>, &Entity)> {
    (0..)
        .zip(notes)
        .filter_map(|(place, note)| Some((place, note, note.entity()?)))
}

impl Derived {
    fn new(notes: &[Arc<Note>]) -> Self {
        let mut derived = Self::default();
        derived.name(notes);
        derived.relate(notes);
        derived.link(notes);
        derived
            .findings
            .sort_by(|one, other| (&one.path, one.line).cmp(&(&other.path, other.line)));
        derived
    }

    /// Gives each id to the first path that claims it.
    fn name(&mut self, notes: &[Arc<Note>]) {
        let mut types: BTreeMap<&EntityType, Vec<(&EntityId, Place)>> = BTreeMap::new();
        let mut twice: BTreeMap<&EntityId, Vec<&Note>> = BTreeMap::new();
        self.ids.reserve(notes.len());
        for (place, note, entity) in entities(notes) {
            if let Some(first) = self.ids.get(&entity.id) {
                let claims = twice.entry(&entity.id).or_default();
                if claims.is_empty() {
                    claims.extend(at(notes, *first).map(|note| &**note));
                }
                claims.push(note);
                continue;
            }
            self.ids.insert(entity.id.clone(), place);
            types.entry(&entity.kind).or_default().push((&entity.id, place));
        }
        for (kind, mut places) in types {
            places.sort();
            self.types
                .insert(kind.clone(), places.into_iter().map(|(_, place)| place).collect());
        }
        for (id, claims) in &twice {
            let served = claims.first().map(|note| note.path().as_str()).unwrap_or_default();
            self.findings.extend(claims.iter().map(|note| {
                let line = note.entity().and_then(|entity| entity.line("entity_id"));
                let message = format!("`{id}` stands in {} files; `{served}` is served", claims.len());
                Finding::new(note.path(), line, FindingCode::DuplicateId, message)
            }));
        }
    }

    /// The inverse of every stored relation.
    fn relate(&mut self, notes: &[Arc<Note>]) {
        for (from, note, entity) in entities(notes) {
            // Two files with one id would say everything twice.
            if self.ids.get(&entity.id) != Some(&from) {
                continue;
            }
            for said in &entity.relations {
                match self.ids.get(&said.target) {
                    Some(place) => {
                        let relation = said.relation.clone();
                        self.incoming
                            .entry(*place)
                            .or_default()
                            .push(Incoming { relation, from });
                    }
                    None => {
                        let field = said.field();
                        let message = format!("`{field}` names `{}`, which does not exist", said.target);
                        let finding = Finding::new(note.path(), entity.line(field), FindingCode::Dangling, message);
                        self.findings.push(finding);
                    }
                }
            }
        }
    }

    /// The inverse of every link.
    fn link(&mut self, notes: &[Arc<Note>]) {
        let wanted: HashSet<&str> = notes
            .iter()
            .flat_map(|note| here(note))
            .map(|target| &**target)
            .collect();
        if wanted.is_empty() {
            return;
        }
        let known = self.resolve(notes, &wanted);
        for (from, note) in (0..).zip(notes) {
            for target in here(note) {
                match known.get(target) {
                    Some(place) => {
                        let list = self.backlinks.entry(*place).or_default();
                        // Two links by different names to one note.
                        if list.last() != Some(&from) {
                            list.push(from);
                        }
                    }
                    None => {
                        let message = format!("`[[{target}]]` leads nowhere");
                        let finding = Finding::new(note.path(), None, FindingCode::DanglingLink, message);
                        self.findings.push(finding);
                    }
                }
            }
        }
        self.targets = known;
    }

    /// Which note a link means: by id, by path, by path without `.md`, by an alias, by the file's name, by the entity's name. Where
    /// several notes answer to a name, the first path does.
    fn resolve(&self, notes: &[Arc<Note>], wanted: &HashSet<&str>) -> HashMap<Text, Place> {
        let mut found: HashMap<Text, (u8, Place)> = HashMap::new();
        let mut answer = |name: &str, rank: u8, place: Place| {
            if let Some(name) = wanted.get(name) {
                let best = found.entry(Text::from(*name)).or_insert((rank, place));
                *best = (*best).min((rank, place));
            }
        };
        for (place, note) in (0..).zip(notes) {
            let path = note.path();
            answer(path.as_str(), 1, place);
            if let Some(short) = path.as_str().strip_suffix(".md") {
                answer(short, 1, place);
            }
            answer(path.stem(), 3, place);
            answer(path.name(), 3, place);
            let Some(entity) = note.entity() else { continue };
            if self.ids.get(&entity.id) == Some(&place) {
                answer(entity.id.as_str(), 0, place);
            }
            entity.aliases().for_each(|alias| answer(&nfc(&alias), 2, place));
            if let Some(name) = entity.name() {
                answer(&nfc(&name), 4, place);
            }
        }
        found.into_iter().map(|(name, (_, place))| (name, place)).collect()
    }
}

/// The links of a note that stay in this vault.
fn here(note: &Note) -> impl Iterator<Item = &Text> {
    note.links.iter().filter_map(|link| match link {
        Link::Here(target) => Some(target),
        Link::Elsewhere(_) => None,
    })
}

fn content(schema: &Schema, notes: &[Arc<Note>]) -> Revision {
    let mut all = Sha256::new();
    if let Some(revision) = schema.revision {
        all.update(revision.bytes());
    }
    for note in notes {
        // A path holds no NUL, and revisions have one length.
        all.update(note.path().as_str());
        all.update([0]);
        all.update(note.revision.bytes());
    }
    Revision::from_bytes(&all.finalize())
}

impl fmt::Display for Generation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.content)
    }
}

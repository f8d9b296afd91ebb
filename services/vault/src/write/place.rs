//! What a new entity is called, and where it lies.

use {
    super::{Desk, Kind, conflict, form::Given},
    portreeve_guard::Problem,
    portreeve_kernel::Code,
    portreeve_notes::{EntityType, NotePath, Refused, Text},
};

const PROJECTS: &str = "50_Projects";
const HYPOTHESES: &str = "60_Hypotheses";

/// Characters of an id that follow from chance, or from the id of a project.
const KEY: usize = 6;
/// Characters of a name that become part of a file's.
const SLUG: usize = 40;
/// How often to try another id.
const TRIES: u32 = 1_000;

/// A new entity's id and place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) id: String,
    pub(super) path: NotePath,
    /// Folders that have to be there.
    pub(super) folders: Vec<NotePath>,
}

impl Place {
    fn new(id: String, folder: &str, name: &str, beside: &[&str]) -> Result<Self, Problem> {
        let parse = |text: &str| {
            NotePath::parse(text).map_err(|error| conflict(format_args!("there is no place for `{id}`: {error}")))
        };
        let mut folders = vec![parse(folder)?];
        for name in beside {
            folders.push(parse(&format!("{folder}/{name}"))?);
        }
        let path = parse(&format!("{folder}/{name}"))?;
        Ok(Self { id, path, folders })
    }

    /// For what is given.
    pub(super) fn find(desk: &mut Desk, kind: Kind, given: &Given) -> Result<Self, Problem> {
        let text = |field: &str| given.get(field).and_then(portreeve_notes::Value::text);
        let name = text("entity_name").unwrap_or_default();
        match kind {
            Kind::Task => task(desk, &text("project_id").unwrap_or_default()),
            Kind::Project => project(desk, &name),
            Kind::Program => {
                let id = match text("entity_id") {
                    Some(id) => given_program(&id)?,
                    None => format!("pgm-{}", kebab(&name)?),
                };
                program(desk, id)
            }
            Kind::Hypothesis => hypothesis(
                desk,
                &text("parent_id").unwrap_or_default(),
                text("horizon").as_deref(),
                &name,
            ),
        }
    }

    /// For another one like an entity that is there, which lies in this folder.
    pub(super) fn beside(
        desk: &mut Desk,
        kind: Kind,
        like: &portreeve_notes::Entity,
        at: &NotePath,
    ) -> Result<Self, Problem> {
        let name = like.name().unwrap_or_default();
        match kind {
            Kind::Task => {
                // Where the first one lies, whatever project it names.
                let project = like.fields.text("project_id").or_else(|| like.fields.text("parent_id"));
                let id = free(desk, |desk, turn| {
                    task_id(&project.clone().unwrap_or_default(), desk, turn)
                })?;
                Self::new(id.clone(), at.folder().unwrap_or_default(), &format!("{id}.md"), &[])
            }
            Kind::Project => project(desk, &name),
            Kind::Program => {
                let numbered = |number: u32| format!("{}-{number}", like.id);
                let free = (2..TRIES).map(numbered).find(|id| desk.moment.find(id).is_none());
                program(desk, free.unwrap_or_else(|| like.id.to_string()))
            }
            Kind::Hypothesis => {
                let track = like.fields.text("parent_id").unwrap_or_default();
                hypothesis(desk, &track, like.fields.text("horizon").as_deref(), &name)
            }
        }
    }
}

/// An id that nothing has.
fn free(desk: &Desk, make: impl Fn(&Desk, u32) -> String) -> Result<String, Problem> {
    (0..TRIES)
        .map(|turn| make(desk, turn))
        .find(|id| desk.moment.find(id).is_none())
        .ok_or_else(|| Problem::internal("no id is free"))
}

/// `tsk-{6 of the project's id}-{milliseconds}`, in the project's `Tasks`.
fn task(desk: &mut Desk, project: &str) -> Result<Place, Problem> {
    let folder = match desk.moment.find(project) {
        Some(found) if found.entity.kind == EntityType::Project => found.note.path().folder().map(str::to_owned),
        // The rules say that it does not exist.
        _ => Some(PROJECTS.to_owned()),
    };
    let tasks = folder.map_or_else(|| "Tasks".to_owned(), |folder| format!("{folder}/Tasks"));
    look(desk, &tasks)?;
    let id = free(desk, |desk, turn| task_id(project, desk, turn))?;
    Place::new(id.clone(), &tasks, &format!("{id}.md"), &[])
}

fn task_id(project: &str, desk: &Desk, turn: u32) -> String {
    let last = project.rsplit('-').next().unwrap_or_default().to_lowercase();
    let kept: String = last.chars().filter(char::is_ascii_alphanumeric).take(KEY).collect();
    format!("tsk-{kept:0>KEY$}-{:013}", desk.now.plus_millis(turn.into()).millis())
}

/// `prj-{6 by chance}`, in a folder of its own in this year's.
fn project(desk: &Desk, name: &str) -> Result<Place, Problem> {
    let year = desk.moment.today().year();
    let id = free(desk, |desk, _| format!("prj-{}", base36(desk)))?;
    let key = id.trim_start_matches("prj-");
    let folder = format!("{PROJECTS}/{year:04}/P{key}_{}", slug(name));
    Place::new(id.clone(), &folder, "project.md", &["Tasks", "Results"])
}

/// `pgm-{name}`, in a folder of that name.
fn program(desk: &mut Desk, id: String) -> Result<Place, Problem> {
    let folder = format!("{PROJECTS}/{}", id.trim_start_matches("pgm-"));
    look(desk, &folder)?;
    if desk.moment.find(&id).is_some() {
        return Err(conflict(format_args!("there is a `{id}` already")));
    }
    Place::new(id, &folder, "_PROGRAM.md", &[])
}

/// `hyp-{track}-{number}`: the next one of its track, also over files that are no entities now.
fn hypothesis(desk: &mut Desk, track: &str, horizon: Option<&str>, name: &str) -> Result<Place, Problem> {
    let year = desk.moment.today().year();
    look(desk, HYPOTHESES)?;
    let number = track.rsplit('-').next().unwrap_or_default();
    let number: String = number.chars().filter(char::is_ascii_alphanumeric).take(KEY).collect();
    let prefix = format!("hyp-{number}-");
    let snapshot = desk.moment.snapshot();
    let ids = snapshot
        .of_type(&EntityType::Hypothesis)
        .filter_map(|note| note.entity());
    let mut taken: Vec<u32> = ids.filter_map(|entity| sequence(&prefix, entity.id.as_str())).collect();
    // Also what is hidden, broken, or was renamed: its number is not given again while its file is there.
    for folder in folders(desk)? {
        let listed = match desk.moment.notes().jail().list(Some(&folder)) {
            Ok(listed) => listed,
            Err(Refused::Absent) => continue,
            Err(refused) => return Err(super::commit::refusal(refused)),
        };
        let names = listed.iter().filter_map(|entry| entry.place.as_ref().ok());
        taken.extend(names.filter_map(|place| sequence(&prefix, place.path.name())));
    }
    let next = taken.into_iter().max().unwrap_or(0).saturating_add(1);
    let id = format!("{prefix}{next:02}");
    let year = horizon.map_or_else(|| format!("{year:04}"), str::to_owned);
    let name = format!("{id}_{}.md", slug(name));
    Place::new(id, &format!("{HYPOTHESES}/{year}"), &name, &[])
}

/// The folder of hypotheses, and those in it.
fn folders(desk: &Desk) -> Result<Vec<NotePath>, Problem> {
    let top = NotePath::parse(HYPOTHESES).map_err(Problem::internal)?;
    let listed = match desk.moment.notes().jail().list(Some(&top)) {
        Ok(listed) => listed,
        Err(Refused::Absent) => return Ok(Vec::new()),
        Err(refused) => return Err(super::commit::refusal(refused)),
    };
    let inner = listed
        .into_iter()
        .filter(|entry| entry.kind == portreeve_notes::jail::EntryKind::Folder)
        .filter_map(|entry| entry.place.ok().map(|place| place.path));
    Ok(std::iter::once(top.clone()).chain(inner).collect())
}

/// The number in `hyp-1-07`, also with a name behind it.
fn sequence(prefix: &str, text: &str) -> Option<u32> {
    let rest = text.strip_prefix(prefix)?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    // One that somebody else chose does not use up all numbers.
    digits.parse().ok().filter(|number| *number < 1_000_000)
}

/// Whoever writes in another process may have made something there a moment ago.
fn look(desk: &mut Desk, folder: &str) -> Result<(), Problem> {
    match NotePath::parse(folder) {
        Ok(path) => desk.look(&path),
        Err(_) => Ok(()),
    }
}

fn base36(desk: &Desk) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut key = String::new();
    while key.len() < KEY {
        let mut byte = [0];
        desk.entropy.fill(&mut byte);
        // 252 is the largest multiple of 36: what is above would make some digits likelier.
        if let [byte @ 0..252] = byte {
            key.extend(DIGITS.get(usize::from(byte % 36)).copied().map(char::from));
        }
    }
    key
}

/// The name of a program as part of its id.
fn kebab(name: &str) -> Result<String, Problem> {
    let words: Vec<_> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let kebab: String = words.join("-").chars().take(SLUG).collect();
    let kebab = kebab.trim_matches('-');
    if kebab.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Ok(kebab.to_owned());
    }
    let problem = Problem::new(Code::ValidationRequiredField);
    Err(problem
        .detail("no id can be made of `entity_name`: give one, such as `pgm-launch`")
        .param("entity_id"))
}

fn given_program(id: &Text) -> Result<String, Problem> {
    let sound = id.strip_prefix("pgm-").is_some_and(|name| {
        name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.len() <= SLUG
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    });
    if sound {
        return Ok(id.to_string());
    }
    Err(Problem::new(Code::ValidationInvalidFormat)
        .detail("an id such as `pgm-launch` is expected: `pgm-` and at most 40 small letters, digits and dashes")
        .param("entity_id"))
}

/// A name as part of a file's: letters and digits of any script, and `_` for the rest.
fn slug(name: &str) -> String {
    let words: Vec<_> = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let slug: String = words.join("_").chars().take(SLUG).collect();
    let slug = slug.trim_matches('_');
    if slug.is_empty() {
        "untitled".to_owned()
    } else {
        slug.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_parts_of_files_and_ids() {
        assert_eq!(slug("Gate - 첫 빛 (2)"), "Gate_첫_빛_2");
        assert_eq!(slug("../../etc"), "etc");
        assert_eq!(slug("…"), "untitled");
        assert_eq!(slug(&"가".repeat(100)).chars().count(), 40);
        assert_eq!(kebab("Seed Round, 2026").unwrap(), "seed-round-2026");
        for name in ["한글", "2026", "", "--"] {
            assert_eq!(kebab(name).unwrap_err().code(), Code::ValidationRequiredField, "{name}");
        }
        for (id, sound) in [
            ("pgm-launch", true),
            ("pgm-a1-b", true),
            ("pgm-", false),
            ("pgm-1", false),
            ("pgm-A", false),
            ("prj-a", false),
            ("pgm-a/b", false),
            ("pgm-..", false),
        ] {
            assert_eq!(given_program(&id.into()).is_ok(), sound, "{id}");
        }
    }

    #[test]
    fn the_number_of_a_hypothesis_is_read_from_ids_and_files() {
        for (text, number) in [
            ("hyp-1-07", Some(7)),
            ("hyp-1-12_name.md", Some(12)),
            ("hyp-1-0999.md", Some(999)),
            ("hyp-11-01", None),
            ("hyp-1-x", None),
            ("hyp-1-999999", Some(999_999)),
            ("hyp-1-1000000", None),
            ("hyp-1-4294967295", None),
            ("hyp-2-01", None),
        ] {
            assert_eq!(sequence("hyp-1-", text), number, "{text}");
        }
    }
}

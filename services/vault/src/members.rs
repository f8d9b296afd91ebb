//! Who works here: the members that `00_Meta/members.yaml` lists. Of each, what is listed in [`MemberView`] is read and nothing
//! else, so whatever else that file says of people stays in it.

use {
    crate::moment::{Moment, absent},
    portreeve_guard::Problem,
    portreeve_kernel::Code,
    portreeve_notes::{
        Fields, NotePath, Refused, Revision, Text, Value,
        matter::{Budget, parse},
        value::Words,
    },
    serde::Serialize,
    utoipa::ToSchema,
};

/// Where members are listed.
pub(crate) const FILE: &str = "00_Meta/members.yaml";
/// The largest such file.
const LARGEST: usize = 1 << 20;
const BUDGET: Budget = Budget {
    bytes: LARGEST,
    nodes: 50_000,
    depth: 8,
};

/// Somebody who works here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = VaultMember)]
pub struct MemberView {
    /// What tasks call them by.
    #[schema(example = "member-01")]
    pub id: String,
    /// Their name.
    pub name: Option<String>,
    /// A picture of one character or so.
    pub icon: Option<String>,
    /// What they do.
    pub role: Option<String>,
    /// What else tasks may call them by.
    pub aliases: Vec<String>,
    /// Whether they still do; null when the file does not say.
    pub active: Option<bool>,
}

/// Everybody who works here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
#[schema(as = VaultMembers)]
pub struct MembersView {
    /// In the order of the file.
    pub items: Vec<MemberView>,
    /// How many there are.
    pub total: usize,
    /// False when there is a file of members that cannot be read.
    pub readable: bool,
    #[serde(skip)]
    revision: Option<Revision>,
}

impl MembersView {
    /// Reads the file as it is now; it is no note, and no snapshot holds it. Without one there are no members.
    ///
    /// # Errors
    /// `VAULT_UNAVAILABLE` when the disk does not answer.
    pub fn read(moment: &Moment) -> Result<Self, Problem> {
        let path = NotePath::parse(FILE).map_err(Problem::internal)?;
        match moment.notes().jail().read(&path, LARGEST) {
            Ok((bytes, _)) => Ok(Self {
                revision: Some(moment.notes().limits().seal.revision(&bytes)),
                ..Self::of(&bytes)
            }),
            Err(refused @ (Refused::Io(_) | Refused::Restless)) => {
                Err(Problem::because(Code::VaultUnavailable, refused))
            }
            Err(Refused::Absent) => Ok(Self {
                readable: true,
                ..Self::default()
            }),
            Err(_) => Ok(Self::default()),
        }
    }

    fn of(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).ok();
        let parsed =
            text.and_then(|text| parse(text.trim_start_matches('\u{feff}'), BUDGET, &mut Words::default()).ok());
        let items = parsed.as_ref().and_then(|parsed| listed(&parsed.fields));
        let readable = items.is_some();
        let items = items.unwrap_or_default();
        Self {
            total: items.len(),
            items,
            readable,
            revision: None,
        }
    }

    /// Whether there is a file of members.
    #[must_use]
    pub const fn is_there(&self) -> bool {
        self.revision.is_some()
    }

    /// The member of that id or alias.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&MemberView> {
        let by_id = self.items.iter().find(|member| member.id == name);
        by_id.or_else(|| {
            self.items
                .iter()
                .find(|member| member.aliases.iter().any(|alias| alias == name))
        })
    }

    /// The member of that id or alias.
    ///
    /// # Errors
    /// `VAULT_NOT_FOUND`
    pub fn get(&self, name: &str) -> Result<&MemberView, Problem> {
        self.find(name).ok_or_else(absent)
    }

    /// Everything that this member, or somebody whom no list has, is called by in front matter.
    #[must_use]
    pub fn names(&self, name: &str) -> Vec<Text> {
        match self.find(name) {
            Some(member) => [&member.id]
                .into_iter()
                .chain(&member.aliases)
                .map(|name| Text::from(name.as_str()))
                .collect(),
            None => vec![name.into()],
        }
    }

    /// Which bytes they were read from: for the tag of what depends on them.
    #[must_use]
    pub fn tag(&self) -> String {
        self.revision.map_or_else(String::new, |revision| revision.to_string())
    }
}

/// `members: [{id: …}]`, or `members: {id: {…}}`.
fn listed(file: &Fields) -> Option<Vec<MemberView>> {
    match file.get("members")? {
        Value::Null => Some(Vec::new()),
        Value::List(items) => Some(items.iter().filter_map(|item| member(None, item)).collect()),
        Value::Map(by_id) => Some(by_id.iter().filter_map(|(id, item)| member(Some(id), item)).collect()),
        _ => None,
    }
}

fn member(id: Option<&Text>, item: &Value) -> Option<MemberView> {
    let Value::Map(item) = item else { return None };
    let text = |field: &str| item.text(field).map(|text| text.to_string());
    let id = id.map(|id| id.to_string()).or_else(|| text("id"))?;
    Some(MemberView {
        id,
        name: text("name"),
        icon: text("icon"),
        role: text("role"),
        aliases: item.texts("aliases").map(|alias| alias.to_string()).collect(),
        active: match item.get("active") {
            Some(Value::Bool(active)) => Some(*active),
            _ => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
members:
  - {id: member-01, name: Ada, icon: A, role: builder, aliases: [ada, 에이다], active: true, salary: 1234567, note: planted}
  - {id: member-02, aliases: bob, email: planted}
  - {name: nobody}
  - planted
";

    #[test]
    fn of_a_member_what_is_listed_is_told_and_nothing_else() {
        let members = MembersView::of(FILE.as_bytes());
        assert_eq!((members.total, members.readable), (2, true));
        let told = serde_json::to_string(&members).unwrap();
        assert!(!told.contains("planted") && !told.contains("1234567"), "{told}");
        assert_eq!(
            serde_json::to_value(&members.items[0]).unwrap(),
            serde_json::json!({
                "id": "member-01", "name": "Ada", "icon": "A", "role": "builder", "aliases": ["ada", "에이다"], "active": true
            })
        );
    }

    #[test]
    fn a_member_is_found_by_id_and_alias_and_has_all_names() {
        let members = MembersView::of(FILE.as_bytes());
        assert_eq!(members.find("에이다").unwrap().id, "member-01");
        assert_eq!(
            members.names("ada"),
            ["member-01".into(), "ada".into(), "에이다".into()]
        );
        assert_eq!(members.names("bob"), ["member-02".into(), "bob".into()]);
        assert_eq!(members.names("stranger"), ["stranger".into()]);
        assert_eq!(members.get("stranger").unwrap_err().code(), Code::VaultNotFound);
    }

    #[test]
    fn members_may_be_listed_by_id_and_a_file_that_cannot_be_read_is_told() {
        let by_id = MembersView::of(b"members: {member-01: {name: Ada}}\n");
        assert_eq!(by_id.items[0].id, "member-01");
        for bad in [
            b"members: [".as_slice(),
            b"members: 5\n",
            b"\xff",
            b"other: 1\n",
            b"members: &a [*a]\n",
        ] {
            assert_eq!((MembersView::of(bad).readable, MembersView::of(bad).total), (false, 0));
        }
        assert!(MembersView::of(b"members:\n").readable);
    }
}

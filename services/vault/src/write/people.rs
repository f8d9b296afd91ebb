//! Who is named in a write is somebody whom the vault lists, where it lists anybody.

use {
    super::{
        Desk, Kind, conflict,
        form::{Form, Given, fields},
    },
    crate::members::{FILE, MembersView},
    portreeve_guard::Problem,
    strsim::osa_distance,
};

/// Most who are named as those who could be meant.
const MOST: usize = 10;

/// What is wrong with the people in what is given: fields, and what to say.
///
/// # Errors
/// `VAULT_CONFLICT` when nobody can tell who is a member; `VAULT_UNAVAILABLE`.
pub(super) fn strangers(desk: &Desk, kind: Kind, given: &Given) -> Result<Vec<(&'static str, String)>, Problem> {
    let is_somebody = |form: Form| matches!(form, Form::Name | Form::Names);
    let named: Vec<_> = fields(kind)
        .iter()
        .filter(|field| is_somebody(field.form))
        .filter_map(|field| Some((field.name, given.get(field.name)?)))
        .collect();
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let members = MembersView::read(&desk.moment)?;
    if !members.readable {
        return Err(conflict(format_args!("`{FILE}` cannot be read: mend it first")));
    }
    if !members.is_there() {
        return Ok(Vec::new());
    }
    let mut strangers = Vec::new();
    for (field, value) in named {
        let mut names = value.items().iter().filter_map(portreeve_notes::Value::text);
        if let Some(name) = names.find(|name| members.find(name).is_none()) {
            strangers.push((field, told(field, &name, &members)));
        }
    }
    Ok(strangers)
}

/// The closest go first.
fn told(field: &str, name: &str, members: &MembersView) -> String {
    let wanted = name.to_lowercase();
    let far = |called: &str| osa_distance(&wanted, &called.to_lowercase());
    let mut ids: Vec<(usize, &str)> = members
        .items
        .iter()
        .map(|member| {
            let names = std::iter::once(&member.id).chain(&member.aliases).chain(&member.name);
            (
                names.map(|name| far(name.as_str())).min().unwrap_or(usize::MAX),
                &*member.id,
            )
        })
        .collect();
    ids.sort_unstable();
    let more = match ids.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let known: Vec<_> = ids.into_iter().take(MOST).map(|(_, id)| format!("`{id}`")).collect();
    let known = if known.is_empty() {
        "nobody".to_owned()
    } else {
        known.join(", ")
    };
    format!("`{field}` names `{name}`, who is not in `{FILE}`: it has {known}{more}")
}

//! `PORTREEVE__SERVER__LISTEN=127.0.0.1:9000` sets `listen` in `[server]`. Two underscores part the names, because one may
//! stand inside them; so no variable that something else made up is taken for a setting of ours.

use {std::env, toml::Value};

const PREFIX: &str = "PORTREEVE__";

/// A variable that sets nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvironmentError {
    /// Not a section and a name.
    #[error("`{0}` names no setting; it takes the form PORTREEVE__SECTION__NAME")]
    Name(String),
    /// The value is no text.
    #[error("`{0}` is not UTF-8")]
    NotText(String),
}

/// This process's variables. Those that are no text are left out, unless they are ours.
pub(crate) fn variables() -> Result<Vec<(String, String)>, EnvironmentError> {
    env::vars_os()
        .filter_map(|(name, value)| {
            let name = name.into_string().ok().filter(|name| name.starts_with(PREFIX))?;
            Some(match value.into_string() {
                Ok(value) => Ok((name, value)),
                Err(_) => Err(EnvironmentError::NotText(name)),
            })
        })
        .collect()
}

/// Puts every variable of ours into `table`, over what is there.
pub(super) fn merge(
    table: &mut toml::Table,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<(), EnvironmentError> {
    for (name, value) in variables {
        let Some(path) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let path = path.to_ascii_lowercase();
        let mut parts: Vec<&str> = path.split("__").collect();
        let last = parts.pop().filter(|last| !last.is_empty() && !parts.is_empty());
        let last = last.ok_or_else(|| EnvironmentError::Name(name.clone()))?;
        let mut here = &mut *table;
        for part in parts {
            let inner = here.entry(part).or_insert_with(|| Value::Table(toml::Table::new()));
            here = inner
                .as_table_mut()
                .ok_or_else(|| EnvironmentError::Name(name.clone()))?;
        }
        here.insert(last.to_owned(), read(value));
    }
    Ok(())
}

/// A TOML value such as `true`, `2` or `["a", "b"]`; anything else is a string as it stands.
fn read(text: String) -> Value {
    format!("value = {text}")
        .parse::<toml::Table>()
        .ok()
        .filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("value"))
        .unwrap_or(Value::String(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(variables: &[(&str, &str)]) -> Result<String, String> {
        let mut table = toml::Table::new();
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        merge(&mut table, variables).map_err(|error| error.to_string())?;
        Ok(table.to_string())
    }

    #[test]
    fn a_value_is_toml_or_else_a_string() {
        let set = |value| merged(&[("PORTREEVE__A__B", value)]).unwrap();
        assert_eq!(set("true"), "[a]\nb = true\n");
        assert_eq!(set("[\"x\", \"y\"]"), "[a]\nb = [\"x\", \"y\"]\n");
        assert_eq!(set("127.0.0.1:1"), "[a]\nb = \"127.0.0.1:1\"\n");
        assert_eq!(
            set("x\nc = 1"),
            "[a]\nb = \"\"\"\nx\nc = 1\"\"\"\n",
            "one variable sets one setting"
        );
        assert_eq!(set("1\nc = 1"), "[a]\nb = \"\"\"\n1\nc = 1\"\"\"\n");
    }

    #[test]
    fn names_may_hold_single_underscores() {
        let chain = merged(&[("PORTREEVE__CHAIN__RELEASE_MIN_OPERATORS", "2")]).unwrap();
        assert_eq!(chain, "[chain]\nrelease_min_operators = 2\n");
    }

    #[test]
    fn what_is_not_ours_is_left_alone_and_what_names_nothing_is_an_error() {
        assert_eq!(merged(&[("PORTREEVE_SERVER_PORT", "1"), ("PATH", "/bin")]).unwrap(), "");
        for name in ["PORTREEVE__", "PORTREEVE__LISTEN", "PORTREEVE__SERVER__"] {
            assert!(merged(&[(name, "1")]).is_err(), "{name}");
        }
    }
}

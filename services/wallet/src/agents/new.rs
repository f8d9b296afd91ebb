//! What a new agent may be called and allowed, checked before anything is written.

use {
    portreeve_guard::{Problem, text},
    portreeve_kernel::Code,
    portreeve_policy::{AgentPolicy, FieldError, PolicyInput},
    serde::Serialize,
};

const NICKNAME_MAX: usize = 50;
const TAGS_MAX: usize = 10;
const TAG_MAX: usize = 30;

/// A new agent, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewAgent {
    pub(crate) nickname: String,
    pub(crate) tags: Vec<String>,
    pub(crate) policy: AgentPolicy,
}

/// One field of a policy that cannot be.
#[derive(Debug, Serialize)]
struct FieldView {
    code: String,
    param: String,
    detail: String,
}

impl NewAgent {
    /// Checks all of it.
    ///
    /// # Errors
    /// A problem that names the field; for a policy all fields at once.
    pub(crate) fn check(nickname: String, tags: Vec<String>, policy: PolicyInput) -> Result<Self, Problem> {
        text::check("nickname", "a nickname", &nickname, 1..=NICKNAME_MAX)?;
        if nickname.trim() != nickname {
            return Err(Problem::new(Code::ValidationInvalidFormat)
                .detail("a nickname has no space at its ends")
                .param("nickname"));
        }
        if tags.len() > TAGS_MAX {
            return Err(Problem::new(Code::ValidationOutOfRange)
                .detail(format_args!("an agent has at most {TAGS_MAX} tags, not {}", tags.len()))
                .param("tags"));
        }
        if let Some(place) = tags.iter().position(|tag| !is_tag(tag)) {
            return Err(Problem::new(Code::ValidationInvalidFormat)
                .detail(format_args!(
                    "a tag has 1 to {TAG_MAX} characters of A–Z, a–z, 0–9, Hangul syllables, `_` and `-`"
                ))
                .param(format!("tags[{place}]")));
        }
        let policy = policy.resolve(1).map_err(|errors| invalid_policy(&errors))?;
        Ok(Self { nickname, tags, policy })
    }
}

fn is_tag(tag: &str) -> bool {
    let length = tag.chars().count();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '가'..='힣');
    (1..=TAG_MAX).contains(&length) && tag.chars().all(fits)
}

fn invalid_policy(errors: &[FieldError]) -> Problem {
    let all: Vec<FieldView> = errors
        .iter()
        .map(|error| FieldView {
            code: error.code.to_string(),
            param: format!("policy.{}", error.param),
            detail: error.detail.clone(),
        })
        .collect();
    let problem = Problem::new(Code::PolicyInvalid);
    match all.first() {
        Some(first) => problem
            .detail(&first.detail)
            .param(first.param.clone())
            .with("violations", &all),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(nickname: &str, tags: &[&str], policy: &str) -> Result<NewAgent, Code> {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let policy: PolicyInput = serde_json::from_str(policy).unwrap();
        NewAgent::check(nickname.into(), tags, policy).map_err(|problem| problem.code())
    }

    const STANDARD: &str = r#"{"preset":"standard"}"#;

    #[test]
    fn names_and_tags_are_bounded() {
        assert!(check("a", &["x", "가나-1_B"], STANDARD).is_ok());
        assert!(check(&"é".repeat(50), &[], STANDARD).is_ok());
        for (nickname, code) in [
            ("", Code::ValidationOutOfRange),
            (&"x".repeat(51), Code::ValidationOutOfRange),
            (" ", Code::ValidationInvalidFormat),
            ("a ", Code::ValidationInvalidFormat),
            ("a\nb", Code::ValidationInvalidFormat),
            ("a\u{202E}b", Code::ValidationInvalidFormat),
            ("\u{200B}", Code::ValidationInvalidFormat),
        ] {
            assert_eq!(check(nickname, &[], STANDARD).unwrap_err(), code, "{nickname:?}");
        }
        assert_eq!(
            check("a", &["x"; 11], STANDARD).unwrap_err(),
            Code::ValidationOutOfRange
        );
        for tag in ["", "a b", "ü", &"x".repeat(31)] {
            assert_eq!(
                check("a", &[tag], STANDARD).unwrap_err(),
                Code::ValidationInvalidFormat,
                "{tag:?}"
            );
        }
    }

    #[test]
    fn a_policy_that_contradicts_itself_is_refused() {
        let policy = r#"{"preset":"standard","limits":{"perTransaction":"6000000000","daily":"5000000000"}}"#;
        assert_eq!(check("a", &[], policy).unwrap_err(), Code::PolicyInvalid);
        assert_eq!(
            check("a", &[], r#"{"preset":"conservative"}"#).unwrap_err(),
            Code::PolicyInvalid,
            "no destination"
        );
    }
}

//! Misfortunes on demand: what the fault switches are, and when they strike.
//!
//! Invariant: a switch with a count strikes exactly that often, and every strike is counted.

use {
    serde::Deserialize,
    serde_json::{Map, Value, json},
    solana_signature::Signature,
    solana_transaction::versioned::VersionedTransaction,
    std::{collections::BTreeMap, time::Duration},
};

/// How far ahead a lying port reports heights when it is not told: far beyond any blockhash's life.
const DEFAULT_HEIGHT_AHEAD: u64 = 1_000_000;

/// Everything that can be switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Name {
    Refuse,
    Delay,
    DropReply,
    Duplicate,
    FailSimulation,
    Hold,
    Lie,
}

impl Name {
    fn text(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Delay => "delay",
            Self::DropReply => "dropReply",
            Self::Duplicate => "duplicate",
            Self::FailSimulation => "failSimulation",
            Self::Hold => "hold",
            Self::Lie => "lie",
        }
    }

    /// The calls a switch strikes when it is not told; empty means every call.
    fn default_methods(self) -> &'static [&'static str] {
        match self {
            Self::Refuse | Self::Delay | Self::Lie => &[],
            Self::DropReply | Self::Duplicate | Self::Hold => &["sendTransaction"],
            Self::FailSimulation => &["simulateTransaction", "sendTransaction"],
        }
    }
}

/// How the answer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum How {
    /// The connection closes without a byte.
    #[default]
    Close,
    /// HTTP 500 without a result.
    Http500,
}

/// What a switch can be told. A misspelt setting is an error.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// How often it strikes; absent: until it is cleared.
    count: Option<u64>,
    methods: Option<Vec<String>>,
    /// Milliseconds, for `delay`.
    ms: u64,
    how: How,
    /// The error a failed simulation reports, as Solana writes it in JSON.
    err: Option<Value>,
    /// Slots, for `lie`.
    height_ahead: Option<u64>,
    /// Slots, for `lie`: how far behind it says it is, as a node that does not keep up.
    height_behind: u64,
    /// For `lie`: whether it says that no account is there.
    hide_accounts: bool,
}

/// What the lying port says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Lie {
    /// Slots that heights are put too far.
    pub(crate) ahead: u64,
    /// Slots that they are put too low.
    pub(crate) behind: u64,
    /// Whether no account is there.
    pub(crate) hides_accounts: bool,
}

struct Switch {
    left: Option<u64>,
    settings: Settings,
}

/// All switches, and how often each has struck.
#[derive(Default)]
pub(crate) struct Faults {
    on: BTreeMap<Name, Switch>,
    struck: BTreeMap<Name, u64>,
    /// Accepted, but not run. They need no switch to stay, only to get here.
    held: Vec<(Signature, VersionedTransaction)>,
    /// What the second run of a duplicated transaction ended with.
    duplicates: Vec<(Signature, Value)>,
}

impl Faults {
    /// Switches one on, in place of what it was told before. A count of 0 leaves it off.
    pub(crate) fn set(&mut self, name: Name, settings: Settings) {
        self.on.insert(
            name,
            Switch {
                left: settings.count,
                settings,
            },
        );
        self.drop_spent(name);
    }

    /// Switches one off, or all.
    pub(crate) fn clear(&mut self, name: Option<Name>) {
        match name {
            Some(name) => drop(self.on.remove(&name)),
            None => self.on.clear(),
        }
    }

    /// Whether `method` is refused; counts as a strike.
    pub(crate) fn refuses(&mut self, method: &str) -> bool {
        self.strike(Name::Refuse, method).is_some()
    }

    /// How late the answer to `method` is to come.
    pub(crate) fn delay(&mut self, method: &str) -> Duration {
        self.strike(Name::Delay, method)
            .map_or(Duration::ZERO, |settings| Duration::from_millis(settings.ms))
    }

    /// Whether and how the answer to `method` is lost.
    pub(crate) fn drops_reply(&mut self, method: &str) -> Option<How> {
        self.strike(Name::DropReply, method).map(|settings| settings.how)
    }

    pub(crate) fn duplicates(&mut self, method: &str) -> bool {
        self.strike(Name::Duplicate, method).is_some()
    }

    pub(crate) fn holds(&mut self, method: &str) -> bool {
        self.strike(Name::Hold, method).is_some()
    }

    /// The error with which a simulation fails, though it need not.
    pub(crate) fn fails_simulation(&mut self, method: &str) -> Option<Value> {
        let settings = self.strike(Name::FailSimulation, method)?;
        Some(
            settings
                .err
                .unwrap_or_else(|| json!({"InstructionError": [0, {"Custom": 1}]})),
        )
    }

    /// What the lying port says; `None` when it tells the truth.
    pub(crate) fn lies(&self) -> Option<Lie> {
        let settings = &self.on.get(&Name::Lie)?.settings;
        let behind = settings.height_behind;
        let otherwise = if behind == 0 { DEFAULT_HEIGHT_AHEAD } else { 0 };
        Some(Lie {
            ahead: settings.height_ahead.unwrap_or(otherwise),
            behind,
            hides_accounts: settings.hide_accounts,
        })
    }

    /// Keeps a transaction back until [`Self::take_held`].
    pub(crate) fn hold(&mut self, signature: Signature, tx: VersionedTransaction) {
        self.held.push((signature, tx));
    }

    /// Gives out what is held, all or only the one with this signature, in the order it came.
    pub(crate) fn take_held(&mut self, only: Option<Signature>) -> Vec<(Signature, VersionedTransaction)> {
        let (out, stay) = self
            .held
            .drain(..)
            .partition(|(signature, _)| only.is_none_or(|only| only == *signature));
        self.held = stay;
        out
    }

    pub(crate) fn note_duplicate(&mut self, signature: Signature, second: Value) {
        self.duplicates.push((signature, second));
    }

    /// What is on, with strikes left (`null`: no end), how often each has struck, and what came of it.
    pub(crate) fn to_json(&self) -> Value {
        let on = self
            .on
            .iter()
            .map(|(name, switch)| (name.text().to_owned(), json!({"left": switch.left})));
        let struck = self
            .struck
            .iter()
            .map(|(name, times)| (name.text().to_owned(), json!(times)));
        let held = self.held.iter().map(|(signature, _)| signature.to_string());
        let duplicates = self.duplicates.iter();
        let duplicates =
            duplicates.map(|(signature, err)| json!({"signature": signature.to_string(), "secondErr": err}));
        json!({
            "on": on.collect::<Map<_, _>>(), "struck": struck.collect::<Map<_, _>>(),
            "held": held.collect::<Vec<_>>(), "duplicates": duplicates.collect::<Vec<_>>(),
        })
    }

    fn strike(&mut self, name: Name, method: &str) -> Option<Settings> {
        let switch = self.on.get_mut(&name)?;
        let meant = match &switch.settings.methods {
            Some(methods) => methods.iter().any(|one| one == method),
            None => name.default_methods().is_empty() || name.default_methods().contains(&method),
        };
        if !meant {
            return None;
        }
        if let Some(left) = &mut switch.left {
            *left = left.saturating_sub(1);
        }
        let settings = switch.settings.clone();
        let times = self.struck.entry(name).or_default();
        *times = times.saturating_add(1);
        self.drop_spent(name);
        Some(settings)
    }

    fn drop_spent(&mut self, name: Name) {
        if self.on.get(&name).is_some_and(|switch| switch.left == Some(0)) {
            self.on.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_strikes_as_often_as_it_was_told() {
        let mut faults = Faults::default();
        faults.set(
            Name::Hold,
            Settings {
                count: Some(2),
                ..Settings::default()
            },
        );
        assert!(!faults.holds("getSlot"), "not what it is for");
        assert!(faults.holds("sendTransaction") && faults.holds("sendTransaction"));
        assert!(!faults.holds("sendTransaction"));
        assert_eq!(faults.to_json()["struck"], json!({"hold": 2}));
        assert_eq!(faults.to_json()["on"], json!({}));
    }

    #[test]
    fn a_switch_without_count_strikes_until_cleared() {
        let mut faults = Faults::default();
        faults.set(Name::Refuse, Settings::default());
        assert!((0..100).all(|_| faults.refuses("getSlot")));
        faults.clear(Some(Name::Refuse));
        assert!(!faults.refuses("getSlot"));
    }

    #[test]
    fn a_misspelt_setting_is_an_error() {
        assert!(serde_json::from_value::<Settings>(json!({"cuont": 1})).is_err());
    }
}

//! The device flow (RFC 8628): a program without a browser shows a short code, a person types it elsewhere, and the
//! program asks now and then whether they have decided.

use {
    crate::{
        client::ClientId,
        error::{ErrorCode, OAuthError},
        resource::Resource,
    },
    portreeve_kernel::{Entropy, Now, ScopeSet, Seconds, Timestamp},
    std::fmt,
};

/// No vowels, so that no code is a word; no letters that look like digits.
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// 20⁸ codes: with ten minutes and limited tries nobody guesses one (RFC 8628, 5.1).
const LETTERS: usize = 8;

/// How long a person has.
const TTL: Seconds = Seconds(600);

/// How long a program waits between two questions, at first, and how much longer each time it does not.
const INTERVAL: Seconds = Seconds(5);

/// What is answered about a device code that nobody was given; about one of somebody else's, too.
pub const UNKNOWN_DEVICE: OAuthError = OAuthError::new(
    ErrorCode::InvalidGrant,
    "the device code is unknown, used, or another client's",
);
const EXPIRED: OAuthError = OAuthError::new(ErrorCode::ExpiredToken, "the device code is over; begin again");
const PENDING: OAuthError = OAuthError::new(ErrorCode::AuthorizationPending, "nobody has decided yet");
const SLOW_DOWN: OAuthError = OAuthError::new(
    ErrorCode::SlowDown,
    "wait five seconds longer between two polls from now on",
);
const DENIED: OAuthError = OAuthError::new(ErrorCode::AccessDenied, "the person said no");

/// The short code a person types: `WDJB-MJHT`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserCode([u8; LETTERS]);

impl UserCode {
    /// A new one; every code is as likely as any other.
    #[must_use]
    pub fn new(entropy: &dyn Entropy) -> Self {
        let mut letters = [0_u8; LETTERS];
        let mut chance = [0_u8; 1];
        for letter in &mut letters {
            loop {
                entropy.fill(&mut chance);
                let [byte] = chance;
                // 240 is the largest multiple of 20 in a byte; the rest would favour the first letters.
                if byte < 240 {
                    *letter = ALPHABET.get(usize::from(byte % 20)).copied().unwrap_or(b'B');
                    break;
                }
            }
        }
        Self(letters)
    }

    /// Reads what a person typed: in any case, with or without the hyphen or spaces.
    #[must_use]
    pub fn typed(text: &str) -> Option<Self> {
        let letters: Vec<u8> = text
            .bytes()
            .filter(|byte| !matches!(byte, b'-' | b' '))
            .map(|byte| byte.to_ascii_uppercase())
            .collect();
        let known = letters.iter().all(|letter| ALPHABET.contains(letter));
        letters.try_into().ok().filter(|_| known).map(Self)
    }
}

impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, letter) in self.0.iter().enumerate() {
            if place == 4 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(*letter))?;
        }
        Ok(())
    }
}

impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode(…)")
    }
}

/// What a person has made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceState {
    /// Nothing yet.
    Waiting,
    /// They granted these scopes.
    Approved(ScopeSet),
    /// They said no.
    Denied,
    /// The program has fetched its grant.
    Used,
}

/// A device code as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Who asked.
    pub client: ClientId,
    /// For which resource server.
    pub resource: Resource,
    /// When.
    pub issued_at: Timestamp,
    /// How long the program has to wait between two questions by now.
    pub interval: Seconds,
    /// When it asked last.
    pub polled_at: Option<Timestamp>,
    /// What the person has made of it.
    pub state: DeviceState,
}

impl Device {
    /// How long a person has, in seconds.
    pub const TTL: Seconds = TTL;

    /// A new one.
    #[must_use]
    pub const fn new(client: ClientId, resource: Resource, issued_at: Timestamp) -> Self {
        Self {
            client,
            resource,
            issued_at,
            interval: INTERVAL,
            polled_at: None,
            state: DeviceState::Waiting,
        }
    }

    /// Whether a person can still decide.
    #[must_use]
    pub fn can_be_decided(&self, now: Now) -> bool {
        self.state == DeviceState::Waiting && !self.is_over(now)
    }

    fn is_over(&self, now: Now) -> bool {
        now.for_expiry() >= self.issued_at.plus(TTL)
    }
}

/// What comes of a program's question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Polled {
    /// Mark it used and grant these scopes, in one commit.
    Grant(ScopeSet),
    /// Keep this row, and answer with the error.
    Wait(Box<Device>, OAuthError),
    /// Answer with the error; nothing changes.
    Refused(OAuthError),
}

/// Judges the question of `client`, which has proven who it is.
#[must_use]
pub fn polled(device: &Device, client: &ClientId, now: Now) -> Polled {
    if device.client != *client || device.state == DeviceState::Used {
        return Polled::Refused(UNKNOWN_DEVICE);
    }
    if device.is_over(now) {
        return Polled::Refused(EXPIRED);
    }
    let at = now.for_expiry();
    let hasty = device.polled_at.is_some_and(|last| at < last.plus(device.interval));
    if hasty {
        let slower = Device {
            interval: Seconds(device.interval.0.saturating_add(INTERVAL.0)),
            polled_at: Some(at),
            ..device.clone()
        };
        return Polled::Wait(Box::new(slower), SLOW_DOWN);
    }
    match &device.state {
        DeviceState::Approved(scopes) => Polled::Grant(scopes.clone()),
        DeviceState::Denied => Polled::Refused(DENIED),
        DeviceState::Waiting | DeviceState::Used => {
            let asked = Device {
                polled_at: Some(at),
                ..device.clone()
            };
            Polled::Wait(Box::new(asked), PENDING)
        }
    }
}

#[cfg(test)]
mod tests {
    use {super::*, portreeve_kernel::entropy::Seeded};

    const T: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn id(text: &str) -> ClientId {
        ClientId::parse(text).unwrap()
    }

    fn device() -> Device {
        Device::new(id("cli_1"), Resource::configured("https://p.example/mcp"), T)
    }

    fn at(seconds: u32) -> Now {
        Now::at(T.plus(Seconds(seconds)))
    }

    #[test]
    fn a_user_code_is_typed_as_people_type() {
        let code = UserCode::new(&Seeded::new(5));
        let text = code.to_string();
        assert_eq!(text.len(), 9);
        for typed in [
            text.clone(),
            text.to_lowercase(),
            text.replace('-', ""),
            text.replace('-', " "),
        ] {
            assert_eq!(UserCode::typed(&typed), Some(code.clone()), "{typed}");
        }
        for bad in ["", "WDJB-MJH", "WDJB-MJHTT", "ADJB-MJHT", "WDJB-MJH1", "ẄDJB-MJHT"] {
            assert_eq!(UserCode::typed(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_letter_of_a_code_is_as_likely_as_any_other() {
        let entropy = Seeded::new(9);
        let mut counts = [0_u32; 26];
        for _ in 0..5_000 {
            for letter in UserCode::new(&entropy).0 {
                counts[usize::from(letter - b'A')] += 1;
            }
        }
        let used: Vec<u32> = counts.into_iter().filter(|count| *count > 0).collect();
        assert_eq!(used.len(), 20);
        assert!(used.iter().all(|count| (1_700..2_300).contains(count)), "{used:?}");
    }

    #[test]
    fn a_program_that_asks_too_often_has_to_wait_longer_each_time() {
        let Polled::Wait(first, PENDING) = polled(&device(), &id("cli_1"), at(0)) else {
            panic!("not pending");
        };
        let Polled::Wait(hasty, SLOW_DOWN) = polled(&first, &id("cli_1"), at(4)) else {
            panic!("not slowed down");
        };
        assert_eq!(hasty.interval, Seconds(10));
        assert!(matches!(
            polled(&hasty, &id("cli_1"), at(13)),
            Polled::Wait(_, SLOW_DOWN)
        ));
        assert!(matches!(polled(&hasty, &id("cli_1"), at(14)), Polled::Wait(_, PENDING)));
    }

    #[test]
    fn the_decision_reaches_the_program_once() {
        let scopes: ScopeSet = "agents:read".parse().unwrap();
        let approved = Device {
            state: DeviceState::Approved(scopes.clone()),
            ..device()
        };
        assert_eq!(polled(&approved, &id("cli_1"), at(9)), Polled::Grant(scopes));
        assert_eq!(polled(&approved, &id("cli_2"), at(9)), Polled::Refused(UNKNOWN_DEVICE));
        let with = |state| Device { state, ..device() };
        assert_eq!(
            polled(&with(DeviceState::Used), &id("cli_1"), at(9)),
            Polled::Refused(UNKNOWN_DEVICE)
        );
        assert_eq!(
            polled(&with(DeviceState::Denied), &id("cli_1"), at(9)),
            Polled::Refused(DENIED)
        );
    }

    #[test]
    fn ten_minutes_end_it_for_program_and_person() {
        assert!(device().can_be_decided(at(599)));
        assert!(!device().can_be_decided(at(600)));
        let approved = Device {
            state: DeviceState::Approved(ScopeSet::default()),
            ..device()
        };
        assert_eq!(polled(&approved, &id("cli_1"), at(600)), Polled::Refused(EXPIRED));
        assert!(!approved.can_be_decided(at(1)), "what is decided stays");
    }
}

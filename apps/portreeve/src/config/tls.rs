//! `server.tls`: a word, or two files.

use {
    serde::{Deserialize, Deserializer},
    std::path::PathBuf,
};

/// How the server shows who it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Tls {
    /// By the local authority in the data folder, which is believed on this machine.
    #[default]
    Local,
    /// Not at all: plain HTTP, on loopback.
    Off,
    /// By a certificate of the owner's own.
    Own {
        /// PEM: its own first, then those that lead to an authority.
        certificate: PathBuf,
        /// PEM: the key of the first.
        key: PathBuf,
    },
}

impl<'de> Deserialize<'de> for Tls {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Word {
            Local,
            Off,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Files {
            certificate: PathBuf,
            key: PathBuf,
        }
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "`server.tls` is \"local\", \"off\", or `certificate` and `key` with a file each"
        )]
        enum Either {
            Word(Word),
            Files(Files),
        }
        Ok(match Either::deserialize(from)? {
            Either::Word(Word::Local) => Self::Local,
            Either::Word(Word::Off) => Self::Off,
            Either::Files(Files { certificate, key }) => Self::Own { certificate, key },
        })
    }
}

#[cfg(test)]
mod tests {
    use {super::*, crate::config::Config};

    #[test]
    fn tls_is_a_word_or_two_files() {
        let tls = |text: &str| {
            let server = format!("[server]\n{text}\n");
            let config = toml::from_str::<Config>(&server);
            config
                .map(|config| config.server.tls)
                .map_err(|error| error.message().to_owned())
        };
        let own = Tls::Own {
            certificate: "/c".into(),
            key: "/k".into(),
        };
        assert_eq!(tls(""), Ok(Tls::Local));
        assert_eq!(tls("tls = \"local\""), Ok(Tls::Local));
        assert_eq!(tls("tls = \"off\""), Ok(Tls::Off));
        assert_eq!(tls("tls = { certificate = \"/c\", key = \"/k\" }"), Ok(own.clone()));
        assert_eq!(tls("[server.tls]\ncertificate = \"/c\"\nkey = \"/k\""), Ok(own));
        for bad in [
            "tls = \"on\"",
            "tls = false",
            "tls = { certificate = \"/c\" }",
            "tls = {}",
        ] {
            assert!(tls(bad).unwrap_err().contains("`certificate` and `key`"), "{bad}");
        }
    }
}

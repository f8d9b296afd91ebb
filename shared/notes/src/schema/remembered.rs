//! What a vault last said is private, kept beside what was read of it: a schema that is gone, or cannot be read, when the server
//! starts hides what it hid before.

use {
    super::{Names, PerType, Private, Schema},
    crate::{
        entity::EntityType,
        value::Text,
        whole::{self, Format},
    },
    serde::{Deserialize, Serialize},
    std::{fs, io, path::Path},
};

const FORMAT: &Format = b"portreeve-hides1";

/// See the top of this file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    types: Vec<String>,
    fields: Vec<String>,
    fields_of: Vec<(String, Vec<String>)>,
    /// Folders that are not read.
    exclude: Vec<String>,
}

impl Remembered {
    /// What is private by a schema, or was by the last one that could be read.
    pub(crate) fn of(schema: &Schema) -> Self {
        let texts = |texts: &[Text]| texts.iter().map(|text| text.to_string()).collect();
        let listed = schema
            .private
            .as_ref()
            .map(Private::listed)
            .cloned()
            .unwrap_or_default();
        let Names { types, fields } = listed;
        Self {
            types: types.iter().map(|kind| kind.as_str().to_owned()).collect(),
            fields: texts(&fields.all),
            fields_of: fields
                .of
                .iter()
                .map(|(kind, names)| (kind.as_str().to_owned(), texts(names)))
                .collect(),
            exclude: texts(&schema.exclude),
        }
    }

    /// The schema of a vault of which nothing else is known.
    pub(crate) fn schema(&self) -> Schema {
        let texts = |texts: &[String]| texts.iter().map(|text| Text::from(text.as_str())).collect();
        let kind = |name: &str| EntityType::new(&Text::from(name));
        let names = Names {
            types: self.types.iter().map(|name| kind(name)).collect(),
            fields: PerType {
                all: texts(&self.fields),
                of: self
                    .fields_of
                    .iter()
                    .map(|(name, fields)| (kind(name), texts(fields)))
                    .collect(),
            },
        };
        let mut schema = Schema::default();
        let known: Vec<Text> = texts(&self.exclude);
        schema.exclude.retain(|folder| !known.contains(folder));
        schema.exclude.extend(known);
        schema.keeping(Private::Unknown(names))
    }

    /// What was kept; nothing where nothing was.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` when the file is something else.
    pub(crate) fn read(file: &Path) -> io::Result<Option<Self>> {
        let bytes = match fs::read(file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        whole::opened(&bytes, FORMAT)
            .and_then(|held| postcard::from_bytes(held).ok())
            .map(Some)
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Keeps it, in place of what was kept before, and so that it outlasts a power cut.
    ///
    /// # Errors
    /// Those of [`whole::replace`].
    pub(crate) fn keep(&self, file: &Path) -> io::Result<()> {
        if matches!(Self::read(file), Ok(Some(kept)) if kept == *self) {
            return Ok(());
        }
        let bytes = postcard::to_stdvec(self).map_err(io::Error::other)?;
        whole::replace(file, FORMAT, |to| to.write_all(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_is_read_and_anything_else_is_an_error() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("private");
        assert_eq!(Remembered::read(&file).unwrap(), None);
        let text = "private_fields: {all: [a], Task: [b, c]}\ncross_vault: {exec_only: [ShipLog, Track]}\npaths: {exclude: [40_People]}\n";
        let (schema, _) = Schema::read_private(text.as_bytes()).unwrap();
        let remembered = Remembered::of(&schema);
        remembered.keep(&file).unwrap();
        assert_eq!(Remembered::read(&file).unwrap().as_ref(), Some(&remembered));
        let again = Remembered::of(&remembered.schema());
        assert_eq!(again.types, remembered.types);
        assert!(again.exclude.contains(&"40_People".to_owned()));
        let good = fs::read(&file).unwrap();
        for bad in [&good[1..], &good[..good.len() - 1], b""] {
            fs::write(&file, bad).unwrap();
            assert_eq!(Remembered::read(&file).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
        remembered.keep(&file).unwrap();
        assert_eq!(fs::read(&file).unwrap(), good);
    }
}

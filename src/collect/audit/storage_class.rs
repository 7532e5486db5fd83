//! Storage classes as a store calls them, by number.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

/// The word where the store tells none.
pub const NOT_KNOWN: &str = "not_known";

/// A storage class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub(super) u8);

/// The storage classes that were seen, and which links have another than nearly all: of ten million links that is worth a
/// note only where it differs.
#[derive(Debug)]
pub struct StorageClasses {
    names: Vec<String>,
    usual: Option<ClassId>,
    other: HashMap<u64, ClassId>,
    hasher: RandomState,
}

impl Default for StorageClasses {
    fn default() -> Self {
        let names = vec![NOT_KNOWN.to_owned()];
        Self { names, usual: None, other: HashMap::new(), hasher: RandomState::new() }
    }
}

impl StorageClasses {
    /// The number of a class; where there are more than any store has, the rest are not known.
    pub fn id(&mut self, name: Option<&str>) -> ClassId {
        let Some(name) = name else { return ClassId::default() };
        let known = self.names.iter().position(|known| known == name);
        let Ok(number) = u8::try_from(known.unwrap_or(self.names.len())) else { return ClassId::default() };
        if known.is_none() {
            self.names.push(name.to_owned());
        }
        ClassId(number)
    }

    /// The name of a class.
    #[must_use]
    pub fn name(&self, id: ClassId) -> &str {
        self.names.get(usize::from(id.0)).map_or(NOT_KNOWN, String::as_str)
    }

    /// Notes the class of a link, to be asked for later by its key.
    pub fn note(&mut self, key: &str, name: Option<&str>) {
        let id = self.id(name);
        if *self.usual.get_or_insert(id) != id {
            self.other.insert(self.hasher.hash_one(key), id);
        }
    }

    /// The class of a link that was noted. The key is made only where it matters.
    #[must_use]
    pub fn noted(&self, key: impl FnOnce() -> String) -> ClassId {
        let usual = self.usual.unwrap_or_default();
        if self.other.is_empty() {
            return usual;
        }
        self.other.get(&self.hasher.hash_one(key().as_str())).copied().unwrap_or(usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_of_each_link_is_told_as_it_was_noted() {
        let mut classes = StorageClasses::default();
        for (key, name) in [("a", Some("STANDARD")), ("b", Some("STANDARD_IA")), ("c", None), ("d", Some("STANDARD"))] {
            classes.note(key, name);
        }
        let names = ["a", "b", "c", "d"].map(|key| classes.name(classes.noted(|| key.to_owned())).to_owned());
        assert_eq!(names, ["STANDARD", "STANDARD_IA", NOT_KNOWN, "STANDARD"]);
    }

    #[test]
    fn no_number_of_classes_makes_one_into_another() {
        let mut classes = StorageClasses::default();
        let ids: Vec<ClassId> = (0..300).map(|number| classes.id(Some(&number.to_string()))).collect();
        assert_eq!((classes.name(ids[0]), classes.name(ids[254]), classes.name(ids[299])), ("0", "254", NOT_KNOWN));
    }
}

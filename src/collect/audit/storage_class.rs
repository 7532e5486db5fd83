//! Storage classes as a store calls them, by number.

use super::scenario::Stored;
use std::collections::{BTreeMap, HashMap};
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

/// What is stored, by class. However many classes a store tells of, this takes no more place than for the most there are.
#[derive(Debug, Default)]
pub struct ByClass {
    classes: StorageClasses,
    stored: BTreeMap<ClassId, Stored>,
}

impl ByClass {
    /// Counts one more.
    pub fn add(&mut self, class: Option<&str>, size: u64) {
        let id = self.classes.id(class);
        self.stored.entry(id).or_default().add(size);
    }

    /// All of it, by the names of the classes.
    #[must_use]
    pub fn finish(self) -> BTreeMap<String, Stored> {
        let Self { classes, stored } = self;
        stored.into_iter().map(|(id, stored)| (classes.name(id).to_owned(), stored)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_is_counted_by_its_class_and_no_number_of_classes_takes_more_place() {
        let mut stored = ByClass::default();
        for class in [Some("STANDARD"), None, Some("STANDARD"), Some("GLACIER")] {
            stored.add(class, 7);
        }
        (0..1000).for_each(|number| stored.add(Some(&number.to_string()), 1));
        let stored = stored.finish();
        let of = |class: &str| (stored[class].count, stored[class].bytes);
        assert_eq!((of("STANDARD"), of("GLACIER"), of("0")), ((2, 14), (1, 7), (1, 1)));
        assert_eq!(stored.len(), 256);
        assert_eq!(of(NOT_KNOWN), (1 + 1000 - 253, 7 + 1000 - 253), "what is one too many");
    }

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

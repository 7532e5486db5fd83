//! What is wrong with a text that a person wrote: where, what, and what was expected.

use super::document::Place;
use std::fmt;

/// One thing that is wrong, or only strange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it stands.
    pub place: Place,
    /// The setting it is about (`rules[0].delete`); empty for the whole text.
    pub path: String,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// All that was found in one text, told in the order of its lines: whoever mends it wants to do so once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Adds one.
    pub fn add(&mut self, place: Place, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Fault { place, path: path.into(), message: message.into() });
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them, by line and column.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        let mut all: Vec<&Fault> = self.0.iter().collect();
        all.sort_by_key(|fault| fault.place);
        all.into_iter()
    }
}

/// A line each.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.iter().enumerate() {
            write!(f, "{}{fault}", if at == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_in_the_order_of_the_text_whenever_they_were_found() {
        let mut faults = Faults::default();
        assert!(faults.is_empty());
        for (line, column, message) in [(7, 1, "a"), (2, 5, "b"), (2, 3, "c"), (7, 1, "d"), (9, 1, "e")] {
            faults.add(Place { line, column }, "", message);
        }
        let told: String = faults.iter().map(|fault| fault.message.as_str()).collect();
        assert_eq!((told.as_str(), faults.len()), ("cbade", 5));
        let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
        assert_eq!(faults.to_string(), lines.join("\n"));
    }
}

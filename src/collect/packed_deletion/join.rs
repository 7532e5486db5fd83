//! What two lots of deletions share, made one: pointers and content are planned apart.

use super::{Item, NONE, Shape, Store, number};
use std::sync::Arc;

impl Store {
    /// Whether it can take in what others share: not where these have too much of their own. Content that goes is of no
    /// repository and by no rule.
    pub(in crate::collect) fn can_absorb(&self, others: &Self) -> bool {
        let is_plain = others.repositories.is_empty() && others.rules.is_empty();
        let digests = self.linked.len() + self.others.len() + others.others.len();
        let all = [digests, self.texts.len() + others.texts.len(), self.odd.len() + others.odd.len()];
        is_plain && Arc::ptr_eq(&self.linked, &others.linked) && all.iter().all(|all| number(*all) != NONE)
    }

    /// Takes in what others share, and tells what their items are here.
    pub(in crate::collect) fn absorb(&mut self, others: Self) -> Moved {
        let moved = Moved {
            linked: number(self.linked.len()),
            others: number(self.others.len()),
            texts: number(self.texts.len()),
            odd: number(self.odd.len()),
        };
        append(&mut self.others, others.others);
        append(&mut self.texts, others.texts);
        append(&mut self.odd, others.odd);
        moved
    }
}

/// By how much what is shared has moved.
#[derive(Debug, Clone, Copy)]
pub(in crate::collect) struct Moved {
    linked: u32,
    others: u32,
    texts: u32,
    odd: u32,
}

impl Moved {
    pub(in crate::collect) fn item(self, item: Item) -> Item {
        let digest = match item.shape {
            Shape::Odd => item.digest + self.odd,
            _ if item.digest == NONE || item.digest < self.linked => item.digest,
            _ => item.digest + self.others,
        };
        Item { digest, text: item.text + self.texts, ..item }
    }
}

fn append<T>(all: &mut Vec<T>, mut more: Vec<T>) {
    if all.is_empty() {
        *all = more;
    } else {
        all.reserve_exact(more.len());
        all.append(&mut more);
    }
}

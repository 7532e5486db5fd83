//! Names that were perhaps meant.

/// So many names are suggested.
const SUGGESTED: usize = 3;
/// Names are no longer than this; longer ones are no slips.
const LONGEST: usize = 255;

/// The names that are most like `name`, the likest first: few letters differ, or its last part is the same.
pub fn near<'a>(name: &str, all: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    if name.is_empty() || name.len() > LONGEST {
        return Vec::new();
    }
    let lower = name.to_ascii_lowercase();
    let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let limit = (name.len() / 3).max(1);
    let mut found: Vec<(usize, &str)> = Vec::new();
    for other in all {
        let other_lower = other.to_ascii_lowercase();
        let slips =
            if other_lower.len().abs_diff(lower.len()) <= limit { distance(&lower, &other_lower) } else { limit + 1 };
        let is_moved = last(&other_lower) == last(&lower) || last(&other_lower) == lower;
        if slips <= limit || is_moved {
            found.push((slips.min(limit), other));
            // Of a million names only the best are held.
            if found.len() > 1000 {
                best(&mut found);
            }
        }
    }
    best(&mut found);
    found.into_iter().map(|(_, name)| name).collect()
}

fn best(found: &mut Vec<(usize, &str)>) {
    found.sort_unstable();
    found.dedup();
    found.truncate(SUGGESTED);
}

/// How many letters must be changed, added, left out or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least = (row[j] + usize::from(x != y)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&str; 6] = ["team/app", "team/api", "team/backend", "other/app", "app", "zzz"];

    #[test]
    fn slips_are_seen_through() {
        assert_eq!(near("team/ap", ALL), ["team/api", "team/app"]);
        assert_eq!(near("taem/backend", ALL), ["team/backend"]);
        assert_eq!(near("Team/App", ALL)[0], "team/app");
        assert_eq!(near("backend", ALL), ["team/backend"], "its place was left out");
        assert_eq!(near("nothing/of/the/kind", ALL), Vec::<&str>::new());
        assert_eq!(near("", ALL), Vec::<&str>::new());
    }

    #[test]
    fn swapped_letters_are_one_slip() {
        assert_eq!((distance("ab", "ba"), distance("abc", "abc"), distance("", "abc")), (1, 0, 3));
    }
}

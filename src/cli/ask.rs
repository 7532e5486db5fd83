//! Asking before anything goes.

use std::io::{self, BufRead, IsTerminal, Write};

/// Whether there is a person to ask: stdin and stderr are terminals.
#[must_use]
pub fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on stderr; only `y` or `yes` goes on.
///
/// # Errors
/// If the question cannot be put, or the answer not be read.
pub fn ask(question: &str) -> io::Result<bool> {
    // The lock on stderr ends here: whoever interrupts while this waits must be able to say so.
    write!(anstream::stderr(), "{question} [y/N] ")?;
    anstream::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        assert!(is_yes("y\n") && is_yes("YES") && is_yes(" Yes \r\n"));
        assert!(!is_yes("") && !is_yes("yeah") && !is_yes("n") && !is_yes("y y"));
    }
}

//! Content digests: an algorithm and its bytes, never a string.
//!
//! The accepted algorithms and their lower-case hex form are those of the OCI image specification as the registry
//! implements them (go-digest v1.0.0): `sha256`, `sha384`, `sha512`.

use sha2::Digest as _;
use std::fmt;
use std::str::FromStr;

/// A digest algorithm that the registry accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256: everything the registry stores itself.
    Sha256,
    /// SHA-384: only as the name of a link to content stored under its SHA-256.
    Sha384,
    /// SHA-512: only as the name of a link to content stored under its SHA-256.
    Sha512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// The name as it stands in a digest and in a key.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// The digest of some content.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Digest {
    /// SHA-256.
    Sha256([u8; 32]),
    /// SHA-384.
    Sha384(Box<[u8; 48]>),
    /// SHA-512.
    Sha512(Box<[u8; 64]>),
}

/// The length of the longest digest's text.
pub const LONGEST_DIGEST: usize = "sha512:".len() + 128;

/// The text is no digest that the registry would accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a digest")]
pub struct NotADigest;

impl Digest {
    /// The SHA-256 digest of `content`.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self::Sha256(sha2::Sha256::digest(content).into())
    }

    /// Reads a digest from its two parts in a key, `<algorithm>` and `<hex>`.
    ///
    /// # Errors
    /// If the algorithm is unknown, or the hex part has another length, upper-case or other characters.
    pub fn from_parts(algorithm: &str, hex: &str) -> Result<Self, NotADigest> {
        match Algorithm::of_name(algorithm).ok_or(NotADigest)? {
            Algorithm::Sha256 => decode_hex(hex).map(Self::Sha256),
            Algorithm::Sha384 => decode_hex(hex).map(|bytes| Self::Sha384(Box::new(bytes))),
            Algorithm::Sha512 => decode_hex(hex).map(|bytes| Self::Sha512(Box::new(bytes))),
        }
        .ok_or(NotADigest)
    }

    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha384(_) => Algorithm::Sha384,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// The digest's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Sha256(bytes) => bytes.as_slice(),
            Self::Sha384(bytes) => bytes.as_slice(),
            Self::Sha512(bytes) => bytes.as_slice(),
        }
    }

    /// The lower-case hex part.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(self.bytes())
    }

    /// Writes its text, and tells how much of the place that took. Links are compared by the million.
    pub fn write_to<'a>(&self, place: &'a mut [u8; LONGEST_DIGEST]) -> &'a [u8] {
        let name = self.algorithm().name();
        place[..name.len()].copy_from_slice(name.as_bytes());
        place[name.len()] = b':';
        let from = name.len() + 1;
        for (at, byte) in self.bytes().iter().enumerate() {
            place[from + 2 * at] = DIGITS[usize::from(byte >> 4)];
            place[from + 2 * at + 1] = DIGITS[usize::from(byte & 15)];
        }
        &place[..from + 2 * self.bytes().len()]
    }

    /// Whether `content` has this digest.
    #[must_use]
    pub fn matches(&self, content: &[u8]) -> bool {
        match self {
            Self::Sha256(bytes) => sha2::Sha256::digest(content).as_slice() == bytes,
            Self::Sha384(bytes) => sha2::Sha384::digest(content).as_slice() == bytes.as_slice(),
            Self::Sha512(bytes) => sha2::Sha512::digest(content).as_slice() == bytes.as_slice(),
        }
    }
}

/// Makes a digest of content that comes in parts.
#[derive(Debug)]
pub struct Hasher(State);

#[derive(Debug)]
enum State {
    Sha256(sha2::Sha256),
    Sha384(sha2::Sha384),
    Sha512(sha2::Sha512),
}

impl Hasher {
    /// Begins.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
            Algorithm::Sha384 => State::Sha384(sha2::Sha384::new()),
            Algorithm::Sha512 => State::Sha512(sha2::Sha512::new()),
        })
    }

    /// Takes the next part in.
    pub fn update(&mut self, part: &[u8]) {
        match &mut self.0 {
            State::Sha256(state) => state.update(part),
            State::Sha384(state) => state.update(part),
            State::Sha512(state) => state.update(part),
        }
    }

    /// The digest of all parts.
    #[must_use]
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(state) => Digest::Sha256(state.finalize().into()),
            State::Sha384(state) => Digest::Sha384(Box::new(state.finalize().into())),
            State::Sha512(state) => Digest::Sha512(Box::new(state.finalize().into())),
        }
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Bytes as lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    // Keys are built from it by the million: the formatter takes six times as long.
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    let mut hex = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        hex.push(digit(byte >> 4));
        hex.push(digit(byte & 15));
    }
    hex
}

fn decode_hex<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let hex = hex.as_bytes();
    if hex.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

fn nibble(character: u8) -> Option<u8> {
    // Looked up, not compared: which digit comes next cannot be foreseen.
    let nibble = NIBBLES[usize::from(character)];
    (nibble < 16).then_some(nibble)
}

/// The value of each digit; of what is none, something larger than any.
const NIBBLES: [u8; 256] = {
    let mut nibbles = [u8::MAX; 256];
    let mut value = 0;
    while value < 16 {
        nibbles[DIGITS[value as usize] as usize] = value;
        value += 1;
    }
    nibbles
};

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm().name(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let (algorithm, hex) = text.split_once(':').ok_or(NotADigest)?;
        Self::from_parts(algorithm, hex)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn knows_the_digest_of_nothing() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), empty);
        assert!(empty.parse::<Digest>().unwrap().matches(b""));
        assert!(!empty.parse::<Digest>().unwrap().matches(b"x"));
        assert_eq!(format!("{:?}", Digest::of(b"")), empty);
    }

    #[test]
    fn refuses_what_the_registry_refuses() {
        let hex = "0".repeat(64);
        for text in [
            String::new(),
            hex.clone(),
            format!("sha256:{}", &hex[1..]),
            format!("sha256:{hex}0"),
            format!("sha256:{}A", &hex[1..]),
            format!("sha256:{hex}\n"),
            format!("SHA256:{hex}"),
            format!("sha1:{}", "0".repeat(40)),
            format!("sha512:{hex}"),
            format!("sha256:{}é", &hex[2..]),
        ] {
            assert_eq!(text.parse::<Digest>(), Err(NotADigest), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn reads_back_what_it_writes(bytes: Vec<u8>) {
            for digest in [
                Digest::of(&bytes),
                Digest::Sha384(Box::new(sha2::Sha384::digest(&bytes).into())),
                Digest::Sha512(Box::new(sha2::Sha512::digest(&bytes).into())),
            ] {
                prop_assert!(digest.matches(&bytes));
                let (mut place, text) = ([0; LONGEST_DIGEST], digest.to_string());
                prop_assert_eq!(digest.write_to(&mut place), text.as_bytes());
                let mut parts = Hasher::new(digest.algorithm());
                bytes.chunks(3).for_each(|part| parts.update(part));
                prop_assert_eq!(&parts.finish(), &digest);
                prop_assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
            }
        }

        #[test]
        fn never_panics(text: String) {
            let _ = text.parse::<Digest>();
        }
    }
}

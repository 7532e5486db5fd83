//! Digests that sort by their number, so that the n-th of a million is known without the others.

/// The finalizer of `SplitMix64`.
pub(super) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A SHA-256, as far as anybody can tell.
pub(super) type Bytes32 = [u8; 32];

/// So many digests, spread evenly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Space {
    salt: u64,
    pub(super) count: u64,
}

impl Space {
    pub(super) fn new(seed: u64, name: u64, count: u64) -> Self {
        Self { salt: mix(mix(seed) ^ name), count }
    }

    fn width(self) -> u64 {
        u64::MAX / self.count.max(1)
    }

    fn top(self, number: u64) -> u64 {
        let width = self.width();
        number * width + mix(self.salt ^ number) % width
    }

    /// The digest of a number; a larger number has a larger digest.
    pub(super) fn digest(self, number: u64) -> Bytes32 {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&self.top(number).to_be_bytes());
        let mut state = self.salt ^ number.rotate_left(32);
        for part in bytes[8..].chunks_exact_mut(8) {
            state = mix(state);
            part.copy_from_slice(&state.to_be_bytes());
        }
        bytes
    }

    /// The first number whose digest begins with these 64 bits or larger ones.
    pub(super) fn first_from(self, top: u64) -> u64 {
        let number = top / self.width();
        if number >= self.count {
            return self.count;
        }
        number + u64::from(self.top(number) < top)
    }
}

/// Its size: small, so that it can be stored where it must.
pub(super) fn size_of(digest: &Bytes32) -> u64 {
    1 + u64::from(digest[31]) / 2
}

/// The first bits of a digest, as a number.
pub(super) fn top_of(digest: &Bytes32) -> u64 {
    digest[..8].iter().fold(0, |top, byte| top << 8 | u64::from(*byte))
}

/// Writes bytes as lower-case hex.
pub(super) fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
        }
    }
}

/// `sha256:<hex>`.
pub(super) fn text_of(digest: &Bytes32) -> String {
    let mut text = String::with_capacity(71);
    text.push_str("sha256:");
    push_hex(&mut text, digest);
    text
}

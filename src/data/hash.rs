//! A hash by which a text or a file is recognised.

/// FNV-1a, 64 bits (Fowler, Noll & Vo): against accidents, not against forgers. Every change of a single byte changes it.
#[derive(Clone, Copy, Debug)]
pub struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Hash(0xcbf2_9ce4_8422_2325)
    }
}

impl Hash {
    /// Goes on over these bytes.
    pub fn bytes(&mut self, bytes: impl IntoIterator<Item = u8>) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Goes on over one of several parts, and its length, so that parts cannot run into one another.
    pub fn part(&mut self, bytes: &[u8]) {
        self.bytes(bytes.iter().copied());
        self.bytes((bytes.len() as u64).to_le_bytes());
    }

    /// The hash of all so far.
    pub fn value(self) -> u64 {
        self.0
    }
}

#[test]
fn the_published_answers_come_out() {
    let hash = |text: &str| {
        let mut hash = Hash::default();
        hash.bytes(text.bytes());
        hash.value()
    };
    assert_eq!(
        [hash(""), hash("a"), hash("foobar")],
        [0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c, 0x8594_4171_f739_67e8]
    );
}

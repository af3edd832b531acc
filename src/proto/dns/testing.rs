//! For the tests of this folder: answers as a server would write them, and random numbers that repeat. It refuses to
//! use the code under test.

/// A server's answer, written section by section and in the order of the sections.
pub(super) struct Reply {
    bytes: Vec<u8>,
}

impl Reply {
    /// An answer without records to a query, which is given as the datagram that was sent.
    pub(super) fn to(query: &[u8]) -> Reply {
        let end = 12 + query[12..].iter().position(|&byte| byte == 0).unwrap() + 5;
        let mut bytes = query[..end].to_vec();
        bytes[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0]);
        Reply { bytes }
    }

    /// Changes bytes from `at` on.
    pub(super) fn patch(mut self, at: usize, bytes: &[u8]) -> Reply {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub(super) fn rcode(mut self, rcode: u8) -> Reply {
        self.bytes[3] = 0x80 | rcode;
        self
    }

    pub(super) fn truncated(mut self) -> Reply {
        self.bytes[2] |= 0x02;
        self
    }

    /// Neither authoritative nor recursive.
    pub(super) fn lame(mut self) -> Reply {
        self.bytes[3] &= 0x7f;
        self
    }

    /// Any record, in the section whose count stands at byte `section` of the header.
    pub(super) fn record(mut self, section: usize, owner: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Reply {
        self.bytes[section + 1] += 1;
        self.bytes.extend(owner);
        self.bytes.extend(kind.to_be_bytes());
        self.bytes.extend([0, 1]);
        self.bytes.extend(ttl.to_be_bytes());
        self.bytes.extend((data.len() as u16).to_be_bytes());
        self.bytes.extend(data);
        self
    }

    pub(super) fn answer(self, owner: &str, kind: u16, ttl: u32, data: &[u8]) -> Reply {
        self.record(6, &wire(owner), kind, ttl, data)
    }

    pub(super) fn a(self, owner: &str, ttl: u32, last: u8) -> Reply {
        self.answer(owner, 1, ttl, &[10, 0, 0, last])
    }

    pub(super) fn aaaa(self, owner: &str, ttl: u32, last: u8) -> Reply {
        let address = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
        self.answer(owner, 28, ttl, &address)
    }

    pub(super) fn cname(self, owner: &str, ttl: u32, target: &str) -> Reply {
        self.answer(owner, 5, ttl, &wire(target))
    }

    pub(super) fn soa(self, ttl: u32, minimum: u32) -> Reply {
        let mut data = [wire("ns.example"), wire("root.example"), vec![0; 16]].concat();
        data.extend(minimum.to_be_bytes());
        self.record(8, &wire("example"), 6, ttl, &data)
    }

    pub(super) fn opt(self, extended_rcode: u8) -> Reply {
        self.record(10, &[0], 41, u32::from(extended_rcode) << 24, &[])
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// A name on the wire.
pub(super) fn wire(name: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        wire.push(label.len() as u8);
        wire.extend(label.as_bytes());
    }
    wire.push(0);
    wire
}

/// Random numbers that repeat: Marsaglia's xorshift64.
pub(super) struct XorShift(pub(super) u64);

impl XorShift {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

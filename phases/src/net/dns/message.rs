//! A query as bytes, and which answers belong to it.

use hickory_proto::rr::{DNSClass, Name, RecordType};

/// The largest answer over UDP, in bytes. It passes unfragmented nearly everywhere (dnsflagday.net/2020).
const MAX_UDP: u16 = 1_232;
/// The length of a message's header (RFC 1035, section 4.1.1).
const HEADER: usize = 12;
/// Where the header counts the additional records: the low byte.
const ADDITIONAL: usize = 11;
/// The response codes that may come without the question: the server could not or would not read it.
const WITHOUT_QUESTION: [u8; 4] = [1, 2, 4, 5];

/// One question, encoded.
#[derive(Clone, Debug)]
pub(super) struct Query {
    bytes: Vec<u8>,
    /// Where the question ends. It begins after the header.
    end: usize,
}

impl Query {
    /// A query with an EDNS record (RFC 6891), without which no server says why it failed.
    pub(super) fn new(name: &Name, record_type: RecordType) -> Self {
        let mut query = Self::plain(name, record_type);
        let [high, low] = MAX_UDP.to_be_bytes();
        // The root's name, the type OPT, the size in place of a class; version 0, no flags, no options.
        query.bytes.extend([0, 0, 41, high, low, 0, 0, 0, 0, 0, 0]);
        query.bytes[ADDITIONAL] = 1;
        query
    }

    /// A query for a server that doesn't know EDNS.
    pub(super) fn plain(name: &Name, record_type: RecordType) -> Self {
        // An id, recursion desired, and one question (RFC 1035, section 4.1).
        let mut bytes = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name {
            bytes.push(u8::try_from(label.len()).expect("a label has at most 63 bytes"));
            bytes.extend(label);
        }
        bytes.push(0);
        bytes.extend(u16::from(record_type).to_be_bytes());
        bytes.extend(u16::from(DNSClass::IN).to_be_bytes());
        let end = bytes.len();
        Self { bytes, end }
    }

    /// The question that any server has an answer for, if only a refusal: the servers of the root.
    pub(super) fn of_the_root() -> Self {
        Self::new(&Name::root(), RecordType::NS)
    }

    /// The message to send, with this id.
    pub(super) fn with_id(&self, id: u16) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes[..2].copy_from_slice(&id.to_be_bytes());
        bytes
    }

    /// Whether a message with the right id answers this very question. The case of letters doesn't count.
    pub(super) fn is_answered_by(&self, message: &[u8]) -> bool {
        let [_, _, flags, code, count @ .., _, _, _, _, _, _] = message.get(..HEADER).unwrap_or_default()
        else {
            return false;
        };
        let is_answer = flags & 0x80 != 0 && flags & 0x78 == 0;
        if count == [0, 0] {
            return is_answer && WITHOUT_QUESTION.contains(&(code & 0x0f));
        }
        // The type and the class are the last four bytes. A length within a name is no letter.
        let (mine, its) = (&self.bytes[HEADER..self.end], message.get(HEADER..self.end));
        let same = its.is_some_and(|its| {
            let name = mine.len() - 4;
            mine[..name].eq_ignore_ascii_case(&its[..name]) && mine[name..] == its[name..]
        });
        is_answer && count == [0, 1] && same
    }
}

/// Whether an answer is marked as cut: it may end within a record, and must be asked for over TCP.
pub(super) fn is_cut(message: &[u8]) -> bool {
    message.get(2).is_some_and(|flags| flags & 0x02 != 0)
}

/// The id of a message.
pub(super) fn id(message: &[u8]) -> Option<u16> {
    message.first_chunk().map(|id| u16::from_be_bytes(*id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query as Question};

    /// The same query, written by the library that reads the answers.
    fn written(name: &Name, record_type: RecordType, edns: Option<Edns>) -> Vec<u8> {
        let mut message = Message::new(0, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(Question::query(name.clone(), record_type));
        if let Some(edns) = edns {
            message.set_edns(edns);
        }
        message.to_vec().unwrap()
    }

    #[test]
    fn a_query_is_what_the_library_writes() {
        let mut edns = Edns::new();
        edns.set_max_payload(MAX_UDP);
        let long = format!("{0}.{0}.{0}.{1}.", "x".repeat(63), "y".repeat(61));
        for name in [".", "test.", "Shop-1.example.test.", "_a.xn--p1ai.", &long] {
            let name = Name::from_ascii(name).unwrap();
            for record_type in [RecordType::A, RecordType::AAAA, RecordType::NS] {
                let query = Query::new(&name, record_type);
                assert_eq!(query.bytes, written(&name, record_type, Some(edns.clone())));
                let plain = Query::plain(&name, record_type);
                assert_eq!(plain.bytes, written(&name, record_type, None));
                assert_eq!((query.end, plain.end), (plain.bytes.len(), plain.bytes.len()));
            }
        }
    }
}

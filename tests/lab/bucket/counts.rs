//! What the bucket was asked: numbers and a log.

use super::request::Kind;

/// Requests that arrived, those that a fault refused included, and what came of the deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Pages listed.
    pub list: u64,
    /// Objects read.
    pub get: u64,
    /// Objects looked at.
    pub head: u64,
    /// Objects written.
    pub put: u64,
    /// Objects copied.
    pub copy: u64,
    /// Delete requests, batches included.
    pub delete: u64,
    /// The batches among the delete requests.
    pub batch: u64,
    /// Pages of versions listed.
    pub versions: u64,
    /// The batches of versions among the delete requests.
    pub purge: u64,
    /// Anything else (`?versioning`, `?uploads`, what is not understood).
    pub other: u64,
    /// Keys named in delete requests that arrived.
    pub keys_asked: u64,
    /// Objects that were there and were removed by a request.
    pub keys_deleted: u64,
    /// Versions and markers that were there and were removed by their ids.
    pub versions_deleted: u64,
    /// The most requests that were in flight at one time.
    pub peak_in_flight: usize,
}

impl Counts {
    /// All requests.
    pub fn requests(&self) -> u64 {
        self.list + self.versions + self.get + self.head + self.put + self.copy + self.delete + self.other
    }

    /// Requests that wrote or tried to: none in a dry run.
    pub fn writes(&self) -> u64 {
        self.put + self.copy + self.delete
    }

    pub(super) fn add(&mut self, kind: Kind, keys: usize) {
        match kind {
            Kind::List => self.list += 1,
            Kind::Get => self.get += 1,
            Kind::Head => self.head += 1,
            Kind::Put => self.put += 1,
            Kind::Copy => self.copy += 1,
            Kind::Delete => self.delete += 1,
            Kind::Batch => {
                self.delete += 1;
                self.batch += 1;
            }
            Kind::Versions => self.versions += 1,
            Kind::Purge => {
                self.delete += 1;
                self.purge += 1;
            }
            Kind::Other => self.other += 1,
        }
        if matches!(kind, Kind::Delete | Kind::Batch | Kind::Purge) {
            self.keys_asked += keys as u64;
        }
    }
}

/// One request in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The HTTP method.
    pub method: String,
    /// What kind of request it is.
    pub kind: Kind,
    /// The key; of a listing the prefix; of a batch empty.
    pub key: String,
    /// The keys of a batch; of any other request only `key`.
    pub keys: Vec<String>,
    /// The versions that a delete names, key by key.
    pub versions: Vec<Option<String>>,
    /// The query's pairs, decoded.
    pub query: Vec<(String, String)>,
    /// Who asked: the `Authorization` header; empty where there is none.
    pub authorization: String,
    /// The session of a temporary credential (`x-amz-security-token`); empty where there is none.
    pub session: String,
    /// The status answered; 0 where the connection was cut without an answer, or the answer is not made yet.
    pub status: u16,
}

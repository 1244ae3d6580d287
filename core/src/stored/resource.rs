//! A resource, or what remains of a removed one.

use minicbor::{Decode, Encode};
use serde_json::Value;

use super::form::{Fault, Kind, Unreadable, decode};
use super::part::{IdBytes, Json, id_bits, id_bytes};
use crate::ids::{CommitId, Revision};

const KIND: Kind = Kind {
    what: "resource",
    form: 1,
};

/// The latest revision of a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredResource {
    /// The revision. After a removal it is the last one, so that revisions go on from it.
    pub revision: Revision,
    /// The id of the latest write.
    pub id: CommitId,
    /// The document; `None` after a removal.
    pub document: Option<Value>,
}

/// Writes a resource.
pub fn write(resource: &StoredResource) -> Vec<u8> {
    KIND.write(&Form1 {
        revision: resource.revision.0,
        id: id_bytes(resource.id.as_u128()),
        document: resource.document.as_ref().map(Json::new),
    })
}

/// Reads a resource.
///
/// # Errors
///
/// [`Unreadable`].
pub fn read(bytes: &[u8]) -> Result<StoredResource, Unreadable> {
    KIND.read(bytes, |form, body| match form {
        1 => decode::<Form1<'_>>(body)?.resource(),
        _ => Err(Fault::Newer),
    })
}

#[derive(Encode, Decode)]
struct Form1<'b> {
    #[n(0)]
    revision: u64,
    #[n(1)]
    id: IdBytes,
    #[b(2)]
    document: Option<Json<'b>>,
}

impl Form1<'_> {
    fn resource(self) -> Result<StoredResource, Fault> {
        Ok(StoredResource {
            revision: Revision(self.revision),
            id: CommitId::from_u128(id_bits(self.id)),
            document: self.document.as_ref().map(Json::document).transpose()?,
        })
    }
}

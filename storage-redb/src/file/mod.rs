//! The bytes of a store, in a file or in any other place: a head, then the [journal](crate::journal), then redb's own bytes.
//!
//! | part | bytes | what it is |
//! |---|---|---|
//! | head | 4,096 | what this place is, and how long its journal is; written once |
//! | journal | a multiple of 4,096 | the commits since the last checkpoint |
//! | database | to the end | redb, which finds its own first byte there |

mod head;
mod open_error;
mod pages;
mod place;

use std::sync::Arc;

use phasegate_core::storage::StorageError;
use redb::{Builder, Database, StorageBackend};

use crate::fault::{Fault, unavailable};
use crate::format::prepare;
use crate::journal::Journal;
use crate::open_store::no_panic;
use head::Head;
pub(crate) use open_error::open_error;
use pages::Pages;
use place::Place;

/// The length of a journal that nobody chose, in bytes.
pub(crate) const JOURNAL_BYTES: u64 = 2 * 1024 * 1024;

/// The database of a place, whose journal is not replayed yet.
pub(crate) struct Unreplayed {
    pub(crate) database: Database,
    place: Arc<dyn StorageBackend>,
    head: Head,
}

/// An open place: its database as the last acknowledged commit left it, and its journal.
pub(crate) struct Opened {
    pub(crate) database: Database,
    pub(crate) journal: Journal,
}

/// Opens the database of a place. An empty place becomes a store if there is a length for its journal.
pub(crate) fn open_pages(
    place: impl StorageBackend,
    name: &str,
    builder: &Builder,
    new: Option<u64>,
) -> Result<Unreplayed, StorageError> {
    let place: Arc<dyn StorageBackend> = Arc::new(Place::new(place));
    let head = Head::read_or_make(&*place, name, new)?;
    let pages = Pages::new(place.clone(), head.database_at());
    let opened = no_panic(|| Ok(builder.create_with_backend(pages))).map_err(Fault::into_read_error)?;
    let database = opened.map_err(|error| open_error(name, error))?;
    Ok(Unreplayed {
        database,
        place,
        head,
    })
}

impl Unreplayed {
    /// Makes sure of the tables and the format, and replays the journal.
    pub(crate) fn replay(self) -> Result<Opened, StorageError> {
        let Self {
            database,
            place,
            head,
        } = self;
        prepare(&database)?;
        let journal = no_panic(|| Journal::replay(place, head.journal(), &database));
        Ok(Opened {
            journal: journal.map_err(Fault::into_read_error)?,
            database,
        })
    }
}

/// How redb is to be opened, with so much memory for its pages.
pub(crate) fn builder(cache_bytes: usize) -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(cache_bytes);
    builder
}

impl Opened {
    /// Leaves everything in the database, and nothing in the journal.
    pub(crate) fn close(mut self) -> Result<(), StorageError> {
        no_panic(|| self.journal.empty(&self.database)).map_err(Fault::into_read_error)?;
        no_panic(|| Ok(self.database.close()))
            .map_err(Fault::into_read_error)?
            .map_err(unavailable)
    }
}

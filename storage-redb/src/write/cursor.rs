//! Keeping a cursor under a name.

use phasegate_core::storage::{Cursor, WriteRef};

use super::group::{BASE_WEIGHT, Group, Write};
use crate::cursor::place;
use crate::envelope::seal;
use crate::fault::Fault;
use crate::metrics::WriteKind;
use crate::tables::CURSORS;

/// A cursor to be kept under a name.
pub(crate) struct KeepCursor {
    pub(crate) name: String,
    pub(crate) cursor: Cursor,
}

impl Write for KeepCursor {
    type Done = ();
    const KIND: WriteKind = WriteKind::Cursor;

    fn apply(&mut self, group: &mut Group<'_>) -> Result<(), Fault> {
        let number = place(Some(&self.cursor), group.last)?;
        let key = self.name.clone().into_bytes();
        let value = seal(&CURSORS, &key, &number.to_be_bytes());
        group.put(&CURSORS, key, value);
        Ok(())
    }

    fn weight(&self) -> usize {
        BASE_WEIGHT
    }

    fn write_ref(&self) -> WriteRef {
        WriteRef::Cursor {
            name: self.name.clone(),
            cursor: self.cursor.clone(),
        }
    }
}

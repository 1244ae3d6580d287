//! The cursors that the store keeps for those who tell the outside of events.
#![allow(missing_docs, reason = "the name of a case is its sentence")]
#![allow(clippy::unwrap_used, reason = "a case panics when the store does not pass")]

use phasegate_core::limits::MAX_CURSOR_NAME_BYTES;
use phasegate_core::storage::{Cursor, StorageError};
use phasegate_core::{EventKind, Mode};

use super::{Story, Subject};

pub async fn a_cursor_is_kept_under_its_name(storage: Subject) {
    let mut story = Story::created(&*storage, 1).await;
    let first = storage.latest().await.unwrap().unwrap();
    let mode = EventKind::ModeChanged {
        mode: Mode::FullSequence,
    };
    story.tell(&*storage, vec![mode]).await;
    let second = storage.latest().await.unwrap().unwrap();
    assert_eq!(storage.cursor("hook").await, Ok(None));
    let longest = "ü".repeat(MAX_CURSOR_NAME_BYTES / 2) + "x";
    for name in ["hook", "Hook", "hook ", &longest] {
        storage.set_cursor(name, first.clone()).await.unwrap();
    }
    storage.set_cursor("hook", second.clone()).await.unwrap();
    assert_eq!(storage.cursor("hook").await, Ok(Some(second.clone())));
    for name in ["Hook", "hook ", &longest] {
        assert_eq!(storage.cursor(name).await, Ok(Some(first.clone())), "{name:?}");
    }
    storage.set_cursor("hook", first.clone()).await.unwrap();
    assert_eq!(
        storage.cursor("hook").await,
        Ok(Some(first)),
        "also one before it"
    );
    assert_eq!(storage.latest().await, Ok(Some(second)), "it is no event");
}

pub async fn a_cursor_of_another_store_or_without_a_name_is_not_kept(storage: Subject) {
    Story::created(&*storage, 1).await;
    let made = storage.latest().await.unwrap().unwrap();
    let refused = storage.set_cursor("hook", Cursor::from_text("another's")).await;
    assert!(
        matches!(refused, Err(StorageError::InvalidCursor { .. })),
        "{refused:?}"
    );
    let long = "x".repeat(MAX_CURSOR_NAME_BYTES + 1);
    for name in ["", &long] {
        let refused = storage.set_cursor(name, made.clone()).await;
        assert!(
            matches!(refused, Err(StorageError::InvalidCursor { .. })),
            "{refused:?}"
        );
        assert_eq!(storage.cursor(name).await, Ok(None));
    }
    assert_eq!(storage.cursor("hook").await, Ok(None));
}

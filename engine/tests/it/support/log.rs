//! What was logged while a test ran.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// The lines that were logged on the test's own thread.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<Line>>>);

struct Line {
    level: Level,
    fields: BTreeMap<String, String>,
}

impl Log {
    /// Listens until the guard is dropped.
    pub fn listen() -> (Self, DefaultGuard) {
        let log = Self::default();
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(log.clone()));
        (log, guard)
    }

    /// The fields of the lines of a level that have this field.
    pub fn with(&self, level: Level, field: &str) -> Vec<BTreeMap<String, String>> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = lines
            .iter()
            .filter(|line| line.level == level && line.fields.contains_key(field));
        found.map(|line| line.fields.clone()).collect()
    }
}

struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields(BTreeMap::new());
        event.record(&mut fields);
        let line = Line {
            level: *event.metadata().level(),
            fields: fields.0,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

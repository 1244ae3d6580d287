//! What the core writes down as a schema, held against what it does.

mod names;

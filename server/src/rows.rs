//! Records as rows of a table or of CSV (RFC 4180). The engine doesn't interpret their values.

use std::collections::HashSet;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// The column of records that are not objects.
const VALUE: &str = "value";

/// The columns of some records: the names of all their members, in the order in which they first occur.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Columns {
    names: Vec<String>,
    known: HashSet<String>,
}

impl Columns {
    /// Adds the columns of `record` that are new. A record that is not an object has the one column `value`.
    pub fn add(&mut self, record: &RawValue) {
        for (name, _) in members(record) {
            if self.known.insert(name.clone()) {
                self.names.push(name);
            }
        }
    }

    /// Their names, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The values of `record` in the order of the columns; `None` for a missing member.
    pub fn row(&self, record: &RawValue) -> Vec<Option<Value>> {
        let mut members = members(record);
        let mut value = |name| {
            let (_, value) = members.iter_mut().find(|(one, _)| one == name)?;
            Some(value.take())
        };
        self.names.iter().map(&mut value).collect()
    }
}

/// A value in a cell of CSV: nothing for null, a text as it is, any other value as JSON.
pub fn csv_cell(value: Option<Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(value) => value.to_string(),
    }
}

/// A record's members in its own order. A record that is not an object is its own member.
fn members(record: &RawValue) -> Vec<(String, Value)> {
    match serde_json::from_str(record.get()) {
        Ok(Members(members)) => members,
        Err(_) => vec![(
            VALUE.to_owned(),
            serde_json::from_str(record.get()).unwrap_or_default(),
        )],
    }
}

/// An object's members, in their own order.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_in_the_order_of_the_records_and_a_row_has_a_cell_for_each() {
        let records = [
            r#"{"b": "x, y", "a": null}"#,
            r#"{"c": [1, {"d": 2}], "a": true}"#,
            "7",
        ];
        let records = records.map(|text| RawValue::from_string(text.to_owned()).expect("it is JSON"));
        let mut columns = Columns::default();
        for record in &records {
            columns.add(record);
        }
        assert_eq!(columns.names(), ["b", "a", "c", "value"]);
        let rows = records.map(|record| columns.row(&record).into_iter().map(csv_cell).collect::<Vec<_>>());
        assert_eq!(rows[0], ["x, y", "", "", ""]);
        assert_eq!(rows[1], ["", "true", r#"[1,{"d":2}]"#, ""]);
        assert_eq!(rows[2], ["", "", "", "7"]);
    }
}

//! Payloads as JSON, and back.

use serde_json::{Map, Number, Value as Json, json};
use tractor_core::Value;

/// The key of an object that stands for bytes.
const BYTES: &str = "$bytes";

pub(crate) fn to_json(value: &Value) -> Json {
    match value {
        Value::Nil => Json::Null,
        Value::Boolean(value) => Json::Bool(*value),
        Value::Integer(value) => match (value.as_i64(), value.as_u64()) {
            (Some(value), _) => value.into(),
            (None, value) => value.unwrap_or_default().into(),
        },
        Value::F32(value) => float(f64::from(*value)),
        Value::F64(value) => float(*value),
        Value::String(text) => Json::String(String::from_utf8_lossy(text.as_bytes()).into_owned()),
        Value::Binary(bytes) => json!({ BYTES: hex(bytes) }),
        Value::Ext(kind, bytes) => json!({ "$ext": kind, BYTES: hex(bytes) }),
        Value::Array(values) => values.iter().map(to_json).collect(),
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| (key_of(key), to_json(value)));
            Json::Object(entries.collect())
        }
    }
}

/// A key as text, the only kind of key in JSON.
fn key_of(key: &Value) -> String {
    match to_json(key) {
        Json::String(text) => text,
        other => other.to_string(),
    }
}

fn float(value: f64) -> Json {
    Number::from_f64(value).map_or_else(|| value.to_string().into(), Json::Number)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn to_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => Value::from(value),
            (None, Some(value)) => Value::from(value),
            (None, None) => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(values) => Value::Array(values.iter().map(to_value).collect()),
        Json::Object(fields) => match bytes_of(fields) {
            Some(bytes) => Value::Binary(bytes),
            None => {
                let entries = fields.iter().map(|(key, value)| (Value::from(key.as_str()), to_value(value)));
                Value::Map(entries.collect())
            }
        },
    }
}

/// The bytes that an object stands for.
fn bytes_of(fields: &Map<String, Json>) -> Option<Vec<u8>> {
    let text = fields.get(BYTES).filter(|_| fields.len() == 1)?.as_str()?;
    let is_hex = text.len().is_multiple_of(2) && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let pairs = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok());
    if is_hex { pairs.collect() } else { None }
}

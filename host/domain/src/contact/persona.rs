//! Mirrors `wit/v1/personas.wit` as plain values: what an AI speaker is and may do.
//!
//! The runtime lifts it from the guest, providers render it for whoever runs the model.

#![expect(missing_docs, reason = "field for field wit/v1/personas.wit, which documents shapes and units")]

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BargeIn {
    None,
    Dtmf,
    Speech,
    Any,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    pub name: String,
    pub description: String,
    pub parameters: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    pub name: String,
    pub description: String,
    pub schema: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    pub keywords: Vec<String>,
    pub target: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Persona {
    pub instructions: String,
    pub greeting: Option<String>,
    pub voice: Option<String>,
    pub model: Option<String>,
    pub language: String,
    pub tools: Vec<Tool>,
    pub temperature: Option<f32>,
    pub max_tokens: Option<u32>,
    pub max_duration_ms: Option<u64>,
    pub interruptible: BargeIn,
    pub silence_timeout_ms: Option<u64>,
    pub hints: Vec<String>,
    pub fields: Vec<Field>,
    pub escalation: Option<Escalation>,
    pub knowledge: Vec<String>,
    pub extras: Vec<(String, String)>,
}

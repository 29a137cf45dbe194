//! Mirrors `wit/v1/personas.wit` and `wit/v1/tools.wit`: what an AI speaker is, and the functions that its model may call.
//!
//! [`crate::Assistant::prompt`] builds a persona, and so does a `converse` action.

use core::time::Duration;

use crate::decision::Action;

/// By what the customer may cut a prompt or the persona short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BargeIn {
    /// By nothing.
    None,
    /// By a key.
    Dtmf,
    /// By speaking.
    Speech,
    /// By either.
    Any,
}

/// A function that the model may call; the host runs it through [`crate::Assistant::call`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// Unique in the persona; letters, digits, dash and underscore.
    pub name: String,
    /// For the model.
    pub description: String,
    /// JSON Schema of the arguments.
    pub parameters: String,
}

/// Something to find out during the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Unique in the persona.
    pub name: String,
    /// For the model.
    pub description: String,
    /// JSON Schema of the value.
    pub schema: String,
}

/// When the persona hands over to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// Words and phrases that the customer may say, compared without regard to case.
    pub keywords: Vec<String>,
    /// A telephone number in E.164, or the name of a queue.
    pub target: String,
}

/// An AI speaker.
#[derive(Debug, Clone, PartialEq)]
pub struct Persona {
    /// The system prompt, complete: the host replaces nothing in it.
    pub instructions: String,
    /// What it says first; it waits for the customer where absent.
    pub greeting: Option<String>,
    /// The provider's name of a voice.
    pub voice: Option<String>,
    /// The provider's name of a model.
    pub model: Option<String>,
    /// BCP 47 tag.
    pub language: String,
    /// What the model may call.
    pub tools: Vec<Tool>,
    /// 0.0 to 2.0.
    pub temperature: Option<f32>,
    /// Of one response.
    pub max_tokens: Option<u32>,
    /// The host ends the conversation then.
    pub max_duration: Option<Duration>,
    /// By what it may be interrupted.
    pub interruptible: BargeIn,
    /// How long the customer may be silent.
    pub silence_timeout: Option<Duration>,
    /// Words that the recogniser should expect.
    pub hints: Vec<String>,
    /// What to find out.
    pub fields: Vec<Field>,
    /// When to hand over.
    pub escalation: Option<Escalation>,
    /// Names of the tenant's knowledge bases.
    pub knowledge: Vec<String>,
    /// For later versions of the contract.
    pub extras: Vec<(String, String)>,
}

impl Persona {
    /// A persona that anything may interrupt and that the provider's defaults fill in. Set the other fields directly.
    pub fn new(instructions: impl Into<String>, language: impl Into<String>) -> Self {
        Self {
            instructions: instructions.into(),
            greeting: None,
            voice: None,
            model: None,
            language: language.into(),
            tools: Vec::new(),
            temperature: None,
            max_tokens: None,
            max_duration: None,
            interruptible: BargeIn::Any,
            silence_timeout: None,
            hints: Vec::new(),
            fields: Vec::new(),
            escalation: None,
            knowledge: Vec::new(),
            extras: Vec::new(),
        }
    }
}

/// What the model asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// The model's id of the call.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// A JSON object that fits the tool's parameters, unless the model erred.
    pub arguments: String,
}

/// What the model is told.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolAnswer {
    /// A JSON value.
    pub result: String,
    /// What to do besides, for example a transfer.
    pub actions: Vec<Action>,
    /// For later versions of the contract.
    pub extras: Vec<(String, String)>,
}

impl ToolAnswer {
    /// A result, and nothing else to do.
    pub fn new(result: impl Into<String>) -> Self {
        Self { result: result.into(), actions: Vec::new(), extras: Vec::new() }
    }

    /// Does something besides.
    #[must_use]
    pub fn and(mut self, action: impl Into<Action>) -> Self {
        self.actions.push(action.into());
        self
    }
}

//! Renders a persona as an assistant that Vapi makes for one call and forgets.
//!
//! The renderer calls it for `converse`. The persona is the whole of it: nothing that is saved at Vapi shines through, and an answer
//! never names credentials, servers or anything else that a plugin could use to reach further than its persona says.

use jackfield_domain::contact::decision::Converse;
use jackfield_domain::contact::persona::{BargeIn, Persona, Tool};
use jackfield_domain::fallback::Inability;
use serde_json::{Map, Value, json};

use crate::voice_ai::{Notes, cannot, note_persona};

/// Whose model or voice it is where a persona's name does not say.
const DEFAULT_PROVIDER: &str = "openai";
/// What thinks where a persona names no model.
const DEFAULT_MODEL: &str = "gpt-4o";
/// Hears most languages; Vapi's own choice hears English.
const TRANSCRIBER: (&str, &str) = ("deepgram", "nova-2");
/// Vapi's bounds, in seconds: how long a call may last, and how long a customer may be silent.
const DURATION_S: (u64, u64) = (10, 43_200);
const SILENCE_S: (u64, u64) = (10, 3_600);
/// Vapi's bounds of one response.
const TOKENS: (u64, u64) = (50, 10_000);

/// The assistant. `said` goes before the greeting; `alone` where nobody is there to answer its tools.
pub(super) fn assistant(converse: &Converse, said: &str, alone: bool, notes: &mut Notes) -> Result<Value, Inability> {
    let persona = &converse.persona;
    note_persona(persona, notes);
    notes.add_if(!converse.on_failure.is_empty(), "converse", "Vapi ends the call where its assistant breaks, and does not ask what then");
    let mut assistant = Map::new();
    let mut put = |name: &str, value: Value| drop(assistant.insert(name.to_owned(), value));
    let greeting = persona.greeting.as_deref().unwrap_or_default();
    let first: Vec<&str> = [said, greeting].into_iter().filter(|words| !words.is_empty()).collect();
    if first.is_empty() {
        put("firstMessageMode", json!("assistant-waits-for-user"));
    } else {
        put("firstMessage", json!(first.join(" ")));
    }
    match persona.interruptible {
        BargeIn::Speech | BargeIn::Any => put("firstMessageInterruptionsEnabled", json!(true)),
        BargeIn::None | BargeIn::Dtmf => {}
    }
    put("model", model(persona, alone, notes)?);
    if let Some(voice) = &persona.voice {
        let (provider, voice) = split(voice);
        put("voice", json!({ "provider": provider, "voiceId": voice }));
    }
    if let Some(transcriber) = transcriber(&persona.language) {
        put("transcriber", transcriber);
    }
    if let Some(ms) = persona.max_duration_ms {
        put("maxDurationSeconds", json!(within(ms.div_ceil(1_000), DURATION_S, "a call lasts 10 s to 12 h at Vapi", notes)));
    }
    if let Some(ms) = persona.silence_timeout_ms {
        put("silenceTimeoutSeconds", json!(within(ms.div_ceil(1_000), SILENCE_S, "silence lasts 10 s to an hour at Vapi", notes)));
    }
    Ok(Value::Object(assistant))
}

fn model(persona: &Persona, alone: bool, notes: &mut Notes) -> Result<Value, Inability> {
    let (provider, name) = persona.model.as_deref().map_or((DEFAULT_PROVIDER, DEFAULT_MODEL), split);
    let mut model = Map::new();
    model.insert("provider".to_owned(), json!(provider));
    model.insert("model".to_owned(), json!(name));
    model.insert("messages".to_owned(), json!([{ "role": "system", "content": persona.instructions }]));
    if alone {
        notes.add_if(!persona.tools.is_empty(), "converse", "its tools are left out: nobody is there to answer them");
    } else if !persona.tools.is_empty() {
        let tools = persona.tools.iter().map(function).collect::<Result<Vec<Value>, Inability>>()?;
        model.insert("tools".to_owned(), Value::Array(tools));
    }
    if let Some(temperature) = persona.temperature {
        // Written by way of its text, because the nearest double of 0.7 as a float reads 0.699999988079071.
        let written: f64 = temperature.to_string().parse().unwrap_or_default();
        model.insert("temperature".to_owned(), json!(written));
    }
    if let Some(tokens) = persona.max_tokens {
        let tokens = within(u64::from(tokens), TOKENS, "a response has 50 to 10,000 tokens at Vapi", notes);
        model.insert("maxTokens".to_owned(), json!(tokens));
    }
    Ok(Value::Object(model))
}

/// A tool without a server of its own: Vapi asks the one that it asked for the assistant, and that is us.
fn function(tool: &Tool) -> Result<Value, Inability> {
    let parameters: Value = if tool.parameters.trim().is_empty() {
        json!({ "type": "object", "properties": {} })
    } else {
        let parameters = serde_json::from_str(&tool.parameters).ok().filter(Value::is_object);
        parameters.ok_or_else(|| cannot("converse", format!("the parameters of the tool {:?} are not a JSON object", tool.name)))?
    };
    let function = json!({ "name": tool.name, "description": tool.description, "parameters": parameters });
    Ok(json!({ "type": "function", "function": function }))
}

/// "openai/gpt-4o" is OpenAI's; a bare name is the default provider's.
fn split(name: &str) -> (&str, &str) {
    name.split_once('/').filter(|(provider, name)| !provider.is_empty() && !name.is_empty()).unwrap_or((DEFAULT_PROVIDER, name))
}

/// None for English, which Vapi hears by itself. Regions are left out: the transcriber knows few of them and refuses the others.
fn transcriber(language: &str) -> Option<Value> {
    let primary = language.split('-').next().unwrap_or(language).to_ascii_lowercase();
    let (provider, model) = TRANSCRIBER;
    (!primary.is_empty() && primary != "en").then(|| json!({ "provider": provider, "model": model, "language": primary }))
}

fn within(value: u64, (least, most): (u64, u64), sentence: &str, notes: &mut Notes) -> u64 {
    let kept = value.clamp(least, most);
    notes.add_if(kept != value, "converse", sentence);
    kept
}

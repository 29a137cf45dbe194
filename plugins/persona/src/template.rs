//! Puts values into a prompt: `{company_name}` becomes what the context says.
//!
//! A name is letters, digits and underscores. Any other brace stays as it is, because prompts often show a model JSON. A name
//! without a value is an error that names it: a persona that says "welcome to {company_name}" must never reach a customer.

use std::collections::BTreeMap;

use serde_json::Value;

/// Values by name.
pub(crate) type Values = BTreeMap<String, Value>;

/// Puts the values in. The error is the name that has none.
pub(crate) fn fill(template: &str, values: &Values) -> Result<String, String> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        match after.split_once('}').filter(|(name, _)| is_name(name)) {
            Some((name, behind)) => {
                match values.get(name) {
                    Some(Value::String(text)) => filled.push_str(text),
                    Some(other) => filled.push_str(&other.to_string()),
                    None => return Err(name.to_owned()),
                }
                rest = behind;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn values() -> Values {
        BTreeMap::from([("company".to_owned(), json!("Acme")), ("agents".to_owned(), json!(7)), ("hostile".to_owned(), json!("{agents}"))])
    }

    #[test]
    fn values_are_put_in_and_other_braces_stay() {
        assert_eq!(fill("{company} has {agents} agents", &values()).unwrap(), "Acme has 7 agents");
        assert_eq!(fill(r#"answer as {"a": {}} or { x }"#, &values()).unwrap(), r#"answer as {"a": {}} or { x }"#);
        assert_eq!(fill("open {company", &values()).unwrap(), "open {company");
    }

    #[test]
    fn a_value_is_never_read_as_a_template() {
        assert_eq!(fill("{hostile}", &values()).unwrap(), "{agents}");
    }

    #[test]
    fn a_name_without_a_value_is_named() {
        assert_eq!(fill("welcome to {compnay}", &values()), Err("compnay".to_owned()));
    }
}

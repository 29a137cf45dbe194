//! Knows every provider by the name that connections use.
//!
//! A new provider is a line here, and nothing else outside its own file.

use crate::provider::Provider;

/// Every provider.
static ALL: [&dyn Provider; 9] = [
    &crate::connect::Connect,
    &crate::kamailio::Kamailio,
    &crate::native::Native,
    &crate::retell::Retell,
    &crate::sip::Sip,
    &crate::telnyx::Telnyx,
    &crate::twilio::Twilio,
    &crate::twilio_messaging::TwilioMessaging,
    &crate::vapi::Vapi,
];

/// The names that connections use.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|provider| provider.name())
}

/// The provider of that name.
pub fn provider(name: &str) -> Option<&'static dyn Provider> {
    ALL.into_iter().find(|provider| provider.name() == name)
}

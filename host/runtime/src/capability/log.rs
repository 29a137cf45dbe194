//! Adapts `log`: lines for the plugin's own developer.
//!
//! A line is not a question, has no answer and needs no tape; it is counted in bytes and not in calls. Without the grant lines
//! are dropped, as the contract says, but they are counted all the same, or a flood would cost nothing.

use jackfield_domain::capability::Level as Matters;
use jackfield_domain::flow::plugin::Grant;
use wasmtime::Result;

use crate::abi::v1::imports::log::{Host, Level};
use crate::guest::Guest;

impl Host for Guest {
    async fn write(&mut self, level: Level, message: String, fields: Vec<(String, String)>) -> Result<()> {
        if !self.may(Grant::Log) {
            let bytes = message.len() + fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
            return Ok(self.meter.count_log(bytes.saturating_add(1))?);
        }
        let level = match level {
            Level::Debug => Matters::Debug,
            Level::Info => Matters::Info,
            Level::Warn => Matters::Warn,
            Level::Error => Matters::Error,
        };
        Ok(self.log.write(level, &message, &fields, &mut self.meter)?)
    }
}

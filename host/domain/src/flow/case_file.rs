//! Says what a kept file of test cases is: its text as its developer wrote it, of one plugin or of all.
//!
//! The admin API keeps such files and runs them before an upload is kept and before a release becomes live. What stands in them is for
//! the cases' own reader; here they have a name, an owner and bounds.

use serde::{Deserialize, Serialize};

use crate::contact::Moment;
use crate::id::{EntryName, PluginName};

/// Largest file that is kept: some hundred cases.
pub const CASE_FILE_BYTES_MAX: usize = 128 * 1024;
/// Most files of a plugin, and most of a tenant's that are for all plugins.
pub const CASE_FILES_MAX: usize = 50;
/// Most cases of a plugin, and most of a tenant's that are for all plugins. An upload runs those of the plugin and those for all of each
/// tenant upwards: some hundred, and a second or two.
pub const CASES_MAX: usize = 200;

/// A file of test cases that a tenant keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseFile {
    /// Whose cases; none: of every plugin that the tenant or a tenant below it runs.
    pub plugin: Option<PluginName>,
    /// Unique for the plugin.
    pub name: EntryName,
    /// As it was written.
    pub text: String,
    /// How many cases stand in it.
    pub cases: u32,
    /// When.
    pub written: Moment,
    /// By whom.
    pub by: String,
}

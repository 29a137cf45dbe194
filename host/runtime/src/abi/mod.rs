//! Converts between the plugin contract and the domain, one folder for each major version of the contract.
//!
//! The rest of this crate and everything outside it speak the domain's words; a component's own version is named here and
//! nowhere else. Folders stand side by side for ever: a plugin that was built against an old one must still run.

pub(crate) mod v1;

//! Takes the file system, TCP and other processes away from the child with Landlock.
//!
//! [`super::raise`] calls it. The rule set handles every right that the newest kernel knows and grants none, so a compiler that was
//! taken over reads no secret even where the filter of system calls had a hole. An older kernel handles fewer of them, and that is
//! said: rights over files have been there since the first version.

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, LandlockStatus, Ruleset, RulesetAttr as _, RulesetError,
};
use landlock::{RestrictionStatus, RulesetStatus, Scope};

use super::{Standing, Wall};

/// The newest that this host knows rights of.
const NEWEST: ABI = ABI::V6;

/// Raises it.
pub(super) fn raise() -> Wall {
    let name = "landlock";
    match restrict() {
        Err(error) => Wall::new(name, Standing::Missing, error.to_string()),
        Ok(RestrictionStatus { ruleset, landlock, .. }) => {
            let version = match landlock {
                LandlockStatus::Available { effective_abi, kernel_abi } => {
                    format!("version {}", kernel_abi.unwrap_or(effective_abi as i32))
                }
                LandlockStatus::NotEnabled => "the kernel has it switched off".to_owned(),
                LandlockStatus::NotImplemented => "the kernel does not have it".to_owned(),
            };
            match ruleset {
                RulesetStatus::FullyEnforced => {
                    Wall::new(name, Standing::Up, format!("no file, no TCP, no signal to another process ({version})"))
                }
                RulesetStatus::PartiallyEnforced => {
                    Wall::new(name, Standing::Partly, format!("no file, and as much else as this kernel knows ({version})"))
                }
                RulesetStatus::NotEnforced => Wall::new(name, Standing::Missing, version),
            }
        }
    }
}

fn restrict() -> Result<RestrictionStatus, RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .restrict_self()
}

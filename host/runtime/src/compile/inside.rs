//! Is the child: raises the walls around itself, reads a component, writes the artifact.
//!
//! [`super::compiler_main`] calls it. The walls go up before it reads a byte, so that whatever comes in is met by them; the engine is made
//! before that, because it asks the machine what it can do. It uses the engine's own configuration without a pool, which would reserve
//! terabytes of addresses that the limit forbids; the artifact is the same.

use std::io::{Read, Write};

use jackfield_domain::flow::plugin::SlotClass;
use wasmtime::Engine;

use super::order::{CompileSettings, Quarantine};
use super::walls::{Standing, Wall, raise};
use crate::check::COMPONENT_BYTES_MAX;
use crate::engine::{self, config};

/// Why the child gives up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileFault {
    /// A wall that was demanded does not stand.
    #[error("the quarantine is not whole: {0}")]
    Open(String),
    /// Whoever started it wants artifacts of another engine.
    #[error("this program makes artifacts of another engine: it was replaced since the server started")]
    OtherEngine,
    /// The component could not be read or the artifact written.
    #[error("stdin or stdout: {0}")]
    Pipe(#[from] std::io::Error),
    /// The engine refuses the component.
    #[error("{0}")]
    Refused(String),
}

/// Compiles what comes in and writes the artifact. The walls hold for the whole process and cannot be taken down.
pub(super) fn run(
    class: SlotClass,
    settings: &CompileSettings,
    fingerprint: &str,
    input: impl Read,
    mut output: impl Write,
) -> Result<(), CompileFault> {
    let engine = Engine::new(&config(class, None)).map_err(|error| CompileFault::Refused(format!("{error:#}")))?;
    if engine::fingerprint(&engine) != fingerprint {
        return Err(CompileFault::OtherEngine);
    }
    check_walls(&raise(&settings.limits), settings.quarantine)?;
    let mut component = Vec::new();
    input.take(COMPONENT_BYTES_MAX as u64 + 1).read_to_end(&mut component)?;
    let artifact = engine.precompile_component(&component).map_err(|error| CompileFault::Refused(format!("{error:#}")))?;
    output.write_all(&artifact)?;
    output.flush()?;
    Ok(())
}

/// The limits are demanded in any case: without them a bomb is as bad as in the server itself.
fn check_walls(walls: &[Wall], quarantine: Quarantine) -> Result<(), CompileFault> {
    let demanded = |wall: &&Wall| quarantine == Quarantine::Required || wall.name == "limits";
    match walls.iter().filter(demanded).find(|wall| wall.standing == Standing::Missing) {
        Some(missing) => Err(CompileFault::Open(format!("{}: {}", missing.name, missing.detail))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(name: &str, standing: Standing) -> Wall {
        Wall { name: name.to_owned(), standing, detail: "the kernel does not have it".to_owned() }
    }

    #[test]
    fn whoever_demands_the_quarantine_gets_it_or_nothing() {
        let whole = [wall("limits", Standing::Up), wall("landlock", Standing::Partly), wall("seccomp", Standing::Up)];
        let without = [wall("limits", Standing::Up), wall("seccomp", Standing::Missing)];
        let unlimited = [wall("limits", Standing::Missing), wall("seccomp", Standing::Up)];
        assert!(check_walls(&whole, Quarantine::Required).is_ok());
        assert!(check_walls(&without, Quarantine::BestEffort).is_ok());
        assert!(check_walls(&without, Quarantine::Required).unwrap_err().to_string().contains("seccomp"));
        assert!(check_walls(&unlimited, Quarantine::BestEffort).unwrap_err().to_string().contains("limits"));
    }
}

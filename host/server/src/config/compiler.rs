//! Checks what the operator says about compiling: how much of the quarantine is demanded, and what one compiler may take.
//!
//! [`super::Config::read`] calls it; the runtime hands it to each child. It must not let a limit be switched off.

use jackfield_runtime::{ChildLimits, CompileSettings, Quarantine};

use super::{BadConfig, within};

/// Below that no plugin of a scripting language compiles.
const MEMORY_MIB_MIN: u64 = 512;
/// More addresses than that help no component that passes the pre-check.
const MEMORY_MIB_MAX: u64 = 16 * 1024;
/// Below that a component of a few megabytes does not compile on a slow machine.
const CPU_SECONDS_MIN: u64 = 5;
/// Ten minutes of a core are a component that nobody wants to recompile after an upgrade.
const CPU_SECONDS_MAX: u64 = 600;

/// The checked settings.
pub(super) fn read(
    quarantine: Option<&str>,
    memory_mib_max: Option<u64>,
    cpu_seconds_max: Option<u64>,
) -> Result<CompileSettings, BadConfig> {
    let standard = CompileSettings::standard();
    let quarantine = match quarantine.map(str::parse::<Quarantine>).transpose() {
        Ok(quarantine) => quarantine.unwrap_or(standard.quarantine),
        Err(_) => {
            let given = quarantine.unwrap_or_default().chars().take(40).collect();
            return Err(BadConfig::OutOfRange { name: "compile_quarantine", given, rule: "\"required\" and \"best-effort\" are possible" });
        }
    };
    let mib = memory_mib_max.unwrap_or(standard.limits.address_bytes_max >> 20);
    let mib = within("compile_memory_mib_max", mib, MEMORY_MIB_MIN, MEMORY_MIB_MAX, "512 to 16,384 MiB is possible")?;
    let seconds = cpu_seconds_max.unwrap_or(standard.limits.cpu_seconds_max);
    let cpu_seconds_max = within("compile_cpu_seconds_max", seconds, CPU_SECONDS_MIN, CPU_SECONDS_MAX, "5 to 600 seconds is possible")?;
    // Half as much again, for a machine that is busy with calls meanwhile.
    let wall = std::time::Duration::from_secs(cpu_seconds_max.saturating_mul(3) / 2);
    Ok(CompileSettings { quarantine, limits: ChildLimits { address_bytes_max: mib << 20, cpu_seconds_max, wall } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_standard_and_what_cannot_be_is_named() {
        assert_eq!(read(None, None, None).unwrap(), CompileSettings::standard());
        let strict = read(Some("required"), Some(1_024), Some(10)).unwrap();
        assert_eq!(strict.quarantine, Quarantine::Required);
        assert_eq!((strict.limits.address_bytes_max, strict.limits.cpu_seconds_max, strict.limits.wall.as_secs()), (1 << 30, 10, 15));
        assert!(read(Some("of course"), None, None).unwrap_err().to_string().contains("compile_quarantine"));
        assert!(read(None, Some(1), None).unwrap_err().to_string().contains("compile_memory_mib_max"));
        assert!(read(None, None, Some(0)).unwrap_err().to_string().contains("compile_cpu_seconds_max"));
    }
}

//! Writes down what the child is asked to do: the one language between the parent and its child.
//!
//! [`super::outside`] writes an [`Order`] as arguments, [`super::compiler_main`] reads it back in the child. Both ends are this program,
//! so there is one parser and no version of it to keep apart. Limits travel with the order, because what a child may take is the
//! operator's to say and not the child's.
//!
//! It must not carry anything that an upload can influence but the slot class, which has two values.

use std::time::Duration;

use jackfield_domain::flow::plugin::SlotClass;

/// How much of the quarantine must stand before anything is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quarantine {
    /// Every wall, or nothing is compiled and the server does not start.
    Required,
    /// What the kernel offers; the start says what that is.
    BestEffort,
}

impl Quarantine {
    /// As configurations and command lines write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::BestEffort => "best-effort",
        }
    }
}

impl std::str::FromStr for Quarantine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "required" => Ok(Self::Required),
            "best-effort" => Ok(Self::BestEffort),
            other => Err(format!("{other:?} is neither \"required\" nor \"best-effort\"")),
        }
    }
}

/// What one child may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildLimits {
    /// Addresses, and with them its memory: the kernel refuses more, and the child aborts.
    pub address_bytes_max: u64,
    /// Processor time.
    pub cpu_seconds_max: u64,
    /// From its start to its end, as the parent's clock has it.
    pub wall: Duration,
}

impl ChildLimits {
    /// What fits every toolchain that plugins are built with: Python needs about one gigabyte of addresses, and the bombs that pass the
    /// pre-check stay below two; StarlingMonkey takes fifteen seconds of one core. The wall time is half as much again, for a busy
    /// machine.
    pub fn standard() -> Self {
        Self { address_bytes_max: 3 << 30, cpu_seconds_max: 60, wall: Duration::from_secs(90) }
    }
}

/// What the parent decides about compiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileSettings {
    /// How much of the quarantine must stand.
    pub quarantine: Quarantine,
    /// What one child may take.
    pub limits: ChildLimits,
}

impl CompileSettings {
    /// What the kernel offers, and limits that fit every toolchain.
    pub fn standard() -> Self {
        Self { quarantine: Quarantine::BestEffort, limits: ChildLimits::standard() }
    }
}

/// What a child is started for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// Read a component, write its artifact.
    Compile {
        class: SlotClass,
        settings: CompileSettings,
        /// Whose artifacts are wanted: the program on disk may have been replaced since the parent started.
        fingerprint: String,
    },
    /// Raise the walls, try what can be tried without dying of it, and tell.
    Probe,
    /// Raise the walls and do one thing that they forbid.
    Try(String),
}

impl Order {
    /// As arguments behind the word `compile`.
    pub(crate) fn arguments(&self) -> Vec<String> {
        match self {
            Self::Compile { class, settings, fingerprint } => vec![
                "--fingerprint".to_owned(),
                fingerprint.clone(),
                "--class".to_owned(),
                class.as_str().to_owned(),
                "--quarantine".to_owned(),
                settings.quarantine.as_str().to_owned(),
                "--address-bytes-max".to_owned(),
                settings.limits.address_bytes_max.to_string(),
                "--cpu-seconds-max".to_owned(),
                settings.limits.cpu_seconds_max.to_string(),
            ],
            Self::Probe => vec!["--probe".to_owned()],
            Self::Try(what) => vec!["--try".to_owned(), what.clone()],
        }
    }

    /// Of arguments behind the word `compile`.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let (mut class, mut fingerprint) = (None, None);
        let mut settings = CompileSettings::standard();
        let mut arguments = arguments.into_iter();
        while let Some(name) = arguments.next() {
            if name == "--probe" {
                return Ok(Self::Probe);
            }
            let value = arguments.next().ok_or_else(|| format!("{name} takes a value"))?;
            let number = || value.parse::<u64>().map_err(|_| format!("{name} takes a number"));
            match name.as_str() {
                "--class" => class = Some(class_of(&value)?),
                "--fingerprint" => fingerprint = Some(value),
                "--quarantine" => settings.quarantine = value.parse()?,
                "--address-bytes-max" => settings.limits.address_bytes_max = number()?,
                "--cpu-seconds-max" => settings.limits.cpu_seconds_max = number()?,
                "--try" => return Ok(Self::Try(value)),
                other => return Err(format!("{other} is no argument of compile")),
            }
        }
        let (Some(class), Some(fingerprint)) = (class, fingerprint) else {
            return Err("the server starts this itself; a person may run it with --probe".to_owned());
        };
        Ok(Self::Compile { class, settings, fingerprint })
    }
}

fn class_of(text: &str) -> Result<SlotClass, String> {
    [SlotClass::Small, SlotClass::Large]
        .into_iter()
        .find(|class| class.as_str() == text)
        .ok_or_else(|| format!("no slot class is {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_reads_what_the_parent_wrote() {
        let limits = ChildLimits { address_bytes_max: 123, cpu_seconds_max: 4, wall: ChildLimits::standard().wall };
        for quarantine in [Quarantine::Required, Quarantine::BestEffort] {
            for class in [SlotClass::Small, SlotClass::Large] {
                let settings = CompileSettings { quarantine, limits };
                let order = Order::Compile { class, settings, fingerprint: "0123".to_owned() };
                assert_eq!(Order::parse(order.arguments()).unwrap(), order);
            }
        }
        for order in [Order::Probe, Order::Try("exec".to_owned())] {
            assert_eq!(Order::parse(order.arguments()).unwrap(), order);
        }
    }

    #[test]
    fn an_order_that_cannot_be_meant_is_refused() {
        for bad in [
            &[][..],
            &["--class"],
            &["--class", "small"],
            &["--class", "huge"],
            &["--cpu-seconds-max", "x"],
            &["--quarantine", "no"],
            &["--what", "ever"],
        ] {
            assert!(Order::parse(bad.iter().map(|text| (*text).to_owned())).is_err(), "{bad:?}");
        }
    }
}

//! What hob allows itself under which conditions: rules with reasons, and what they add up to.
//!
//! Pure: conditions in, limits out. Must not know: who keeps to them.

use super::conditions::{BatteryWarning, Conditions, Heat};
use super::sysfs::HeatLimits;
use std::path::PathBuf;
use std::time::Duration;

/// The rules' figures; the settings' `[policy]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Threads on battery, in percent of what the settings allow.
    pub battery_threads_percent: u32,
    /// On battery, files are embedded only above this charge, in percent; 100 never does.
    pub backfill_above_percent: u32,
    /// Threads in power-saver mode, in percent.
    pub power_saver_threads_percent: u32,
    /// In power-saver mode a smaller model may stand in for the wanted one.
    pub power_saver_smaller_model: bool,
    /// Threads on a hot machine, in percent.
    pub hot_threads_percent: u32,
    /// From which temperatures on it is hot and very hot.
    pub heat: HeatLimits,
    /// How often heat is looked at while a model is loaded.
    pub look_every: Duration,
    /// Where the kernel's files about power and heat are.
    pub sysfs: PathBuf,
    /// Where the kernel's files about memory and who waits for a processor are.
    pub procfs: PathBuf,
}

/// What hob may do now. People's requests are always answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Threads, in percent of what the settings allow.
    pub threads_percent: u32,
    /// Requests that nobody waits for may run.
    pub background: bool,
    /// Files may be embedded.
    pub backfill: bool,
    /// Long work that only makes things tidier or faster later (compaction, quantizing) may run.
    pub maintenance: bool,
    /// A smaller model may stand in for the wanted one.
    pub smaller_model: bool,
}

impl Limits {
    /// Nothing is limited.
    pub const NONE: Self =
        Self { threads_percent: 100, background: true, backfill: true, maintenance: true, smaller_model: false };
}

/// A rule that is in force, and so a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The machine runs on battery.
    Battery,
    /// And its charge is below the level for embedding.
    BatteryLevel,
    /// UPower warns that the battery is low.
    BatteryWarning,
    /// The user saves power.
    PowerSaver,
    /// The machine is hot.
    Hot,
    /// It is very hot.
    VeryHot,
    /// The memory ladder has reached the step that stops background work.
    Memory,
    /// The machine is about to sleep.
    Sleep,
    /// Somebody uses the machine.
    InUse,
}

/// The memory ladder's step that stops background work.
const STOPS_BACKGROUND: u8 = 2;

impl Policy {
    /// The rules that are in force, strongest last.
    pub fn rules(&self, now: &Conditions) -> Vec<Rule> {
        let below = now.battery_percent.is_none_or(|percent| percent <= self.backfill_above_percent);
        let rules = [
            (Rule::InUse, now.user_idle == Some(false) || now.is_busy()),
            (Rule::Battery, now.on_battery),
            (Rule::BatteryLevel, now.on_battery && below),
            (Rule::PowerSaver, now.power_profile.as_deref() == Some("power-saver")),
            (Rule::BatteryWarning, now.on_battery && now.battery_warning > BatteryWarning::None),
            (Rule::Hot, now.heat >= Heat::Hot),
            (Rule::VeryHot, now.heat == Heat::VeryHot),
            (Rule::Memory, now.memory_step >= STOPS_BACKGROUND),
            (Rule::Sleep, now.suspending),
        ];
        rules.into_iter().filter(|(_, in_force)| *in_force).map(|(rule, _)| rule).collect()
    }

    /// What the conditions leave.
    pub fn limits(&self, now: &Conditions) -> Limits {
        self.rules(now).into_iter().fold(Limits::NONE, |limits, rule| self.narrowed(limits, rule))
    }

    /// What one rule alone leaves of `limits`.
    pub fn narrowed(&self, limits: Limits, rule: Rule) -> Limits {
        let threads = |percent: u32| limits.threads_percent.min(percent);
        match rule {
            Rule::InUse => Limits { maintenance: false, ..limits },
            Rule::Battery => {
                Limits { threads_percent: threads(self.battery_threads_percent), maintenance: false, ..limits }
            }
            Rule::BatteryLevel => Limits { backfill: false, ..limits },
            Rule::PowerSaver => Limits {
                threads_percent: threads(self.power_saver_threads_percent),
                smaller_model: self.power_saver_smaller_model,
                maintenance: false,
                ..limits
            },
            // Of what battery and profile leave: a saving machine can get hot all the same.
            Rule::Hot => Limits {
                threads_percent: (limits.threads_percent * self.hot_threads_percent / 100).max(1),
                maintenance: false,
                ..limits
            },
            Rule::BatteryWarning | Rule::VeryHot | Rule::Memory | Rule::Sleep => {
                Limits { background: false, backfill: false, maintenance: false, ..limits }
            }
        }
    }

    /// Why the rule is in force: a clause that follows "because".
    pub fn because(&self, rule: Rule, now: &Conditions) -> String {
        let degrees = |celsius: Option<f64>| celsius.map(|c| format!(" at {c:.0} °C")).unwrap_or_default();
        match rule {
            Rule::Battery => "the machine runs on battery".into(),
            Rule::BatteryLevel => match now.battery_percent {
                Some(percent) => format!(
                    "the machine runs on battery at {percent}%, and files are embedded only above {}%",
                    self.backfill_above_percent
                ),
                None => "the machine runs on battery, and nobody tells its charge".into(),
            },
            Rule::BatteryWarning => match now.battery_percent {
                Some(percent) => format!("the battery is {} at {percent}%", now.battery_warning.name()),
                None => format!("the battery is {}", now.battery_warning.name()),
            },
            Rule::PowerSaver => "the machine is in power-saver mode".into(),
            Rule::Hot => format!("the machine is hot{}", degrees(now.temperature)),
            Rule::VeryHot => format!("the machine is very hot{}", degrees(now.temperature)),
            Rule::Memory => format!("the machine is short of memory (step {} of 6)", now.memory_step),
            Rule::Sleep => "the machine is about to sleep".into(),
            Rule::InUse => "somebody uses the machine".into(),
        }
    }

    /// That the rule is no longer in force: a clause that follows "because".
    pub fn over(rule: Rule, now: &Conditions) -> String {
        match rule {
            Rule::Battery => "the machine is on mains power again".into(),
            Rule::BatteryLevel if !now.on_battery => "the machine is on mains power again".into(),
            Rule::BatteryLevel => "the battery has enough charge again".into(),
            Rule::BatteryWarning => "the battery is no longer low".into(),
            Rule::PowerSaver => "power-saver mode is off".into(),
            Rule::Hot | Rule::VeryHot => match now.temperature {
                Some(celsius) => format!("the machine has cooled down to {celsius:.0} °C"),
                None => "the machine no longer says that it is hot".into(),
            },
            Rule::Memory => "there is enough memory again".into(),
            Rule::Sleep => "the machine is awake again".into(),
            Rule::InUse => "nobody uses the machine now".into(),
        }
    }
}

/// The figures that a decision about limits is made by.
pub fn figures(now: &Conditions, limits: &Limits) -> Vec<(&'static str, f64)> {
    let mut figures = vec![("threads_percent", f64::from(limits.threads_percent))];
    let mut add = |name, value: Option<f64>| figures.extend(value.map(|value| (name, value)));
    add("battery_percent", now.battery_percent.map(f64::from));
    add("temperature_celsius", now.temperature);
    add("cooling_percent", now.cooling_percent.map(f64::from));
    add("memory_step", (now.memory_step > 0).then(|| f64::from(now.memory_step)));
    figures
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            battery_threads_percent: 50,
            backfill_above_percent: 50,
            power_saver_threads_percent: 50,
            power_saver_smaller_model: true,
            hot_threads_percent: 50,
            heat: HeatLimits::default(),
            look_every: Duration::from_secs(15),
            sysfs: "/sys".into(),
            procfs: "/proc".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(change: impl FnOnce(&mut Conditions)) -> Limits {
        let mut now = Conditions { battery_percent: Some(80), ..Conditions::default() };
        change(&mut now);
        Policy::default().limits(&now)
    }

    #[test]
    fn each_rule_narrows_what_it_is_about() {
        let none = Limits::NONE;
        assert_eq!(limits(|_| {}), none);
        let battery = Limits { threads_percent: 50, maintenance: false, ..none };
        assert_eq!(limits(|now| now.on_battery = true), battery);
        let low = |now: &mut Conditions| (now.on_battery, now.battery_percent) = (true, Some(50));
        assert_eq!(limits(low), Limits { backfill: false, ..battery });
        let unknown = |now: &mut Conditions| (now.on_battery, now.battery_percent) = (true, None);
        assert_eq!(limits(unknown), Limits { backfill: false, ..battery });
        let saver = |now: &mut Conditions| now.power_profile = Some("power-saver".into());
        assert_eq!(limits(saver), Limits { smaller_model: true, ..battery });
        assert_eq!(limits(|now| now.power_profile = Some("balanced".into())), none);
        let hot = |now: &mut Conditions| now.heat = Heat::Hot;
        assert_eq!(limits(hot), battery);
        let nothing = Limits { background: false, backfill: false, ..battery };
        assert_eq!(limits(|now| now.heat = Heat::VeryHot), nothing);
        assert_eq!(limits(|now| now.suspending = true), Limits { threads_percent: 100, ..nothing });
        assert_eq!(limits(|now| now.memory_step = 1), none);
        assert_eq!(limits(|now| now.memory_step = 2), Limits { threads_percent: 100, ..nothing });
        assert_eq!(limits(|now| now.user_idle = Some(false)), Limits { maintenance: false, ..none });
        assert_eq!(limits(|now| now.user_idle = Some(true)), none);
    }

    #[test]
    fn rules_add_up_and_a_warning_stops_all_that_nobody_waits_for() {
        let both = limits(|now| (now.on_battery, now.heat) = (true, Heat::Hot));
        assert_eq!((both.threads_percent, both.background), (25, true));
        let warned = limits(|now| (now.on_battery, now.battery_warning) = (true, BatteryWarning::Low));
        assert!(!warned.background && !warned.backfill);
        // A warning of a battery that is being charged is none.
        assert_eq!(limits(|now| now.battery_warning = BatteryWarning::Critical), Limits::NONE);
    }

    #[test]
    fn reasons_have_figures() {
        let policy = Policy::default();
        let now = Conditions {
            on_battery: true,
            battery_percent: Some(34),
            heat: Heat::Hot,
            temperature: Some(91.4),
            ..Conditions::default()
        };
        assert_eq!(policy.rules(&now), [Rule::Battery, Rule::BatteryLevel, Rule::Hot]);
        let because = policy.because(Rule::BatteryLevel, &now);
        assert_eq!(because, "the machine runs on battery at 34%, and files are embedded only above 50%");
        assert_eq!(policy.because(Rule::Hot, &now), "the machine is hot at 91 °C");
        assert_eq!(Policy::over(Rule::Hot, &Conditions::default()), "the machine no longer says that it is hot");
        assert_eq!(figures(&now, &policy.limits(&now))[0], ("threads_percent", 25.0));
    }
}

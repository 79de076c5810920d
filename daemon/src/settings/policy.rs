//! `[policy]`: what is done on battery, in heat and when power is to be saved.

use super::{at_line, in_range};
use crate::governor::Policy;
use crate::governor::sysfs::HeatLimits;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;
use toml::Spanned;

/// `[policy]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicySettings {
    /// Threads on battery, in percent of `models.threads`.
    pub battery_threads_percent: Spanned<u32>,
    /// On battery, files are embedded only above this charge in percent; 100 never does.
    pub backfill_above_percent: Spanned<u32>,
    /// Threads in power-saver mode, in percent.
    pub power_saver_threads_percent: Spanned<u32>,
    /// In power-saver mode a smaller model may stand in for the wanted one.
    pub power_saver_smaller_model: bool,
    /// Threads on a hot machine, in percent of what is left by then.
    pub hot_threads_percent: Spanned<u32>,
    /// From so many degrees Celsius on the machine is hot; 0 takes what its hardware says.
    pub hot_celsius: Spanned<u32>,
    /// From so many it is very hot, and nothing runs that nobody waits for; 0 takes what its hardware says.
    pub very_hot_celsius: Spanned<u32>,
    /// Seconds between two looks at the temperature while a model is loaded.
    pub look_every_seconds: Spanned<u64>,
    /// Where the kernel's files about power and heat are.
    pub sysfs: Spanned<PathBuf>,
    /// Where the kernel's files about memory and who waits for a processor are.
    pub procfs: Spanned<PathBuf>,
}

impl Default for PolicySettings {
    fn default() -> Self {
        let policy = Policy::default();
        let set = |value| Spanned::new(0..0, value);
        Self {
            battery_threads_percent: set(policy.battery_threads_percent),
            backfill_above_percent: set(policy.backfill_above_percent),
            power_saver_threads_percent: set(policy.power_saver_threads_percent),
            power_saver_smaller_model: policy.power_saver_smaller_model,
            hot_threads_percent: set(policy.hot_threads_percent),
            hot_celsius: set(0),
            very_hot_celsius: set(0),
            look_every_seconds: Spanned::new(0..0, policy.look_every.as_secs()),
            sysfs: Spanned::new(0..0, policy.sysfs),
            procfs: Spanned::new(0..0, policy.procfs),
        }
    }
}

impl PolicySettings {
    /// Refuses what makes no sense, with the line.
    pub(super) fn check(&self, text: &str) -> Result<(), String> {
        in_range(text, "policy.battery_threads_percent", &self.battery_threads_percent, 1, 100)?;
        in_range(text, "policy.backfill_above_percent", &self.backfill_above_percent, 0, 100)?;
        in_range(text, "policy.power_saver_threads_percent", &self.power_saver_threads_percent, 1, 100)?;
        in_range(text, "policy.hot_threads_percent", &self.hot_threads_percent, 1, 100)?;
        in_range(text, "policy.look_every_seconds", &self.look_every_seconds, 1, 60)?;
        let (hot, very_hot) = (*self.hot_celsius.get_ref(), *self.very_hot_celsius.get_ref());
        if hot != 0 {
            in_range(text, "policy.hot_celsius", &self.hot_celsius, 30, 120)?;
        }
        if very_hot != 0 {
            in_range(text, "policy.very_hot_celsius", &self.very_hot_celsius, 30, 120)?;
        }
        if hot != 0 && very_hot != 0 && very_hot < hot {
            let problem = format!("policy.very_hot_celsius = {very_hot} must not lie below policy.hot_celsius = {hot}");
            return Err(at_line(text, &self.very_hot_celsius, &problem));
        }
        Ok(())
    }

    /// The rules' figures.
    pub fn policy(&self) -> Policy {
        Policy {
            battery_threads_percent: *self.battery_threads_percent.get_ref(),
            backfill_above_percent: *self.backfill_above_percent.get_ref(),
            power_saver_threads_percent: *self.power_saver_threads_percent.get_ref(),
            power_saver_smaller_model: self.power_saver_smaller_model,
            hot_threads_percent: *self.hot_threads_percent.get_ref(),
            heat: HeatLimits {
                hot: f64::from(*self.hot_celsius.get_ref()),
                very_hot: f64::from(*self.very_hot_celsius.get_ref()),
            },
            look_every: Duration::from_secs(*self.look_every_seconds.get_ref()),
            sysfs: self.sysfs.get_ref().clone(),
            procfs: self.procfs.get_ref().clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::governor::Policy;
    use crate::settings::Settings;

    #[test]
    fn the_defaults_are_the_policys() {
        assert_eq!(Settings::parse("").expect("defaults").policy.policy(), Policy::default());
        let set = Settings::parse("[policy]\nbackfill_above_percent = 0\nhot_celsius = 60\n").expect("good");
        assert_eq!((set.policy.policy().backfill_above_percent, set.policy.policy().heat.hot), (0, 60.0));
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (text, expected) in [
            ("[policy]\nhot_threads_percent = 0\n", "line 2: policy.hot_threads_percent = 0 must lie between 1"),
            ("[policy]\nbackfill_above_percent = 101\n", "line 2: policy.backfill_above_percent = 101"),
            ("[policy]\nhot_celsius = 20\n", "line 2: policy.hot_celsius = 20 must lie between 30"),
            ("[policy]\nhot_celsius = 90\nvery_hot_celsius = 80\n", "line 3: policy.very_hot_celsius = 80 must not"),
            ("[policy]\nlook_every_seconds = 0\n", "line 2: policy.look_every_seconds"),
            ("[policy]\nsysfs = \"sys\"\n", "line 2: \"sys\" must be an absolute path"),
            ("[policy]\nbatery = 1\n", "line 2"),
        ] {
            let error = Settings::parse(text).expect_err(text);
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }
}

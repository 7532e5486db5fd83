//! `apply`: carries out a saved plan, after checking every entry again.

use super::args::{Apply, Common};
use super::engine::{self, Job};
use super::{ask, machine, plan_file, settings};
use crate::collect::applied::Limit;
use crate::collect::options::Options;
use crate::collect::report::PlanRow;
use crate::collect::sealed::summary::State;
use crate::collect::sealed::{Place, Sealed};
use crate::error::{Code, Error, ErrorKind, Result};
use crate::model::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The plan that is applied.
#[derive(Debug)]
pub struct Applied {
    /// Its header and totals.
    sealed: Sealed,
    /// Its lines: nothing goes that is not in them.
    pub limit: Arc<Limit>,
    file: PathBuf,
}

impl Applied {
    /// Whether this is the storage that the plan was made for.
    ///
    /// # Errors
    /// If it is another. Nothing of it was looked at.
    pub fn check_place(&self, here: &Place) -> Result<()> {
        match self.sealed.header.place.difference(here) {
            None => Ok(()),
            Some(difference) => Err(refused(&self.file, Code::PlanForeign, difference)
                .next("name the registry that the plan was made for, as it was named then; or make a new plan here")),
        }
    }

    /// What the report says of the plan.
    #[must_use]
    pub fn row(&self) -> PlanRow {
        self.sealed.row()
    }
}

fn refused(file: &Path, code: Code, why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Refused, "apply the plan").on(file.display().to_string()).because(why).code(code)
}

/// Whether a plan made at `created` may still be carried out.
fn check_age(file: &Path, created: Timestamp, now: Timestamp, longest: Duration) -> Result<()> {
    let made = created.to_minute();
    match State::of(created, longest, now) {
        State::Good => Ok(()),
        State::Expired => {
            let longest = humantime::format_duration(longest);
            let why = format!("it has expired: it was made at {made}, more than {longest} ago");
            let next = "make a new plan, or give this one more time with --max-plan-age";
            Err(refused(file, Code::PlanExpired, why).next(next))
        }
        State::FromFuture => {
            let why = format!("it was made at {made}, in the future: this machine's clock, or the other's, is wrong");
            Err(refused(file, Code::PlanFromFuture, why).next("set the clock, and make a new plan"))
        }
    }
}

/// Runs it to its exit code.
#[must_use]
pub fn run(args: &Apply, common: &Common) -> u8 {
    engine::run("apply", common, || {
        let asks = !args.yes && !args.dry_run && ask::is_possible();
        if !args.yes && !args.dry_run && !asks {
            return Err(Error::new(ErrorKind::Usage, "apply the plan")
                .because("there is no terminal to ask on")
                .next("add --yes, or look first with --dry-run"));
        }
        let mut limit = Limit::default();
        let sealed = plan_file::read(&args.plan, |line| limit.add(line))?;
        check_age(&args.plan, sealed.header.created, machine::clock(), args.max_plan_age)?;
        Ok(Job {
            command: "apply",
            registry: settings::registry_of(sealed.header.named.as_ref(), common, args.descriptor_cache.as_ref())?,
            named: None,
            keeps_state: settings::keeps_state(&args.bounds, &sealed.header.options)?,
            bounds: settings::bounds(&args.bounds),
            // The share was judged when the plan was made; now it would be judged against what other runs have left.
            options: Options { max_delete_percent: None, ..sealed.header.options.clone() },
            applied: Some(Applied { sealed, limit: Arc::new(limit), file: args.plan.clone() }),
            dry_run: args.dry_run,
            output: None,
            asks,
            must_match: false,
            outlets: args.outlets.clone(),
            detailed_exitcode: false,
            purge_versions: None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::refusal::CLOCK_TOLERANCE;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn plan_is_good_from_its_making_until_its_age() {
        let made = Timestamp::from_days(20_000);
        let code = |now: Timestamp, longest| {
            let checked = check_age(Path::new("plan"), made, now, longest);
            checked.err().and_then(|error| error.refusal())
        };
        let day = Duration::from_hours(24);
        assert_eq!(code(made, day), None);
        assert_eq!(code(made.plus(day), day), None);
        assert_eq!(code(made.plus(day + MINUTE), day), Some(Code::PlanExpired));
        assert_eq!(code(made.plus(day + MINUTE), 2 * day), None);
        assert_eq!(code(made.plus(MINUTE), Duration::ZERO), Some(Code::PlanExpired));
        let before = |by: Duration| Timestamp::from_nanos(made.as_nanos() - i64::try_from(by.as_nanos()).unwrap_or(0));
        assert_eq!(code(before(CLOCK_TOLERANCE), day), None);
        assert_eq!(code(before(CLOCK_TOLERANCE + MINUTE), day), Some(Code::PlanFromFuture));
        assert_eq!(code(before(CLOCK_TOLERANCE + MINUTE), Duration::MAX), Some(Code::PlanFromFuture));
    }
}

//! Runs of the library on a tree: in a directory, and in the simulated bucket.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use regsweep::collect::applied::Limit;
use regsweep::collect::options::{Aside, Mode, Options};
use regsweep::collect::outcome::Outcome;
use regsweep::collect::plan::Plan;
use regsweep::event::Nobody;
use regsweep::model::Timestamp;
use regsweep::run::left::Left;
use regsweep::run::{self, Bounds, Equipment, Order, Stop, Survey};
use regsweep::storage::location::{DirectoryLocation, Location, S3Keys, S3Location, Secret, Store};
use regsweep::storage::open::{Connection, Opened, open};
use regsweep::storage::sweep::Approved;
use tempfile::TempDir;

use crate::lab::bucket::Bucket;
use crate::lab::clients::{ACCESS_KEY, REGION, SECRET_KEY};

/// One way of running.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) delete_untagged: bool,
    pub(crate) min_age: Duration,
}

impl Way {
    /// As the registry's collector does; with `-m`; with `-m` where half of everything is young.
    pub(crate) const ALL: [Self; 3] = [
        Self { delete_untagged: false, min_age: Duration::ZERO },
        Self { delete_untagged: true, min_age: Duration::ZERO },
        Self { delete_untagged: true, min_age: Duration::from_hours(24 * 20 + 12) },
    ];

    pub(crate) fn order(self) -> Order {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let options = Options {
            mode: Mode::Offline,
            delete_untagged: self.delete_untagged,
            min_age: self.min_age,
            // Everything is whole days old; a store tells its time in whole seconds only.
            defer: Duration::ZERO,
            settle: Duration::ZERO,
            aside: Aside::Auto,
            max_scan_age: Duration::from_mins(5),
            uploads_older_than: Some(Duration::from_hours(24 * 7 + 12)),
            repositories: Vec::new(),
            keep_from: Vec::new(),
            max_delete_percent: None,
            allow: Vec::new(),
            images: Vec::new(),
            collects: true,
            rules: None,
            repair: None,
        };
        let started = Timestamp::from_nanos(i64::try_from(now.as_nanos()).unwrap());
        Order {
            run: "test".into(),
            command: "garbage-collect",
            host: "test".into(),
            location: "test".into(),
            harbor: false,
            options,
            limit: None,
            mend: None,
            purges: false,
            bounds: Bounds::default(),
            started,
            begun: Instant::now(),
            concurrency: 8,
            cache: None,
            shelf: None,
        }
    }
}

/// A directory for many small files: in memory where the system has such a place, several times as fast.
pub(crate) fn home() -> TempDir {
    let memory = Path::new("/dev/shm");
    let home = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    home.or_else(|_| tempfile::tempdir()).unwrap()
}

async fn opened(store: Store) -> Opened {
    let location = Location { store, named_by: "test".into(), from_configuration: false };
    open(&location, &Connection::default()).await.unwrap()
}

/// Opens a directory.
pub(crate) async fn directory(root: &Path) -> Opened {
    opened(Store::Directory(DirectoryLocation { root: root.to_owned() })).await
}

/// Opens a simulated S3 bucket.
pub(crate) async fn s3(bucket: &Bucket) -> Opened {
    opened(Store::S3(S3Location {
        bucket: bucket.name().to_owned(),
        region: Some(REGION.into()),
        endpoint: Some(bucket.endpoint()),
        plain_http: true,
        keys: Some(S3Keys { access_key: ACCESS_KEY.into(), secret_key: Secret::new(SECRET_KEY) }),
        ..S3Location::default()
    }))
    .await
}

/// Looks and decides. A random registry may have no tag at all, which speaks against `-m`; nothing else may.
pub(crate) async fn survey(opened: &Opened, way: Way, context: &str) -> Survey {
    limited_survey(opened, way, None, context).await
}

/// The same, limited to what a plan has.
pub(crate) async fn limited_survey(opened: &Opened, way: Way, limit: Option<Limit>, context: &str) -> Survey {
    let order = Order { limit: limit.map(Arc::new), ..way.order() };
    let survey = run::survey(opened.reader(), &Left::default(), &order, &Nobody, &Stop::default()).await;
    let survey = survey.unwrap_or_else(|error| panic!("{context}: {error:?}"));
    for refusal in &survey.refusals {
        let expected = way.delete_untagged && ["tags-elsewhere", "nothing-marked"].contains(&refusal.code.name());
        assert!(expected, "{context}: {refusal}");
    }
    survey
}

/// Carries the survey's plan out; everything in it must go.
pub(crate) async fn carry_out(opened: &Opened, survey: &mut Survey, way: Way, context: &str) {
    let plan = std::mem::take(&mut survey.plan);
    let (approved, stop) = (Approved { plan: &plan }, Stop::default());
    let left = Left::default();
    let done = run::carry_out(
        opened,
        Equipment { tenure: None, left: &left, cache: None },
        &approved,
        survey,
        &way.order(),
        &Nobody,
        &stop,
    )
    .await;
    let outcomes = done.unwrap_or_else(|error| panic!("{context}: {error:?}")).outcomes;
    let all = outcomes.count(|outcome| *outcome == Outcome::Deleted);
    assert_eq!(all, plan.deletions().len() as u64, "{context}: {outcomes:?}");
}

/// A plan without what depends on the storage: stage, key, level and reason.
pub(crate) fn shown(plan: &Plan) -> Vec<String> {
    let line = |deletion: regsweep::collect::plan::Deletion| {
        format!("{:?} {} {} {:?}", deletion.stage, deletion.level, deletion.key, deletion.reason)
    };
    plan.deletions().iter().map(line).collect()
}

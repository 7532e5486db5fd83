//! The PUT of a manifest: first everything that it names is checked, then its data is written, then its links.

use crate::names::{Digest, Kind, Repository, children, link};
use crate::registry::{Turn, membership, said};
use crate::scenario::Step;
use crate::state::Request;

impl Turn<'_> {
    pub fn put(&mut self, repository: Repository, manifest: Digest, tag: u8) -> Option<Step> {
        let pusher = self.before.pushers[self.index];
        let what = match pusher.at {
            Request::Between | Request::PutLink | Request::PutData | Request::PutRemember => {
                let child = children(manifest)[usize::from(pusher.reference)];
                return self.check(repository, child, children(manifest).len());
            }
            Request::PutOwnData if self.is_held_back(manifest) => return None,
            Request::PutOwnData if !self.finds_data(manifest) => {
                self.goes_to(Request::PutWrite);
                "PUT: there is no data of"
            }
            Request::PutOwnData => {
                self.goes_to(if self.is_cached() { Request::PutRememberOwn } else { Request::PutRevision });
                "PUT: nothing to write, there is data of"
            }
            Request::PutWrite => {
                self.next.write_data(manifest, self.scenario.with_min_age);
                self.goes_to(if self.is_cached() { Request::PutRememberOwn } else { Request::PutRevision });
                "PUT: writes the data of"
            }
            Request::PutRememberOwn => {
                self.remember(repository, manifest);
                self.goes_to(Request::PutRevision);
                "the cache remembers"
            }
            Request::PutRevision => {
                self.write(link(repository, Kind::Revision, manifest));
                self.goes_to(Request::PutHistory);
                "PUT: writes the revision link of"
            }
            Request::PutHistory => {
                self.write(link(repository, Kind::History(tag), manifest));
                self.goes_to(Request::PutCurrent);
                return Some(said("PUT: writes the history link of").of(manifest).within(repository).tagged(tag));
            }
            Request::PutCurrent => {
                let current = link(repository, Kind::Current(tag), manifest);
                self.write(current);
                self.next.promise(current);
                self.ends();
                return Some(said("PUT: acknowledged, current is").of(manifest).within(repository).tagged(tag));
            }
            other => unreachable!("{other:?} for a PUT"),
        };
        Some(said(what).of(manifest).within(repository))
    }

    /// A manifest is admitted only if its repository has all that it names: each link, and each data.
    fn check(&mut self, repository: Repository, child: Digest, of: usize) -> Option<Step> {
        let own = membership(repository, child);
        let what = match self.before.pushers[self.index].at {
            Request::Between | Request::PutLink if self.may_not_use(own) => return None,
            Request::Between | Request::PutLink if self.cache_knows(repository, child) => {
                self.next_reference(of);
                "PUT: the cache says there is"
            }
            Request::Between | Request::PutLink if self.before.storage.links.has(own) => {
                self.goes_to(Request::PutData);
                "PUT: there is a link to"
            }
            Request::Between | Request::PutLink => {
                self.is_refused();
                "PUT: refused, no link to"
            }
            Request::PutData if !self.finds_data(child) => {
                self.is_refused();
                "PUT: refused, no data of"
            }
            Request::PutData if self.is_cached() => {
                self.goes_to(Request::PutRemember);
                "PUT: there is data of"
            }
            Request::PutData => {
                self.next_reference(of);
                "PUT: there is data of"
            }
            _ => {
                self.remember(repository, child);
                self.next_reference(of);
                "the cache remembers"
            }
        };
        Some(said(what).of(child).within(repository))
    }

    fn next_reference(&mut self, of: usize) {
        let pusher = &mut self.next.pushers[self.index];
        pusher.reference += 1;
        pusher.at = if usize::from(pusher.reference) < of { Request::PutLink } else { Request::PutOwnData };
    }

    fn is_refused(&mut self) {
        let pusher = &mut self.next.pushers[self.index];
        pusher.reference = 0;
        pusher.at = Request::Refused;
        if self.scenario.retries && !pusher.retried {
            pusher.at = Request::Between;
            pusher.request = 0;
            pusher.retried = true;
        }
    }
}

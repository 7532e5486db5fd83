//! How a client brings a blob there: HEAD; if it is not there a mount, if there is something to mount from; else an upload.

use crate::names::{Digest, Kind, Repository, link};
use crate::registry::{Turn, said};
use crate::scenario::Step;
use crate::state::Request;

impl Turn<'_> {
    pub fn blob(&mut self, repository: Repository, digest: Digest, from: Option<Repository>) -> Option<Step> {
        let own = link(repository, Kind::Layer, digest);
        let else_to = if from.is_some() { Request::BeforeMount } else { Request::BeforeUpload };
        let what = match self.before.pushers[self.index].at {
            Request::Between if self.cache_knows(repository, digest) => {
                self.ends();
                "HEAD: the cache says there is"
            }
            Request::Between if self.before.storage.links.has(own) => {
                self.goes_to(Request::HeadData);
                "HEAD: there is a link to"
            }
            Request::Between => {
                self.goes_to(else_to);
                "HEAD: 404, no link to"
            }
            Request::HeadData if !self.finds_data(digest) => {
                self.goes_to(else_to);
                "HEAD: 404, no data of"
            }
            Request::HeadData if self.is_cached() => {
                self.goes_to(Request::HeadRemember);
                "HEAD: 200, there is data of"
            }
            Request::HeadData => {
                self.ends();
                "HEAD: 200, there is data of"
            }
            Request::HeadRemember | Request::UploadRemember => {
                self.remember(repository, digest);
                self.ends();
                "the cache remembers"
            }
            Request::BeforeMount | Request::MountData | Request::MountRemember | Request::MountLink => {
                return self.mount(repository, digest, from.expect("a source"));
            }
            Request::BeforeUpload if self.is_held_back(digest) => return None,
            Request::BeforeUpload if self.before.storage.data.has(digest) => {
                self.goes_to(Request::UploadLink);
                "upload: nothing to move, there is data of"
            }
            Request::BeforeUpload => {
                self.goes_to(Request::UploadData);
                "upload: there is no data of"
            }
            Request::UploadData => {
                self.next.write_data(digest, self.scenario.with_min_age);
                self.goes_to(Request::UploadLink);
                "upload: moves into place the data of"
            }
            Request::UploadLink => {
                self.write(own);
                if self.is_cached() {
                    self.goes_to(Request::UploadRemember);
                } else {
                    self.ends();
                }
                "upload: writes the link to"
            }
            other => unreachable!("{other:?} for a blob"),
        };
        Some(said(what).of(digest).within(repository))
    }

    fn mount(&mut self, repository: Repository, digest: Digest, from: Repository) -> Option<Step> {
        let source = link(from, Kind::Layer, digest);
        let what = match self.before.pushers[self.index].at {
            Request::BeforeMount if self.may_not_use(source) || self.is_held_back(digest) => return None,
            Request::BeforeMount if self.cache_knows(from, digest) => {
                self.goes_to(Request::MountLink);
                "mount: the cache says there is"
            }
            Request::BeforeMount if self.before.storage.links.has(source) => {
                self.goes_to(Request::MountData);
                "mount: there is a link to"
            }
            Request::BeforeMount => {
                self.goes_to(Request::BeforeUpload);
                "mount: an upload instead, no link to"
            }
            Request::MountData if !self.finds_data(digest) => {
                self.goes_to(Request::BeforeUpload);
                "mount: an upload instead, no data of"
            }
            Request::MountData => {
                self.goes_to(if self.is_cached() { Request::MountRemember } else { Request::MountLink });
                "mount: there is data of"
            }
            Request::MountRemember => {
                self.remember(from, digest);
                self.goes_to(Request::MountLink);
                "the cache remembers"
            }
            Request::MountLink => {
                self.write(link(repository, Kind::Layer, digest));
                self.ends();
                return Some(said("mount: writes the link to").of(digest).within(repository));
            }
            other => unreachable!("{other:?} for a mount"),
        };
        Some(said(what).of(digest).within(from))
    }
}

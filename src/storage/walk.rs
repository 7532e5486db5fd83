//! A parallel walk over a local directory.
//!
//! `object_store` lists a directory with one thread and three looks at every file, skips what dangles and stops at odd
//! names; a collector must not overlook anything, so it walks by itself.

use super::look::{Kind, LINK, Looked, Opened, is_of_tags, modified, only_file};
use super::page::Page;
use crate::collect::entry::Entry;
use crate::error::{Error, ErrorKind, Result};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use tokio::sync::mpsc::Sender;

/// One directory to read.
#[derive(Debug)]
struct Directory {
    /// Where it really is; free of symbolic links.
    real: PathBuf,
    /// What stands before the names in it, relative to the root: ends with a slash.
    key: String,
    /// Whether it was reached through a symbolic link that leaves the root.
    outside: bool,
}

/// What a walk sends. A channel that closes without [`Message::Complete`] is a walk that broke off, and what came until
/// then must not be taken for all there is.
#[derive(Debug)]
pub(super) enum Message {
    Page(Page),
    Failed(Error),
    Complete,
}

/// How it is walked.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    /// Whether something that cannot be followed may hide a name: then the walk fails.
    pub(super) strict: bool,
    /// Whether directories are read in which a registry has nothing but one file.
    pub(super) all: bool,
}

/// What is walked, and where its pages go.
#[derive(Debug)]
pub(super) struct Walk {
    root: PathBuf,
    /// All that is listed: what a symbolic link in it leads to is read under its own name.
    area: PathBuf,
    how: How,
    pages: Sender<Message>,
    work: Mutex<Work>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Work {
    directories: Vec<Directory>,
    busy: usize,
    /// Threads that have nothing to do: nobody else needs to be woken.
    idle: usize,
    /// Threads that have not ended properly so far.
    running: usize,
    failed: bool,
    /// Targets of symbolic links that were followed: each is read once.
    followed: HashSet<PathBuf>,
}

const PAGE: usize = 1000;

/// Where the history of a usual tag is.
const HISTORY: &str = "index/sha256";

impl Walk {
    /// Walks the directory `key` (ends with a slash) below `root`, with `threads` threads, until all is sent. `area` is
    /// the key of all that is listed; `key` is it, or is below it.
    ///
    /// Where it is strict, a symbolic link that dangles or cannot be read ends the walk with an error. A directory that is
    /// not there is empty.
    pub(super) fn start(root: &Path, key: &str, area: &str, how: How, threads: usize, pages: &Sender<Message>) {
        let place = root.join(key.trim_end_matches('/'));
        let real = match fs::canonicalize(&place) {
            Ok(real) => real,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !place.is_symlink() => {
                let _ = pages.blocking_send(Message::Complete);
                return;
            }
            Err(error) => {
                let _ = pages.blocking_send(Message::Failed(unreadable(&place, error)));
                return;
            }
        };
        let area = fs::canonicalize(root.join(area)).unwrap_or_else(|_| real.clone());
        let first = Directory { outside: !real.starts_with(root), real, key: key.to_owned() };
        let threads = threads.max(1);
        let work = Work { directories: vec![first], running: threads, ..Work::default() };
        let (root, work, more, pages) = (root.to_owned(), Mutex::new(work), Condvar::new(), pages.clone());
        let walk = Arc::new(Self { root, area, how, pages, work, more });
        for _ in 0..threads {
            let worker = Arc::clone(&walk);
            if std::thread::Builder::new().spawn(move || worker.run()).is_err() {
                // The machine has no thread left: the others, or this one, do the work.
                walk.run();
            }
        }
    }

    fn run(&self) {
        let mut page = Page::default();
        while let Some(directory) = self.next() {
            let busy = Busy { walk: self, failed: true };
            if let Err(error) = self.read(&directory, &mut page) {
                let _ = self.pages.blocking_send(Message::Failed(error));
                return;
            }
            busy.succeed();
        }
        if !page.is_empty() {
            let _ = self.pages.blocking_send(Message::Page(page));
        }
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        work.running -= 1;
        let complete = work.running == 0 && !work.failed;
        drop(work);
        if complete {
            let _ = self.pages.blocking_send(Message::Complete);
        }
    }

    fn next(&self) -> Option<Directory> {
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if work.failed {
                return None;
            }
            if let Some(directory) = work.directories.pop() {
                work.busy += 1;
                return Some(directory);
            }
            if work.busy == 0 {
                return None;
            }
            work.idle += 1;
            work = self.more.wait(work).unwrap_or_else(PoisonError::into_inner);
            work.idle -= 1;
        }
    }

    fn done(&self, failed: bool) {
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        work.busy -= 1;
        work.failed |= failed;
        if work.failed || work.busy == 0 {
            self.more.notify_all();
        }
    }

    fn read(&self, directory: &Directory, page: &mut Page) -> Result<()> {
        let mut opened = match Opened::open(&directory.real) {
            Ok(opened) => opened,
            // An upload that ended a moment ago.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unreadable(&directory.real, error)),
        };
        let (mut below, mut subdirectories) = (Vec::new(), Vec::new());
        for child in opened.children().map_err(|error| unreadable(&directory.real, error))? {
            match child.kind {
                Kind::Link => self.follow(directory, &child.name, page, &mut below)?,
                Kind::Directory => subdirectories.push(child.name),
                Kind::File => self.see(directory, &opened, &child.name, page)?,
            }
        }
        let (number, mut counts) = (subdirectories.len(), None);
        let has_tags = !self.how.all && is_of_tags(&directory.key);
        for name in subdirectories {
            // What links and contents lie in, by the hundred thousand: looked into without being read.
            if !self.how.all
                && let Some(only) = only_file(&directory.key, &name)
                && *counts.get_or_insert_with(|| opened.counts_subdirectories(number))
                && let Some(looked) = opened.only_file_in(&name, only)
            {
                self.push(directory, &[&name.to_string_lossy(), "/", only.file], looked, directory.outside, page)?;
                continue;
            }
            let mut place = directory.real.join(&name);
            let mut key = [&directory.key, &*name.to_string_lossy(), "/"].concat();
            if has_tags
                && *counts.get_or_insert_with(|| opened.counts_subdirectories(number))
                && let Some(current) = opened.usual_tag(&name)
            {
                self.push(directory, &[&name.to_string_lossy(), "/current/", LINK], current, directory.outside, page)?;
                place.push(HISTORY);
                key = [&key, HISTORY, "/"].concat();
            }
            below.push(Directory { real: place, key, outside: directory.outside });
        }
        if !below.is_empty() {
            let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
            work.directories.append(&mut below);
            if work.idle > 0 {
                self.more.notify_all();
            }
        }
        Ok(())
    }

    fn see(&self, at: &Directory, opened: &Opened, name: &OsStr, page: &mut Page) -> Result<()> {
        match opened.stat(name) {
            Ok(stat) => self.push(at, &[&name.to_string_lossy()], stat, at.outside, page),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(unreadable(&at.real.join(name), error)),
        }
    }

    fn push(&self, at: &Directory, name: &[&str], stat: Looked, outside: bool, page: &mut Page) -> Result<()> {
        page.push_in(&at.key, name, &Entry { key: "", size: stat.size, modified: stat.modified, etag: None, outside });
        if page.len() < PAGE {
            return Ok(());
        }
        let full = std::mem::take(page);
        // Nobody listens any more: then nobody wants the rest.
        self.pages
            .blocking_send(Message::Page(full))
            .map_err(|_| Error::new(ErrorKind::Interrupted, "walk the directory"))
    }

    fn follow(&self, at: &Directory, name: &OsStr, page: &mut Page, below: &mut Vec<Directory>) -> Result<()> {
        let link = at.real.join(name);
        let (target, metadata) =
            match fs::canonicalize(&link).and_then(|target| fs::metadata(&target).map(|metadata| (target, metadata))) {
                Ok(found) => found,
                Err(_) if !self.how.strict => return Ok(()),
                Err(error) => {
                    let why = "a symbolic link that cannot be followed may hide what is still needed";
                    return Err(unreadable(&link, error).next(format!("{why}: repair or remove it")));
                }
            };
        let outside = at.outside || !target.starts_with(&self.root);
        if metadata.is_file() {
            // Deleting it would remove the link and free nothing: what it leads to belongs to somebody else as well.
            let stat = Looked { size: metadata.len(), modified: modified(&metadata) };
            return self.push(at, &[&name.to_string_lossy()], stat, true, page);
        }
        if at.real.starts_with(&target) {
            let error = Error::new(ErrorKind::Untrustworthy, "follow a symbolic link").on(link.display().to_string());
            return Err(error
                .because("it leads back to where it is")
                .next("remove the link; a registry cannot read it either"));
        }
        let key = format!("{}{}/", at.key, name.to_string_lossy());
        if target.starts_with(&self.area) {
            // What is in the area is read under its own name. For a whole repository that is enough; a part of one that
            // is borrowed from another would be judged by what the other needs alone.
            if self.how.strict && key.contains("/_") {
                let error =
                    Error::new(ErrorKind::Untrustworthy, "follow a symbolic link").on(link.display().to_string());
                let error = error.because("it makes a part of one repository a part of another");
                return Err(error.next("replace the link by a copy of what it leads to"));
            }
            return Ok(());
        }
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        if work.followed.insert(target.clone()) {
            below.push(Directory { real: target, key, outside });
        }
        Ok(())
    }
}

/// A directory that is being read. If the thread ends before it says how that went, the walk has failed, and the others
/// do not wait for it.
struct Busy<'a> {
    walk: &'a Walk,
    failed: bool,
}

impl Busy<'_> {
    fn succeed(mut self) {
        self.failed = false;
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.walk.done(self.failed);
    }
}

pub(super) fn unreadable(path: &Path, error: io::Error) -> Error {
    let kind = if error.kind() == io::ErrorKind::PermissionDenied { ErrorKind::Permission } else { ErrorKind::Io };
    let next = match kind {
        ErrorKind::Permission => "run as the user that the registry runs as, or as root",
        _ => "what cannot be read may keep something alive, so nothing was deleted; repair it and run again",
    };
    Error::new(kind, "read the registry's directory").on(path.display().to_string()).caused_by(error).next(next)
}

//! Asks a store for the pages of a listing, as the cutter wants them.

use super::cutter::{Ask, Cutter};
use crate::error::{Error, ErrorKind, Result};
use crate::layout::{self, Relation};
use crate::storage::backend::Backend;
use crate::storage::explain;
use crate::storage::page::{Dialect, Page};
use crate::storage::transport::PageSink;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::list::PaginatedListOptions;
use tokio::task::JoinSet;

/// How many pages are fetched side by side.
const AT_ONCE: usize = 16;

/// Lists what a store has.
#[derive(Debug, Clone)]
pub(in crate::storage) struct Pager {
    backend: Backend,
    /// What stands before every key.
    root: String,
}

/// One question to a store.
#[derive(Debug, Default)]
struct Question {
    prefix: String,
    token: Option<String>,
    after: Option<String>,
    by_level: bool,
    size: usize,
}

/// One listing under way.
struct Walk {
    pager: Pager,
    prefix: String,
    cutter: Cutter,
    /// Answers are parsed where they arrive, by as many cores as there are.
    under_way: JoinSet<(Ask, Result<Page>)>,
}

impl Pager {
    pub(in crate::storage) fn new(backend: Backend, root: String) -> Self {
        Self { backend, root }
    }

    /// The first page below a raw prefix.
    pub(in crate::storage) async fn first_page(&self, raw: &str, size: usize) -> Result<Page> {
        self.ask(Question { prefix: raw.to_owned(), size, ..Question::default() }).await
    }

    /// All pages below a prefix, in no order; keys are relative to the root.
    pub(in crate::storage) fn pages(self, prefix: String) -> BoxStream<'static, Result<Page>> {
        // Azure's `startFrom` is young, and unknown to emulators: there, the pages are five times as large instead.
        let at_once = if self.backend.dialect() == Dialect::Azure { 1 } else { AT_ONCE };
        let cutter = Cutter::new(&prefix, self.backend.page_size(), at_once);
        let walk = Walk { pager: self, prefix, cutter, under_way: JoinSet::new() };
        stream::try_unfold(walk, |mut walk| async { Ok(walk.next().await?.map(|page| (page, walk))) }).boxed()
    }

    /// All pages of what is below the root and in neither area: what stands beside them is asked for level by level.
    pub(in crate::storage) fn elsewhere(self) -> BoxStream<'static, Result<Page>> {
        let levels = vec![Level::default()];
        let walk = Elsewhere { pager: self, levels, whole: None, directories: Vec::new() };
        stream::try_unfold(walk, |mut walk| async { Ok(walk.next().await?.map(|page| (page, walk))) }).boxed()
    }

    async fn ask(&self, question: Question) -> Result<Page> {
        let Question { prefix, token, after, by_level, size } = question;
        let sink = PageSink::new(self.backend.dialect());
        let mut extensions = http::Extensions::new();
        extensions.insert(sink.clone());
        let options = PaginatedListOptions {
            offset: after.filter(|_| token.is_none()),
            delimiter: by_level.then(|| "/".into()),
            max_keys: Some(size),
            page_token: token,
            extensions,
        };
        let listed = self.backend.lister().list_paginated(Some(&prefix), options).await;
        listed.map_err(|error| explain::listing(&error, &prefix))?;
        let astray = || Error::new(ErrorKind::Bug, "list the storage").on(prefix).because("a page went astray");
        sink.take().ok_or_else(astray)
    }

    /// Answers what the cutter asks, relative to the root.
    async fn answer(self, prefix: String, ask: Ask) -> (Ask, Result<Page>) {
        let raw = |key: &str| format!("{}{key}", self.root);
        let size = self.backend.page_size();
        let question = match &ask {
            Ask::Page { token, after, .. } => Question {
                prefix: raw(&prefix),
                token: token.clone(),
                after: after.as_deref().map(raw),
                by_level: false,
                size,
            },
            Ask::Names { level, after, .. } => {
                Question { prefix: raw(level), token: None, after: after.as_deref().map(raw), by_level: true, size }
            }
        };
        let page = self.ask(question).await.and_then(|mut page| {
            page.relative_to(&self.root).map_err(|error| untrustworthy(&raw(&prefix), error))?;
            Ok(page)
        });
        (ask, page)
    }
}

impl Walk {
    async fn next(&mut self) -> Result<Option<Page>> {
        loop {
            while let Some(ask) = self.cutter.ask() {
                self.under_way.spawn(self.pager.clone().answer(self.prefix.clone(), ask).boxed());
            }
            let Some(answered) = self.under_way.join_next().await else { return Ok(None) };
            let lost = |error| Error::new(ErrorKind::Bug, "list the storage").caused_by(error);
            let (ask, page) = answered.map_err(lost)?;
            let mut page = page?;
            match ask {
                Ask::Names { id, level, .. } => {
                    let is_complete = page.next.is_none();
                    self.cutter.named(id, &level, page.directories, is_complete);
                }
                Ask::Page { id, .. } => {
                    let keys: Vec<&str> = page.entries().map(|entry| entry.key).collect();
                    let bounds = self.cutter.listed(id, &keys, page.next.clone());
                    let bounds = bounds.map_err(|error| untrustworthy(&self.prefix, error))?;
                    page.retain(|key| bounds.contain(key));
                    return Ok(Some(page));
                }
            }
        }
    }
}

/// One level that holds the areas, and where its listing goes on.
#[derive(Debug, Default)]
struct Level {
    directory: String,
    token: Option<String>,
}

/// What lies beside the areas.
struct Elsewhere {
    pager: Pager,
    levels: Vec<Level>,
    /// The listing of a whole directory under way.
    whole: Option<BoxStream<'static, Result<Page>>>,
    directories: Vec<String>,
}

impl Elsewhere {
    async fn next(&mut self) -> Result<Option<Page>> {
        loop {
            if let Some(pages) = &mut self.whole {
                match pages.try_next().await? {
                    Some(page) => return Ok(Some(page)),
                    None => self.whole = None,
                }
            } else if let Some(level) = self.levels.pop() {
                return self.level(level).await.map(Some);
            } else if let Some(directory) = self.directories.pop() {
                self.whole = Some(self.pager.clone().pages(directory));
            } else {
                return Ok(None);
            }
        }
    }

    async fn level(&mut self, level: Level) -> Result<Page> {
        let Level { directory, token } = level;
        let raw = format!("{}{directory}", self.pager.root);
        let size = self.pager.backend.page_size();
        let question = Question { prefix: raw.clone(), token, after: None, by_level: true, size };
        let mut page = self.pager.ask(question).await?;
        page.relative_to(&self.pager.root).map_err(|error| untrustworthy(&raw, error))?;
        for below in std::mem::take(&mut page.directories) {
            match layout::relation(&below) {
                Relation::IsArea => {}
                Relation::HoldsAreas => self.levels.push(Level { directory: below, token: None }),
                Relation::Beside => self.directories.push(below),
            }
        }
        if let Some(token) = page.next.take() {
            self.levels.push(Level { directory, token: Some(token) });
        }
        Ok(page)
    }
}

fn untrustworthy(prefix: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Untrustworthy, "list the storage").on(prefix).caused_by(error)
}

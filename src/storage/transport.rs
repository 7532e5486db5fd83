//! The transport under every object store: counts requests, tells the storage's time, and hands over raw answers.
//!
//! Two kinds of answer are taken out of `object_store`'s hands before it parses them: listings, because its paths cannot
//! hold every key (see [`page`]), and answers to bulk deletes of S3, because it panics where one names a key that
//! was not asked for, and repeats a batch of a thousand where one key failed. It gets an empty answer instead.

use super::bodies::Bodies;
use super::pace::{Limits, Pace, Patience};
use super::page::{self, Dialect, Page};
use super::storage_clock::{StorageClock, Teller};
use crate::collect::report::Requests;
use crate::collect::store_keeps::{How, Said};
use crate::model::Timestamp;
use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, header};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Requests that were sent, by kind.
#[derive(Debug, Default)]
pub struct Counters {
    list: AtomicU64,
    get: AtomicU64,
    head: AtomicU64,
    put: AtomicU64,
    copy: AtomicU64,
    delete: AtomicU64,
    clock: Mutex<StorageClock>,
    /// What its answers said of what is kept of what is deleted.
    said: Mutex<Said>,
}

/// How a store names the version of the object that it answers with.
const VERSION_HEADERS: [&str; 2] = ["x-amz-version-id", "x-ms-version-id"];

impl Counters {
    /// What was sent so far.
    #[must_use]
    pub fn requests(&self) -> Requests {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Requests {
            list: of(&self.list),
            get: of(&self.get),
            head: of(&self.head),
            put: of(&self.put),
            copy: of(&self.copy),
            delete: of(&self.delete),
        }
    }

    /// The storage's time by its own clock, if it has told it.
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        let clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock.at(Instant::now())
    }

    /// Counts a listing that is not sent over HTTP.
    pub fn count_list(&self) {
        self.list.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a read that is not sent over HTTP.
    pub fn count_get(&self) {
        self.get.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a look that is not sent over HTTP.
    pub fn count_head(&self) {
        self.head.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a write that is not sent over HTTP.
    pub fn count_put(&self) {
        self.put.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a copy or a move that is not sent over HTTP.
    pub fn count_copy(&self) {
        self.copy.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a delete that is not sent over HTTP.
    pub fn count_delete(&self) {
        self.delete.fetch_add(1, Ordering::Relaxed);
    }

    /// What answers said of what is kept of what is deleted.
    #[must_use]
    pub fn said(&self) -> Said {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what an answer to a delete said of what is kept: as what, or that nothing is.
    pub fn hear_delete(&self, kept: Option<How>) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.kept = said.kept.or(kept);
        said.gone |= kept.is_none();
    }

    fn counter(&self, request: &HttpRequest) -> &AtomicU64 {
        let query = request.uri().query().unwrap_or_default();
        let has = |wanted: &str| query.split('&').any(|pair| pair == wanted || pair.strip_suffix('=') == Some(wanted));
        let has_upload = query.split('&').any(|pair| pair.starts_with("uploadId="));
        match *request.method() {
            // What is told of parts and of versions is billed as a listing.
            Method::GET if ["list-type=2", "comp=list", "uploads", "versions"].into_iter().any(has) || has_upload => {
                &self.list
            }
            Method::GET => &self.get,
            Method::HEAD => &self.head,
            Method::DELETE => &self.delete,
            Method::POST if has("delete") || has("comp=batch") => &self.delete,
            Method::PUT if request.headers().contains_key("x-amz-copy-source") => &self.copy,
            _ => &self.put,
        }
    }

    fn hear(&self, response: &HttpResponse, teller: Teller, sent: Instant) {
        let date = response.headers().get(header::DATE).and_then(|date| date.to_str().ok());
        if let Some(time) = date.and_then(Timestamp::parse_http) {
            let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
            clock.hear(teller, time, sent, Instant::now());
        }
    }

    /// Only answers to reads count: some stores number what is written, and keep no versions.
    fn hear_read(&self, response: &HttpResponse) {
        if VERSION_HEADERS.iter().any(|name| response.headers().contains_key(*name)) {
            self.said.lock().unwrap_or_else(PoisonError::into_inner).versions = true;
        }
    }
}

/// Travels with a listing request, and brings its page back.
#[derive(Debug, Clone)]
pub struct PageSink {
    dialect: Dialect,
    page: Arc<Mutex<Option<Page>>>,
}

impl PageSink {
    /// For one listing request.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, page: Arc::default() }
    }

    /// The page, if it came.
    #[must_use]
    pub fn take(&self) -> Option<Page> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Where the raw answer to a bulk delete is put.
pub type AnswerSink = Arc<Mutex<Option<Bytes>>>;

tokio::task_local! {
    /// Set around one bulk delete: its raw answer is put here. On S3 `object_store` gets one that says nothing; on Azure it
    /// gets the same.
    pub static ANSWER: AnswerSink;
}

/// What all clients of one store share: its counters, and its pace.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    pub(super) counters: Arc<Counters>,
    pace: Arc<Pace>,
    /// Where pages are read.
    bodies: Arc<Bodies>,
}

impl Wire {
    pub(super) fn new(limits: Limits) -> Self {
        Self { counters: Arc::default(), pace: Arc::new(Pace::new(limits)), bodies: Arc::default() }
    }

    /// What makes clients that count, and that send at the store's pace.
    pub(super) fn transport(&self, patience: Patience) -> Transport {
        Transport { wire: self.clone(), patience }
    }
}

/// Makes HTTP clients that count, and that send at the store's pace.
#[derive(Debug)]
pub(super) struct Transport {
    wire: Wire,
    patience: Patience,
}

impl HttpConnector for Transport {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let (inner, lister) =
            (ReqwestConnector::default().connect(options)?, ReqwestConnector::default().connect(options)?);
        Ok(HttpClient::new(Counting { inner, lister, wire: self.wire.clone(), patience: self.patience }))
    }
}

#[derive(Debug)]
struct Counting {
    inner: HttpClient,
    /// Asks for listings. A connection keeps a place for as much as came at once: four hundred thousand bytes where pages
    /// of a listing do. So these have a few connections of their own, and not now and then each of a hundred.
    lister: HttpClient,
    wire: Wire,
    patience: Patience,
}

#[async_trait]
impl HttpService for Counting {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let counters = &self.wire.counters;
        let sink = request.extensions().get::<PageSink>().cloned();
        let client = if sink.is_some() { &self.lister } else { &self.inner };
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let is_post = *request.method() == Method::POST;
        let waiting = is_post.then(|| ANSWER.try_with(Arc::clone).ok()).flatten();
        let counter = counters.counter(&request);
        // An answer to a delete may say of single keys that they came too fast, whoever has asked.
        let is_delete = is_post && std::ptr::eq(counter, &raw const counters.delete);
        let of_s3 = waiting.is_some() && request.uri().query() == Some("delete");
        let answer = waiting.or_else(|| is_delete.then(AnswerSink::default));
        let sent = Mutex::new(Instant::now());
        let teller = Teller { host: request.uri().authority().cloned(), is_storage: sink.is_some() };
        let begin = || {
            counter.fetch_add(1, Ordering::Relaxed);
            *sent.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        };
        let response = self.wire.pace.send(client, request, self.patience, begin).await?;
        let sent = *sent.lock().unwrap_or_else(PoisonError::into_inner);
        counters.hear(&response, teller, sent);
        if !response.status().is_success() {
            return Ok(response);
        }
        if is_read {
            counters.hear_read(&response);
        }
        if let Some(sink) = sink {
            return take_page(response, &sink, &self.wire.bodies).await;
        }
        if let Some(answer) = answer {
            let response = take_answer(response, &answer, of_s3).await;
            let heard = answer.lock().unwrap_or_else(PoisonError::into_inner);
            if heard.as_ref().is_some_and(|body| says_slow_down(body)) {
                self.wire.pace.slow_down();
            }
            return response;
        }
        Ok(response)
    }
}

/// Whether a batch was refused in part, as the store could not keep up.
fn says_slow_down(body: &[u8]) -> bool {
    const CODE: &[u8] = b"<Code>SlowDown</Code>";
    body.windows(CODE.len()).any(|part| part == CODE)
}

/// A listing that breaks off or cannot be understood is asked for again: reading is safe to repeat.
async fn take_page(response: HttpResponse, sink: &PageSink, bodies: &Bodies) -> Result<HttpResponse, HttpError> {
    let (parts, body) = response.into_parts();
    let page = bodies.read(body, |body| page::parse(body, sink.dialect)).await;
    let page = page.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error))?;
    let page = page.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error))?;
    *sink.page.lock().unwrap_or_else(PoisonError::into_inner) = Some(page);
    let empty = match sink.dialect {
        Dialect::S3 => "<ListBucketResult></ListBucketResult>",
        Dialect::Azure => "<EnumerationResults><Blobs></Blobs></EnumerationResults>",
    };
    Ok(HttpResponse::from_parts(parts, Bytes::from_static(empty.as_bytes()).into()))
}

async fn take_answer(response: HttpResponse, sink: &AnswerSink, of_s3: bool) -> Result<HttpResponse, HttpError> {
    let (parts, body) = response.into_parts();
    let body = body.bytes().await?;
    *sink.lock().unwrap_or_else(PoisonError::into_inner) = Some(body.clone());
    let nothing = Bytes::from_static(b"<DeleteResult><Deleted><Key>-</Key></Deleted></DeleteResult>");
    Ok(HttpResponse::from_parts(parts, if of_s3 { nothing } else { body }.into()))
}

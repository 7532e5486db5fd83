//! Serves a computed registry as a bucket of S3, to readers only.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::sync::oneshot;

use super::keys::Computed;
use super::pages::{Question, page};
use crate::lab::bucket::http_date;

/// The bucket's name.
pub const BUCKET: &str = "computed";

/// What was asked for so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Served {
    /// Pages.
    pub list: u64,
    /// Objects, of any method.
    pub get: u64,
    /// Links among the objects.
    pub links: u64,
    /// Whatever changes something: none of it is obeyed.
    pub writes: u64,
    /// Anything else.
    pub other: u64,
}

#[derive(Debug, Default)]
struct Counters {
    list: AtomicU64,
    get: AtomicU64,
    links: AtomicU64,
    writes: AtomicU64,
    other: AtomicU64,
    /// Milliseconds before each answer.
    latency: AtomicU64,
}

/// It ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    computed: Arc<Computed>,
    counters: Arc<Counters>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Begins to serve.
    pub fn start(computed: Computed) -> Self {
        let (computed, counters) = (Arc::new(computed), Arc::<Counters>::default());
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shared = (Arc::clone(&computed), Arc::clone(&counters));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, shared) => (),
                    _ = stopped => (),
                }
            });
        });
        Self { computed, counters, address, stop: Some(stop), thread: Some(thread) }
    }

    /// The endpoint, without the bucket.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it serves.
    pub fn computed(&self) -> &Computed {
        &self.computed
    }

    /// Waits so long before each answer.
    pub fn latency(&self, latency: Duration) {
        self.counters.latency.store(latency.as_millis() as u64, Ordering::Relaxed);
    }

    /// What was asked for since it was last asked.
    pub fn take_counts(&self) -> Served {
        let of = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        let Counters { list, get, links, writes, other, .. } = &*self.counters;
        Served { list: of(list), get: of(get), links: of(links), writes: of(writes), other: of(other) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, (computed, counters): (Arc<Computed>, Arc<Counters>)) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let (computed, counters) = (Arc::clone(&computed), Arc::clone(&counters));
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let (computed, counters) = (Arc::clone(&computed), Arc::clone(&counters));
                async move { Ok::<_, Infallible>(answer(&computed, &counters, &request).await) }
            });
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(computed: &Computed, counters: &Counters, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let latency = counters.latency.load(Ordering::Relaxed);
    if latency > 0 {
        tokio::time::sleep(Duration::from_millis(latency)).await;
    }
    let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
    let path = percent_decode_str(request.uri().path()).decode_utf8_lossy();
    let key = path.trim_start_matches('/').strip_prefix(BUCKET).map_or("", |key| key.trim_start_matches('/'));
    let reading = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reading {
        count(&counters.writes);
        return refusal(403, "AccessDenied");
    }
    if !key.is_empty() {
        count(if *request.method() == Method::HEAD { &counters.other } else { &counters.get });
        if key.ends_with("/link") {
            count(&counters.links);
        }
        return object(computed, key, *request.method() == Method::HEAD);
    }
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
    let of = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if of("list-type") != Some("2") {
        count(&counters.other);
        let is_versioning = of("versioning").is_some();
        return if is_versioning {
            xml(200, "<VersioningConfiguration/>".into())
        } else {
            refusal(501, "NotImplemented")
        };
    }
    count(&counters.list);
    let question = Question {
        prefix: of("prefix").unwrap_or_default(),
        delimiter: of("delimiter").filter(|delimiter| !delimiter.is_empty()),
        after: of("continuation-token").or(of("start-after")).unwrap_or_default(),
        limit: of("max-keys").and_then(|number| number.parse().ok()).unwrap_or(1000).clamp(1, 1000),
    };
    xml(200, page(computed, BUCKET, &question))
}

fn object(computed: &Computed, key: &str, head: bool) -> Response<Full<Bytes>> {
    let Some(content) = computed.content(key) else { return refusal(404, "NoSuchKey") };
    let response = response(200)
        .header("content-length", content.len())
        .header("last-modified", http_date(SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365 * 40)))
        .header("etag", "\"00000000000000000000000000000000\"");
    response.body(Full::from(if head { Vec::new() } else { content })).unwrap()
}

fn response(status: u16) -> hyper::http::response::Builder {
    Response::builder().status(status).header("date", http_date(SystemTime::now())).header("server", "AmazonS3")
}

fn xml(status: u16, body: String) -> Response<Full<Bytes>> {
    response(status).header("content-type", "application/xml").body(Full::from(body)).unwrap()
}

fn refusal(status: u16, code: &str) -> Response<Full<Bytes>> {
    xml(status, format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>"))
}

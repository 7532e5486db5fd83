//! The HTTP server, and the operations on single objects' way through it.

use std::convert::Infallible;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;
use tokio::time::Sleep;

use super::counts::Call;
use super::fault::Action;
use super::object::EtagStyle;
use super::object::http_date;
use super::request::Request;
use super::store::Store;
use super::{Dialect, Kind, azure, single, xml};

/// A simulated bucket; it ends when it is dropped. Everything else about it is in [`Store`].
#[derive(Debug)]
pub struct Bucket {
    store: Arc<Store>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Deref for Bucket {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Bucket {
    /// An empty bucket of that name that speaks S3.
    pub fn s3(name: &str) -> Self {
        Self::start(Store::new(name, Dialect::S3))
    }

    /// An empty bucket of that name that speaks the XML API of GCS.
    pub fn gcs(name: &str) -> Self {
        Self::start(Store::new(name, Dialect::Gcs))
    }

    /// An empty container of that name that speaks Azure Blob Storage.
    pub fn azure(name: &str) -> Self {
        let store = Store::new(name, Dialect::Azure);
        store.etag_style(EtagStyle::Azure);
        Self::start(store)
    }

    /// The endpoint, without the bucket: `http://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until everything that was sent so far is answered and every client is gone: what a killed process still sent
    /// was obeyed by then, or cut by the rules.
    pub fn drain(&self) {
        // Connections are taken in order: when this one is answered or cut, all earlier ones were taken.
        let mut stream = std::net::TcpStream::connect(self.address).unwrap();
        stream.write_all(b"HEAD / HTTP/1.1\r\nHost: drain\r\nConnection: close\r\n\r\n").unwrap();
        let _ = stream.read(&mut [0; 1024]);
        drop(stream);
        while self.store.state().connections > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn start(store: Store) -> Self {
        let store = Arc::new(store);
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&store);
        // A thread of its own: the bucket also serves tests without a runtime, and binaries they start.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, served) => (),
                    _ = stopped => (),
                }
            });
        });
        Self { store, address, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, store: Arc<Store>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let store = Arc::clone(&store);
        store.state().connections += 1;
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let store = Arc::clone(&store);
                async move { handle(&store, request).await }
            });
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            store.state().connections -= 1;
        });
    }
}

/// Counts a request as in flight until it is answered.
struct InFlight<'a>(&'a Store);

impl<'a> InFlight<'a> {
    fn enter(store: &'a Store) -> Self {
        let mut state = store.state();
        state.in_flight += 1;
        state.counts.peak_in_flight = state.counts.peak_in_flight.max(state.in_flight);
        Self(store)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.state().in_flight -= 1;
    }
}

async fn handle(store: &Store, request: hyper::Request<Incoming>) -> io::Result<hyper::Response<Payload>> {
    let _in_flight = InFlight::enter(store);
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let request = Request::read(store.dialect, parts, body);
    let (verdict, entry) = {
        let mut state = store.state();
        state.counts.add(request.kind, request.keys.len());
        state.log.push(Call {
            method: request.method.to_string(),
            kind: request.kind,
            key: request.key.clone(),
            keys: request.keys.clone(),
            versions: request.versions.clone(),
            query: request.query.clone(),
            authorization: request.header("authorization").unwrap_or_default().to_owned(),
            session: request.header("x-amz-security-token").unwrap_or_default().to_owned(),
            status: 0,
        });
        (state.judge(&request), state.log.len() - 1)
    };

    if !verdict.latency.is_zero() {
        tokio::time::sleep(verdict.latency).await;
    }
    for action in &verdict.before {
        match action {
            Action::Hold(gate) => drop(gate.acquire().await),
            Action::Call(function) => function(store),
            _ => unreachable!("only these come before a request"),
        }
    }
    let reply = match &verdict.action {
        Some(Action::CutBefore) => return Err(io::Error::other("cut before obeying")),
        Some(Action::Refuse { status, code }) => Reply::error(*status, code, super::batch::message(code)),
        _ => single::obey(store, &request, &verdict),
    };
    for action in &verdict.after {
        let Action::CallAfter(function) = action else { unreachable!("only these come after a request") };
        function(store);
    }
    if let Some(Action::CutAfter) = verdict.action {
        return Err(io::Error::other("cut after obeying"));
    }
    if let Some(call) = store.state().log.get_mut(entry) {
        call.status = reply.status;
    }
    Ok(reply.into_response(store, &request, verdict.action.as_ref()))
}

/// An answer, before it becomes HTTP.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    /// The S3 code and message, made into XML when the request is known.
    error: Option<(String, String)>,
}

impl Reply {
    pub(super) fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), error: None }
    }

    pub(super) fn xml(status: u16, body: String) -> Self {
        Self::new(status, body).header("content-type", "application/xml")
    }

    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        let mut reply = Self::new(status, Bytes::new()).header("content-type", "application/xml");
        reply.error = Some((code.to_owned(), message.to_owned()));
        reply
    }

    pub(super) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    fn into_response(mut self, store: &Store, request: &Request, action: Option<&Action>) -> hyper::Response<Payload> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = format!("LAB{:013}", NEXT.fetch_add(1, Ordering::Relaxed));
        if let Some((code, message)) = &self.error {
            let code = if store.dialect == Dialect::Azure { azure::code(code) } else { code };
            if store.dialect == Dialect::Azure {
                self.headers.push(("x-ms-error-code".to_owned(), code.to_owned()));
            }
            self.body = xml::error(code, message, &format!("/{}/{}", request.bucket, request.key), &id).into();
        }
        if matches!(action, Some(Action::TruncatedPage)) {
            self.body = self.body.slice(..self.body.len() / 2);
        }
        let mut response = hyper::Response::builder().status(self.status).header("date", http_date(store.now()));
        response = match store.dialect {
            Dialect::S3 => {
                response.header("x-amz-request-id", id).header("x-amz-id-2", "lab").header("server", "AmazonS3")
            }
            Dialect::Azure => response.header("x-ms-request-id", id).header("x-ms-version", "2023-11-03"),
            Dialect::Gcs => response.header("x-guploader-uploadid", id).header("server", "UploadServer"),
        };
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        let bodiless = request.kind == Kind::Head || matches!(self.status, 204 | 304);
        if self.status != 204 && !self.headers.iter().any(|(name, _)| name == "content-length") {
            response = response.header("content-length", self.body.len());
        }
        let cut = matches!(action, Some(Action::CutBody));
        let kept = if cut { self.body.len() / 2 } else { self.body.len() };
        let data = if bodiless { Bytes::new() } else { self.body.slice(..kept) };
        response.body(Payload { data, cut: cut.then(|| Box::pin(tokio::time::sleep(CUT_AFTER))) }).unwrap()
    }
}

/// How long the first half of a cut body has to get out.
const CUT_AFTER: Duration = Duration::from_millis(20);

/// A body that can break off.
struct Payload {
    data: Bytes,
    cut: Option<Pin<Box<Sleep>>>,
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if !self.data.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.data)))));
        }
        match &mut self.cut {
            None => Poll::Ready(None),
            Some(sleep) => sleep.as_mut().poll(cx).map(|()| Some(Err(io::Error::other("cut in the body")))),
        }
    }
}

//! Servers as child processes that never outlive the test.
//!
//! Three things end a server: its [`Process`] is dropped (also while a panic unwinds), the thread that owns it ends, or
//! the kernel sends it SIGKILL because the test process is gone (`setpriv --pdeathsig`).

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use object_store::ClientOptions;
use object_store::client::{HttpConnector, HttpRequest, ReqwestConnector};

/// How long a server may take until it answers: generous, because the machine may be busy.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// A running server; dropping it kills the server and waits for its end.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: u32,
    log: PathBuf,
    ended: Arc<AtomicBool>,
    stop: Option<Sender<()>>,
    owner: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts `program` in the directory of `log`, the file that takes what it says. `AWS_CA_BUNDLE` is not handed on:
    /// docker-registry panics on it.
    pub fn start(name: &str, program: &Path, args: &[OsString], log: &Path) -> Result<Self> {
        let mut command = Command::new(find("setpriv", "util-linux (apt-get install util-linux)")?);
        command.args(["--pdeathsig", "KILL"]).arg(program).args(args).env_remove("AWS_CA_BUNDLE");
        let said =
            File::options().create(true).append(true).open(log).with_context(|| format!("open {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        command.current_dir(log.parent().context("the log file has no directory")?);
        let ended = Arc::new(AtomicBool::new(false));
        let (stop, stopped) = channel();
        let (tell, told) = channel();
        // The kernel's death signal follows the *thread* that started the child, so one thread stays with it.
        let flag = Arc::clone(&ended);
        let owner = spawn(move || match command.spawn() {
            Ok(child) => {
                let _ = tell.send(Ok(child.id()));
                keep(child, &stopped, &flag);
            }
            Err(error) => {
                let _ = tell.send(Err(error));
            }
        });
        let told = told.recv().context("the thread that starts the server is gone")?;
        let pid = told.with_context(|| format!("start {name}"))?;
        Ok(Self { name: name.to_owned(), pid, log: log.to_owned(), ended, stop: Some(stop), owner: Some(owner) })
    }

    /// Waits until the server answers HTTP on `port`, with whatever status.
    pub fn wait_until_it_answers(&self, port: u16, path: &str) -> Result<()> {
        self.wait_until(|| request(port, "GET", path, &[])).map(drop)
    }

    /// Waits until the server gives the answer that `ask` asks for.
    pub fn wait_until<T>(&self, ask: impl Fn() -> Result<T>) -> Result<T> {
        let start = Instant::now();
        loop {
            let answer = ask();
            // Looked at after the request: were the server dead, somebody else would have answered.
            if self.ended.load(Ordering::SeqCst) {
                bail!("{} ended instead of serving; it said:\n{}", self.name, self.said());
            }
            match answer {
                Ok(answer) => return Ok(answer),
                Err(error) if start.elapsed() > READY_WITHIN => {
                    return Err(error.context(format!("{} does not answer; it said:\n{}", self.name, self.said())));
                }
                Err(_) => sleep(Duration::from_millis(20)),
            }
        }
    }

    /// The number of the process. `setpriv` became the server, so it is the server's.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What the server has written so far.
    pub fn said(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(owner) = self.owner.take() {
            let _ = owner.join();
        }
    }
}

/// Stays with the child until it is told to end it.
fn keep(mut child: Child, stopped: &Receiver<()>, ended: &AtomicBool) {
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(Duration::from_millis(10)) {
        if matches!(child.try_wait(), Ok(Some(_))) {
            ended.store(true, Ordering::SeqCst);
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    ended.store(true, Ordering::SeqCst);
}

/// Starts a server on a free port; should another program snatch the port in between, tries others.
pub fn on_a_free_port<T>(mut start: impl FnMut(u16) -> Result<T>) -> Result<T> {
    let mut last = anyhow!("never tried");
    for _ in 0..4 {
        match start(free_port()?) {
            Ok(server) => return Ok(server),
            Err(error) if format!("{error:#}").to_lowercase().contains("in use") => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The path of a program the tests cannot do without. `install` says how to get it.
pub fn find(program: &str, install: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| anyhow!("`{program}` is not in PATH: install {install}, or run scripts/test, which does"))
}

/// Runs a program to its end; anything but success is an error that shows what it said.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("run {command:?}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{command:?} ended with {}:\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(text)
}

/// One plain HTTP request to 127.0.0.1 without a body: its status. For setting servers up.
pub fn request(port: u16, method: &str, path: &str, headers: &[(String, String)]) -> Result<u16> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        let _ = write!(text, "Host: {address}\r\n");
    }
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    if !method.eq_ignore_ascii_case("GET") {
        text += "Content-Length: 0\r\n";
    }
    stream.write_all((text + "\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
    status
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| anyhow!("no HTTP answer to {method} {path}: {answer:?}"))
}

/// One HTTP request with a body: its status, and what was answered.
pub async fn send(request: HttpRequest) -> Result<(u16, String)> {
    let client = ReqwestConnector::default().connect(&ClientOptions::new().with_allow_http(true))?;
    let response = client.execute(request).await?;
    let status = response.status().as_u16();
    Ok((status, String::from_utf8_lossy(&response.into_body().bytes().await?).into_owned()))
}

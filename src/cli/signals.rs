//! SIGINT, SIGTERM, SIGHUP: the first lets the batches in flight finish, the second ends at once.

use super::exit;
use crate::run::Stop;
use std::io::Write;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for as long as the process lives.
pub fn listen(stop: &Arc<Stop>) {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let signals: Vec<Signal> = kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect();
    for signal in signals {
        tokio::spawn(obey(signal, Arc::clone(stop)));
    }
}

async fn obey(mut signal: Signal, stop: Arc<Stop>) {
    while signal.recv().await.is_some() {
        if stop.is_requested() {
            leave("ended at once: what was on its way is unknown; run again to finish");
        }
        stop.request();
        let _ = writeln!(anstream::stderr(), "stopping: finishing what is on its way (once more to end at once)");
    }
}

#[expect(clippy::exit, reason = "a second signal asks for just that")]
fn leave(why: &str) -> ! {
    let _ = writeln!(anstream::stderr(), "{why}");
    std::process::exit(i32::from(exit::INTERRUPTED))
}

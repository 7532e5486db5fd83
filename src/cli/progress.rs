//! Progress on stderr: a live line on a terminal, else a line every half minute.

use crate::collect::plan::Stage;
use crate::event::{Event, Observer, Phase};
use bytesize::ByteSize;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Display {
    /// Not at all.
    Hidden,
    /// A live line.
    Live,
    /// A line from time to time.
    Lines,
}

impl Display {
    /// What fits this process.
    #[must_use]
    pub fn choose(hidden: bool) -> Self {
        match (hidden, std::io::stderr().is_terminal()) {
            (true, _) => Self::Hidden,
            (false, true) => Self::Live,
            (false, false) => Self::Lines,
        }
    }
}

/// Shows progress.
#[derive(Debug)]
pub struct Progress {
    display: Display,
    /// Whether each deleted blob is told, as the registry's log does.
    tells_deletes: bool,
    state: Mutex<Option<State>>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    total: Option<u64>,
    done: u64,
    bytes: u64,
    begun: Instant,
    told: Instant,
    bar: Option<ProgressBar>,
}

const INTERVAL: Duration = Duration::from_secs(30);

impl Progress {
    /// Shows progress so.
    #[must_use]
    pub fn new(display: Display, tells_deletes: bool) -> Self {
        Self { display, tells_deletes, state: Mutex::default() }
    }

    fn begin(&self, phase: Phase, total: Option<u64>) -> State {
        let bar = (self.display == Display::Live).then(|| bar(phase, total));
        State { phase, total, done: 0, bytes: 0, begun: Instant::now(), told: Instant::now(), bar }
    }
}

fn bar(phase: Phase, total: Option<u64>) -> ProgressBar {
    let template = match total {
        Some(_) if phase == Phase::Settle => "{spinner} {prefix} [{bar:20}] {human_pos} of {human_len} s",
        Some(_) => "{spinner} {prefix} [{bar:20}] {human_pos}/{human_len} {msg} ({rate}, {eta} left)",
        None => "{spinner} {prefix}: {human_pos} {msg} ({rate})",
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    let style = style.with_key("rate", |state: &ProgressState, text: &mut dyn std::fmt::Write| {
        let _ = write!(text, "{:.0}/s", state.per_sec());
    });
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new).with_style(style).with_prefix(phase.name());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

impl State {
    fn line(&self) -> String {
        if let (Phase::Settle, Some(total)) = (self.phase, self.total) {
            return format!("{}: {} of {total} s", self.phase.name(), self.done);
        }
        let seconds = self.begun.elapsed().as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = self.done as f64 / seconds;
        let mut line = format!("{}: {}", self.phase.name(), self.done);
        if let Some(total) = self.total {
            let _ = write!(line, " of {total}");
        }
        if self.bytes > 0 {
            let _ = write!(line, ", {}", ByteSize(self.bytes).display().si());
        }
        let _ = write!(line, ", {rate:.0}/s");
        if let Some(left) = self.total.map(|total| total.saturating_sub(self.done)).filter(|_| rate > 0.0) {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a guess for people, clamped"
            )]
            let left = Duration::from_secs((left as f64 / rate).clamp(0.0, 1e9).round() as u64);
            let _ = write!(line, ", {} left", humantime::format_duration(left));
        }
        line
    }
}

impl Observer for Progress {
    fn notice(&self, event: Event<'_>) {
        let mut slot = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Begin(phase, total) => {
                if self.display != Display::Hidden {
                    let state = self.begin(phase, total);
                    // A wait is the one thing that looks as if nothing went on.
                    if phase == Phase::Settle && total > Some(0) && self.display == Display::Lines {
                        let _ = writeln!(anstream::stderr(), "{}", state.line());
                    }
                    *slot = Some(state);
                }
            }
            Event::Progress(more, bytes) => {
                let Some(state) = slot.as_mut() else { return };
                state.done += more;
                state.bytes = state.bytes.saturating_add(bytes);
                if let Some(bar) = &state.bar {
                    bar.inc(more);
                    if state.bytes > 0 {
                        bar.set_message(ByteSize(state.bytes).display().si().to_string());
                    }
                } else if state.told.elapsed() >= INTERVAL {
                    state.told = Instant::now();
                    let _ = writeln!(anstream::stderr(), "{}", state.line());
                }
            }
            Event::End => {
                if let Some(State { bar: Some(bar), .. }) = slot.take() {
                    bar.finish_and_clear();
                }
            }
            Event::Deleted(deletion) => {
                if let (true, Stage::Blob, Some(digest)) = (self.tells_deletes, deletion.stage, &deletion.digest) {
                    let tell = || {
                        let _ = writeln!(anstream::stderr(), "Deleting blob: {digest}");
                    };
                    match slot.as_ref().and_then(|state| state.bar.as_ref()) {
                        Some(bar) => bar.suspend(tell),
                        None => tell(),
                    }
                }
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.notice(Event::End);
    }
}

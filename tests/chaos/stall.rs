//! A registry that stands still for a moment, now and then: what it was doing goes on as if no time had passed.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::sleep;

use crate::lab::random::Prng;

/// The longest it stands still: well below the time that a collector waits for pushes under way.
const LONGEST: usize = 800;

/// Stops a process and lets it go on; dropped, it goes on.
#[derive(Debug)]
pub struct Stall {
    pid: u32,
}

impl Stall {
    /// Of this process.
    pub fn new(pid: u32) -> Self {
        Self { pid }
    }

    /// Again and again; let go by dropping it.
    pub async fn again_and_again(self, seed: u64) -> Result<()> {
        let mut prng = Prng::new(seed);
        loop {
            sleep(Duration::from_millis(200 + prng.below(1800) as u64)).await;
            self.signal("STOP")?;
            sleep(Duration::from_millis(prng.below(LONGEST) as u64)).await;
            self.signal("CONT")?;
        }
    }

    /// For so long, and waits for it.
    pub fn once(self, long: Duration) -> Result<()> {
        self.signal("STOP")?;
        std::thread::sleep(long);
        self.signal("CONT")
    }

    fn signal(&self, signal: &str) -> Result<()> {
        let status = Command::new("kill").args(["-s", signal, &self.pid.to_string()]).stdin(Stdio::null()).status();
        ensure!(status.context("run kill")?.success(), "{} could not be sent {signal}", self.pid);
        Ok(())
    }
}

impl Drop for Stall {
    fn drop(&mut self) {
        let _ = self.signal("CONT");
    }
}

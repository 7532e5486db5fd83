//! A terminal on which somebody is asked, and may take his time.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Ran, command};

/// Runs a command with stdin and stderr on a terminal of its own, stdout on a pipe. Tells by a file that it asks, and types
/// what another file says once that is there. Prints what came on stdout; what came on the terminal goes to stderr.
const TERMINAL: &str = r"
import fcntl, os, pty, subprocess, sys, termios, threading, time
home, argv = sys.argv[1], sys.argv[2:]
master, slave = pty.openpty()
child = subprocess.Popen(argv, stdin=slave, stderr=slave, stdout=subprocess.PIPE, start_new_session=True,
                         preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
os.close(slave)
seen = b''
def out():
    sys.stdout.buffer.write(child.stdout.read())
    sys.stdout.buffer.flush()
reader = threading.Thread(target=out)
reader.start()
asked = False
while True:
    try:
        part = os.read(master, 4096)
    except OSError:
        break
    if not part:
        break
    seen += part
    if not asked and b'[y/N]' in seen:
        asked = True
        open(os.path.join(home, 'asked'), 'w').close()
        answer = os.path.join(home, 'answer')
        while not os.path.exists(answer):
            time.sleep(0.01)
        answer = open(answer).read()
        os.write(master, {'EOF': b'\x04', 'INT': b'\x03'}.get(answer, answer.encode() + b'\n'))
reader.join()
sys.stderr.buffer.write(seen)
sys.stderr.flush()
sys.exit(child.wait())
";

/// How long it may take until somebody is asked: generous, because the machine may be busy.
const ASKED_WITHIN: Duration = Duration::from_mins(3);

/// A run that asks on a terminal.
pub struct Terminal {
    child: Child,
    home: TempDir,
}

impl Terminal {
    /// Starts it.
    pub fn start(arguments: &[&str]) -> Self {
        let real = command(arguments);
        let home = TempDir::new().expect("a directory");
        let mut python = Command::new("python3");
        python.arg("-c").arg(TERMINAL).arg(home.path()).arg(real.get_program()).args(real.get_args());
        for (name, value) in real.get_envs() {
            match value {
                Some(value) => python.env(name, value),
                None => python.env_remove(name),
            };
        }
        let child = python.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Self { child: child.expect("python3 can be started"), home }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Waits for the question.
    pub fn wait_until_it_asks(&mut self) {
        let start = Instant::now();
        while !self.file("asked").exists() {
            assert_eq!(self.child.try_wait().expect("its state"), None, "it ended without a question");
            assert!(start.elapsed() < ASKED_WITHIN, "it does not ask");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Answers, as soon as it asks, and waits for the end. `EOF` and `INT` are keys.
    pub fn answer(self, answer: &str) -> Ran {
        let written = self.file("typed");
        std::fs::write(&written, answer).expect("the answer");
        std::fs::rename(written, self.file("answer")).expect("the answer");
        let output = self.child.wait_with_output().expect("it ends");
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

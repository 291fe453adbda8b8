//! `pixelgate serve --dev` as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub(crate) struct Served {
    process: Child,
    pub(crate) public: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// What it says when it starts.
    pub(crate) listing: String,
}

impl Served {
    pub(crate) fn start(data_dir: &Path) -> Self {
        Self::with(data_dir, |command| command)
    }

    /// `change` may set its environment.
    pub(crate) fn with(data_dir: &Path, change: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let any = "127.0.0.1:0";
        let mut command = Command::new(env!("CARGO_BIN_EXE_pixelgate"));
        command.args(["serve", "--dev", "--listen", any, "--admin-listen", any, "--data-dir"]).arg(data_dir);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = change(&mut command).spawn().expect("the program runs");
        let lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let mut listing = String::new();
        for line in lines {
            let line = line.expect("text");
            listing.push_str(&line);
            listing.push('\n');
            if line.starts_with(ADMIN) {
                break;
            }
        }
        let address = |start| {
            let line = listing.lines().find_map(|line| line.strip_prefix(start));
            line.expect("it says where it listens").parse().expect("an address")
        };
        let (public, admin) = (address("listening on http://"), address(ADMIN));
        Self { process, public, admin, listing }
    }

    /// As an init system does it.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        let told = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        assert!(told.expect("kill runs").success());
        self.process.wait().expect("it ends").code()
    }
}

const ADMIN: &str = "admin on http://";

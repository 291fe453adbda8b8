//! Where opt-outs are recorded: in the data directory of a server that does not run, or by one that does.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::named;
use crate::app::{self, Environment};
use crate::cli::CliError;
use crate::cli::fetch::{Reply, fetch};
use crate::domain::opt_out::Subject;

#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(group = clap::ArgGroup::new("place").required(true).args(["data_dir", "admin"]))]
pub(super) struct Place {
    /// The data directory, while no server is running on it.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The admin listener of a running server, on this machine or behind a tunnel.
    #[arg(long, value_name = "ADDRESS:PORT", requires = "token_file")]
    admin: Option<SocketAddr>,
    /// A file that holds the admin token and nothing else.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Place {
    /// Returns once all of `subjects` are on the disk, and tells `progress` how many are on the way there.
    pub(super) fn record(
        &self,
        subjects: impl Iterator<Item = Subject>,
        progress: impl Fn(u64),
    ) -> Result<u64, CliError> {
        match (&self.data_dir, self.admin, &self.token_file) {
            (Some(data_dir), ..) => Ok(app::opt_out(data_dir, Environment::system(), subjects, progress)?),
            (None, Some(admin), Some(token)) => post(admin, &read_token(token)?, subjects, progress),
            _ => Err(CliError::Usage("say --data-dir, or --admin with --token-file".to_owned())),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a token is not in the data directory")]
fn read_token(path: &Path) -> Result<String, CliError> {
    let token = std::fs::read_to_string(path);
    let token = token.map_err(|error| CliError::Usage(format!("{}: {error}", path.display())))?;
    let token = token.trim();
    if token.is_empty() || token.contains(char::is_control) {
        return Err(CliError::Usage(format!("{} does not hold one line with a token", path.display())));
    }
    Ok(token.to_owned())
}

/// Sends one list after the other. The server limits how often, and says how long to wait.
fn post(
    admin: SocketAddr,
    token: &str,
    subjects: impl Iterator<Item = Subject>,
    progress: impl Fn(u64),
) -> Result<u64, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(app::AppError::Runtime)?;
    let (mut recorded, mut lines, mut count) = (0, String::new(), 0);
    let mut subjects = subjects.peekable();
    while let Some(subject) = subjects.next() {
        lines.push_str(&named(subject).to_string());
        lines.push('\n');
        count += 1;
        if count == LINES_MAX || subjects.peek().is_none() {
            runtime.block_on(post_list(admin, token, &lines))?;
            recorded += count;
            progress(recorded);
            lines.clear();
            count = 0;
        }
    }
    Ok(recorded)
}

async fn post_list(admin: SocketAddr, token: &str, lines: &str) -> Result<(), CliError> {
    let request = format!(
        "POST /admin/optouts HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n{lines}",
        lines.len()
    );
    for _ in 0..ATTEMPTS {
        let answer = fetch(admin, &request).await;
        let answer =
            answer.map_err(|error| CliError::Negative(format!("no answer from {admin}: {error}")))?;
        match answer {
            Reply { status: 200, .. } => return Ok(()),
            Reply { status: 429 | 503, retry_after, .. } => {
                tokio::time::sleep(Duration::from_secs(retry_after.unwrap_or(1).clamp(1, 60))).await;
            }
            Reply { status, body, .. } => {
                let said = String::from_utf8_lossy(&body).trim().to_owned();
                return Err(CliError::Negative(format!("{admin} answers {status}: {said}")));
            }
        }
    }
    Err(CliError::Negative(format!(
        "{admin} takes no more; what it took before is kept, so do it again later"
    )))
}

/// At 130 bytes each these are well below what a request may hold.
const LINES_MAX: u64 = 20_000;
const ATTEMPTS: u32 = 60;

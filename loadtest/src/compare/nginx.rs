//! nginx doing the nearest thing to a pixel and to a cookie match that it can: a GIF or a redirect, an id cookie, an
//! access log.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::client::hit::{MATCH_PATH, PATH};
use crate::client::reply::ID_COOKIE;
use crate::process::Process;
use crate::target::Target;

/// Starts nginx with one worker on `core`, its files in `directory`.
pub(super) fn start(program: &Path, directory: &Path, core: usize) -> Result<(Process, Target)> {
    let port = free_port()?;
    let config = directory.join("nginx.conf");
    std::fs::write(&config, configuration(directory, port))
        .context("could not write nginx's configuration")?;
    let mut command = Command::new(program);
    command.arg("-p").arg(directory).arg("-c").arg(&config);
    let mut process = Process::start(command, Some(core))?;
    let target = Target::try_from(std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    let deadline = Instant::now() + START_MAX;
    while TcpStream::connect(target.address()).is_err() {
        if process.ended().is_some() || Instant::now() > deadline {
            bail!("nginx did not start; it printed:\n{}", process.tail());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok((process, target))
}

/// nginx can't choose a port itself. Another program may take it in between; then the start fails.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}

fn configuration(directory: &Path, port: u16) -> String {
    let directory = directory.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("    {name}_temp_path {directory}/{name};\n"))
        .concat();
    format!(
        "daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 18000; }}
http {{
    access_log {directory}/access.log combined buffer=64k flush=1s;
    keepalive_timeout 3600s;
    keepalive_requests 4000000000;
{temporary}    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = {PATH} {{
            userid on;
            userid_name {ID_COOKIE};
            userid_expires 90d;
            empty_gif;
        }}
        location = {MATCH_PATH} {{
            userid on;
            userid_name {ID_COOKIE};
            userid_expires 90d;
            return 302 http://partner.localhost:9111/sync?puid=$uid_got;
        }}
    }}
}}
"
    )
}

const START_MAX: Duration = Duration::from_secs(10);

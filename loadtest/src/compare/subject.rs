//! What is compared.

use anyhow::{Context, Result};
use serde::Serialize;

use super::{Setting, nginx};
use crate::client::hit::What;
use crate::process::Process;
use crate::process::pixelgate::{Mode, Start};
use crate::target::Target;

/// One server with one kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subject {
    /// This server, page views with a returning signed cookie: class `os`.
    PageViews,
    /// This server, conversions with a returning signed cookie: class `disk`.
    Conversions,
    /// nginx with `empty_gif`, `userid` and a buffered access log.
    Nginx,
    /// This server, redirects to a partner of a returning browser.
    Redirects,
    /// nginx with `return 302`, `userid` and a buffered access log.
    NginxRedirects,
    /// hyper answering the same GIF and doing nothing else.
    Hyper,
}

impl Subject {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PageViews => "pixelgate, page views (os)",
            Self::Conversions => "pixelgate, conversions (disk)",
            Self::Nginx => "nginx",
            Self::Redirects => "pixelgate, match redirects",
            Self::NginxRedirects => "nginx, redirects",
            Self::Hyper => "bare hyper",
        }
    }

    pub(crate) const fn is_pixelgate(self) -> bool {
        matches!(self, Self::PageViews | Self::Conversions | Self::Redirects)
    }

    pub(super) const fn what(self) -> What {
        match self {
            Self::Conversions => What::Conversion,
            Self::Redirects | Self::NginxRedirects => What::Match,
            Self::PageViews | Self::Nginx | Self::Hyper => What::PageView,
        }
    }

    /// The status of every good answer.
    pub(super) const fn status(self) -> u16 {
        match self {
            Self::Redirects | Self::NginxRedirects => 302,
            Self::PageViews | Self::Conversions | Self::Nginx | Self::Hyper => 200,
        }
    }

    /// The one whose CPU time its own is divided by.
    pub(super) const fn peer(self) -> Self {
        match self {
            Self::Redirects | Self::NginxRedirects => Self::NginxRedirects,
            Self::PageViews | Self::Conversions | Self::Nginx | Self::Hyper => Self::Nginx,
        }
    }

    /// The class that every answer must acknowledge.
    pub(super) const fn class(self) -> Option<&'static str> {
        match self {
            Self::PageViews => Some("os"),
            Self::Conversions => Some("disk"),
            Self::Redirects | Self::NginxRedirects | Self::Nginx | Self::Hyper => None,
        }
    }

    /// Starts the server on its core with an empty data directory.
    pub(super) fn start(self, setting: &Setting) -> Result<Running> {
        let directory =
            tempfile::tempdir_in(setting.scratch.path()).context("could not make a data directory")?;
        let core = setting.server_core;
        let (process, target) = match self {
            Self::PageViews | Self::Conversions | Self::Redirects => {
                let program = setting.server.as_deref().context("there is no server to compare")?;
                let start = Start::new(program, directory.path());
                let (core, extra) = (Some(core), &*setting.server_args);
                let server = Start { core, extra, mode: Mode::Production, ..start }.start()?;
                (server.process, server.target)
            }
            Self::Nginx | Self::NginxRedirects => nginx::start(&setting.nginx, directory.path(), core)?,
            Self::Hyper => start_bare_hyper(core)?,
        };
        Ok(Running { process, target, _directory: directory })
    }
}

/// A server that runs until this is dropped; then its data goes too.
#[derive(Debug)]
pub(super) struct Running {
    // Before the directory: fields are dropped in order, and the server still writes there.
    pub(super) process: Process,
    pub(super) target: Target,
    _directory: tempfile::TempDir,
}

fn start_bare_hyper(core: usize) -> Result<(Process, Target)> {
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command.arg("bare-hyper");
    let mut process = Process::start(command, Some(core))?;
    let target = process.wait_for(std::time::Duration::from_secs(10), |line| {
        line.strip_prefix("listening on ").and_then(|origin| origin.parse().ok())
    })?;
    Ok((process, target))
}

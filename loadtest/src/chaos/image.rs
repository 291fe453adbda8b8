//! File systems of our own, to be cut off or filled up.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// A mounted file system. Unmounted when dropped.
#[derive(Debug)]
pub(super) struct Mount {
    at: PathBuf,
}

impl Mount {
    /// An ext4 image at `image`, through a loop device.
    pub(super) fn image(image: &Path, at: &Path) -> Result<Self> {
        command("mount", &["-o".as_ref(), "loop".as_ref(), image, at])?;
        Ok(Self { at: at.to_owned() })
    }

    pub(super) fn tmpfs(bytes: u64, at: &Path) -> Result<Self> {
        let size = format!("size={bytes}");
        command(
            "mount",
            &["-t".as_ref(), "tmpfs".as_ref(), "-o".as_ref(), size.as_ref(), "none".as_ref(), at],
        )?;
        Ok(Self { at: at.to_owned() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.at
    }

    /// Cuts the power: nothing more reaches the image, not even the journal that is only in memory.
    ///
    /// On another thread, so that requests keep coming until the very moment.
    pub(super) async fn cut_power(&self) -> Result<()> {
        let at = self.at.clone();
        let cut = move || command("python3", &["-c".as_ref(), SHUT_DOWN.as_ref(), &at]);
        tokio::task::spawn_blocking(cut).await.context("the cutting thread panicked")?
    }

    /// Takes the file system away. Nothing may be open in it.
    pub(super) fn unmount(self) -> Result<()> {
        let unmounted = command("umount", &[&self.at]);
        if unmounted.is_ok() {
            // Dropping would try again.
            std::mem::forget(self);
        }
        unmounted
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: something may be open after an error, and the mount must not stay.
        let _ = command("umount", &["-l".as_ref(), &self.at]);
    }
}

/// Makes an empty ext4 image of `bytes`.
pub(super) fn make_image(image: &Path, bytes: u64) -> Result<()> {
    let file = std::fs::File::create(image).context("could not create the image")?;
    file.set_len(bytes)?;
    command("mkfs.ext4", &["-q".as_ref(), "-F".as_ref(), image])
}

fn command(program: &str, args: &[&Path]) -> Result<()> {
    let output =
        Command::new(program).args(args).output().with_context(|| format!("could not start {program}"))?;
    if !output.status.success() {
        bail!("{program} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`. From another program, because the call needs `unsafe` in Rust.
const SHUT_DOWN: &str = "\
import fcntl, os, struct, sys
directory = os.open(sys.argv[1], os.O_RDONLY)
fcntl.ioctl(directory, 0x8004587D, struct.pack('I', 2))
";

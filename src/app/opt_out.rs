//! Records opt-outs in a data directory that no server is running on.

use std::path::Path;

use super::{AppError, Environment};
use crate::domain::opt_out::{Choice, Subject};
use crate::service::opt_out::OptOutService;
use crate::storage::log::Log;
use crate::storage::options::LogOptions;

/// Returns how many there were, once all of them are on the disk. Tells `progress` on the way.
pub fn opt_out(
    data_dir: &Path,
    environment: Environment,
    subjects: impl Iterator<Item = Subject>,
    progress: impl Fn(u64),
) -> Result<u64, AppError> {
    let Environment { clock, rng, disk } = environment;
    let (log, _) = Log::open(data_dir, LogOptions::default(), disk, clock.clone(), rng)?;
    let (appender, batcher) = log.appender(tokio::task::yield_now);
    let service = OptOutService { log: appender, clock };
    let mut count = 0;
    let subjects = subjects.inspect(|_| {
        count += 1;
        progress(count);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(AppError::Runtime)?;
    let recorded = runtime.block_on(async {
        tokio::select! {
            recorded = service.choose(subjects, Choice::Out) => Some(recorded),
            () = batcher => None,
        }
    });
    let failed = |why: String| AppError::Part(format!("not all are opted out: {why}"));
    let recorded = recorded.ok_or_else(|| failed("the log has closed".to_owned()))?;
    let recorded = recorded.map_err(|error| failed(error.to_string()))?;
    log.close()?;
    Ok(recorded.ids)
}

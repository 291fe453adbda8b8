//! What the fuzz targets share.

pub mod genuine;
pub mod memory_disk;

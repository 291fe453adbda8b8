//! Pixelgate.

pub mod app;
pub mod cli;
pub mod config;
pub mod consent;
pub mod domain;
pub mod http;
pub mod service;
pub mod storage;
pub mod telemetry;

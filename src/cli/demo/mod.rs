//! `pixelgate demo`: the server in development mode, with pages to try it on.

mod fetch;
mod hits;
mod pages;
mod places;
mod rows;

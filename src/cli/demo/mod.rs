//! `pixelgate demo`: the server in development mode, with pages to try it on.

mod fetch;
mod hits;
mod live;
mod news;
mod pages;
mod places;
mod rows;
mod shop;

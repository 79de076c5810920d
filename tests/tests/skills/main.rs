//! Skills as users and strangers meet them: all kinds, installed, granted, called, crashed, updated, removed, over the
//! real bus and command line with real children.

mod app;
mod apps;
mod asking;
mod by_model;
mod calendar;
mod crashing;
mod events;
mod installing;
mod kinds;
mod media;
mod outside;
mod project;
mod routed;
mod stranger;
mod system;
mod talking;
mod text;
mod web;

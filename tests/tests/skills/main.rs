//! Skills as users and strangers meet them: all kinds, installed, granted, called, crashed, updated, removed, over the
//! real bus and command line with real children.

mod app;
mod asking;
mod crashing;
mod events;
mod installing;
mod kinds;
mod outside;
mod project;
mod stranger;

//! skills/clock

//! The registry's configuration.

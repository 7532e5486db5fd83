//! How fast a store is asked: as fast as it permits, and as the user does.
//!
//! Every request to a store goes through here, whoever sends it. Nothing is refused for good as long as a slower pace would
//! have helped: a refused request is sent again at that pace.

mod level;
mod throttle;

pub use throttle::Limits;
pub(super) use throttle::{Pace, Patience};

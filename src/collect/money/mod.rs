//! What storage costs: prices as a file has them, and what a registry comes to by them. Whole numbers throughout: every
//! amount is rounded once, and what is added up is what is told.

pub mod amount;
pub mod bill;
pub mod prices;

#[cfg(test)]
mod tests;

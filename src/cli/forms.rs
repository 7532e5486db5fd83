//! The report of a run in files.

mod csv;
mod markdown;
mod openmetrics;

use super::json;
use super::outlets::Forms;
use crate::collect::report::Report;

impl Forms for Report {
    fn json(&self) -> String {
        json::report(self)
    }

    fn csv(&self) -> String {
        csv::text(self)
    }

    fn markdown(&self) -> String {
        markdown::text(self)
    }

    fn openmetrics(&self) -> String {
        openmetrics::text(self)
    }
}

//! Where else a report goes, beside stdout.

use clap::Args;
use std::path::PathBuf;

/// Files that a report is written to, each whole or not at all.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Reports in files")]
pub struct Outlets {
    /// Write the report as JSON too; repeatable, as all of these
    #[arg(long, value_name = "FILE")]
    pub json: Vec<PathBuf>,
    /// Write a row for each repository as CSV
    #[arg(long, value_name = "FILE")]
    pub csv: Vec<PathBuf>,
    /// Write a summary as Markdown, as CI systems show it
    #[arg(long, value_name = "FILE")]
    pub markdown: Vec<PathBuf>,
    /// Write figures as `node_exporter` reads them from its text files
    #[arg(long, value_name = "FILE")]
    pub openmetrics: Vec<PathBuf>,
}

/// The one file of a report that has no other form.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Reports in files")]
pub struct JsonOutlet {
    /// Write the report as JSON too; repeatable
    #[arg(long, value_name = "FILE")]
    pub json: Vec<PathBuf>,
}

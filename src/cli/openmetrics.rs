//! OpenMetrics text: figures with their kind, unit and help, as Prometheus and `node_exporter` read them.

use std::fmt::Write as _;

/// A text under way. Each family of figures is written at once, as the format wants it.
#[derive(Debug, Default)]
pub(super) struct Metrics(String);

/// One figure: the labels it has, and its value.
pub(super) type Figure<'a> = (Vec<(&'a str, &'a str)>, u64);

impl Metrics {
    /// Adds a family of gauges. What it measures stands at the end of its name: a unit of `bytes`, `seconds`, or nothing.
    pub(super) fn gauge<'a>(
        &mut self,
        name: &str,
        unit: &str,
        help: &str,
        figures: impl IntoIterator<Item = Figure<'a>>,
    ) {
        let name = if unit.is_empty() { format!("regsweep_{name}") } else { format!("regsweep_{name}_{unit}") };
        let mut head = format!("# TYPE {name} gauge\n");
        if !unit.is_empty() {
            let _ = writeln!(head, "# UNIT {name} {unit}");
        }
        let _ = writeln!(head, "# HELP {name} {}", escaped(help));
        let mut is_first = true;
        for (labels, value) in figures {
            if std::mem::take(&mut is_first) {
                self.0.push_str(&head);
            }
            let labels: Vec<String> =
                labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(self.0, "{name}{labels} {value}");
        }
    }

    /// Adds one gauge with no labels.
    pub(super) fn one(&mut self, name: &str, unit: &str, help: &str, value: u64) {
        self.gauge(name, unit, help, [(Vec::new(), value)]);
    }

    /// The text, with its end: a reader knows by it that nothing is cut off.
    pub(super) fn finish(self) -> String {
        self.0 + "# EOF\n"
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_has_its_head_once_and_no_label_breaks_a_line() {
        let mut metrics = Metrics::default();
        let odd = "a\"b\\c\nd";
        metrics.gauge("x", "bytes", "What\nit is.", [(vec![("name", odd), ("b", "c")], 7), (vec![], u64::MAX)]);
        metrics.gauge("none", "", "Nothing.", []);
        metrics.one("y", "", "One.", 1);
        let expected = "# TYPE regsweep_x_bytes gauge\n# UNIT regsweep_x_bytes bytes\n\
            # HELP regsweep_x_bytes What\\nit is.\n\
            regsweep_x_bytes{name=\"a\\\"b\\\\c\\nd\",b=\"c\"} 7\nregsweep_x_bytes 18446744073709551615\n\
            # TYPE regsweep_y gauge\n# HELP regsweep_y One.\nregsweep_y 1\n# EOF\n";
        assert_eq!(metrics.finish(), expected);
    }
}

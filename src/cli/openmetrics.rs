//! The text of `OpenMetrics`: figures with their kind, unit and help, as Prometheus and `node_exporter` read them.

use std::fmt::{Display, Write as _};

/// A text under way. Each family of figures is written at once, as the format wants it.
#[derive(Debug)]
pub(super) struct Metrics<'a> {
    text: String,
    prefix: &'static str,
    /// What every figure has: several registries may lie beside each other in one directory of files.
    labels: Vec<(&'a str, &'a str)>,
}

/// One figure: the labels it has, and its value.
pub(super) type Figure<'a, V = u64> = (Vec<(&'a str, &'a str)>, V);

impl<'m> Metrics<'m> {
    /// Begins. Names begin with `regsweep_` and this prefix, and every figure has these labels.
    pub(super) fn new(prefix: &'static str, labels: Vec<(&'m str, &'m str)>) -> Self {
        Self { text: String::new(), prefix, labels }
    }

    /// Adds a family of gauges. What it measures stands at the end of its name: a unit of `bytes`, `seconds`, or nothing.
    pub(super) fn gauge<'a, V: Display>(
        &mut self,
        name: &str,
        unit: &str,
        help: &str,
        figures: impl IntoIterator<Item = Figure<'a, V>>,
    ) {
        let name = format!("regsweep_{}_{name}", self.prefix);
        let name = if unit.is_empty() { name } else { format!("{name}_{unit}") };
        let mut head = format!("# TYPE {name} gauge\n");
        if !unit.is_empty() {
            let _ = writeln!(head, "# UNIT {name} {unit}");
        }
        let _ = writeln!(head, "# HELP {name} {}", escaped(help));
        let mut is_first = true;
        for (labels, value) in figures {
            if std::mem::take(&mut is_first) {
                self.text.push_str(&head);
            }
            let labels = self.labels.iter().chain(&labels);
            let labels: Vec<String> = labels.map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(self.text, "{name}{labels} {value}");
        }
    }

    /// Adds one gauge with no labels.
    pub(super) fn one(&mut self, name: &str, unit: &str, help: &str, value: impl Display) {
        self.gauge(name, unit, help, [(Vec::new(), value)]);
    }

    /// The text, with its end: a reader knows by it that nothing is cut off.
    pub(super) fn finish(self) -> String {
        self.text + "# EOF\n"
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
        let odd = "a\"b\\c\nd";
        let mut metrics = Metrics::new("p", vec![("r", "s")]);
        metrics.gauge("x", "bytes", "What\nit is.", [(vec![("name", odd), ("b", "c")], 7), (vec![], u64::MAX)]);
        metrics.gauge("none", "", "Nothing.", Vec::<Figure<'_>>::new());
        metrics.one("y", "", "One.", 0.5);
        let expected = "# TYPE regsweep_p_x_bytes gauge\n# UNIT regsweep_p_x_bytes bytes\n\
            # HELP regsweep_p_x_bytes What\\nit is.\n\
            regsweep_p_x_bytes{r=\"s\",name=\"a\\\"b\\\\c\\nd\",b=\"c\"} 7\n\
            regsweep_p_x_bytes{r=\"s\"} 18446744073709551615\n\
            # TYPE regsweep_p_y gauge\n# HELP regsweep_p_y One.\nregsweep_p_y{r=\"s\"} 0.5\n# EOF\n";
        assert_eq!(metrics.finish(), expected);
    }
}

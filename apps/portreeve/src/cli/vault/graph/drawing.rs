//! A drawing as lines for people, and as text for the programs that draw. Names come from files that others write: they stay
//! names in every language.

use {
    super::{Direction, Drawing, Node},
    crate::output::{Line, View},
    portreeve_guard::text::shown,
    std::fmt::Write as _,
};

impl Drawing<'_> {
    /// Each below the one from which it was reached first.
    pub(super) fn tree(&self) -> View {
        if self.nodes.is_empty() {
            return "none".to_owned().into();
        }
        let mut beneath: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        let mut tops = Vec::new();
        for (place, node) in self.nodes.iter().enumerate() {
            let list = node.reached.as_ref().and_then(|reached| beneath.get_mut(reached.from));
            match list {
                Some(list) => list.push(place),
                None => tops.push(place),
            }
        }
        let mut lines = Vec::new();
        // The last of each list is drawn first when taken from the end.
        let mut left: Vec<(usize, String, bool, bool)> = tops
            .into_iter()
            .rev()
            .map(|top| (top, String::new(), true, true))
            .collect();
        while let Some((place, indent, is_last, is_top)) = left.pop() {
            let Some(node) = self.nodes.get(place) else { continue };
            let (branch, below) = match (is_top, is_last) {
                (true, _) => ("", ""),
                (false, true) => ("└─ ", "   "),
                (false, false) => ("├─ ", "│  "),
            };
            lines.push(node.line(format!("{indent}{branch}")));
            let inner = format!("{indent}{below}");
            let mut last = true;
            for child in beneath.get(place).into_iter().flatten().rev() {
                left.push((*child, inner.clone(), last, false));
                last = false;
            }
        }
        View::Lines(lines)
    }

    /// <https://graphviz.org/doc/info/lang.html>
    pub(super) fn dot(&self) -> String {
        let mut text = "digraph vault {\n  rankdir=LR;\n  node [shape=box];\n".to_owned();
        // Writing to a String does not fail.
        for node in &self.nodes {
            let label = format!("{}\n{}", node.entity.id, node.name());
            let _ = writeln!(
                text,
                "  {} [label={}];",
                quoted(node.entity.id.as_str()),
                quoted(&label)
            );
        }
        for edge in &self.edges {
            let (from, to) = (self.id(edge.from), self.id(edge.to));
            let _ = writeln!(
                text,
                "  {} -> {} [label={}];",
                quoted(from),
                quoted(to),
                quoted(edge.relation)
            );
        }
        text + "}"
    }

    /// <https://mermaid.js.org/syntax/flowchart.html>
    pub(super) fn mermaid(&self) -> String {
        let mut text = "flowchart LR\n".to_owned();
        for (place, node) in self.nodes.iter().enumerate() {
            let (id, name) = (entities(node.entity.id.as_str()), entities(&node.name()));
            let _ = writeln!(text, "    n{place}[\"{id}<br/>{name}\"]");
        }
        for edge in &self.edges {
            let relation = entities(edge.relation);
            let _ = writeln!(text, "    n{} -->|\"{relation}\"| n{}", edge.from, edge.to);
        }
        text.trim_end().to_owned()
    }

    fn id(&self, place: usize) -> &str {
        self.nodes
            .get(place)
            .map(|node| node.entity.id.as_str())
            .unwrap_or_default()
    }
}

impl Node<'_> {
    fn name(&self) -> String {
        self.entity.name().map(|name| name.to_string()).unwrap_or_default()
    }

    fn line(&self, indent: String) -> Line {
        let mut line = Line::default().plain(indent);
        if let Some(reached) = &self.reached {
            let arrow = match reached.direction {
                Direction::Out => "→",
                Direction::In => "←",
            };
            line = line.plain(format!("{arrow} {} ", reached.relation.as_str()));
        }
        line = line
            .head(self.entity.id.as_str())
            .plain(format!(" {}", self.entity.kind.as_str()));
        if let Some(status) = self.entity.status() {
            line = line.plain(", ").state(status);
        }
        let name = self.name();
        if !name.is_empty() {
            line = line.plain(format!(": {name}"));
        }
        match self.beyond {
            0 => line,
            beyond => line.plain(format!(" (+{beyond})")),
        }
    }
}

/// A quoted string of DOT, in which a line end is written `\n`.
fn quoted(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(shown).collect();
    let inner = lines
        .iter()
        .map(|line| line.replace('\\', "\\\\").replace('"', "\\\""))
        .collect::<Vec<_>>();
    format!("\"{}\"", inner.join("\\n"))
}

/// Everything that means something to Mermaid, or to the HTML that it makes, by its number.
fn entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in shown(text).chars() {
        if c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | ',' | '/') {
            out.push(c);
        } else {
            let _ = write!(out, "#{};", u32::from(c));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_a_name_in_every_language() {
        assert_eq!(quoted("a\"];\\x\nb\u{1b}"), "\"a\\\"];\\\\x\\nb\\\\u{1b}\"");
        assert_eq!(
            entities("항구 \"]<br/>--> #1;\n"),
            "항구 #34;#93;#60;br/#62;--#62; #35;1#59;#92;u#123;a#125;"
        );
    }
}

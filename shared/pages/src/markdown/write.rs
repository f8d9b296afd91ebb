//! One walk over what the parser sees, without recursion. What is opened is closed, wherever the walk ends.

use {
    super::Targets,
    pulldown_cmark::{Alignment, CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag},
    std::collections::HashMap,
};

/// Elements in one another. Browsers stop at some hundreds; what is deeper is shown without.
const DEEPEST: usize = 40;

/// The longest address of another server.
const LONGEST_ADDRESS: usize = 2_048;

/// The HTML of `text`, and the byte at which it stopped, if it did, because there was too much.
pub(super) fn html(text: &str, targets: &dyn Targets, most: usize) -> (String, Option<usize>) {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS | Options::ENABLE_WIKILINKS;
    let mut page = Writer {
        out: String::with_capacity(text.len()),
        targets,
        open: Vec::new(),
        links: 0,
        columns: Vec::new(),
        column: 0,
        heading: None,
        ids: HashMap::new(),
    };
    let mut stopped = None;
    for (event, place) in Parser::new_ext(text, options).into_offset_iter() {
        if page.out.len() > most {
            stopped = Some(place.start);
            break;
        }
        page.event(event);
    }
    while !page.open.is_empty() {
        page.end();
    }
    (page.out, stopped)
}

/// What closes an element that is open.
#[derive(Clone, Copy)]
enum Close {
    /// This.
    With(&'static str),
    /// The same, and what is inside is in a link no more.
    Link(&'static str),
    /// A heading, which gets its name from what is inside.
    Heading(&'static str),
}

struct Writer<'a> {
    out: String,
    targets: &'a dyn Targets,
    open: Vec<Close>,
    /// How many links are open. HTML knows none in another.
    links: usize,
    /// How the columns of the table are aligned.
    columns: Vec<Alignment>,
    column: usize,
    /// Where the open heading's content begins, and what it says.
    heading: Option<(usize, String)>,
    /// How often each name of a heading was given.
    ids: HashMap<String, usize>,
}

impl Writer<'_> {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(_) => self.end(),
            Event::Code(code) => {
                self.out.push_str("<code>");
                self.text(&code);
                self.out.push_str("</code>");
            }
            Event::Text(text)
            | Event::Html(text)
            | Event::InlineHtml(text)
            | Event::InlineMath(text)
            | Event::DisplayMath(text)
            | Event::FootnoteReference(text) => self.text(&text),
            Event::SoftBreak => self.text("\n"),
            Event::HardBreak => self.out.push_str("<br>\n"),
            Event::Rule => self.out.push_str("<hr>\n"),
            Event::TaskListMarker(done) => {
                let (word, mark) = if done {
                    ("done", '\u{2611}')
                } else {
                    ("to do", '\u{2610}')
                };
                self.out
                    .push_str(&format!("<span role=\"img\" aria-label=\"{word}\">{mark}</span> "));
            }
        }
    }

    fn text(&mut self, text: &str) {
        if let Some((_, said)) = &mut self.heading {
            said.push_str(text);
        }
        escape(text, &mut self.out);
    }

    fn start(&mut self, tag: Tag<'_>) {
        if self.open.len() >= DEEPEST {
            self.open.push(Close::With(""));
            return;
        }
        let close = match tag {
            Tag::Link {
                link_type, dest_url, ..
            } => self.link(link_type, &dest_url, ""),
            Tag::Image {
                link_type, dest_url, ..
            } => self.link(link_type, &dest_url, "Image: "),
            Tag::Heading { level, .. } => self.heading(level),
            Tag::Table(columns) => {
                self.columns = columns;
                self.put("<div class=\"table\" role=\"region\" aria-label=\"Table\" tabindex=\"0\"><table>\n");
                Close::With("</tbody></table></div>\n")
            }
            Tag::TableHead => {
                self.column = 0;
                self.put("<thead><tr>");
                Close::With("</tr></thead><tbody>\n")
            }
            Tag::TableRow => {
                self.column = 0;
                self.put("<tr>");
                Close::With("</tr>\n")
            }
            Tag::TableCell => self.cell(),
            Tag::List(Some(first)) => {
                self.put(&format!("<ol start=\"{first}\">\n"));
                Close::With("</ol>\n")
            }
            Tag::CodeBlock(_) => {
                self.put("<pre tabindex=\"0\"><code>");
                Close::With("</code></pre>\n")
            }
            other => {
                let (open, close) = plain(&other);
                self.put(open);
                Close::With(close)
            }
        };
        self.open.push(close);
    }

    fn end(&mut self) {
        match self.open.pop() {
            Some(Close::With(text)) => self.put(text),
            Some(Close::Link(text)) => {
                self.links = self.links.saturating_sub(1);
                self.put(text);
            }
            Some(Close::Heading(text)) => {
                if let Some((begin, said)) = self.heading.take() {
                    let inside = self.out.split_off(begin.min(self.out.len()));
                    let name = self.name(&said);
                    self.put(&format!(" id=\"{name}\">"));
                    self.put(&inside);
                }
                self.put(text);
            }
            None => {}
        }
    }

    fn heading(&mut self, level: HeadingLevel) -> Close {
        // The page has a heading above them all.
        let (open, close) = match level {
            HeadingLevel::H1 => ("<h2", "</h2>\n"),
            HeadingLevel::H2 => ("<h3", "</h3>\n"),
            HeadingLevel::H3 => ("<h4", "</h4>\n"),
            HeadingLevel::H4 => ("<h5", "</h5>\n"),
            HeadingLevel::H5 | HeadingLevel::H6 => ("<h6", "</h6>\n"),
        };
        self.put(open);
        self.heading = Some((self.out.len(), String::new()));
        Close::Heading(close)
    }

    /// A name that no other heading of this text has, by which links lead to it.
    fn name(&mut self, said: &str) -> String {
        let name = anchor(said);
        let count = self.ids.entry(name.clone()).or_default();
        *count = count.saturating_add(1);
        if *count == 1 { name } else { format!("{name}.{count}") }
    }

    fn cell(&mut self) -> Close {
        let class = match self.columns.get(self.column) {
            Some(Alignment::Right) => " class=\"right\"",
            Some(Alignment::Center) => " class=\"center\"",
            _ => "",
        };
        self.column = self.column.saturating_add(1);
        // The only element between a head and its cells is their row.
        let is_head = matches!(self.open.last(), Some(Close::With(close)) if close.contains("thead"));
        if is_head {
            self.put(&format!("<th scope=\"col\"{class}>"));
            Close::With("</th>")
        } else {
            self.put(&format!("<td{class}>"));
            Close::With("</td>")
        }
    }

    fn link(&mut self, kind: LinkType, to: &CowStr<'_>, what: &str) -> Close {
        let address = if self.links > 0 { None } else { self.address(kind, to) };
        let close = match address {
            Some(Address::Here(path)) => {
                self.put("<a href=\"");
                escape(&path, &mut self.out);
                self.put("\">");
                "</a>"
            }
            Some(Address::Elsewhere(url)) => {
                self.put("<a rel=\"noopener noreferrer nofollow\" href=\"");
                escape(&url, &mut self.out);
                self.put("\">");
                "</a>"
            }
            None if self.links > 0 => "",
            None => {
                self.put("<span class=\"nowhere\">");
                "</span>"
            }
        };
        self.links = self.links.saturating_add(1);
        self.put(what);
        Close::Link(close)
    }

    /// Where a link leads, when it may.
    fn address(&self, kind: LinkType, to: &str) -> Option<Address> {
        if let LinkType::WikiLink { .. } = kind {
            let (target, part) = to.split_once('#').unwrap_or((to, ""));
            let target = target.trim();
            // `[[#part]]` is a part of this very note; `[[other::path]]` is in another vault.
            let path = match target {
                "" => String::new(),
                elsewhere if elsewhere.contains("::") => return None,
                here => self.targets.named(here)?.as_str().to_owned(),
            };
            return Some(Address::Here(path + &fragment(part))).filter(|address| !address.is_empty());
        }
        let to = to.trim();
        if is_web(to) {
            return Some(Address::Elsewhere(to.to_owned()));
        }
        let (path, part) = to.split_once('#').unwrap_or((to, ""));
        let path = match path {
            "" => String::new(),
            path if has_scheme(path) => return None,
            path => self.targets.file(path)?.as_str().to_owned(),
        };
        Some(Address::Here(path + &fragment(part))).filter(|address| !address.is_empty())
    }

    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }
}

enum Address {
    /// A page of ours, or a part of this one.
    Here(String),
    /// Of somebody else.
    Elsewhere(String),
}

impl Address {
    const fn is_empty(&self) -> bool {
        let (Self::Here(text) | Self::Elsewhere(text)) = self;
        text.is_empty()
    }
}

/// Elements that have nothing but their name. What is not in this list has none.
const fn plain(tag: &Tag<'_>) -> (&'static str, &'static str) {
    match tag {
        Tag::Paragraph | Tag::HtmlBlock => ("<p>", "</p>\n"),
        Tag::BlockQuote(_) => ("<blockquote>\n", "</blockquote>\n"),
        Tag::List(None) => ("<ul>\n", "</ul>\n"),
        Tag::Item => ("<li>", "</li>\n"),
        Tag::Emphasis => ("<em>", "</em>"),
        Tag::Strong => ("<strong>", "</strong>"),
        Tag::Strikethrough => ("<del>", "</del>"),
        _ => ("", ""),
    }
}

/// An address that browsers read as one of the web, whoever wrote it.
fn is_web(text: &str) -> bool {
    let behind = |scheme: &str| {
        let (start, rest) = text.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let host = behind("https://").or_else(|| behind("http://"));
    let named = host.is_some_and(|host| host.starts_with(|c: char| c.is_alphanumeric() || c == '['));
    let plain = !text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\');
    named && plain && text.len() <= LONGEST_ADDRESS
}

/// Whether there is a colon before the first slash: a path of a note is written without.
fn has_scheme(path: &str) -> bool {
    path.split('/').next().is_some_and(|first| first.contains(':'))
}

fn fragment(part: &str) -> String {
    if part.trim().is_empty() {
        String::new()
    } else {
        format!("#{}", anchor(part))
    }
}

/// The name of a heading: its letters and digits. The prefix keeps it apart from names that pages have.
fn anchor(heading: &str) -> String {
    let mut name = "part-".to_owned();
    for c in heading.trim().chars().take(100) {
        match c {
            c if c.is_alphanumeric() => name.extend(c.to_lowercase()),
            ' ' | '-' | '_' => name.push('-'),
            _ => {}
        }
    }
    name
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&#60;"),
            '>' => out.push_str("&#62;"),
            '&' => out.push_str("&#38;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
}

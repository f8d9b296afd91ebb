//! What a note can do to a page: nothing.

use {super::*, proptest::prelude::*};

/// A vault with one note, `gate`, which also lies at `a/gate.md`.
struct One;

impl Targets for One {
    fn named(&self, target: &str) -> Option<OwnPath> {
        (target == "gate").then(|| "/vault/gate".parse().unwrap())
    }

    fn file(&self, path: &str) -> Option<OwnPath> {
        (path == "a/gate.md").then(|| "/vault/gate".parse().unwrap())
    }
}

fn html(text: &str) -> String {
    render(text, &One).html.0
}

/// Every tag and attribute that may be in what comes out. Finds whatever is not, however it got there.
#[track_caller]
fn is_harmless(html: &str) {
    let names = [
        "a",
        "blockquote",
        "br",
        "code",
        "del",
        "div",
        "em",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "li",
        "ol",
        "p",
        "pre",
        "span",
        "strong",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "ul",
    ];
    let mut open = Vec::new();
    for piece in html.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap_or_else(|| panic!("never closed: {piece}"));
        assert!(!text.contains(['"', '\'', '>']), "not escaped: {text}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name.to_owned()), "{html}");
            continue;
        }
        let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(names.contains(&name), "<{tag}>");
        while !rest.is_empty() {
            let (attribute, behind) = rest.split_once("=\"").unwrap();
            let (value, behind) = behind.split_once('"').unwrap();
            let is_known = match attribute {
                "href" => value.starts_with("/vault/gate") || value.starts_with('#') || is_http(value),
                "rel" => value == "noopener noreferrer nofollow",
                "class" => ["nowhere", "right", "center", "table"].contains(&value),
                "id" => value.starts_with("part-"),
                "scope" | "start" | "tabindex" | "role" | "aria-label" => !value.contains(['&', '<']),
                _ => false,
            };
            assert!(is_known, "{attribute}={value} in <{tag}>");
            rest = behind.trim_start();
        }
        if !["br", "hr"].contains(&name) {
            open.push(name.to_owned());
        }
    }
    assert_eq!(open, Vec::<String>::new(), "{html}");
}

/// Browsers read no other scheme where one of these two begins.
fn is_http(address: &str) -> bool {
    let lower = address.to_lowercase();
    let plain = !lower.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\');
    plain && (lower.starts_with("https://") || lower.starts_with("http://"))
}

#[test]
fn html_in_a_note_is_text() {
    for evil in [
        "<script>alert(1)</script>",
        "x <script src=//evil.example/x.js></script> y",
        "<img src=x onerror=alert(1)>",
        "a <img src=x onerror=alert(1)> b",
        "<svg onload=alert(1)><script>alert(1)</script></svg>",
        "<svg><a xlink:href=\"javascript:alert(1)\"><text>x</text></a></svg>",
        "<math><mi xlink:href=\"javascript:alert(1)\">x</mi></math>",
        "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
        "<style>*{display:none}</style>",
        "<p style=\"position:fixed\">x</p>",
        "<base href=//evil.example>",
        "<meta http-equiv=refresh content=0>",
        "<form action=//evil.example><button>x</button></form>",
        "<a href=javascript:alert(1)>x</a>",
        "<!-- <img src=x onerror=alert(1)> -->",
        "<![CDATA[<script>alert(1)</script>]]>",
        "<?php <script>alert(1)</script> ?>",
        "</main></body><script>alert(1)</script>",
        "<scr<script>ipt>alert(1)</script>",
        "\u{0}<script\u{0}>alert(1)</script>",
        "<한글 onclick=alert(1)>글</한글>",
        "`<script>alert(1)</script>`",
        "```\"><script>alert(1)</script>\n</code></pre><script>alert(1)</script>\n```",
        "    </code></pre><script>alert(1)</script>",
        "# <script>alert(1)</script>\" onclick=alert(1)",
        "| <script>alert(1)</script> |\n|---|\n| \"onclick=alert(1) |",
        "&lt;script&gt;alert(1)&lt;/script&gt; &#60;script&#62;",
    ] {
        let html = html(evil);
        is_harmless(&html);
        assert!(
            !html.contains("<script") && !html.contains("<img") && !html.contains("<svg"),
            "{html}"
        );
    }
    assert_eq!(html("a <b>c</b>"), "<p>a &#60;b&#62;c&#60;/b&#62;</p>\n");
}

#[test]
fn a_link_leads_to_the_web_or_to_a_page_of_ours_or_nowhere() {
    for evil in [
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](<java\tscript:alert(1)>)",
        "[x](java&#10;script:alert(1))",
        "[x](java&Tab;script:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](&#x6A;avascript&colon;alert(1))",
        "[x](\u{1}javascript:alert(1))",
        "[x](&#1;javascript:alert(1))",
        "[x](%6aavascript:alert(1))",
        "[x](javascript&#58;alert(1))",
        "[x](javascript:https://a.example/%0aalert(1))",
        "[x](vbscript:msgbox(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](DATA:image/svg+xml,<svg onload=alert(1)>)",
        "[x](file:///etc/passwd)",
        "[x](blob:https://a.example/x)",
        "[x](//evil.example)",
        "[x](\\\\evil.example)",
        "[x](/\\evil.example)",
        "[x](https:\\\\evil.example)",
        "[x](https:evil.example)",
        "[x](/signout)",
        "[x](http&#58;//)",
        "<javascript:alert(1)>",
        "<data:text/html,x>",
        "<a@b.example>",
        "![x](javascript:alert(1))",
        "![x](data:image/svg+xml;base64,PHN2Zz4=)",
        "[x]: javascript:alert(1)\n\n[x] ![x]",
        "[x]: <data:text/html,x> \"title\"\n\n[x][x]",
        "[[javascript:alert(1)]]",
        "[[x|javascript:alert(1)]]",
        "![[javascript:alert(1)]]",
        "[[other::secret/path]]",
        "[[nothing]] [x](nothing.md)",
    ] {
        let html = html(evil);
        is_harmless(&html);
        let leads = html
            .split(" href=\"")
            .skip(1)
            .all(|rest| is_http(rest.split('"').next().unwrap()));
        assert!(leads, "{evil}: {html}");
        assert!(!html.contains("javascript:alert(1)\""), "{evil}: {html}");
    }
    for nowhere in [
        "[x](javascript:alert(1))",
        "[x](/signout)",
        "[[nothing]]",
        "![x](data:,)",
    ] {
        assert!(html(nowhere).contains("<span class=\"nowhere\">"), "{nowhere}");
    }
    let rel = "rel=\"noopener noreferrer nofollow\"";
    assert_eq!(
        html("[x](HTTPS://a.example/?a=1&b='2' \"onclick=alert(1)\")"),
        format!("<p><a {rel} href=\"HTTPS://a.example/?a=1&#38;b=&#39;2&#39;\">x</a></p>\n")
    );
    assert_eq!(
        html("<https://a.example/가>"),
        format!("<p><a {rel} href=\"https://a.example/가\">https://a.example/가</a></p>\n")
    );
}

#[test]
fn links_to_notes_lead_to_their_pages() {
    for (text, expected) in [
        ("[[gate]]", "<a href=\"/vault/gate\">gate</a>"),
        ("[[ gate ]]", "<a href=\"/vault/gate\"> gate </a>"),
        ("[[gate|the *gate*]]", "<a href=\"/vault/gate\">the <em>gate</em></a>"),
        ("[[gate|<b>]]", "<a href=\"/vault/gate\">&#60;b&#62;</a>"),
        (
            "[[gate#Who \"may\" 들어]]",
            "<a href=\"/vault/gate#part-who-may-들어\">gate#Who &#34;may&#34; 들어</a>",
        ),
        ("[[#Part]]", "<a href=\"#part-part\">#Part</a>"),
        ("[x](a/gate.md)", "<a href=\"/vault/gate\">x</a>"),
        ("[x](a/gate.md#b)", "<a href=\"/vault/gate#part-b\">x</a>"),
        ("[x](#b)", "<a href=\"#part-b\">x</a>"),
        ("![[gate]]", "<a href=\"/vault/gate\">Image: gate</a>"),
    ] {
        assert_eq!(html(text), format!("<p>{expected}</p>\n"), "{text}");
        is_harmless(&html(text));
    }
}

#[test]
fn a_picture_is_a_link_and_nothing_is_loaded() {
    let shown = html("![the *gate*](https://a.example/x.png) and [![in](https://a.example/y.png)](https://b.example/)");
    is_harmless(&shown);
    assert!(
        shown.contains("href=\"https://a.example/x.png\">Image: the <em>gate</em></a>"),
        "{shown}"
    );
    assert!(shown.contains("href=\"https://b.example/\">Image: in</a>"), "{shown}");
    assert!(!shown.contains("y.png") && !shown.contains("src="), "{shown}");
}

#[test]
fn what_markdown_knows_becomes_elements() {
    let shown = html(
        "# 문 Gate\n\n## 문 Gate\n## 문 gate\n\n3. one\n4. two\n   - [x] done\n   - [ ] open\n\n> said\n\n`a`  \n**b** ~~c~~\n\n\
         | n | m |\n|--:|:-:|\n| 1 | `2` |\n\n```rust\nlet x = 1 < 2;\n```\n\n---\n",
    );
    is_harmless(&shown);
    for part in [
        "<h2 id=\"part-문-gate\">문 Gate</h2>",
        "<h3 id=\"part-문-gate.2\">",
        "<h3 id=\"part-문-gate.3\">",
        "<ol start=\"3\">\n<li>one</li>",
        "<span role=\"img\" aria-label=\"done\">\u{2611}</span> done",
        "<span role=\"img\" aria-label=\"to do\">\u{2610}</span> open",
        "<blockquote>\n<p>said</p>",
        "<code>a</code><br>\n<strong>b</strong> <del>c</del>",
        "<th scope=\"col\" class=\"right\">n</th>",
        "<td class=\"center\"><code>2</code></td>",
        "<pre tabindex=\"0\"><code>let x = 1 &#60; 2;\n</code></pre>",
        "<hr>",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn a_long_note_is_cut_where_a_line_ends_and_says_at_what() {
    let line = "가나다라마바사아\u{2014}\n";
    let text = line.repeat(20_000);
    let cut = render(&text, &One);
    assert_eq!((cut.shown, cut.total, cut.is_cut()), (99_999, 200_000, true));
    assert!(cut.html.0.ends_with("사아\u{2014}</p>\n"));
    let whole = render(&line.repeat(10_000), &One);
    assert_eq!((whole.shown, whole.total, whole.is_cut()), (100_000, 100_000, false));
    let one_line = render(&"x".repeat(MOST_CHARACTERS + 1), &One);
    assert_eq!(one_line.shown, MOST_CHARACTERS);
    assert!(!render("", &One).is_cut());
}

#[test]
fn what_would_become_too_much_is_cut_and_still_whole_html() {
    // Each letter becomes an element in an element.
    let (html, stopped) = write::html(&"- a\n".repeat(1_000), &One, 2_000);
    is_harmless(&html);
    assert!(html.len() < 2_200, "{}", html.len());
    let at = stopped.unwrap();
    assert!(html.matches("<li>").count() * 4 >= at && at > 100, "{at}");
    let (_, stopped) = write::html("- a\n", &One, 2_000);
    assert_eq!(stopped, None);
    // One definition, shown a thousand times.
    let far = format!(
        "[x]: https://a.example/{}\n\n{}",
        "y".repeat(2_000),
        "[x] ".repeat(24_000)
    );
    assert!(super::render(&far, &One).html.0.len() < MOST_HTML + 10_000);
}

#[test]
fn deep_nesting_ends_and_costs_no_stack() {
    let small = std::thread::Builder::new().stack_size(256 * 1024);
    let work = || {
        for deep in [
            ">".repeat(50_000),
            "> ".repeat(50_000),
            "- ".repeat(50_000),
            "*".repeat(99_999),
            "*a **b ".repeat(14_000),
            "[".repeat(99_999),
            "[[".repeat(49_999),
            "[[a]".repeat(24_000),
            "![".repeat(49_999),
            format!("{}x{}", "[[".repeat(24_000), "]]".repeat(24_000)),
            format!("{}x{}", "![".repeat(24_000), "](y)".repeat(12_000)),
            "<".repeat(99_999),
            "<a ".repeat(33_000),
            "`".repeat(99_999),
            "`a``b".repeat(20_000),
            "&".repeat(99_999),
            "\\".repeat(99_999),
            "| a ".repeat(24_000),
            format!(
                "{}\n{}\n{}",
                "|a".repeat(10_000),
                "|-".repeat(10_000),
                "x\n".repeat(20_000)
            ),
            (0..400)
                .map(|deep| format!("{}- a\n", " ".repeat(deep % 200)))
                .collect(),
            "~~a ".repeat(25_000),
            "[a](".repeat(25_000),
            "<https://".repeat(11_000),
        ] {
            let shown = render(&deep, &One);
            is_harmless(&shown.html.0);
            assert!(shown.html.0.len() < MOST_HTML + 10_000);
        }
    };
    small.spawn(work).unwrap().join().unwrap();
    let nested = html(&"> ".repeat(1_000));
    assert_eq!(nested.matches("<blockquote>").count(), 40);
}

proptest! {
    #[test]
    fn whatever_is_written_becomes_harmless_html(
        text in "([\\[\\]()<>!`*_|#:&;\"'/\\\\ \n가-]|javascript:|https://a\\.example|<script>|onload=|- \\[x\\] |\\[\\[gate\\]\\]|&#[0-9]{2};|\\|-\\|\n){0,40}",
    ) {
        is_harmless(&html(&text));
    }
}

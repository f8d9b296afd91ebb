//! What somebody writes who wants the server to fall, to hang, to fill its memory, or to show what lies outside.

use {
    super::{Expect, Odd, Writer, odd::OddWriter},
    crate::finding::FindingCode,
    rustix::fs::{CWD, FileType, Mode, OFlags, mkdirat, mknodat, openat},
    std::{
        fs::{self, File},
        io::{self, Write as _},
        os::unix::fs::symlink,
    },
};

const HOSTILE: &str = "50_Projects/2026/Phostile_Hostile/Tasks";

pub(super) fn write(writer: &mut Writer<'_>) -> io::Result<()> {
    let mut odd = OddWriter { writer, next: 500 };
    matter(&mut odd)?;
    served(&mut odd)?;
    told(&mut odd)?;
    bytes(&mut odd)?;
    system(&mut odd)?;
    links(&mut odd)
}

/// Front matter that costs more than its size, or asks a program for something.
fn matter(odd: &mut OddWriter<'_, '_>) -> io::Result<()> {
    let lists = |from: usize| {
        format!(
            "a{from}: &a{from} [{}]\n",
            format!("*a{}, ", from.saturating_sub(1)).repeat(9)
        )
    };
    let bomb: String = (1..10).map(lists).collect();
    for (why, name, matter) in [
        ("references that multiply", "bomb", format!("a0: &a0 [x]\n{bomb}")),
        ("a mapping that holds itself", "itself", "a: &a {b: *a}\n".to_owned()),
        ("a merge of nothing", "merge", "<<: *x\n".to_owned()),
        (
            "twenty thousand lists within one another",
            "lists",
            format!("a: {}{}\n", "[".repeat(20_000), "]".repeat(20_000)),
        ),
        (
            "twenty thousand lists on one line",
            "dashes",
            format!("a:\n  {}x\n", "- ".repeat(20_000)),
        ),
        (
            "five hundred mappings within one another",
            "maps",
            (0..500).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect(),
        ),
        (
            "a hundred thousand fields",
            "fields",
            (0..100_000).map(|number| format!("f{number}: 1\n")).collect(),
        ),
        (
            "nine thousand fields on one line",
            "line",
            format!(
                "a: {{{}}}\n",
                (0..9_000).map(|number| format!("f{number}: 1, ")).collect::<String>()
            ),
        ),
        (
            "a tag that names a program",
            "tag",
            "a: !!python/object/apply:os.system [id]\n".to_owned(),
        ),
        ("a directive", "directive", "%YAML 9.9\na: 1\n".to_owned()),
        (
            "a value of a megabyte",
            "long",
            format!("a: \"{}\"\n", "x".repeat(1 << 20)),
        ),
    ] {
        let text = format!("---\n{matter}---\n");
        odd.put(
            &format!("{HOSTILE}/{name}.md"),
            Expect::Refused(FindingCode::Refused),
            why,
            text,
        )?;
    }
    Ok(())
}

/// What is large or strange and breaks no rule.
fn served(odd: &mut OddWriter<'_, '_>) -> io::Result<()> {
    let behind = |text: &str, body: &str| text.to_owned() + body;
    let within = |text: &str, more: &str| text.replace("\n---\n\n", &format!("\n{more}---\n\n"));
    let mut write = |why, name: &str, change: &dyn Fn(&str) -> String| {
        let id = odd.id();
        odd.task_at(&format!("{HOSTILE}/{name}.md"), &id, Expect::Entity, why, change)
    };
    write("a text of opening brackets", "brackets", &|text| {
        behind(text, &"[[".repeat(200_000))
    })?;
    write("a text of code that never ends", "ticks", &|text| {
        behind(text, &"[[a`".repeat(200_000))
    })?;
    write("a hundred thousand links", "farm", &|text| {
        let links: String = (0..100_000).map(|number| format!("[[n{number}]]")).collect();
        behind(text, &links)
    })?;
    write("one letter under half a million accents", "accents", &|text| {
        behind(text, &format!("a{}", "\u{301}\u{323}".repeat(250_000)))
    })?;
    write("a million syllables without a blank", "syllables", &|text| {
        behind(text, &"항구".repeat(500_000))
    })?;
    write("a word of three megabytes", "word", &|text| {
        behind(text, &"a".repeat(3 << 20))
    })?;
    write("a million words of one letter", "words", &|text| {
        behind(text, &"b ".repeat(1_000_000))
    })?;
    write("a value with two hundred thousand empty lines", "empty", &|text| {
        within(text, &format!("notes: |\n{}  end\n", "\n".repeat(200_000)))
    })?;
    write("four thousand fields, each another", "many", &|text| {
        let fields: String = (0..4_000).map(|number| format!("f{number}: 1\n")).collect();
        within(text, &fields)
    })?;
    write("nine thousand tags", "tags", &|text| {
        within(text, &format!("tags: [{}]\n", "tag, ".repeat(9_000)))
    })?;
    write("a name that a terminal acts on", "terminal", &|text| {
        text.replace("A - b", "\\e]0;owned\\a\\e[2J - b")
    })?;
    write("a file's name that turns round", "\u{202e}dm.cod", &str::to_owned)
}

/// What breaks a rule very often.
fn told(odd: &mut OddWriter<'_, '_>) -> io::Result<()> {
    let within = |text: &str, more: &str| text.replace("\n---\n\n", &format!("\n{more}---\n\n"));
    let id = odd.id();
    odd.task_at(
        &format!("{HOSTILE}/again.md"),
        &id,
        Expect::Told(FindingCode::DuplicateKey),
        "one field four thousand times",
        |text| within(text, &"again: 1\n".repeat(4_000)),
    )?;
    let id = odd.id();
    let relation = |number: usize| format!("  - {{type: t{number}, target_id: none-{number}}}\n");
    let relations: String = (0..1_900).map(relation).collect();
    odd.task_at(
        &format!("{HOSTILE}/relations.md"),
        &id,
        Expect::Told(FindingCode::Dangling),
        "relations to nineteen hundred that do not exist",
        |text| within(text, &format!("outgoing_relations:\n{relations}")),
    )?;
    let circle = [odd.id(), odd.id()];
    for (place, id) in circle.iter().enumerate() {
        let parent = &circle[1 - place];
        odd.writer.child_of(parent);
        odd.task_at(
            &format!("{HOSTILE}/circle {place}.md"),
            id,
            Expect::Told(FindingCode::ParentType),
            "two that are beneath each other",
            |text| text.replace("parent_id: prj-001", &format!("parent_id: {parent}")),
        )?;
    }
    let id = odd.id();
    odd.writer.child_of(&id);
    odd.task_at(
        &format!("{HOSTILE}/own.md"),
        &id,
        Expect::Told(FindingCode::ParentType),
        "one that is beneath itself",
        |text| text.replace("parent_id: prj-001", &format!("parent_id: {id}")),
    )
}

/// Bytes that are no text, or too many.
fn bytes(odd: &mut OddWriter<'_, '_>) -> io::Result<()> {
    let utf16: Vec<u8> = "\u{feff}---\na: 1\n---\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let undecodable = Expect::Refused(FindingCode::Undecodable);
    for (name, expect, why, bytes) in [
        ("utf16", undecodable, "UTF-16", utf16),
        (
            "overlong",
            undecodable,
            "a slash that is written longer than it is",
            b"---\na: \xc0\xaf\n---\n".to_vec(),
        ),
        (
            "surrogate",
            undecodable,
            "half a character",
            b"---\na: \xed\xa0\x80\n---\n".to_vec(),
        ),
        (
            "returns",
            Expect::Text(FindingCode::NoFrontMatter),
            "line ends of a machine of 1984",
            b"---\rentity_id: x\r---\r".to_vec(),
        ),
        (
            "quote",
            Expect::Text(FindingCode::Malformed),
            "a quote that nobody closes",
            format!("---\na: \"{}\n---\n", "x\n  ".repeat(50_000)).into_bytes(),
        ),
        (
            "large",
            Expect::Refused(FindingCode::TooLarge),
            "32 MiB",
            ("---\na: 1\n---\n".to_owned() + &"x".repeat(32 << 20)).into_bytes(),
        ),
    ] {
        odd.put(&format!("{HOSTILE}/{name}.md"), expect, why, bytes)?;
    }
    let path = format!("{HOSTILE}/sparse.md");
    let mut sparse = File::create(odd.writer.home.join("notes").join(&path))?;
    sparse.write_all(b"---\na: 1\n---\n")?;
    sparse.set_len(8 << 30)?;
    let expect = Expect::Refused(FindingCode::TooLarge);
    let why = "8 GiB, of which the disk holds nothing";
    odd.writer.manifest.odd.push(Odd { path, expect, why });
    Ok(())
}

/// What is no file, and what the system hardly names.
fn system(odd: &mut OddWriter<'_, '_>) -> io::Result<()> {
    let folder = odd.writer.home.join("notes").join(HOSTILE);
    let path = format!("{HOSTILE}/pipe.md");
    mknodat(CWD, folder.join("pipe.md"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    let why = "a pipe that nobody writes to";
    let expect = Expect::Unseen;
    odd.writer.manifest.odd.push(Odd { path, expect, why });
    // Each is opened from the one above, because no path is as long as theirs.
    let name = "d".repeat(250);
    let mut path = HOSTILE.to_owned();
    let mut at = openat(CWD, &folder, OFlags::DIRECTORY, Mode::empty())?;
    loop {
        path = format!("{path}/{name}");
        mkdirat(&at, &name, Mode::RWXU)?;
        if path.len() > 4095 {
            break;
        }
        at = openat(&at, &name, OFlags::DIRECTORY, Mode::empty())?;
    }
    let expect = Expect::Refused(FindingCode::BadName);
    let why = "a folder deeper than a path is long";
    odd.writer.manifest.odd.push(Odd { path, expect, why });
    Ok(())
}

/// Ways out.
fn links(odd: &mut OddWriter<'_, '_>) -> io::Result<()> {
    let links = [
        (
            "leak.md",
            "../../../../../notes-2/secret.md",
            "a link to a file outside",
        ),
        ("door", "../../../../../notes-2", "a link to a folder outside"),
        ("loop", ".", "a link to its own folder"),
        ("system.md", "/etc/hostname", "a link to the system"),
        ("self", "/proc/self/root", "a link of the kernel's"),
        ("inner.md", "brackets.md", "a link that stays inside"),
    ];
    let folder = odd.writer.home.join("notes").join(HOSTILE);
    for (name, to, why) in links {
        symlink(to, folder.join(name))?;
        let path = format!("{HOSTILE}/{name}");
        let expect = Expect::Refused(FindingCode::Link);
        odd.writer.manifest.odd.push(Odd { path, expect, why });
    }
    // Where nothing is read, nothing is told either.
    let archive = odd.writer.home.join("notes/90_Archive");
    fs::create_dir_all(&archive)?;
    symlink("../../notes-2/secret.md", archive.join("leak.md"))?;
    odd.writer.manifest.odd.push(Odd {
        path: "90_Archive/leak.md".to_owned(),
        expect: Expect::Unseen,
        why: "a link in the archive",
    });
    fs::hard_link(odd.writer.home.join("notes-2/secret.md"), folder.join("twin.md"))?;
    odd.writer.manifest.odd.push(Odd {
        path: format!("{HOSTILE}/twin.md"),
        expect: Expect::Refused(FindingCode::Link),
        why: "a second name of a file outside",
    });
    Ok(())
}

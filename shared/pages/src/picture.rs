//! A picture of how one thing stands to others: it in the middle, on its left who says something of it, on its right of whom it
//! says something. Numbers alone, so that a template draws it without script or style.

/// Boxes in a column.
const MOST: usize = 12;
const BOX: (u32, u32) = (208, 44);
/// Between two boxes of a column, and around all.
const GAP: u32 = 12;
/// Between two columns.
const ALLEY: u32 = 56;
/// How wide a text in a box may be, where a Latin letter is one and any other is two.
const WIDEST: usize = 26;

/// See the top of this file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// How wide it is.
    pub width: u32,
    /// How high.
    pub height: u32,
    /// What it shows.
    pub boxes: Vec<Spot>,
    /// And what joins them.
    pub lines: Vec<Line>,
    /// How many others found no place.
    pub left: usize,
}

/// A box with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// Its left.
    pub x: u32,
    /// Its top.
    pub y: u32,
    /// Whom it shows.
    pub name: String,
    /// How that one stands to the one in the middle.
    pub how: String,
    /// Whether it is the one in the middle.
    pub is_middle: bool,
}

/// From one box to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Where it begins.
    pub from: (u32, u32),
    /// Where it ends.
    pub to: (u32, u32),
}

/// Somebody in the picture: how they stand to the one in the middle, and their name.
pub type Other<'a> = (&'a str, &'a str);

impl Picture {
    /// Draws it; `None` when there is nobody else.
    #[must_use]
    pub fn of(middle: Other<'_>, saying: &[Other<'_>], said: &[Other<'_>]) -> Option<Self> {
        let [first, last] = [saying, said].map(|side| side.get(..MOST).unwrap_or(side));
        let drawn = first.len().saturating_add(last.len());
        if drawn == 0 {
            return None;
        }
        let rows = u32::try_from(first.len().max(last.len())).unwrap_or(0);
        let step = BOX.0.saturating_add(ALLEY);
        let [on_left, between, on_right] = [0, 1, 2].map(|column| step.saturating_mul(column).saturating_add(GAP));
        let middle = spot(between, rows.saturating_sub(1), middle, true);
        let (before, behind) = (middle.x, middle.x.saturating_add(BOX.0));
        let height = middle.half();
        let mut picture = Self {
            width: on_right.saturating_add(BOX.0).saturating_add(GAP),
            height: top(rows.saturating_mul(2)),
            boxes: Vec::new(),
            lines: Vec::new(),
            left: saying.len().saturating_add(said.len()).saturating_sub(drawn),
        };
        for (x, side) in [(on_left, first), (on_right, last)] {
            // Half a row for each that a column has less than the other.
            let begin = rows.saturating_sub(u32::try_from(side.len()).unwrap_or(rows));
            for (row, other) in (0_u32..).zip(side) {
                let other = spot(x, begin.saturating_add(row.saturating_mul(2)), *other, false);
                picture.lines.push(if x < before {
                    Line {
                        from: (x.saturating_add(BOX.0), other.half()),
                        to: (before, height),
                    }
                } else {
                    Line {
                        from: (behind, height),
                        to: (x, other.half()),
                    }
                });
                picture.boxes.push(other);
            }
        }
        picture.boxes.push(middle);
        Some(picture)
    }

    /// How wide each box is.
    #[must_use]
    pub const fn box_width(&self) -> u32 {
        BOX.0
    }

    /// How high each box is.
    #[must_use]
    pub const fn box_height(&self) -> u32 {
        BOX.1
    }
}

impl Spot {
    /// Where its texts begin.
    #[must_use]
    pub const fn text_x(&self) -> u32 {
        self.x.saturating_add(10)
    }

    /// The line of the name.
    #[must_use]
    pub const fn name_y(&self) -> u32 {
        self.y.saturating_add(19)
    }

    /// The line below it.
    #[must_use]
    pub const fn how_y(&self) -> u32 {
        self.y.saturating_add(35)
    }

    const fn half(&self) -> u32 {
        self.y.saturating_add(BOX.1 / 2)
    }
}

fn spot(x: u32, half_rows: u32, (how, name): Other<'_>, is_middle: bool) -> Spot {
    Spot {
        x,
        y: top(half_rows),
        name: short(name),
        how: short(how),
        is_middle,
    }
}

/// The top of what lies so many half rows down.
const fn top(half_rows: u32) -> u32 {
    (BOX.1.saturating_add(GAP) / 2)
        .saturating_mul(half_rows)
        .saturating_add(GAP)
}

/// As much of a text as a box takes.
fn short(text: &str) -> String {
    let mut width = 0_usize;
    let mut out = String::new();
    for c in text.chars() {
        width = width.saturating_add(if c.is_ascii() { 1 } else { 2 });
        if width > WIDEST {
            out.push('\u{2026}');
            break;
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDDLE: Other<'_> = ("Project", "Gate");

    #[test]
    fn who_stands_alone_has_no_picture() {
        assert_eq!(Picture::of(MIDDLE, &[], &[]), None);
    }

    #[test]
    fn boxes_stand_apart_within_the_picture_and_lines_end_at_them() {
        for (saying, said) in [(0, 1), (1, 0), (3, 1), (2, 5), (12, 12), (30, 13)] {
            let others = |count| vec![("parent", "Someone"); count];
            let picture = Picture::of(MIDDLE, &others(saying), &others(said)).unwrap();
            let drawn = saying.min(MOST) + said.min(MOST);
            assert_eq!((picture.boxes.len(), picture.lines.len()), (drawn + 1, drawn));
            assert_eq!(picture.left, saying + said - drawn);
            for (place, one) in picture.boxes.iter().enumerate() {
                assert!(
                    one.x + BOX.0 < picture.width && one.y + BOX.1 < picture.height,
                    "{picture:?}"
                );
                for other in picture.boxes.iter().skip(place + 1) {
                    let apart = one.x.abs_diff(other.x) >= BOX.0 || one.y.abs_diff(other.y) >= BOX.1 + GAP;
                    assert!(apart, "{one:?} {other:?}");
                }
            }
            let ends = |x, y| {
                let mut boxes = picture.boxes.iter();
                boxes.any(|one| (x == one.x || x == one.x + BOX.0) && y == one.half())
            };
            for line in &picture.lines {
                assert!(ends(line.from.0, line.from.1) && ends(line.to.0, line.to.1), "{line:?}");
                assert!(line.from.0 < line.to.0, "from who says it to whom it is said of");
            }
        }
    }

    #[test]
    fn a_name_is_as_long_as_its_box() {
        assert_eq!(short(&"x".repeat(26)), "x".repeat(26));
        assert_eq!(short(&"x".repeat(27)), format!("{}\u{2026}", "x".repeat(26)));
        assert_eq!(short(&"가".repeat(14)), format!("{}\u{2026}", "가".repeat(13)));
    }
}

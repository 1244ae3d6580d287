//! The score of a page for a keyword.

use super::fold::folded;

/// The most points for occurrences in the text.
const MOST_FOR_OCCURRENCES: u64 = 40;
/// How many points each occurrence in the text gives.
const FOR_EACH: u64 = 8;
/// How many points an occurrence in the title gives, once.
const FOR_TITLE: u64 = 40;
/// How many points an early occurrence in the text gives.
const FOR_EARLY: u64 = 20;
/// An occurrence is early if it begins within this many bytes of the text as it is given.
const EARLY: usize = 500;

/// A keyword in the form that pages are searched for.
#[derive(Clone, Debug)]
pub(crate) struct Keyword(String);

/// The matches of a keyword in a page.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct KeywordMatches {
    /// The number of occurrences in title and text. They don't overlap.
    pub(crate) occurrences: u64,
    pub(crate) in_title: bool,
    /// 0 to 100: 8 for each occurrence in the text up to 40, 40 for the title, and 20 when the text's first occurrence
    /// begins within its first 500 bytes.
    pub(crate) score: u64,
}

impl Keyword {
    pub(crate) fn new(keyword: &str) -> Self {
        Self(folded(keyword))
    }

    /// Looks for the keyword in a page.
    pub(crate) fn find(&self, title: Option<&str>, text: &str) -> KeywordMatches {
        let in_title = self.count(&folded(title.unwrap_or_default()));
        let searched = folded(text);
        let in_text = self.count(&searched);
        let early = in_text > 0
            && searched
                .find(&self.0)
                .is_some_and(|place| place < folded(beginning(text, EARLY)).len());
        let for_text = in_text.saturating_mul(FOR_EACH).min(MOST_FOR_OCCURRENCES);
        let for_title = if in_title > 0 { FOR_TITLE } else { 0 };
        KeywordMatches {
            occurrences: in_title + in_text,
            in_title: in_title > 0,
            score: for_text + for_title + if early { FOR_EARLY } else { 0 },
        }
    }

    /// Whether nothing can be looked for: the keyword has only white space and characters that don't show.
    pub(crate) fn is_blank(&self) -> bool {
        self.0.is_empty()
    }

    fn count(&self, text: &str) -> u64 {
        if self.is_blank() {
            return 0;
        }
        u64::try_from(text.matches(&self.0).count()).unwrap_or(u64::MAX)
    }
}

/// The characters that begin within the first `bytes` bytes.
fn beginning(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(keyword: &str, title: &str, text: &str) -> (u64, bool, u64) {
        let found = Keyword::new(keyword).find(Some(title), text);
        (found.occurrences, found.in_title, found.score)
    }

    #[test]
    fn occurrences_count_in_title_and_text_whatever_their_case() {
        assert_eq!(find("Shop", "SHOP", "shop Workshop shopshop"), (5, true, 92));
        assert_eq!(find("aa", "", "aaaa aaa"), (3, false, 44));
        assert_eq!(find("\u{c4}rger", "", "\u{e4}RGER"), (1, false, 28));
        assert_eq!(
            find(
                "\u{39f}\u{394}\u{39f}\u{3a3}",
                "",
                "\u{39f}\u{394}\u{39f}\u{3a3}\u{397}"
            ),
            (1, false, 28)
        );
        assert_eq!(find(" web \n shop ", "", "my Web\tShop"), (1, false, 28));
        assert_eq!(find("missing", "title", "text"), (0, false, 0));
    }

    #[test]
    fn a_keyword_is_found_however_its_characters_are_written() {
        for (keyword, text) in [
            ("phasegate", "phase\u{ad}gate"),
            ("phasegate", "phase\u{200b}gate"),
            ("phasegate", "phase\u{2060}gate"),
            ("phasegate", "\u{feff}phase\u{200d}gate\u{fe0f}"),
            ("phase\u{ad}gate", "PhaseGate"),
            (
                "phasegate",
                "\u{ff30}\u{ff28}\u{ff21}\u{ff33}\u{ff25}\u{ff47}\u{ff41}\u{ff54}\u{ff45}",
            ),
            ("phasegate", "\u{1d429}\u{1d421}\u{1d41a}\u{1d42c}\u{1d41e}gate"),
            ("caf\u{e9}", "cafe\u{301}"),
            ("cafe\u{301}", "CAF\u{c9}"),
            ("\u{ac00}", "\u{1100}\u{1161}"),
            ("profi", "pro\u{fb01}"),
            ("pro\u{fb01}", "PROFI"),
            ("STRASSE", "stra\u{df}e"),
            ("stra\u{df}e", "STRA\u{1e9e}E"),
            ("\u{130}stanbul", "istanbul"),
            ("istanbul", "\u{130}STANBUL"),
            ("istanbul", "I\u{307}stanbul"),
            ("\u{131}\u{15f}\u{131}k", "I\u{15e}IK"),
            (
                "\u{3c3}\u{3bf}\u{3c6}\u{3cc}\u{3c2}",
                "\u{3a3}\u{39f}\u{3a6}\u{38c}\u{3a3}",
            ),
            ("don't", "don\u{2019}t"),
            ("don\u{2019}t", "don't"),
            ("don't", "don\u{2018}t don\u{2bc}t don\u{ff07}t don\u{b4}t"),
            ("\u{201c}web shop\u{201d}", "\"web shop\""),
            ("web-shop", "web\u{2011}shop"),
            ("web\u{2010}shop", "web\u{2013}shop"),
            ("-5", "\u{2212}5 \u{ff0d}5"),
            ("web shop", "web\u{a0}\u{2003}\n shop"),
        ] {
            assert!(find(keyword, "", text).0 > 0, "{keyword:?} in {text:?}");
            assert!(find(keyword, text, "").1, "{keyword:?} in {text:?}");
        }
    }

    #[test]
    fn another_word_is_not_found() {
        for (keyword, text) in [
            ("cafe", "caf\u{e9}"),
            ("cafe", "cafe\u{301}"),
            ("\u{ac00}", "\u{ac01}"),
            ("webshop", "web-shop web\u{2011}shop web shop"),
            ("web-shop", "web\u{2014}shop"),
            ("phasegate", "phase gate phase\u{a0}gate"),
        ] {
            assert_eq!(
                find(keyword, text, text),
                (0, false, 0),
                "{keyword:?} in {text:?}"
            );
        }
    }

    #[test]
    fn an_occurrence_is_early_by_its_place_in_the_text_as_given() {
        for before in [
            "x",
            "\u{df}",
            "\u{fdfa}",
            "\u{ff58}",
            "\u{ad}",
            "e\u{301}",
            "\u{1f600}",
            "x ",
        ] {
            for bytes in 490..510 {
                let mut text = before.repeat(bytes / before.len());
                text += &"x".repeat(bytes - text.len());
                text.push_str("word");
                let points = if bytes < EARLY { 28 } else { 8 };
                assert_eq!(find("word", "", &text), (1, false, points), "{before:?} {bytes}");
            }
        }
    }

    #[test]
    fn the_score_is_full_for_title_and_early_frequent_text() {
        let late = format!("{} word", "x ".repeat(400));
        assert_eq!(find("word", "", &late), (1, false, 8));
        assert_eq!(find("word", "word", &"word ".repeat(1_000)), (1_001, true, 100));
        assert_eq!(find("word", "word", ""), (1, true, 40));
    }
}

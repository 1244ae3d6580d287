//! The score of a page for a keyword.

/// The most points for occurrences in the text.
const MOST_FOR_OCCURRENCES: u64 = 40;
/// How many points each occurrence in the text gives.
const FOR_EACH: u64 = 8;
/// How many points an occurrence in the title gives, once.
const FOR_TITLE: u64 = 40;
/// How many points an early occurrence in the text gives.
const FOR_EARLY: u64 = 20;
/// An occurrence is early if it begins within this many bytes of the lower-cased text.
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
        Self(normal(keyword))
    }

    /// Looks for the keyword in a page.
    pub(crate) fn find(&self, title: Option<&str>, text: &str) -> KeywordMatches {
        let (title, text) = (normal(title.unwrap_or_default()), normal(text));
        let (in_title, in_text) = (self.count(&title), self.count(&text));
        let early = text
            .find(&self.0)
            .is_some_and(|place| in_text > 0 && place < EARLY);
        let for_text = in_text.saturating_mul(FOR_EACH).min(MOST_FOR_OCCURRENCES);
        let for_title = if in_title > 0 { FOR_TITLE } else { 0 };
        KeywordMatches {
            occurrences: in_title + in_text,
            in_title: in_title > 0,
            score: for_text + for_title + if early { FOR_EARLY } else { 0 },
        }
    }

    fn count(&self, text: &str) -> u64 {
        if self.0.is_empty() {
            return 0;
        }
        u64::try_from(text.matches(&self.0).count()).unwrap_or(u64::MAX)
    }
}

/// The text in lower case by Unicode's rules, with white space joined to single spaces. Both forms of the Greek small sigma
/// become one: the lower case of a capital sigma depends on the next letter, which may differ in keyword and text.
fn normal(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ").to_lowercase().replace('\u{3c2}', "\u{3c3}")
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
    fn the_score_is_full_for_title_and_early_frequent_text() {
        let late = format!("{} word", "x ".repeat(400));
        assert_eq!(find("word", "", &late), (1, false, 8));
        assert_eq!(find("word", "word", &"word ".repeat(1_000)), (1_001, true, 100));
        assert_eq!(find("word", "word", ""), (1, true, 40));
    }
}

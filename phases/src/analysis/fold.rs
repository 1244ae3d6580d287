//! The form in which a keyword and a text are compared.

use std::borrow::Cow;
use std::sync::OnceLock;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup};
use icu_properties::{CodePointMapData, CodePointSetData};

/// The text as a person reads it: what looks the same, or differs only in letter case, has the same folded form.
///
/// - Compatibility forms are the characters that they stand for, and accents are composed (NFKC, Unicode Standard Annex 15).
/// - Letters have one case (full case folding, The Unicode Standard, section 3.13): `STRASSE` is `straße`. An i is the same with
///   and without its dot, because the capital of each is another letter in Turkish.
/// - What has no form of its own is dropped: soft hyphens, zero-width spaces, variation selectors, and all else that is a
///   `Default_Ignorable_Code_Point`.
/// - Apostrophes, quotation marks and the hyphens within words are those of ASCII.
/// - White space and control characters are joined to single spaces, with none at the ends.
///
/// The work is linear in the text, and folding what is folded changes nothing.
pub(super) fn folded(text: &str) -> String {
    let mut folded = FoldedText::with_capacity(text.len());
    folded.push_all(text);
    if !folded.combines {
        return folded.kept;
    }
    // An accent composes with the letter before it. It is put in order first: case folding makes a letter of one of them. What has no
    // form of its own would keep accents apart that belong together.
    let ignored = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let seen: String = text.chars().filter(|c| !ignored.contains(*c)).collect();
    let normalizer = ComposingNormalizerBorrowed::new_nfc();
    let mut folded = FoldedText::with_capacity(text.len());
    folded.push_all(&normalizer.normalize(&seen));
    match normalizer.normalize(&folded.kept) {
        Cow::Borrowed(_) => folded.kept,
        Cow::Owned(composed) => composed,
    }
}

/// The folded forms of characters in a row, with white space joined.
struct FoldedText {
    kept: String,
    gap: bool,
    /// Whether a character may compose with the one before it.
    combines: bool,
}

impl FoldedText {
    fn with_capacity(bytes: usize) -> Self {
        Self {
            kept: String::with_capacity(bytes),
            gap: false,
            combines: false,
        }
    }

    fn push_all(&mut self, text: &str) {
        for c in text.chars() {
            let block = Block::of(c);
            let Entry { form, combines } = block.entries[place(c)];
            self.combines |= combines;
            match form {
                Form::One(c) => self.push(c),
                Form::Other(index) => block.others[usize::from(index)]
                    .chars()
                    .for_each(|c| self.push(c)),
            }
        }
    }

    fn push(&mut self, c: char) {
        if c == ' ' {
            self.gap = !self.kept.is_empty();
            return;
        }
        if c == DOT_ABOVE && !self.gap && self.kept.ends_with('i') {
            return;
        }
        if std::mem::take(&mut self.gap) {
            self.kept.push(' ');
        }
        self.kept.push(c);
    }
}

const DOT_ABOVE: char = '\u{307}';
/// How many characters a block has.
const BLOCK: usize = 256;
const BLOCKS: usize = (char::MAX as usize + 1) / BLOCK;

/// The folded forms of 256 characters, made when the first of them occurs.
struct Block {
    entries: [Entry; BLOCK],
    others: Vec<String>,
}

#[derive(Clone, Copy)]
struct Entry {
    form: Form,
    combines: bool,
}

#[derive(Clone, Copy)]
enum Form {
    One(char),
    /// No character, or several: the index of the block's text.
    Other(u8),
}

impl Block {
    fn of(c: char) -> &'static Self {
        static ALL: [OnceLock<Box<Block>>; BLOCKS] = [const { OnceLock::new() }; BLOCKS];
        ALL[c as usize / BLOCK].get_or_init(|| Box::new(Self::new(c as usize / BLOCK * BLOCK)))
    }

    fn new(first: usize) -> Self {
        let mut others = Vec::new();
        let entries = std::array::from_fn(|place| {
            // A surrogate is no character, and nobody asks for its form.
            let c = u32::try_from(first + place).ok().and_then(char::from_u32);
            let form = c.map(form).unwrap_or_default();
            let combines = form.chars().any(may_combine);
            let mut chars = form.chars();
            let form = match (chars.next(), chars.next()) {
                (Some(c), None) => Form::One(c),
                _ => {
                    let known = others.iter().position(|other| *other == form);
                    let index = known.unwrap_or_else(|| {
                        others.push(form);
                        others.len() - 1
                    });
                    Form::Other(u8::try_from(index).expect("there are no more texts than characters"))
                }
            };
            Entry { form, combines }
        });
        Self { entries, others }
    }
}

/// The place of a character in its block.
fn place(c: char) -> usize {
    c as usize % BLOCK
}

/// The folded form of one character.
fn form(c: char) -> String {
    if CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c) {
        return String::new();
    }
    let parts = DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(std::iter::once(in_ascii(c)));
    let folded: String = parts.map(in_ascii).flat_map(in_one_case).collect();
    let folded = folded.replace("i\u{307}", "i");
    ComposingNormalizerBorrowed::new_nfc()
        .normalize(&folded)
        .into_owned()
}

/// A letter and its capital, whatever the way there, have one form.
fn in_one_case(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
}

/// Whether the character may compose with the one before it, or change places with it: an accent, or a part of a Korean syllable.
fn may_combine(c: char) -> bool {
    GeneralCategoryGroup::Mark.contains(CodePointMapData::<GeneralCategory>::new().get(c))
        || ('\u{1100}'..='\u{11ff}').contains(&c)
}

/// White space as a space, and what people write with one key as that key.
///
/// Of the dashes, those within words, numbers and ranges are hyphens. The em dash is not: it stands between clauses.
fn in_ascii(c: char) -> char {
    match c {
        // Accents that stand alone, modifier letters, quotation marks, the prime; then those of Armenian, Hebrew and Greek.
        '`' | '\u{b4}' | '\u{1ffd}' | '\u{2b9}' | '\u{2bb}' | '\u{2bc}' | '\u{2018}' | '\u{2019}'
        | '\u{201b}' | '\u{2032}' => '\'',
        '\u{55a}' | '\u{5f3}' | '\u{1fbd}' => '\'',
        '\u{2ba}' | '\u{201c}'..='\u{201f}' => '"',
        // The Hebrew maqaf, the hyphen, the one that does not break, the figure dash, the en dash, and the minus sign.
        '\u{5be}' | '\u{2010}'..='\u{2013}' | '\u{2212}' => '-',
        _ if c.is_whitespace() || c.is_control() => ' ',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, on the text as a whole: each step over all of it.
    fn defined(text: &str) -> String {
        let ignored = CodePointSetData::new::<DefaultIgnorableCodePoint>();
        let seen = text.chars().filter(|c| !ignored.contains(*c)).map(in_ascii);
        let apart = DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(seen);
        let folded: String = apart.map(in_ascii).flat_map(in_one_case).collect();
        let words: Vec<_> = folded.split(' ').filter(|word| !word.is_empty()).collect();
        let mut folded = words.join(" ");
        while folded.contains("i\u{307}") {
            folded = folded.replace("i\u{307}", "i");
        }
        ComposingNormalizerBorrowed::new_nfc()
            .normalize(&folded)
            .into_owned()
    }

    #[test]
    fn every_character_folds_as_defined_and_what_is_folded_stays() {
        // Between these the planes are empty.
        for c in ('\0'..='\u{323af}').chain('\u{e0000}'..='\u{e0fff}') {
            let text = format!("a{c}b");
            let once = folded(&text);
            assert_eq!(once, defined(&text), "U+{:04X}", c as u32);
            assert_eq!(folded(&once), once, "U+{:04X}", c as u32);
        }
    }

    #[test]
    fn accents_fold_alike_in_any_order() {
        for (one, other) in [
            ("\u{1fb3}\u{301}", "\u{1fb4}"),
            ("\u{3b1}\u{345}\u{301}", "\u{1fb4}"),
            ("a\u{307}\u{323}", "\u{1ea1}\u{307}"),
            ("\u{130}\u{93c}", "I\u{93c}\u{307}"),
            ("\u{928}\u{93c}", "\u{929}"),
            ("\u{130}\u{200b}\u{323}", "I\u{323}\u{307}"),
        ] {
            assert_eq!(folded(one), folded(other));
        }
    }

    proptest! {
        #[test]
        fn characters_side_by_side_fold_as_defined(
            text in "[a-iK\u{130}\u{131}\u{df}\u{e9}\u{fb01}\u{301}\u{307}\u{323}\u{ac00}\u{1100}\u{1161}\u{11a8}\u{314f}\u{3c2}\u{ad}\u{200b}\u{2019}\u{2011}\u{a0}\u{b4} ]{0,12}",
        ) {
            prop_assert_eq!(folded(&text), defined(&text));
        }
    }
}

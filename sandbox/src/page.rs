//! The text of a page, drawn word by word from the hash of its host's name.

use crate::digest::{Digest, DigestStream};
use crate::site::KEYWORD;

/// Renders the page of the canonical `name` with [`KEYWORD`] in it `mentions` times.
///
/// The words below keep the length between 0.5 and 4 KiB for all draws; a test checks it.
pub(crate) fn render(name: &str, mentions: u32) -> String {
    let mut stream = Digest::of("page", name).stream();
    let company = format!(
        "{} {} {}",
        stream.pick(PLACES),
        stream.pick(TRADES),
        stream.pick(FORMS)
    );
    let mut paragraphs: Vec<Vec<String>> = (0..3 + stream.below(4)).map(|_| paragraph(&mut stream)).collect();
    for _ in 0..mentions {
        let index = stream.below(paragraphs.len());
        mention(&mut paragraphs[index], &mut stream);
    }
    let body: String = paragraphs
        .iter()
        .map(|sentences| format!("    <p>{}</p>\n", sentences.join(" ")))
        .collect();
    format!(
        "<!DOCTYPE html>\n\
         <html lang=\"en\">\n  \
           <head>\n    \
             <meta charset=\"utf-8\">\n    \
             <title>{company}</title>\n    \
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n  \
           </head>\n  \
           <body>\n    \
             <h1>{company}</h1>\n\
             {body}    \
             <footer>&copy; {company}. All rights reserved.</footer>\n  \
           </body>\n\
         </html>\n"
    )
}

fn paragraph(stream: &mut DigestStream) -> Vec<String> {
    (0..2 + stream.below(4)).map(|_| sentence(stream)).collect()
}

fn sentence(stream: &mut DigestStream) -> String {
    format!(
        "{} {} {} {} {} {}.",
        stream.pick(OPENINGS),
        stream.pick(VERBS),
        stream.pick(QUALITIES),
        stream.pick(GOODS),
        stream.pick(LINKS),
        stream.pick(CUSTOMERS),
    )
}

fn mention(sentences: &mut Vec<String>, stream: &mut DigestStream) {
    let sentence = match stream.below(3) {
        0 => format!("Ask us about {KEYWORD} for {}.", stream.pick(CUSTOMERS)),
        1 => format!("Our {} come with {KEYWORD} as a standard.", stream.pick(GOODS)),
        _ => format!("With {KEYWORD}, {} are one call away.", stream.pick(GOODS)),
    };
    let at = stream.below(sentences.len() + 1);
    sentences.insert(at, sentence);
}

const PLACES: &[&str] = &[
    "Northern",
    "Harbour",
    "Alpine",
    "Riverside",
    "Old Town",
    "Coastal",
    "Meadow",
    "Lakeside",
    "Central",
    "Hilltop",
];
const TRADES: &[&str] = &[
    "Copper",
    "Textile",
    "Garden",
    "Bakery",
    "Optics",
    "Furniture",
    "Bicycle",
    "Printing",
    "Timber",
    "Pottery",
];
const FORMS: &[&str] = &[
    "Works", "Company", "Brothers", "Studio", "Partners", "Supply", "House", "Guild",
];
const OPENINGS: &[&str] = &[
    "For thirty years our family",
    "Every week the workshop",
    "Since the move to the new hall, our team",
    "On request, the night shift",
    "Together with two neighbours, our shop",
    "In spring and autumn the yard",
];
const VERBS: &[&str] = &[
    "repairs",
    "delivers",
    "designs",
    "restores",
    "tests",
    "stocks",
    "packs",
    "rents out",
];
const QUALITIES: &[&str] = &[
    "sturdy",
    "hand-made",
    "certified",
    "lightweight",
    "custom",
    "affordable",
    "long-lasting",
    "made-to-measure",
];
const GOODS: &[&str] = &[
    "tools", "lamps", "frames", "cabinets", "lenses", "wheels", "ovens", "signs", "shelves",
];
const LINKS: &[&str] = &[
    "for",
    "together with",
    "at the request of",
    "within two days for",
    "at fair prices for",
];
const CUSTOMERS: &[&str] = &[
    "schools",
    "small hotels",
    "local farmers",
    "museums",
    "the whole county",
    "builders",
    "private collectors",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_contains_the_keyword_exactly_as_often_as_asked() {
        for index in 0..500 {
            let mentions = index % 10;
            let html = render(&format!("name{index}.test"), mentions);
            assert_eq!(
                html.to_lowercase().matches(KEYWORD).count(),
                mentions as usize,
                "{html}"
            );
        }
    }

    #[test]
    fn a_page_is_half_a_kibibyte_to_four_kibibytes_long() {
        for index in 0..2_000 {
            for mentions in [0, 9] {
                let html = render(&format!("name{index}.test"), mentions);
                assert!((512..=4096).contains(&html.len()), "{} bytes: {html}", html.len());
            }
        }
    }

    #[test]
    fn a_page_does_not_print_the_name_of_its_host() {
        assert_eq!(
            render("my-phasegate-shop.test", 0)
                .to_lowercase()
                .matches(KEYWORD)
                .count(),
            0
        );
    }
}

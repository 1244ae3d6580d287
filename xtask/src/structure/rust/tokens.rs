//! Rust's tokens, as far as imports need them: without comments, and with one token for each string.

/// A token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Token<'a> {
    /// A keyword or an identifier.
    Word(&'a str),
    /// A string literal: the source between its quotes.
    Text(&'a str),
    /// `::`
    PathSeparator,
    /// Any other character.
    Sign(char),
}

/// Returns the tokens of `source`. Lifetimes, and literals other than strings, are left out.
pub fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if rest.starts_with("/*") {
            rest = after_block_comment(rest);
        } else if let Some((text, after)) = string(rest) {
            tokens.push(Token::Text(text));
            rest = after;
        } else if first == '\'' {
            rest = after_quote(&rest[1..]);
        } else if let Some(after) = rest.strip_prefix("::") {
            tokens.push(Token::PathSeparator);
            rest = after;
        } else if is_of_word(first) {
            let end = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
            if !first.is_ascii_digit() {
                tokens.push(Token::Word(&rest[..end]));
            }
            rest = &rest[end..];
        } else {
            if !first.is_whitespace() {
                tokens.push(Token::Sign(first));
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    tokens
}

fn is_of_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn after_block_comment(text: &str) -> &str {
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("/*") {
            depth += 1;
            rest = after;
        } else if let Some(after) = rest.strip_prefix("*/") {
            depth -= 1;
            rest = after;
            if depth == 0 {
                break;
            }
        } else {
            rest = &rest[first.len_utf8()..];
        }
    }
    rest
}

/// Returns the string literal that `text` begins with, raw or not, and what follows it.
fn string(text: &str) -> Option<(&str, &str)> {
    let quoted = text
        .strip_prefix(['b', 'c'])
        .filter(|rest| rest.starts_with(['"', 'r']))
        .unwrap_or(text);
    if let Some(raw) = quoted.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let inner = raw[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        return inner.split_once(end.as_str()).or(Some((inner, "")));
    }
    let inner = quoted.strip_prefix('"')?;
    let mut escaped = false;
    for (place, c) in inner.char_indices() {
        match c {
            '"' if !escaped => return Some((&inner[..place], &inner[place + 1..])),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    Some((inner, ""))
}

/// Returns what follows a character literal or a lifetime, given what follows its first quote.
fn after_quote(text: &str) -> &str {
    let mut characters = text.chars();
    let first = characters.next();
    if first == Some('\\') {
        let rest = characters.as_str();
        // The escaped character may be a quote itself.
        let from = rest.chars().next().map_or(0, char::len_utf8);
        let end = rest[from..].find('\'').map_or(rest.len(), |end| from + end + 1);
        return &rest[end..];
    }
    if let Some(after) = characters.as_str().strip_prefix('\'') {
        return after;
    }
    text.trim_start_matches(is_of_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(source: &str) -> String {
        let told: Vec<_> = tokens(source)
            .into_iter()
            .map(|token| match token {
                Token::Word(word) => word.to_owned(),
                Token::Text(text) => format!("{text:?}"),
                Token::PathSeparator => "::".to_owned(),
                Token::Sign(sign) => sign.to_string(),
            })
            .collect();
        told.join(" ")
    }

    #[test]
    fn comments_are_left_out_and_strings_are_one_token() {
        assert_eq!(told("a // b\n/* c /* d */ e */ f"), "a f");
        assert_eq!(told(r#"a "b \" c" d"#), r#"a "b \\\" c" d"#);
        assert_eq!(
            told("r\"a\\\" b r##\"c\"# d\"## br\"e\" c\"f\" b\"g\""),
            "\"a\\\\\" b \"c\\\"# d\" \"e\" \"f\" \"g\""
        );
    }

    #[test]
    fn characters_and_lifetimes_are_told_from_each_other() {
        assert_eq!(
            told(r"fn f<'a>(x: &'a str) { ['\'', '\\', '{', 'b', b'c', '\u{1f}'] }"),
            "fn f < > ( x : & str ) { [ , , , , b , ] }"
        );
    }

    #[test]
    fn paths_numbers_and_raw_words_are_read() {
        assert_eq!(told("a::b::<C>(1.5e3, 0..9_u8)"), "a :: b :: < C > ( . , . . )");
        assert_eq!(told("r#type + b + rc"), "r # type + b + rc");
    }
}

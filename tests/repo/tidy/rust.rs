//! Finds paths, words and attributes in Rust source, without a full grammar.
//!
//! Call [`code_of`] first: all other functions expect that comments and literals are blanked.

/// A path as written, groups of a `use` expanded.
#[derive(Debug)]
pub(crate) struct RustPath {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
    /// How many inline modules are around it.
    pub(crate) nesting: usize,
    pub(crate) is_macro: bool,
}

/// Every path of at least two segments, and every braced `use` tree under one.
pub(crate) fn paths_in(code: &str) -> Vec<RustPath> {
    let tokens = tokens_of(code);
    let mut paths = Vec::new();
    let mut braces = 0;
    let mut modules = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let text = |ahead: usize| tokens.get(at + ahead).map_or("", |token| token.1);
        match text(0) {
            "{" => braces += 1,
            "}" => {
                if modules.last() == Some(&braces) {
                    modules.pop();
                }
                braces -= 1;
            }
            "mod" if text(2) == "{" => modules.push(braces + 1),
            // The body of a macro is read where the macro is used.
            "$" if text(1) == "crate" => at += 1,
            word if is_word(word) && text(1) == "::" => {
                let first = paths.len();
                at = expand(&tokens, at, &[], &mut paths);
                for path in &mut paths[first..] {
                    path.nesting = modules.len();
                }
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    paths
}

/// Reads the path or tree at `at` under `prefix`; returns where it ends.
fn expand(tokens: &[(usize, &str)], mut at: usize, prefix: &[String], paths: &mut Vec<RustPath>) -> usize {
    let mut segments = prefix.to_vec();
    let line = tokens[at].0;
    while let Some((_, token)) = tokens.get(at) {
        if *token == "{" {
            at += 1;
            while tokens.get(at).is_some_and(|token| token.1 != "}") {
                at = if tokens[at].1 == "," { at + 1 } else { expand(tokens, at, &segments, paths) };
            }
            return at + 1;
        }
        segments.push((*token).to_owned());
        at += 1;
        if tokens.get(at).is_none_or(|token| token.1 != "::") {
            break;
        }
        at += 1;
    }
    let is_macro = tokens.get(at).is_some_and(|token| token.1 == "!");
    paths.push(RustPath { line, segments, nesting: 0, is_macro });
    // The rest up to `,` or `}` (`as name`) belongs to this entry.
    while !prefix.is_empty() && tokens.get(at).is_some_and(|token| ![",", "}"].contains(&token.1)) {
        at += 1;
    }
    at
}

/// Words, `::` and single signs, each with its line.
pub(crate) fn tokens_of(code: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    let (mut line, mut at) = (1, 0);
    while let Some(sign) = code[at..].chars().next() {
        let rest = &code[at..];
        let len = match sign {
            _ if is_word(&rest[..sign.len_utf8()]) => {
                rest.find(|c: char| !is_word_char(c)).unwrap_or(rest.len())
            }
            ':' if rest.starts_with("::") => 2,
            _ => sign.len_utf8(),
        };
        line += usize::from(sign == '\n');
        if !sign.is_whitespace() {
            tokens.push((line, &rest[..len]));
        }
        at += len;
    }
    tokens
}

pub(crate) fn words_of(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate();
    lines
        .flat_map(|(index, line)| line.split(|c| !is_word_char(c)).map(move |word| (index + 1, word)))
        .filter(|(_, word)| !word.is_empty())
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_word(text: &str) -> bool {
    text.starts_with(is_word_char)
}

pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// From the first `[` of the text to its closing partner.
pub(crate) fn balanced(text: &str) -> &str {
    let mut depth = 0;
    for (at, sign) in text.char_indices() {
        depth += i32::from(sign == '[') - i32::from(sign == ']');
        if sign == ']' && depth == 0 {
            return &text[..=at];
        }
    }
    text
}

/// The source with comments and the insides of literals blanked; line numbers do not change.
pub(crate) fn code_of(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(sign) = rest.chars().next() {
        let after_word = code.ends_with(is_word_char);
        let (len, keep) = match sign {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), 0),
            '/' if rest.starts_with("/*") => (comment_len(rest), 0),
            '"' => (literal_len(rest), 1),
            'r' | 'b' | 'c' if !after_word && raw_len(rest).is_some() => (raw_len(rest).unwrap_or(1), 0),
            '\'' => char_len(rest).map_or((1, 1), |len| (len, 1)),
            _ => (sign.len_utf8(), sign.len_utf8()),
        };
        code.push_str(&rest[..keep]);
        code.extend(rest[keep..len].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = &rest[len..];
    }
    code
}

fn comment_len(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let step = text[at..].chars().next().map_or(1, char::len_utf8);
        let (change, len) = match text.get(at..at + 2) {
            Some("/*") => (1, 2),
            Some("*/") => (-1, 2),
            _ => (0, step),
        };
        (depth, at) = (depth + change, at + len);
        if depth == 0 {
            break;
        }
    }
    at
}

fn literal_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, sign) in text.char_indices().skip(1) {
        match sign {
            '"' if !escaped => return at + 1,
            _ => escaped = sign == '\\' && !escaped,
        }
    }
    text.len()
}

/// The length of a raw string (`r`, `br`, `cr`, any number of `#`), if one begins here.
fn raw_len(text: &str) -> Option<usize> {
    let opening = text.trim_start_matches(['b', 'c']).strip_prefix('r')?;
    let body = opening.trim_start_matches('#').strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(opening.len() - body.len() - 1));
    Some(text.len() - body.len() + body.find(&close)? + close.len())
}

/// The length of a character literal; `None` for a lifetime.
fn char_len(text: &str) -> Option<usize> {
    let inside = &text[1..];
    if let Some(escape) = inside.strip_prefix('\\') {
        let first = escape.chars().next()?.len_utf8();
        return Some(2 + first + escape[first..].find('\'')? + 1);
    }
    let first = inside.chars().next()?.len_utf8();
    inside[first..].starts_with('\'').then_some(first + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(code: &str) -> Vec<(usize, String)> {
        paths_in(code).into_iter().map(|path| (path.line, path.segments.join("::"))).collect()
    }

    #[test]
    fn comments_and_literals_are_blanked_in_place() {
        let source = "a /* x /* y */ */ b // c\n'x' '\\'' \"s \\\" t\" r#\"u \" v\"# b'\\n' &'life w";
        let code = code_of(source);
        let words: Vec<_> = words_of(&code).collect();
        assert_eq!(words, [(1, "a"), (1, "b"), (2, "b"), (2, "life"), (2, "w")]);
        assert_eq!(code.len(), source.len());
    }

    #[test]
    fn a_literal_over_two_lines_keeps_its_lines() {
        assert_eq!(words_of(&code_of("\"a\nb\" c")).collect::<Vec<_>>(), [(2, "c")]);
    }

    #[test]
    fn use_trees_are_expanded() {
        let found = joined("use a::{b, c::{self, d as e},\n f::*};");
        let expected = [(1, "a::b"), (1, "a::c::self"), (1, "a::c::d"), (2, "a::f::*")];
        assert_eq!(found, expected.map(|(line, path)| (line, path.to_owned())));
    }

    #[test]
    fn paths_stand_in_types_and_calls_but_not_in_macro_bodies() {
        let found = joined("let x = Vec::<a::B>::new(); y::z!(); $crate::hidden::w();");
        let paths: Vec<_> = found.iter().map(|(_, path)| path.as_str()).collect();
        assert_eq!(paths, ["Vec::<", "a::B", "y::z", "hidden::w"]);
    }

    #[test]
    fn inline_modules_nest() {
        let found = paths_in("a::b; mod m { fn f() { c::d } mod n { e::f } } g::h;");
        assert_eq!(found.iter().map(|path| path.nesting).collect::<Vec<_>>(), [0, 1, 2, 0]);
    }

    #[test]
    fn attributes_end_at_their_own_bracket() {
        assert_eq!(balanced("#[a([b])] c]"), "#[a([b])]");
    }
}

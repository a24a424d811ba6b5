//! Reads Rust source as text: without comments and strings, without test code, as paths, macros and functions.
//!
//! No parser: enough of the grammar for well-formatted code that compiles.

/// One file in the forms that rules look at. All have the same lines.
pub(crate) struct Source {
    /// From the package's root, as `src/policy/mod.rs`.
    pub(crate) path: String,
    /// As it stands in the file.
    pub(crate) raw: String,
    /// Comments, strings and characters blanked.
    pub(crate) code: String,
    /// `code` with test code blanked.
    pub(crate) shipped: String,
}

impl Source {
    /// Reads `text`; a file that does not ship is test code as a whole.
    pub(crate) fn new(path: &str, text: &str, ships: bool) -> Self {
        let code = without_text(text);
        let shipped = if ships { without_tests(&code) } else { blank(&code) };
        Self { path: path.to_owned(), raw: text.to_owned(), code, shipped }
    }

    /// The first module of the path: `policy`, `limits`, `lib`, `main`.
    pub(crate) fn layer(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        inside.split(['/', '.']).next().unwrap_or(inside)
    }

    /// True for the module file at `prefix` and everything below it.
    pub(crate) fn is_below(&self, prefix: &str) -> bool {
        self.path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(['/', '.']))
    }

    /// Where the files of this file's modules lie.
    pub(crate) fn module_folder(&self) -> String {
        let stem = self.path.trim_end_matches(".rs");
        let own = ["lib", "main", "mod"].iter().find_map(|name| stem.strip_suffix(&format!("/{name}")));
        own.unwrap_or(stem).to_owned()
    }

    /// `mod name;` declarations, and whether they ship.
    pub(crate) fn modules(&self) -> Vec<(String, bool)> {
        let declared = |text: &str| -> Vec<String> {
            let words = words(text);
            let is_declaration = |three: &&[(usize, String)]| three[0].1 == "mod" && three[2].1 == ";";
            words.windows(3).filter(is_declaration).map(|three| three[1].1.clone()).collect()
        };
        let shipped = declared(&self.shipped);
        declared(&self.code).into_iter().map(|name| (name.clone(), shipped.contains(&name))).collect()
    }

    /// `path` with `self`, `super` and the crate's own name replaced, from `crate` on where it begins in this crate.
    pub(crate) fn resolve(&self, path: &[String]) -> Vec<String> {
        let folder = self.module_folder();
        let inside = folder.strip_prefix("src").unwrap_or(&folder);
        let mut module: Vec<&str> = inside.split('/').filter(|part| !part.is_empty()).collect();
        let mut rest = path;
        match rest.first().map(String::as_str) {
            Some("crate" | "ringwall") => return with_root(&[], &rest[1..]),
            Some("self") => rest = &rest[1..],
            Some("super") => {}
            _ => return rest.to_vec(),
        }
        while rest.first().is_some_and(|first| first == "super") {
            module.pop();
            rest = &rest[1..];
        }
        with_root(&module, rest)
    }

    /// Lines from the first to the last that ships.
    pub(crate) fn shipped_lines(&self) -> usize {
        let blanked = |(line, code): (&str, &str)| line.trim().is_empty() && !code.trim().is_empty();
        self.raw.lines().count()
            - self.shipped.lines().zip(self.code.lines()).filter(|lines| blanked(*lines)).count()
    }
}

fn with_root(module: &[&str], rest: &[String]) -> Vec<String> {
    let root = std::iter::once("crate").chain(module.iter().copied()).map(str::to_owned);
    root.chain(rest.iter().cloned()).collect()
}

/// Every path in `code` with its line, `use` groups written out. `*` stands for itself.
pub(crate) fn paths(code: &str) -> Vec<(usize, Vec<String>)> {
    let words = words(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let starts =
            is_name(&words[at].1) && (at == 0 || !matches!(words[at - 1].1.as_str(), "." | "mod" | "fn"));
        if starts {
            at = read_path(&words, at, &[], &mut found);
        } else {
            at += 1;
        }
    }
    found
}

/// Reads one path at `at` behind `prefix` and gives the place behind it.
fn read_path(
    words: &[(usize, String)],
    mut at: usize,
    prefix: &[String],
    found: &mut Vec<(usize, Vec<String>)>,
) -> usize {
    let mut path = prefix.to_vec();
    let line = words[at].0;
    loop {
        match words.get(at).map(|word| word.1.as_str()) {
            Some("{") if path.len() > prefix.len() || !prefix.is_empty() => {
                at += 1;
                while words.get(at).is_some_and(|word| word.1 != "}") {
                    at = if words[at].1 == "," { at + 1 } else { read_path(words, at, &path, found) };
                }
                return at + 1;
            }
            Some("self") if !path.is_empty() => at += 1,
            Some(word) if is_name(word) || word == "*" && !path.is_empty() => {
                path.push(word.to_owned());
                at += 1;
            }
            _ => at += 1,
        }
        let goes_on = |word: &str| is_name(word) || word == "{" || word == "*";
        if words.get(at).is_some_and(|word| word.1 == "::")
            && words.get(at + 1).is_some_and(|word| goes_on(&word.1))
        {
            at += 1;
            continue;
        }
        if words.get(at).is_some_and(|word| word.1 == "as") {
            at += 2;
        }
        found.push((line, path));
        return at;
    }
}

/// Names of macros called, with their lines.
pub(crate) fn macros(code: &str) -> Vec<(usize, String)> {
    let words = words(code);
    let called = |pair: &&[(usize, String)]| is_name(&pair[0].1) && pair[1].1 == "!";
    words.windows(2).filter(called).map(|pair| pair[0].clone()).collect()
}

/// Functions with a body: line, name, number of lines.
pub(crate) fn functions(code: &str) -> Vec<(usize, String, usize)> {
    let words = words(code);
    let mut found = Vec::new();
    for (at, pair) in words.windows(2).enumerate() {
        if pair[0].1 != "fn" || !is_name(&pair[1].1) {
            continue;
        }
        let mut depth = 0;
        for (line, word) in &words[at..] {
            match word.as_str() {
                ";" if depth == 0 => break,
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => continue,
            }
            if depth == 0 {
                found.push((pair[0].0, pair[1].1.clone(), line + 1 - pair[0].0));
                break;
            }
        }
    }
    found
}

/// Names, `::` and single signs, each with its line counted from 1. A `;` inside brackets is left out: it ends nothing.
fn words(code: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let (mut line, mut brackets) = (1, 0);
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let len = if is_name(&rest[..first.len_utf8()]) {
            rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        match first {
            '\n' => line += 1,
            '[' => brackets += 1,
            ']' => brackets -= 1,
            _ => {}
        }
        if !(first.is_whitespace() || first == ';' && brackets > 0) {
            found.push((line, rest[..len].to_owned()));
        }
        rest = &rest[len..];
    }
    found
}

fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Everything but line ends as spaces.
fn blank(text: &str) -> String {
    text.chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }).collect()
}

/// `text` with comments, strings and character literals blanked.
fn without_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let begins_name = !out.ends_with(|last: char| last.is_alphanumeric() || last == '_');
        let len = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => quoted(rest, 1),
            'r' | 'b' | 'c' if begins_name => prefixed_string(rest).unwrap_or(0),
            '\'' => character(rest),
            _ => 0,
        };
        let taken = if len == 0 { first.len_utf8() } else { len };
        if len == 0 {
            out.push(first)
        } else {
            out.push_str(&blank(&rest[..taken]))
        }
        rest = &rest[taken..];
    }
    out
}

fn block_comment(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < text.len() {
        let step = match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => 1,
            [b'*', b'/', ..] => -1,
            _ => {
                at += 1;
                continue;
            }
        };
        depth += step;
        at += 2;
        if depth == 0 {
            break;
        }
    }
    at
}

/// Length of a string with escapes whose content begins at `start`.
fn quoted(text: &str, start: usize) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip_while(|(at, _)| *at < start) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of `b""`, `c""`, `r""`, `r#""#` and their like.
fn prefixed_string(text: &str) -> Option<usize> {
    let letters = text.find(|letter: char| !matches!(letter, 'r' | 'b' | 'c'))?;
    let hashes = text[letters..].find(|letter: char| letter != '#')?;
    let start = letters + hashes + 1;
    if !text[letters + hashes..].starts_with('"') || letters > 2 {
        return None;
    }
    if !text[..letters].contains('r') {
        return (hashes == 0).then(|| quoted(text, start));
    }
    let end = format!("\"{}", "#".repeat(hashes));
    Some(text[start..].find(&end).map_or(text.len(), |at| start + at + end.len()))
}

/// Length of a character literal; zero for a lifetime.
fn character(text: &str) -> usize {
    let mut letters = text.char_indices().skip(1);
    match letters.next() {
        Some((_, '\\')) => text[3..].find('\'').map_or(0, |at| at + 4),
        Some(_) => letters.next().filter(|(_, letter)| *letter == '\'').map_or(0, |(at, _)| at + 1),
        None => 0,
    }
}

/// `code` without the items that stand behind `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        out.push_str(&rest[..at]);
        let end = at + MARK.len() + item_len(&rest[at + MARK.len()..]);
        out.push_str(&blank(&rest[at..end]));
        rest = &rest[end..];
    }
    out + rest
}

/// Length of the item at the front of `code`: to its `;` or the end of its braces.
fn item_len(code: &str) -> usize {
    let (mut braces, mut others) = (0, 0);
    for (at, letter) in code.char_indices() {
        match letter {
            '{' => braces += 1,
            '}' => braces -= 1,
            '(' | '[' => others += 1,
            ')' | ']' => others -= 1,
            _ => {}
        }
        if letter == '}' && braces <= 0 || letter == ';' && braces == 0 && others == 0 {
            return at + 1;
        }
    }
    code.len()
}

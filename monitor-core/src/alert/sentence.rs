//! Sentences that a person can read, whatever names they hold.

/// Most characters of one word (a path, an argument) in a sentence.
const WORD: usize = 240;
/// Most characters of a sentence.
const SENTENCE: usize = 1000;

/// The sentence, with the middle of overlong words, and then of the whole, left out: a path says most at its two ends.
#[must_use]
pub fn bounded(sentence: String) -> String {
    if sentence.len() <= WORD {
        return sentence;
    }
    let words: Vec<String> = sentence.split(' ').map(|word| without_middle(word, WORD)).collect();
    without_middle(&words.join(" "), SENTENCE)
}

fn without_middle(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let (head, tail) = (most / 2, most - most / 2 - 1);
    text.chars().take(head).chain(std::iter::once('…')).chain(text.chars().skip(count - tail)).collect()
}

#[cfg(test)]
mod tests {
    use super::bounded;

    #[test]
    fn both_ends_of_a_long_path_remain() {
        let path = format!("/home/u/{}/.ssh/id_rsa", "é".repeat(4000));
        let short = bounded(format!("MCP server x read {path}, a credential."));
        assert!(short.starts_with("MCP server x read /home/u/é") && short.ends_with("é/.ssh/id_rsa, a credential."));
        assert!(short.chars().count() < 300, "{short}");
    }

    #[test]
    fn a_name_full_of_spaces_is_bounded_too() {
        assert_eq!(bounded("a ".repeat(3000)).chars().count(), 1000);
    }
}

//! How far a string goes on without anything that needs a closer look.

/// Length of the run at the front that holds neither a quote, a backslash nor a control character, and whether it is
/// ASCII.
pub(super) fn plain_run(input: &[u8]) -> (usize, bool) {
    // Most strings are short: keys, names, ids.
    let (words, _) = input.as_chunks::<8>();
    let mut high = 0;
    for (index, word) in words.iter().take(SHORT).enumerate() {
        let word = u64::from_le_bytes(*word);
        let marks = run_ends(word);
        if marks != 0 {
            let bits = marks.trailing_zeros();
            let before = word & (1_u64 << (bits & 0x38)).wrapping_sub(1);
            return (index.saturating_mul(8).saturating_add((bits >> 3) as usize), (high | before) & HIGH == 0);
        }
        high |= word;
    }
    let Some((start, rest)) = input.split_at_checked(SHORT * 8) else { return by_bytes(input) };
    let run = memchr::memchr2(b'"', b'\\', rest).and_then(|end| rest.get(..end)).unwrap_or(rest);
    let (control, ascii) = look_over(run);
    if control {
        return by_bytes(input);
    }
    (start.len().saturating_add(run.len()), ascii && high & HIGH == 0)
}

/// Words that are looked at before the search for an end is worth its start.
const SHORT: usize = 3;

const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES << 7;

fn by_bytes(input: &[u8]) -> (usize, bool) {
    let ends = |byte: u8| byte == b'"' || byte == b'\\' || byte < 0x20;
    let end = input.iter().position(|&byte| ends(byte)).unwrap_or(input.len());
    (end, input.get(..end).unwrap_or_default().is_ascii())
}

/// Whether there is a control character, and whether all is ASCII: plain arithmetic on words, of which compilers make
/// vector instructions.
fn look_over(run: &[u8]) -> (bool, bool) {
    let Some(last) = run.last_chunk::<8>() else {
        return (run.iter().any(|&byte| byte < 0x20), run.is_ascii());
    };
    let add = |(control, bits): (u64, u64), word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        (control | (word.wrapping_sub(ONES * 0x20) & !word), bits | word)
    };
    // The last word in part for a second time.
    let (control, bits) = add(run.as_chunks::<8>().0.iter().fold((0, 0), add), last);
    (control & HIGH != 0, bits & HIGH == 0)
}

/// The high bit of each byte that ends a run. A borrow can only set one above a byte that is rightly set, so the lowest
/// is exact. (The test for a zero byte is the usual one: `(x - 1) & !x & 0x80`.)
const fn run_ends(word: u64) -> u64 {
    const QUOTES: u64 = ONES * b'"' as u64;
    const BACKSLASHES: u64 = ONES * b'\\' as u64;
    let quote = word ^ QUOTES;
    let backslash = word ^ BACKSLASHES;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (control | (quote.wrapping_sub(ONES) & !quote) | (backslash.wrapping_sub(ONES) & !backslash)) & HIGH
}

#[cfg(test)]
mod tests {
    use super::plain_run;

    /// By the book.
    fn slow(input: &[u8]) -> (usize, bool) {
        let end = input.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20).unwrap_or(input.len());
        (end, input.get(..end).unwrap().is_ascii())
    }

    #[test]
    fn a_run_ends_at_every_byte_that_ends_one_wherever_it_stands() {
        for length in 0..80 {
            for at in 0..length {
                for byte in 0..=255_u8 {
                    let mut input = vec![b'a'; length];
                    *input.get_mut(at).unwrap() = byte;
                    assert_eq!(plain_run(&input), slow(&input), "{byte} at {at} of {length}");
                }
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes(input: Vec<u8>) {
            proptest::prop_assert_eq!(plain_run(&input), slow(&input));
        }
    }
}

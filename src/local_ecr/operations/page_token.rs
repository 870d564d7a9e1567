//! Tokens of pages: opaque, and good only for the listing that gave them.

use crate::local_ecr::random::Random;

/// What a token is for: another operation, repository or filter has other tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenScope(u64);

impl TokenScope {
    pub(crate) fn new(seed: u64, words: &[&str]) -> Self {
        // The length of each word, so that no two lists of words are the same bytes.
        let mut numbers = vec![seed];
        for word in words {
            numbers.push(word.len() as u64);
            numbers.extend(word.bytes().map(u64::from));
        }
        Self(Random::of(&numbers).next())
    }

    /// The token of a position in the listing.
    pub(crate) fn token(self, position: &[u8]) -> String {
        let check = self.check(position);
        let mut bytes = check.to_le_bytes().to_vec();
        bytes.extend(hidden(check, position));
        let mut text = vec![0; 2 * bytes.len()];
        // The length fits, and hexadecimal digits are text.
        let _ = faster_hex::hex_encode(&bytes, &mut text);
        String::from_utf8(text).unwrap_or_default()
    }

    /// The position of a token; `None` if this listing did not give it.
    pub(crate) fn position(self, token: &str) -> Option<Vec<u8>> {
        let mut bytes = vec![0; token.len() / 2];
        faster_hex::hex_decode(token.as_bytes(), &mut bytes).ok()?;
        let (check, rest) = bytes.split_first_chunk::<8>()?;
        let check = u64::from_le_bytes(*check);
        let position: Vec<u8> = hidden(check, rest).collect();
        (self.check(&position) == check).then_some(position)
    }

    fn check(self, position: &[u8]) -> u64 {
        let numbers: Vec<u64> =
            [self.0].into_iter().chain(position.iter().map(|&byte| byte.into())).collect();
        Random::of(&numbers).next()
    }
}

/// The bytes with a stream of random bits over them; the same again shows them.
fn hidden(key: u64, bytes: &[u8]) -> impl Iterator<Item = u8> {
    let mut stream = Random::of(&[key]);
    bytes.iter().map(move |byte| byte ^ stream.next() as u8)
}

#[cfg(test)]
mod tests {
    use super::TokenScope;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_token_is_good_for_its_listing_alone(position in prop::collection::vec(any::<u8>(), 0..50), flip in 0usize..16) {
            let scope = TokenScope::new(1, &["ListImages", "app"]);
            let token = scope.token(&position);
            prop_assert_eq!(scope.position(&token), Some(position));
            for other in [TokenScope::new(1, &["ListImages", "other"]), TokenScope::new(1, &["ListImagesapp", ""]), TokenScope::new(2, &["ListImages", "app"])] {
                prop_assert_eq!(other.position(&token), None);
            }
            let mut changed = token.into_bytes();
            changed[flip] = if changed[flip] == b'0' { b'1' } else { b'0' };
            prop_assert_eq!(scope.position(&String::from_utf8(changed).unwrap()), None);
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            prop_assert_eq!(TokenScope::new(0, &[]).position(&text), None);
        }
    }
}

//! Renders prompts: what is said or played, by which voice and in which language.
//!
//! Documents, questions and whispers all speak through it. Plain text is cut where a sentence or a word ends, because a provider takes
//! only so much at once and would drop the call over the rest.

use jackfield_domain::contact::decision::{Prompt, PromptContent};
use jackfield_domain::fallback::Inability;

use super::markup::Attribute;
use super::{Page, cannot, ssml};

/// Most characters that Twilio says at once.
const SAY_CHARS_MAX: usize = 4_096;

impl Page<'_> {
    pub(super) fn prompts(&mut self, prompts: &[Prompt], action: &str) -> Result<(), Inability> {
        prompts.iter().try_for_each(|prompt| self.prompt(prompt, action))
    }

    pub(super) fn prompt(&mut self, prompt: &Prompt, action: &str) -> Result<(), Inability> {
        let voice = prompt.voice.clone().or_else(|| self.connection.voice.clone());
        let language = prompt.language.clone().or_else(|| self.language.clone());
        let who = self.dialect.called;
        let mut attributes: Vec<Attribute<'_>> = Vec::new();
        attributes.extend(voice.as_deref().map(|voice| ("voice", voice)));
        attributes.extend(language.as_deref().map(|language| ("language", language)));
        self.audible = true;
        match &prompt.content {
            PromptContent::Text(text) => {
                for piece in pieces(text, SAY_CHARS_MAX) {
                    self.markup.leaf("Say", &attributes, piece);
                }
            }
            PromptContent::Ssml(text) => {
                self.markup.begin("Say", &attributes);
                let spoken = ssml::speak(text, &mut self.markup, who).map_err(|why| cannot(action, why))?;
                self.markup.end();
                if spoken.chars().filter(|c| !c.is_whitespace()).count() > SAY_CHARS_MAX {
                    let why = format!("the SSML has more than the 4,096 characters that {who} says at once; make it several prompts");
                    return Err(cannot(action, why));
                }
            }
            PromptContent::Audio(url) => self.markup.leaf("Play", &[], url),
            PromptContent::Other(extension) => {
                return Err(cannot(action, format!("{who} has no prompt of kind {:?}", extension.kind)));
            }
        }
        Ok(())
    }
}

/// Cuts a text into pieces of at most so many characters: after a sentence where there is one, else after a word, else anywhere.
pub(crate) fn pieces(text: &str, chars_max: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while rest.chars().nth(chars_max).is_some() {
        let at = cut(rest, chars_max);
        let Some((piece, after)) = rest.split_at_checked(at) else { break };
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces.retain(|piece| !piece.trim().is_empty());
    pieces
}

/// The byte after the last sentence, word or character that fits.
fn cut(text: &str, chars_max: usize) -> usize {
    let (mut sentence, mut word, mut any) = (0, 0, 0);
    let mut before = ' ';
    for (at, character) in text.char_indices().take(chars_max) {
        any = at + character.len_utf8();
        if character.is_whitespace() {
            word = any;
            if matches!(before, '.' | '!' | '?' | '\n') {
                sentence = any;
            }
        }
        before = character;
    }
    // A sentence that ends in the first tenth would leave a stub; a word is then the better place.
    if sentence * 10 > any {
        sentence
    } else if word > 0 {
        word
    } else {
        any
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_text_is_cut_after_a_sentence_else_after_a_word() {
        assert_eq!(pieces("One two. Three four. Five", 21), ["One two. Three four. ", "Five"]);
        assert_eq!(pieces("onetwothree four five", 15), ["onetwothree ", "four five"]);
        assert_eq!(pieces("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(pieces("short", 10), ["short"]);
    }

    proptest! {
        #[test]
        fn cutting_loses_nothing_but_silence(text in "[a-c .!\u{e4}\u{1f600}\n]{0,200}", chars_max in 1_usize..20) {
            let pieces = pieces(&text, chars_max);
            prop_assert!(pieces.iter().all(|piece| piece.chars().count() <= chars_max && !piece.trim().is_empty()));
            let solid = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(solid(&pieces.concat()), solid(&text));
        }
    }
}

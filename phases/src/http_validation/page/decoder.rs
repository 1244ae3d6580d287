//! The characters of a page, chunk by chunk.

use encoding_rs::{DecoderResult, Encoding};

/// How many bytes of a page are decoded at once.
const CHUNK: usize = 4 * 1024;

/// Decodes a body, and counts what it can't.
pub(super) struct Decoder<'a> {
    decoder: encoding_rs::Decoder,
    rest: &'a [u8],
    length: usize,
    chunk: String,
    is_done: bool,
    undecodable: u64,
}

impl<'a> Decoder<'a> {
    /// Decodes a body without its byte order mark.
    pub(super) fn new(encoding: &'static Encoding, body: &'a [u8]) -> Self {
        Self {
            decoder: encoding.new_decoder_without_bom_handling(),
            rest: body,
            length: body.len(),
            chunk: String::with_capacity(CHUNK * 3 + 16),
            is_done: false,
            undecodable: 0,
        }
    }

    /// How many bytes the body has.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    pub(super) fn encoding(&self) -> &'static Encoding {
        self.decoder.encoding()
    }

    /// How many sequences of bytes stood for no character so far. Each became U+FFFD.
    pub(super) fn undecodable(&self) -> u64 {
        self.undecodable
    }

    /// The next characters, or none at the end.
    pub(super) fn next_chunk(&mut self) -> Option<&str> {
        self.chunk.clear();
        while self.chunk.is_empty() && !self.is_done {
            let end = self.rest.len().min(CHUNK);
            let (mut input, rest) = self.rest.split_at(end);
            let is_last = rest.is_empty();
            loop {
                // What a replacement takes, too.
                self.chunk.reserve(4 + input.len().saturating_mul(3));
                let decoder = &mut self.decoder;
                let (result, read) =
                    decoder.decode_to_string_without_replacement(input, &mut self.chunk, is_last);
                input = &input[read..];
                match result {
                    DecoderResult::InputEmpty => break,
                    DecoderResult::OutputFull => self.chunk.reserve(CHUNK),
                    DecoderResult::Malformed(..) => {
                        self.undecodable += 1;
                        self.chunk.push(char::REPLACEMENT_CHARACTER);
                    }
                }
            }
            self.rest = rest;
            self.is_done = is_last;
        }
        (!self.chunk.is_empty()).then_some(&*self.chunk)
    }
}

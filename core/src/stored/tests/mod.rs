//! Every stored form: what is written reads back, from golden bytes too, and nothing else is read.

mod arbitrary;
mod arbitrary_event;
mod damage;
mod driven;
mod golden;
mod round_trip;
mod sample;
mod sample_event;
mod sample_part;

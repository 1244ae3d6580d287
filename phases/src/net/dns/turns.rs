//! Whose turn it is to be asked for a name.

use super::Strategy;
use super::name_server::{Heard, NameServer};
use super::pause::pause;
use super::throttle::Refusal;

/// How often a query may be one of too many at a server before its refusal counts.
const MAX_CROWDED: u32 = 64;

/// Whose turn it is to be asked for one name.
pub(super) struct Turns<'a> {
    servers: &'a [NameServer],
    first: usize,
    /// What this name has had of each server.
    asked: Vec<Asked>,
    spent: u64,
    /// How many tries a server needs that refuses what is too much.
    throttled: u64,
    /// Whether the latest refusal was of a server that pauses by itself.
    has_rested: bool,
}

#[derive(Clone, Debug, Default)]
struct Asked {
    times: u32,
    crowded: u32,
    was_refused: bool,
}

impl<'a> Turns<'a> {
    pub(super) fn new(servers: &'a [NameServer], strategy: Strategy, turn: u64) -> Self {
        let count = u64::try_from(servers.len()).unwrap_or(1).max(1);
        let first = match strategy {
            Strategy::First => 0,
            Strategy::RoundRobin => usize::try_from(turn % count).unwrap_or(0),
        };
        Self {
            servers,
            first,
            asked: vec![Asked::default(); servers.len()],
            spent: 0,
            throttled: 0,
            has_rested: false,
        }
    }

    /// The server that was asked least, in turn; `None` if the tries are used up and each has had one. A server that is put aside
    /// comes last, and one that takes no more queries now comes after its equals.
    pub(super) fn next(&mut self, retries: u64) -> Option<(usize, &'a NameServer)> {
        let count = self.servers.len();
        let mut by_turn: Vec<_> = (0..count).map(|offset| (self.first + offset) % count).collect();
        by_turn.sort_by_key(|place| {
            let has_room = self.servers[*place].throttle.has_room();
            (self.asked[*place].times, !has_room)
        });
        let mut worthy = by_turn
            .iter()
            .filter(|place| count == 1 || self.servers[**place].health.is_worth_asking());
        let is_unasked = |place: &usize| self.asked[*place].times == 0;
        let is_used_up = self.spent > retries.max(self.throttled.saturating_sub(1));
        let mut place = *worthy.next().or(by_turn.first())?;
        if is_used_up && !is_unasked(&place) {
            // One that was put aside may know what the others don't.
            place = *by_turn.iter().find(|place| is_unasked(place))?;
        }
        self.asked[place].times += 1;
        Some((place, &self.servers[place]))
    }

    pub(super) fn comes_again(&self, place: usize) -> bool {
        self.asked[place].times > 1
    }

    /// Waits before a server is asked again, unless its throttle has seen to that.
    pub(super) async fn rest(&self, place: usize) {
        if !self.has_rested {
            let round = self.asked[place].times.saturating_sub(2);
            tokio::time::sleep(pause(round.into())).await;
        }
    }

    pub(super) fn failed(&mut self) {
        self.spent += 1;
        self.has_rested = false;
    }

    pub(super) fn answered(&mut self, place: usize, heard: &Heard) {
        let throttle = &self.servers[place].throttle;
        throttle.answered(heard.sent, self.asked[place].was_refused);
        self.asked[place].was_refused = false;
        self.spent += 1;
        self.has_rested = false;
    }

    pub(super) fn refused(&mut self, place: usize, heard: &Heard) {
        let asked = &mut self.asked[place];
        let again = std::mem::replace(&mut asked.was_refused, true);
        match self.servers[place].throttle.refused(heard.sent, again) {
            Refusal::OfMany if asked.crowded < MAX_CROWDED => {
                asked.crowded += 1;
                self.has_rested = true;
            }
            Refusal::OfMany => self.spent += 1,
            Refusal::OnTrial { tries } => {
                self.spent += 1;
                self.throttled = tries.max(self.throttled);
                self.has_rested = true;
            }
            Refusal::OfTheName => {
                self.spent += 1;
                self.throttled = 0;
                self.has_rested = false;
            }
        }
    }

    /// Tells the servers that have refused the name to the last.
    pub(super) fn end(&self) {
        for (server, asked) in self.servers.iter().zip(&self.asked) {
            if asked.was_refused {
                server.throttle.refused_to_the_end();
            }
        }
    }
}

//! Servers that are compared: asked in turn, by the same client, over as many connections.

use {
    crate::{
        load::{self, Until},
        process::Server,
        result::Measurement,
        stats::median,
    },
    std::{mem, time::Duration},
};

/// Connections of the client.
pub(crate) const CONNECTIONS: usize = 32;

/// One of those that are compared.
pub(crate) struct Side {
    server: Server,
    /// Those that count.
    pub(crate) rounds: Rounds,
    /// Bytes of the largest answer.
    pub(crate) bytes: usize,
    /// Bytes of the smallest one.
    least: usize,
    answers: u64,
}

/// What came of some rounds.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    rates: Vec<f64>,
    /// Microseconds of processor time per request.
    costs: Vec<f64>,
    medians: Vec<f64>,
    tails: Vec<f64>,
}

impl Rounds {
    /// Answers a second, in the round in the middle.
    pub(crate) fn rate(&self) -> f64 {
        median(&self.rates)
    }

    /// Microseconds of processor time per request, likewise.
    pub(crate) fn cost(&self) -> f64 {
        median(&self.costs)
    }

    /// Adds all of it to `result`.
    pub(crate) fn tell(&self, name: &str, result: &mut Measurement) {
        result.tell(format!("{name}: rate"), self.rate(), "/s");
        result.tell(format!("{name}: processor time per request"), self.cost(), "µs");
        result.tell(format!("{name}: answered within, median"), median(&self.medians), "µs");
        result.tell(format!("{name}: answered within, 99 %"), median(&self.tails), "µs");
    }
}

impl Side {
    pub(crate) fn new(server: Server) -> Self {
        Self {
            server,
            rounds: Rounds::default(),
            bytes: 0,
            least: 0,
            answers: 0,
        }
    }

    /// Warms what there is to be warmed. What it takes does not count, nor does what came before.
    pub(crate) fn warm(&mut self, requests: &[Vec<u8>], until: Until) {
        self.round(requests, until);
        self.taken();
    }

    pub(crate) fn round(&mut self, requests: &[Vec<u8>], until: Until) {
        let before = self.server.processor_time();
        let load = load::run(self.server.address, requests, CONNECTIONS, until);
        let used = self.server.processor_time() - before;
        self.rounds.rates.push(load.rate());
        self.rounds.costs.push(used * 1e6 / load.answers as f64);
        self.rounds.medians.push(load.within(50));
        self.rounds.tails.push(load.within(99));
        self.bytes = self.bytes.max(load.bytes);
        self.least = load::smaller(self.least, load.least);
        self.answers += load.answers;
    }

    /// What came of the rounds until now. Those that follow are others.
    pub(crate) fn taken(&mut self) -> Rounds {
        mem::take(&mut self.rounds)
    }

    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.rounds.rate()
    }

    /// Microseconds of processor time per request.
    pub(crate) fn cost(&self) -> f64 {
        self.rounds.cost()
    }

    /// How much was answered, in words.
    pub(crate) fn words(&self, name: &str) -> String {
        let Self {
            bytes, least, answers, ..
        } = self;
        let size = if bytes == least {
            format!("{bytes}")
        } else {
            format!("{least} to {bytes}")
        };
        format!("{name}: {answers} answers, no errors (one would end the run), {size} bytes each, headers included")
    }
}

/// Asks each of `sides` its requests for `length`, `rounds` times in turn, after a round of each that does not count.
pub(crate) fn in_turn(sides: &mut [(&mut Side, &[Vec<u8>])], rounds: usize, length: Duration) {
    for (side, requests) in sides.iter_mut() {
        side.warm(requests, Until::Over(length));
    }
    for _ in 0..rounds {
        for (side, requests) in sides.iter_mut() {
            side.round(requests, Until::Over(length));
        }
    }
}

/// How they were asked, in words.
pub(crate) fn client(rounds: usize, length: Duration) -> String {
    format!(
        "client: own, one thread, {CONNECTIONS} keep-alive connections, on the same machine, with a processor of its own; each \
         server has the other one alone; {rounds} rounds of {length:?} each in turn, the median counts"
    )
}

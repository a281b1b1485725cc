//! A house over the day: loads, solar power, and counters at its connection to the grid.
//!
//! All arithmetic is in integers and every second of the day is fixed, so that what the meter shows at the end can be
//! compared to the last milliwatt-hour with what was billed.

mod day;

pub use day::{SECONDS_PER_DAY, load_at, solar_at};

use kilosat_drivers::reading::{MilliwattHours, Milliwatts};

/// A house that uses, makes and counts electricity as simulated time goes on.
#[derive(Debug)]
pub struct House {
    start_second: u32,
    elapsed_ms: u64,
    initial: MilliwattHours,
    drawn: Energy,
    fed_in: Energy,
    made: Energy,
}

impl House {
    /// A house at `start_second_of_day` with an import counter that already shows `initial_counter`.
    #[must_use]
    pub fn new(start_second_of_day: u32, initial_counter: MilliwattHours) -> Self {
        Self {
            start_second: start_second_of_day % SECONDS_PER_DAY,
            elapsed_ms: 0,
            initial: initial_counter,
            drawn: Energy::default(),
            fed_in: Energy::default(),
            made: Energy::default(),
        }
    }

    /// Lets simulated time go on to so many milliseconds after the start, and the counters with it.
    ///
    /// The counters are the exact integral, however the way is cut into steps. Earlier times change nothing.
    pub fn advance_to(&mut self, simulated_ms_since_start: u64) {
        let days = simulated_ms_since_start.saturating_sub(self.elapsed_ms) / MS_PER_DAY;
        if days > 0 {
            // Any 24 hours hold every second of the day once, so whole days need not be walked through.
            let [drawn, fed_in, made] = whole_day();
            self.drawn.add(drawn, days);
            self.fed_in.add(fed_in, days);
            self.made.add(made, days);
            self.elapsed_ms += days * MS_PER_DAY;
        }
        // Less than a day is left: at most one step for each of its seconds, and one for a second begun earlier.
        while self.elapsed_ms < simulated_ms_since_start {
            let end_of_second = (self.elapsed_ms / MS_PER_SECOND + 1).saturating_mul(MS_PER_SECOND);
            let end = end_of_second.min(simulated_ms_since_start);
            let ms = end - self.elapsed_ms;
            let [drawn, fed_in, made] = flows(self.second_of_day());
            self.drawn.add(u128::from(drawn), ms);
            self.fed_in.add(u128::from(fed_in), ms);
            self.made.add(u128::from(made), ms);
            self.elapsed_ms = end;
        }
    }

    /// The import counter to the milliwatt-hour, rounded down; the meter shows it rounded down to 1 Wh.
    #[must_use]
    pub fn metered(&self) -> MilliwattHours {
        MilliwattHours(self.initial.0.saturating_add(self.drawn.whole().0))
    }

    /// The export counter to the milliwatt-hour, rounded down.
    #[must_use]
    pub fn exported(&self) -> MilliwattHours {
        self.fed_in.whole()
    }

    /// What passes the meter now; negative while the panels give more than the house uses.
    #[must_use]
    pub fn power(&self) -> Milliwatts {
        Milliwatts(net_at(self.second_of_day()))
    }

    /// The simulated time of day in seconds after midnight.
    #[must_use]
    pub fn second_of_day(&self) -> u32 {
        let seconds = u64::from(self.start_second) + self.elapsed_ms / MS_PER_SECOND;
        u32::try_from(seconds % u64::from(SECONDS_PER_DAY)).expect("a day has few seconds")
    }

    /// What the panels have made, to the milliwatt-hour, rounded down.
    #[must_use]
    pub fn made(&self) -> MilliwattHours {
        self.made.whole()
    }

    /// What the house uses now.
    #[must_use]
    pub fn load(&self) -> Milliwatts {
        load_at(self.second_of_day())
    }

    /// What the panels give now.
    #[must_use]
    pub fn solar(&self) -> Milliwatts {
        solar_at(self.second_of_day())
    }

    /// The counters begin again at zero, as those of another meter.
    pub fn reset_counters(&mut self) {
        self.initial = MilliwattHours(0);
        (self.drawn, self.fed_in, self.made) = Default::default();
    }
}

/// An exact sum of power times time, in milliwatt-milliseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Energy(u128);

impl Energy {
    fn add(&mut self, amount: u128, times: u64) {
        self.0 = self.0.saturating_add(amount.saturating_mul(u128::from(times)));
    }

    fn whole(self) -> MilliwattHours {
        MilliwattHours(u64::try_from(self.0 / MS_PER_HOUR).unwrap_or(u64::MAX))
    }
}

fn net_at(second_of_day: u32) -> i64 {
    load_at(second_of_day).0 - solar_at(second_of_day).0
}

/// What is drawn, fed in and made at a second of the day, in mW; of the first two one is zero.
fn flows(second_of_day: u32) -> [u64; 3] {
    let net = net_at(second_of_day);
    let drawn = u64::try_from(net).unwrap_or(0);
    let fed_in = if net < 0 { net.unsigned_abs() } else { 0 };
    [drawn, fed_in, solar_at(second_of_day).0.unsigned_abs()]
}

fn whole_day() -> [u128; 3] {
    let of_second = |milliwatts: u64| u128::from(milliwatts) * u128::from(MS_PER_SECOND);
    (0..SECONDS_PER_DAY).map(flows).fold([0; 3], |[drawn, fed_in, made], second| {
        let [more_drawn, more_fed_in, more_made] = second.map(of_second);
        [drawn + more_drawn, fed_in + more_fed_in, made + more_made]
    })
}

const MS_PER_SECOND: u64 = 1_000;
const MS_PER_HOUR: u128 = 3_600_000;
const MS_PER_DAY: u64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;
    use day::at;

    const HOUR_MS: u64 = 3_600_000;

    #[test]
    fn ten_hours_of_the_day_draw_about_eight_kilowatt_hours() {
        let mut house = House::new(at(6, 0), MilliwattHours(0));
        house.advance_to(14 * HOUR_MS);
        let average = house.metered().watt_hours() / 14;
        assert!((750..900).contains(&average), "{average} W");
        let mut house = House::new(at(9, 0), MilliwattHours(0));
        house.advance_to(10 * HOUR_MS);
        let drawn = house.metered().watt_hours();
        assert!((7_500..8_500).contains(&drawn), "{drawn} Wh");
        assert!(house.exported() > MilliwattHours(500_000), "the sun shines");
    }

    #[test]
    fn the_counters_do_not_depend_on_how_time_is_cut() {
        let start = at(11, 59) + 17;
        let end = 3 * MS_PER_DAY + 7 * HOUR_MS + 1_234;
        let mut at_once = House::new(start, MilliwattHours(0));
        at_once.advance_to(end);
        let mut in_steps = House::new(start, MilliwattHours(0));
        for step in (0..=end).step_by(77_777) {
            in_steps.advance_to(step);
            in_steps.advance_to(step / 2);
        }
        in_steps.advance_to(end);
        assert_eq!(in_steps.drawn.0, at_once.drawn.0);
        assert_eq!(in_steps.fed_in.0, at_once.fed_in.0);
        assert_eq!(in_steps.second_of_day(), at_once.second_of_day());
        let mut by_the_second = Energy::default();
        for second in 0..60 {
            let [drawn, ..] = flows(start + second);
            by_the_second.add(u128::from(drawn), MS_PER_SECOND);
        }
        let mut minute = House::new(start, MilliwattHours(5));
        minute.advance_to(60_000);
        assert_eq!(minute.metered().0, 5 + by_the_second.whole().0);
    }

    #[test]
    fn a_clock_gone_wrong_neither_hangs_nor_overflows() {
        let mut house = House::new(0, MilliwattHours(u64::MAX));
        house.advance_to(u64::MAX);
        assert_eq!(house.metered(), MilliwattHours(u64::MAX));
        house.advance_to(0);
        assert_eq!(house.elapsed_ms, u64::MAX);
    }
}

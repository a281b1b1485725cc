//! One day of the house: what is switched on when, and what the sun gives.

use kilosat_drivers::reading::Milliwatts;

/// What the house uses at a second of the day, counted from midnight; later seconds repeat the day.
#[must_use]
pub fn load_at(second_of_day: u32) -> Milliwatts {
    let second = second_of_day % SECONDS_PER_DAY;
    let watts = APPLIANCES.iter().map(|appliance| appliance.at(second));
    Milliwatts(i64::from(watts.sum::<u32>()) * MILLI)
}

/// What the panels on the balcony give: a smooth bell around [`NOON`], nothing at night.
#[must_use]
pub fn solar_at(second_of_day: u32) -> Milliwatts {
    let from_noon = i64::from((second_of_day % SECONDS_PER_DAY).abs_diff(NOON));
    let half = i64::from(HALF_OF_DAYLIGHT);
    // Thousandths of the peak: (1 - x²)², where x runs from 0 at noon to 1 at sunset.
    let parabola = (half * half - from_noon * from_noon).max(0) * 1_000 / (half * half);
    Milliwatts(SOLAR_PEAK_WATTS * parabola * parabola / 1_000)
}

/// Something that is switched on at the same time every day, perhaps with a thermostat that switches it off and on.
struct Appliance {
    from: u32,
    until: u32,
    watts: u32,
    on_seconds: u32,
    of_seconds: u32,
}

impl Appliance {
    fn at(&self, second: u32) -> u32 {
        let in_use = (self.from..self.until).contains(&second);
        let heating = in_use && (second - self.from) % self.of_seconds < self.on_seconds;
        if heating { self.watts } else { 0 }
    }
}

const fn steady(from: u32, until: u32, watts: u32) -> Appliance {
    cycling(from, until, watts, 1, 1)
}

const fn cycling(from: u32, until: u32, watts: u32, on_seconds: u32, of_seconds: u32) -> Appliance {
    Appliance { from, until, watts, on_seconds, of_seconds }
}

/// A time of day in seconds after midnight.
pub(super) const fn at(hour: u32, minute: u32) -> u32 {
    hour * 3_600 + minute * 60
}

/// Seconds of a day.
pub const SECONDS_PER_DAY: u32 = 86_400;
/// When the sun is highest, in seconds after midnight.
pub const NOON: u32 = at(12, 30);

const HALF_OF_DAYLIGHT: u32 = at(6, 30);
const SOLAR_PEAK_WATTS: i64 = 800;
const MILLI: i64 = 1_000;

/// A working day of a family: about 11.8 kWh drawn from the grid between 06:00 and 20:00.
const APPLIANCES: &[Appliance] = &[
    steady(0, SECONDS_PER_DAY, 165),                // router, hub, standby
    cycling(0, SECONDS_PER_DAY, 85, 1_080, 3_000),  // fridge
    steady(at(6, 0), at(8, 0), 90),                 // lights
    steady(at(6, 20), at(7, 20), 2_000),            // boiler
    steady(at(7, 0), at(7, 4), 2_000),              // kettle
    steady(at(7, 10), at(7, 16), 900),              // toaster
    steady(at(8, 30), at(17, 30), 160),             // desk
    steady(at(9, 10), at(9, 40), 2_000),            // washing machine heats
    cycling(at(9, 40), at(10, 50), 260, 40, 60),    // washing machine turns
    steady(at(10, 30), at(10, 34), 2_000),          // kettle
    steady(at(10, 55), at(12, 0), 1_500),           // tumble dryer
    cycling(at(12, 0), at(12, 40), 2_200, 40, 60),  // lunch
    steady(at(13, 10), at(13, 35), 1_900),          // dishwasher heats
    steady(at(13, 35), at(14, 40), 120),            // dishwasher washes
    steady(at(15, 30), at(15, 34), 2_000),          // kettle
    cycling(at(16, 0), at(16, 40), 1_800, 25, 60),  // iron
    steady(at(16, 45), at(18, 0), 1_600),           // car at a wall socket
    steady(at(17, 0), at(23, 0), 180),              // lights
    cycling(at(18, 30), at(19, 20), 2_600, 45, 60), // dinner
    steady(at(19, 20), at(22, 50), 140),            // television
    steady(at(20, 30), at(21, 0), 2_000),           // boiler
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sun_shines_by_day_only_and_most_at_noon() {
        assert_eq!(solar_at(NOON), Milliwatts(800_000));
        assert_eq!(solar_at(NOON - 3_600), solar_at(NOON + 3_600));
        assert_eq!(solar_at(at(5, 59)), Milliwatts(0));
        assert_eq!(solar_at(at(23, 0)), Milliwatts(0));
        assert!(load_at(at(7, 2)) > Milliwatts(2_000_000), "kettle and boiler");
        assert_eq!(load_at(at(3, 0)), load_at(at(3, 0) + SECONDS_PER_DAY));
    }
}

//! A believable household: five meters with ten points each. Four give values in the steps of their displays, one gives
//! floats with all their noise.

/// Where the power of the first meter is among the values.
pub const POWER: usize = 6;

const POINTS: [(&str, &str); 10] = [
    ("voltage_l1", "V"),
    ("voltage_l2", "V"),
    ("voltage_l3", "V"),
    ("current_l1", "A"),
    ("current_l2", "A"),
    ("current_l3", "A"),
    ("power", "W"),
    ("energy_import", "Wh"),
    ("frequency", "Hz"),
    ("power_factor", ""),
];
/// The steps of a display, in the points' units.
const STEPS: [f64; 10] = [0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 1.0, 10.0, 0.01, 0.01];
const METERS: usize = 5;
/// The one that gives floats.
const FLOATS: usize = 4;
/// Watts of what is switched on and off now and then.
const LOADS: [f64; 6] = [2_000.0, 85.0, 150.0, 1_200.0, 60.0, 700.0];

/// The household, second by second.
pub struct Household {
    meters: Vec<Meter>,
    values: Vec<i64>,
}

struct Meter {
    noise: Noise,
    volts: [f64; 3],
    hertz: f64,
    watt_hours: f64,
    is_on: [bool; LOADS.len()],
    base_watts: f64,
}

impl Household {
    pub fn new() -> Household {
        Household { meters: (0..METERS).map(Meter::new).collect(), values: vec![0; METERS * POINTS.len()] }
    }

    /// `source.point` and unit of every value.
    pub fn points(&self) -> impl Iterator<Item = (String, &'static str)> {
        (0..METERS).flat_map(|meter| POINTS.map(|(point, unit)| (format!("meter{meter}.{point}"), unit)))
    }

    /// The values of the next second, in thousandths.
    pub fn next(&mut self) -> &[i64] {
        let rows = self.values.chunks_mut(POINTS.len());
        for (index, (meter, row)) in self.meters.iter_mut().zip(rows).enumerate() {
            for ((value, step), cell) in meter.next().into_iter().zip(STEPS).zip(row) {
                let shown = if index == FLOATS { f64::from(value as f32) } else { (value / step).floor() * step };
                *cell = (shown * 1_000.0).round() as i64;
            }
        }
        &self.values
    }
}

impl Meter {
    fn new(index: usize) -> Meter {
        Meter {
            noise: Noise(0x9E37_79B9_7F4A_7C15 ^ ((index as u64 + 1) * 7_919)),
            volts: [230.0; 3],
            hertz: 50.0,
            watt_hours: 12_345_678.0,
            is_on: [false; LOADS.len()],
            base_watts: 120.0 + 40.0 * index as f64,
        }
    }

    fn next(&mut self) -> [f64; POINTS.len()] {
        for volts in &mut self.volts {
            *volts += (230.0 - *volts) * 0.000_5 + self.noise.normal() * 0.03;
        }
        self.hertz += (50.0 - self.hertz) * 0.002 + self.noise.normal() * 0.002;
        let mut watts = [self.base_watts / 3.0; 3];
        for (index, (is_on, load)) in self.is_on.iter_mut().zip(LOADS).enumerate() {
            let mean_s = if *is_on { 300.0 + 200.0 * index as f64 } else { 1_500.0 + 900.0 * index as f64 };
            *is_on ^= self.noise.unit() < 1.0 / mean_s;
            watts[index % 3] += if *is_on { load } else { 0.0 };
        }
        for watts in &mut watts {
            *watts = *watts * (1.0 + 0.004 * self.noise.normal()) + self.noise.normal() * 0.4;
        }
        let all: f64 = watts.iter().sum();
        self.watt_hours += all / 3_600.0;
        let volts = self.volts.map(|volts| volts + self.noise.normal() * 0.08);
        let amperes = [watts[0] / volts[0], watts[1] / volts[1], watts[2] / volts[2]];
        let factor = 0.93 + 0.005 * self.noise.normal();
        let [v1, v2, v3] = volts;
        let [a1, a2, a3] = amperes;
        [v1, v2, v3, a1, a2, a3, all, self.watt_hours, self.hertz, factor]
    }
}

/// Random numbers that are the same in every run.
struct Noise(u64);

impl Noise {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About a normal distribution with mean 0 and deviation 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

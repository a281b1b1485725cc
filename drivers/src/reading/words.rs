//! The words that quantities are made of. A closed set with a fixed spelling.

/// Declares a closed set of words: the enum, all of its members in order, and how each is spelt.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $word:ident = $text:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $word,)* }

        impl $name {
            /// Every one, in the order in which pages and tables show them.
            pub const ALL: &[Self] = &[$(Self::$word,)*];

            /// How it is spelt in names.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$word => $text,)* }
            }
        }
    };
}

words! {
    /// Whose value it is.
    Subject {
        /// Of the device itself: a meter's load, an inverter's output, a charger's car.
        Own = "",
        /// Of the connection to the grid, as a hybrid inverter or its meter sees it.
        Grid = "grid",
        /// Of all solar panels together.
        Pv = "pv",
        /// Of the first string of panels.
        Pv1 = "pv1",
        /// Of the second string.
        Pv2 = "pv2",
        /// Of the third string.
        Pv3 = "pv3",
        /// Of the fourth string.
        Pv4 = "pv4",
        /// Of the battery.
        Battery = "battery",
        /// Of what the house uses.
        Load = "load",
        /// Of the first relay of a relay board.
        Relay1 = "relay1",
        /// Of the second relay.
        Relay2 = "relay2",
        /// Of the third relay.
        Relay3 = "relay3",
        /// Of the fourth relay.
        Relay4 = "relay4",
        /// Of the fifth relay.
        Relay5 = "relay5",
        /// Of the sixth relay.
        Relay6 = "relay6",
        /// Of the seventh relay.
        Relay7 = "relay7",
        /// Of the eighth relay.
        Relay8 = "relay8",
        /// Of the first digital input.
        Input1 = "input1",
        /// Of the second digital input.
        Input2 = "input2",
        /// Of the third digital input.
        Input3 = "input3",
        /// Of the fourth digital input.
        Input4 = "input4",
    }
}

words! {
    /// What is measured.
    Measure {
        /// Counter of energy drawn from the grid, never resettable.
        EnergyImport = "energy_import",
        /// Counter of energy fed into the grid, never resettable; of an inverter what it gave.
        EnergyExport = "energy_export",
        /// Counter that knows no direction, or adds both, as the device is set.
        EnergyTotal = "energy_total",
        /// Import counter of the first tariff, a part of the total.
        EnergyImportT1 = "energy_import_t1",
        /// Import counter of the second tariff.
        EnergyImportT2 = "energy_import_t2",
        /// Export counter of the first tariff.
        EnergyExportT1 = "energy_export_t1",
        /// Export counter of the second tariff.
        EnergyExportT2 = "energy_export_t2",
        /// Counter of energy put into a battery.
        EnergyCharged = "energy_charged",
        /// Counter of energy taken out of a battery.
        EnergyDischarged = "energy_discharged",
        /// Energy of the charging session; starts again with the next car.
        EnergySession = "energy_session",
        /// Counter of reactive energy.
        ReactiveEnergy = "reactive_energy",
        /// Power with a sign: positive is drawn from the grid or used; the profile says so where it differs.
        Power = "power",
        /// Power drawn from the grid; zero while feeding in.
        PowerImport = "power_import",
        /// Power fed into the grid; zero while drawing.
        PowerExport = "power_export",
        /// Power into a battery; zero while it gives.
        PowerCharge = "power_charge",
        /// Power out of a battery; zero while it takes.
        PowerDischarge = "power_discharge",
        /// Apparent power.
        ApparentPower = "apparent_power",
        /// Reactive power.
        ReactivePower = "reactive_power",
        /// Power factor, 1 is best; some meters give it a sign.
        PowerFactor = "power_factor",
        /// Voltage; of a phase against neutral.
        Voltage = "voltage",
        /// Current; some meters give it the sign of the power.
        Current = "current",
        /// Currents of the three phases added up.
        CurrentSum = "current_sum",
        /// Frequency of the grid.
        Frequency = "frequency",
        /// How full a battery is.
        Soc = "soc",
        /// Temperature.
        Temperature = "temperature",
        /// What the device is doing, as a number with a meaning; 0 and 1 for off and on of a relay or an input.
        State = "state",
        /// Another state of the same device, such as that of a charging cable.
        CableState = "cable_state",
        /// What is wrong with it, as the maker's number; 0 is nothing.
        Error = "error",
        /// Whether it may work.
        Enabled = "enabled",
        /// The most current it may take.
        CurrentLimit = "current_limit",
        /// The most current it could ever take.
        CurrentMax = "current_max",
        /// After how long without a word from us it falls back to its own setting.
        Failsafe = "failsafe",
        /// How many phases are used.
        Phases = "phases",
        /// A setting of the device that changes what its values mean.
        Mode = "mode",
        /// What the device says about its own wiring.
        Wiring = "wiring",
        /// Its number of current transformers.
        CurrentRatio = "current_ratio",
        /// Its number of voltage transformers.
        VoltageRatio = "voltage_ratio",
        /// The number on the device's label; tells a replaced device from the old one.
        SerialNumber = "serial_number",
        /// The model, as the device itself names it.
        Model = "model",
        /// The version of its program.
        Firmware = "firmware",
    }
}

words! {
    /// On which phase.
    Phase {
        /// All of them, or the only one.
        All = "",
        /// The first.
        L1 = "l1",
        /// The second.
        L2 = "l2",
        /// The third.
        L3 = "l3",
    }
}

impl Measure {
    /// Whether it is counted in whole numbers rather than in thousandths: numbers of labels, states, settings.
    #[must_use]
    pub fn is_plain(self) -> bool {
        self.unit().is_empty() && !matches!(self, Self::PowerFactor)
    }

    /// Whether it is a counter of energy.
    #[must_use]
    pub fn is_energy(self) -> bool {
        self.unit() == "Wh"
    }

    /// Whether it has a value on each phase.
    #[must_use]
    pub fn has_phases(self) -> bool {
        match self.unit() {
            "W" | "VA" | "var" | "V" | "A" => true,
            "Wh" => matches!(self, Self::EnergyImport | Self::EnergyExport | Self::EnergyTotal),
            _ => matches!(self, Self::PowerFactor),
        }
    }

    /// As [`super::Quantity::unit`].
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::EnergyImport
            | Self::EnergyExport
            | Self::EnergyTotal
            | Self::EnergyImportT1
            | Self::EnergyImportT2
            | Self::EnergyExportT1
            | Self::EnergyExportT2
            | Self::EnergyCharged
            | Self::EnergyDischarged
            | Self::EnergySession => "Wh",
            Self::ReactiveEnergy => "varh",
            Self::Power | Self::PowerImport | Self::PowerExport | Self::PowerCharge | Self::PowerDischarge => "W",
            Self::ApparentPower => "VA",
            Self::ReactivePower => "var",
            Self::Voltage => "V",
            Self::Current | Self::CurrentSum | Self::CurrentLimit | Self::CurrentMax => "A",
            Self::Frequency => "Hz",
            Self::Soc => "%",
            Self::Temperature => "°C",
            Self::Failsafe => "s",
            _ => "",
        }
    }
}

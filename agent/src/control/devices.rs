//! What the CLI asks about devices and relays.

use std::path::Path;

use kilosat_drivers::reading::MilliwattHours;
use serde::{Deserialize, Serialize};

use super::{ANSWER_WAIT, Answer, ControlError, Question, answered, ask, done};
use crate::status::StatusSource;

/// What is to be done with one of them.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DeviceQuestion {
    Relay { relay: String, on: bool },
    SetMeter { meter: String, counter_mwh: u64 },
    Read { device: String },
    Set { device: String, point: String, value: Option<String> },
}

/// Switches a relay of the running Kilosat by hand; the answer is one sentence.
///
/// # Errors
/// [`ControlError`]; [`ControlError::Refused`] says why it was not switched.
pub async fn switch_relay(path: &Path, relay: String, on: bool) -> Result<String, ControlError> {
    done(ask(path, &device(DeviceQuestion::Relay { relay, on }), ANSWER_WAIT).await?)
}

/// Sets the counter of a meter whose pulses the running Kilosat counts; the answer is one sentence.
///
/// # Errors
/// [`ControlError`]; [`ControlError::Refused`] says why it was not set.
pub async fn set_meter(path: &Path, meter: String, counter: MilliwattHours) -> Result<String, ControlError> {
    done(ask(path, &device(DeviceQuestion::SetMeter { meter, counter_mwh: counter.0 }), ANSWER_WAIT).await?)
}

/// Lets the running Kilosat read everything a Modbus device has; the answer is a list.
///
/// # Errors
/// [`ControlError`]; [`ControlError::Refused`] says why it could not be read.
pub async fn read_device(path: &Path, name: String) -> Result<String, ControlError> {
    done(ask(path, &device(DeviceQuestion::Read { device: name }), ANSWER_WAIT).await?)
}

/// Lets the running Kilosat write a set point of a Modbus device, or without a value no longer renew it; the answer is one
/// sentence.
///
/// # Errors
/// [`ControlError`]; [`ControlError::Refused`] says why it was not written, or that this is not known.
pub async fn set_device(
    path: &Path,
    name: String,
    point: String,
    value: Option<String>,
) -> Result<String, ControlError> {
    done(ask(path, &device(DeviceQuestion::Set { device: name, point, value }), ANSWER_WAIT).await?)
}

pub(super) async fn reply(question: DeviceQuestion, source: &StatusSource) -> Answer {
    answered(match question {
        DeviceQuestion::Relay { relay, on } => source.gpio.switch_by_hand(&relay, on).await,
        DeviceQuestion::SetMeter { meter, counter_mwh } => {
            source.gpio.correct(&meter, MilliwattHours(counter_mwh)).await
        }
        DeviceQuestion::Read { device } => source.devices.look(&device).await,
        DeviceQuestion::Set { device, point, value: Some(value) } => {
            source.devices.set(&device, &point, &value, &source.engine).await
        }
        DeviceQuestion::Set { device, point, value: None } => source.devices.release(&device, &point).await,
    })
}

fn device(question: DeviceQuestion) -> Question {
    Question::Device(question)
}

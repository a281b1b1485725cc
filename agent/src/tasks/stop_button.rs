//! The stop button: a press, a button that is held and a broken wire stop all automatic payments.

use std::time::Duration;

use kilosat_drivers::gpio::{Button, ButtonWiring, GpioFault};
use tokio::time::{sleep, timeout};

use super::{EngineGone, EngineHandle};
use crate::clock::Clock;
use crate::engine::{Engine, EngineError, Event, Order, Verdict};
use crate::latest::{Latest, STOP_BUTTON, Value};

/// The button of `[stop_button]`. Releasing it changes nothing: only the owner lets payments go on.
pub struct StopButton {
    wiring: ButtonWiring,
    latest: Latest,
    clock: Clock,
    button: Option<Button>,
    held: bool,
    fault: Option<String>,
    reported: Option<String>,
    told: String,
    failed: u32,
}

impl StopButton {
    /// Looks at the button that is wired, if one is. If it is held, payments are stopped before the engine's recovery,
    /// which sends what certainly did not leave.
    ///
    /// # Errors
    /// [`EngineError`]; a button that cannot be watched is none, it is tried again by [`StopButton::watch`].
    pub async fn open(
        wiring: Option<&ButtonWiring>,
        engine: &mut Engine,
        latest: &Latest,
        clock: &Clock,
    ) -> Result<Option<StopButton>, EngineError> {
        let Some(wiring) = wiring else { return Ok(None) };
        let (wiring, latest, clock) = (wiring.clone(), latest.clone(), clock.clone());
        let mut new = StopButton {
            wiring,
            latest,
            clock,
            button: None,
            held: false,
            fault: None,
            reported: None,
            told: String::new(),
            failed: 0,
        };
        new.look().await;
        if let Some(fault) = &new.fault {
            engine.hold(fault.clone());
            new.reported.clone_from(&new.fault);
        }
        if new.held {
            let (verdict, _) = engine.obey(new.clock.now(), Order::Stop)?;
            new.tell(verdict);
        }
        Ok(Some(new))
    }

    /// Watches it for as long as the engine runs, and stops payments at every press. While it is held they are stopped
    /// again if the owner lets them go on. A button that cannot be watched is tried again and again.
    pub async fn watch(mut self, engine: EngineHandle) {
        // The engine being gone ends the program; `Agent::failed` says why.
        let _ = self.watch_while_it_runs(&engine).await;
    }

    async fn watch_while_it_runs(&mut self, engine: &EngineHandle) -> Result<(), EngineGone> {
        loop {
            if self.held {
                self.stop(engine).await?;
            }
            if self.fault != self.reported {
                engine.submit(Event::Interlock(self.fault.clone())).await?;
                self.reported.clone_from(&self.fault);
            }
            match &self.button {
                None => sleep(RETRY).await,
                Some(button) => match timeout(LOOK_AGAIN, button.pressed()).await {
                    Ok(Ok(())) => {
                        self.told.clear();
                        self.stop(engine).await?;
                    }
                    Ok(Err(fault)) => self.lost(&fault),
                    Err(_) => {}
                },
            }
            self.look().await;
        }
    }

    /// Reads the level, and opens the button first if that is still to be done.
    async fn look(&mut self) {
        let button = match self.button.take() {
            Some(button) => Ok(button),
            None => Button::open(&self.wiring).await,
        };
        match button.and_then(|button| Ok((button.is_pressed()?, button))) {
            Ok((held, button)) => {
                self.note(held);
                self.button = Some(button);
            }
            Err(fault) => self.lost(&fault),
        }
    }

    fn note(&mut self, held: bool) {
        if self.button.is_none() && self.failed > 0 {
            tracing::info!("the stop button is watched again");
        }
        (self.failed, self.held, self.fault) = (0, held, None);
        let at_ms = self.clock.elapsed_ms();
        self.latest.put(STOP_BUTTON, "pressed", Value { milli: i64::from(held) * MILLI, unit: String::new(), at_ms });
        self.latest.worked(STOP_BUTTON, at_ms);
    }

    /// A press could not be noticed now, so payments wait.
    fn lost(&mut self, fault: &GpioFault) {
        (self.button, self.held, self.fault) = (None, false, Some(fault.to_string()));
        if self.failed.is_multiple_of(SAY_AGAIN) {
            tracing::error!(%fault, "THE STOP BUTTON DOES NOT WORK, so nothing is paid; it is tried again every {} s", RETRY.as_secs());
        }
        self.failed = self.failed.wrapping_add(1);
        self.latest.failed(STOP_BUTTON, &fault.to_string());
    }

    /// Obeying twice changes nothing, so this needs no memory of what the engine was told.
    async fn stop(&mut self, engine: &EngineHandle) -> Result<(), EngineGone> {
        let verdict = engine.obey(Order::Stop).await?;
        self.tell(verdict);
        Ok(())
    }

    fn tell(&mut self, verdict: Verdict) {
        let (Verdict::Done(text) | Verdict::Refused(text)) = verdict;
        if text != self.told {
            tracing::warn!("the stop button is pressed, or its wire is broken. {text}");
            self.told = text;
        }
    }
}

/// While the button is held, payments that the owner lets go on are stopped again after this time.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_secs(10);
/// A fault that lasts is logged every so many tries.
const SAY_AGAIN: u32 = 60;
const MILLI: i64 = 1_000;

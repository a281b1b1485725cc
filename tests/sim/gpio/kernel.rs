//! The GPIO calls of Linux, uAPI version 2, answered from [`Chips`]. Source: `include/uapi/linux/gpio.h`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Fault;
use super::lines::{ChipSim, Chips, Requested, USED};
use crate::wait::let_pass;

/// Answers calls until the future is dropped.
pub(super) async fn serve(listener: UnixListener, folder: PathBuf, chips: Arc<Mutex<Chips>>) {
    let mut kernel = Kernel { folder, chips, connections: 0, kept: Vec::new(), charging: JoinSet::new() };
    while let Ok((stream, _)) = listener.accept().await {
        // A program that ends in the middle of a call gets no answer.
        let _ = kernel.answer(stream).await;
    }
}

struct Kernel {
    folder: PathBuf,
    chips: Arc<Mutex<Chips>>,
    connections: u32,
    kept: Vec<UnixStream>,
    charging: JoinSet<()>,
}

/// What a call is about: the file it was made on, and its argument.
struct Question {
    number: u32,
    file: String,
    bytes: Vec<u8>,
}

/// What a call opens besides its answer.
enum Opens {
    Nothing,
    Chip(u32),
    Line { chip: u32, line: u32, requested: Requested, active: Option<bool> },
}

impl Kernel {
    async fn answer(&mut self, mut stream: UnixStream) -> std::io::Result<()> {
        let question = read_question(&mut stream).await?;
        let answered = self.decide(&question);
        let (error, bytes, opens) = match answered {
            Ok((bytes, opens)) => (0, bytes, opens),
            Err(errno) => (errno, question.bytes, Opens::Nothing),
        };
        let (name, listener) = match &opens {
            Opens::Nothing => (String::new(), None),
            Opens::Chip(number) => self.listen(&format!("chip-{number}"))?,
            Opens::Line { chip, line, .. } => self.listen(&format!("line-{chip}-{line}"))?,
        };
        let mut answer = error.to_ne_bytes().to_vec();
        answer.extend(padded(&name, FILE_BYTES));
        answer.extend(bytes);
        stream.write_all(&answer).await?;
        if let Some(listener) = listener {
            let (opened, _) = timeout(CONNECT_WAIT, listener.accept()).await??;
            self.hand_over(opens, opened)?;
        }
        Ok(())
    }

    /// The name ends with a number of its own, so that no file is bound twice.
    fn listen(&mut self, name: &str) -> std::io::Result<(String, Option<UnixListener>)> {
        self.connections += 1;
        let name = format!("{name}-{}", self.connections);
        let listener = UnixListener::bind(self.folder.join(&name))?;
        Ok((name, Some(listener)))
    }

    fn hand_over(&mut self, opens: Opens, opened: UnixStream) -> std::io::Result<()> {
        let Opens::Line { chip: number, line, requested, active } = opens else {
            self.kept.push(opened);
            return Ok(());
        };
        let opened = opened.into_std()?;
        let mut chips = self.chips.lock().unwrap();
        let Some(chip) = chips.find(number) else { return Ok(()) };
        let Some(found) = chip.lines.get_mut(line as usize) else { return Ok(()) };
        found.give(requested, line, opened);
        if let Some(active) = active {
            found.drive(active);
            chip.follow();
        } else if found.long_cable {
            let chips = Arc::clone(&self.chips);
            self.charging.spawn(async move {
                let_pass(CHARGING).await;
                chips.lock().unwrap().chip(number).lines[line as usize].charge();
            });
        }
        Ok(())
    }

    fn decide(&self, question: &Question) -> Result<(Vec<u8>, Opens), i32> {
        let mut chips = self.chips.lock().unwrap();
        let mut numbers = question.file.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
        let number = numbers.next().and_then(|number| number.parse().ok()).ok_or(ENODEV)?;
        let chip = chips.find(number).ok_or(ENODEV)?;
        match question.number {
            OPEN if chip.fault == Fault::Denied => Err(EACCES),
            OPEN => Ok((Vec::new(), Opens::Chip(number))),
            GET_CHIPINFO => Ok((chip_info(number, chip), Opens::Nothing)),
            _ if chip.fault == Fault::OldKernel => Err(EINVAL),
            GET_LINEINFO => Ok((line_info(chip, &question.bytes)?, Opens::Nothing)),
            GET_LINE => {
                let opens = request_line(number, chip, &question.bytes)?;
                Ok((question.bytes.clone(), opens))
            }
            SET_VALUES => {
                let line: usize = numbers.next().and_then(|line| line.parse().ok()).ok_or(ENODEV)?;
                chip.lines[line].drive(u64_at(&question.bytes, 0) & u64_at(&question.bytes, 8) != 0);
                chip.follow();
                Ok((question.bytes.clone(), Opens::Nothing))
            }
            GET_VALUES => {
                let line: usize = numbers.next().and_then(|line| line.parse().ok()).ok_or(ENODEV)?;
                let mut bytes = question.bytes.clone();
                let bits = u64::from(chip.lines[line].is_active()) & u64_at(&bytes, 8);
                bytes[..8].copy_from_slice(&bits.to_ne_bytes());
                Ok((bytes, Opens::Nothing))
            }
            _ => Err(EINVAL),
        }
    }
}

async fn read_question(stream: &mut UnixStream) -> std::io::Result<Question> {
    let mut header = [0; 8 + FILE_BYTES];
    stream.read_exact(&mut header).await?;
    let mut bytes = vec![0; u32_at(&header, 4) as usize];
    stream.read_exact(&mut bytes).await?;
    Ok(Question { number: u32_at(&header, 0), file: text_at(&header, 8, FILE_BYTES), bytes })
}

/// `struct gpiochip_info`.
fn chip_info(number: u32, chip: &ChipSim) -> Vec<u8> {
    let mut info = padded(&format!("gpiochip{number}"), NAME_BYTES);
    info.extend(padded(&chip.label, NAME_BYTES));
    info.extend(u32::try_from(chip.lines.len()).unwrap().to_ne_bytes());
    info
}

/// `struct gpio_v2_line_info`: name, consumer, offset, number of attributes, flags, attributes.
fn line_info(chip: &mut ChipSim, bytes: &[u8]) -> Result<Vec<u8>, i32> {
    let offset = u32_at(bytes, 64);
    let line = chip.lines.get_mut(offset as usize).ok_or(EINVAL)?;
    let user = line.user();
    let mut info = padded(&line.name, NAME_BYTES);
    info.extend(padded(user.as_deref().unwrap_or_default(), NAME_BYTES));
    info.extend(offset.to_ne_bytes());
    info.extend(0_u32.to_ne_bytes());
    info.extend((FLAG_INPUT | if user.is_some() { USED } else { 0 }).to_ne_bytes());
    info.resize(bytes.len(), 0);
    Ok(info)
}

/// `struct gpio_v2_line_request`: 64 offsets, consumer, configuration, number of lines, event buffer size.
fn request_line(number: u32, chip: &mut ChipSim, bytes: &[u8]) -> Result<Opens, i32> {
    let offset = u32_at(bytes, 0);
    let (flags, attributes, lines) = (u64_at(bytes, 288), u32_at(bytes, 296), u32_at(bytes, 560));
    let (is_input, is_output) = (flags & FLAG_INPUT != 0, flags & FLAG_OUTPUT != 0);
    let line = chip.lines.get_mut(offset as usize).ok_or(EINVAL)?;
    if line.user().is_some() {
        return Err(EBUSY);
    }
    if lines != 1 || is_input == is_output || (is_output && flags & FLAG_EDGES != 0) {
        return Err(EINVAL);
    }
    if flags & FLAG_EDGES != 0 && chip.fault == Fault::NoInterrupts {
        return Err(ENXIO);
    }
    let attribute = |id: u32| {
        let all = (0..attributes as usize).map(|index| 320 + 24 * index);
        all.filter(|at| u32_at(bytes, *at) == id).map(|at| at + 8).next_back()
    };
    let requested = Requested {
        consumer: text_at(bytes, 256, NAME_BYTES),
        flags,
        debounce_us: attribute(ATTRIBUTE_DEBOUNCE).map_or(0, |at| u32_at(bytes, at)),
        events_kept: u32_at(bytes, 564),
    };
    let values = attribute(ATTRIBUTE_VALUES).map_or(0, |at| u64_at(bytes, at));
    Ok(Opens::Line { chip: number, line: offset, requested, active: is_output.then_some(values & 1 != 0) })
}

fn padded(text: &str, size: usize) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(size, 0);
    bytes
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn text_at(bytes: &[u8], at: usize, size: usize) -> String {
    let text = bytes[at..at + size].split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// The number of a call: direction, size of its argument, GPIO's letter, its own number.
const fn call(direction: u32, size: u32, number: u32) -> u32 {
    direction << 30 | size << 16 | 0xb4 << 8 | number
}

/// Not a number of the kernel's: the shim opens a chip.
const OPEN: u32 = 0;
const GET_CHIPINFO: u32 = call(2, 68, 0x01);
const GET_LINEINFO: u32 = call(3, 256, 0x05);
const GET_LINE: u32 = call(3, 592, 0x07);
const GET_VALUES: u32 = call(3, 16, 0x0e);
const SET_VALUES: u32 = call(3, 16, 0x0f);
const FLAG_INPUT: u64 = 1 << 2;
const FLAG_OUTPUT: u64 = 1 << 3;
const FLAG_EDGES: u64 = 1 << 4 | 1 << 5;
const ATTRIBUTE_VALUES: u32 = 2;
const ATTRIBUTE_DEBOUNCE: u32 = 3;
const NAME_BYTES: usize = 32;
/// As in the shim.
const FILE_BYTES: usize = 104;
const ENXIO: i32 = 6;
const EACCES: i32 = 13;
const EBUSY: i32 = 16;
const ENODEV: i32 = 19;
const EINVAL: i32 = 22;
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// Longer than a program needs from its request to its first look.
const CHARGING: Duration = Duration::from_millis(20);

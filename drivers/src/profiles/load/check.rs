//! What only the whole profile shows: points that collide, sums without their parts, values that no request can hold.

use std::collections::{HashMap, HashSet};

use super::ProfileFault;
use super::table::Table;
use crate::profiles::point::{Kind, Part, Point};
use crate::profiles::{Profile, Space};
use crate::reading::Quantity;

pub(super) fn check(profile: &Profile, root: &Table<'_>) -> Result<(), ProfileFault> {
    if profile.points.is_empty() && profile.set_points.is_empty() {
        return Err(root.missing("point", "[[point]] with quantity = \"energy_import\", input = 72, type = \"f32\""));
    }
    let mut seen = HashSet::new();
    for quantity in profile.quantities() {
        if !seen.insert(quantity) {
            return Err(root.fault(&place(quantity), "is there twice; keep one"));
        }
    }
    let mut set = HashSet::new();
    for set_point in &profile.set_points {
        let quantity = set_point.point.quantity;
        if !set.insert(quantity) {
            return Err(root.fault(&place(quantity), "may be written in two ways; keep one"));
        }
        check_limits(profile, &set_point.point, false, root)?;
        for (key, milli) in [("min", set_point.min_milli), ("max", set_point.max_milli)] {
            if set_point.encode(milli).is_err() {
                let text = format!("has a {key} that its registers cannot hold; correct {key}, type or scale");
                return Err(root.fault(&place(quantity), text));
            }
        }
    }
    for point in &profile.points {
        check_limits(profile, point, profile.limits.even_only, root)?;
    }
    // Those are read alone, as the documents have them, and set points are written.
    for identify in &profile.identify {
        check_limits(profile, &identify.point, false, root)?;
    }
    check_overlaps(profile, root)?;
    check_energy_step(profile, root)?;
    check_sums(profile, root)
}

fn check_limits(profile: &Profile, point: &Point, even_only: bool, root: &Table<'_>) -> Result<(), ProfileFault> {
    let limits = &profile.limits;
    let wrong = |text: String| Err(root.fault(&place(point.quantity), text));
    for part in &point.parts {
        if part.count > limits.registers_max {
            let (needed, most) = (part.count, limits.registers_max);
            return wrong(format!("needs {needed} registers, and registers_max = {most}; raise it or drop the point"));
        }
        let odd = part.address % 2 == 1 || part.count % 2 == 1;
        if even_only && !part.space.is_bits() && odd {
            return wrong("lies at an odd address or has an odd length, and even_only = true; correct one".to_owned());
        }
        let end = u32::from(part.address) + u32::from(part.count);
        let crossed = limits.barriers.iter().find(|at| part.address < **at && u32::from(**at) < end);
        if let Some(at) = crossed {
            return wrong(format!("crosses the barrier at {at}; correct the barrier or the address"));
        }
    }
    Ok(())
}

/// Two values may share a register only when each takes bits of its own out of it.
fn check_overlaps(profile: &Profile, root: &Table<'_>) -> Result<(), ProfileFault> {
    let mut taken: HashMap<(Space, u16), (Quantity, u64)> = HashMap::new();
    for point in &profile.points {
        let bits = if point.kind.words() == 1 { point.mask.unwrap_or(u64::MAX) } else { u64::MAX };
        for (space, address) in value_parts(point).flat_map(registers) {
            if let Some((other, others)) = taken.get(&(space, address))
                && others & bits != 0
            {
                let text = format!("shares register {address} with {other}; correct an address or give both a mask");
                return Err(root.fault(&place(point.quantity), text));
            }
            let slot = taken.entry((space, address)).or_insert((point.quantity, 0));
            slot.1 |= bits;
        }
    }
    Ok(())
}

fn check_energy_step(profile: &Profile, root: &Table<'_>) -> Result<(), ProfileFault> {
    if profile.billed.is_some() && profile.printed_step.0 == 0 {
        return Err(root.missing("energy_step_mwh", "energy_step_mwh = 10_000 for a display of 0.01 kWh"));
    }
    Ok(())
}

/// Sums are made of points that are read, all of the same unit, none of them twice.
fn check_sums(profile: &Profile, root: &Table<'_>) -> Result<(), ProfileFault> {
    for computed in &profile.computed {
        let quantity = computed.quantity;
        let wrong = |text: String| Err(root.fault(&place(quantity), text));
        let mut parts = HashSet::new();
        for part in computed.plus.iter().chain(&computed.minus) {
            let Some(point) = profile.points.iter().find(|point| point.quantity == *part) else {
                return wrong(format!("is made of {part}, which is no point that is read from registers; add it"));
            };
            if part.unit() != quantity.unit() || quantity.measure.is_plain() || matches!(point.kind, Kind::Bool) {
                return wrong(format!("is made of {part}, which has another unit or none; correct the list"));
            }
            if !parts.insert(*part) {
                return wrong(format!("counts {part} twice; keep one"));
            }
        }
    }
    Ok(())
}

fn value_parts(point: &Point) -> impl Iterator<Item = &Part> {
    let mut left = point.kind.words();
    point.parts.iter().take_while(move |part| {
        let takes = left > 0;
        left = left.saturating_sub(part.count);
        takes
    })
}

fn registers(part: &Part) -> impl Iterator<Item = (Space, u16)> + use<> {
    let (space, address) = (part.space, part.address);
    (0..part.count).map(move |offset| (space, address.saturating_add(offset)))
}

fn place(quantity: Quantity) -> String {
    format!("point {quantity}")
}

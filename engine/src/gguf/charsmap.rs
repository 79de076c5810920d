//! SentencePiece's table for normalising text, checked before llama.cpp walks it.
//!
//! The table is a trie in one array (an XOR-compressed compact double array: Kanda, "Space- and Time-Efficient String
//! Dictionaries", 2018) and a list of replacements. Its length comes first, in 4 bytes. Each unit of the array has the
//! label of its edge in bits 0 to 7, whether it has a value in bit 8, and the distance to its children in bits 10 to
//! 30, times 256 where bit 9 is set; a unit that holds a value has bit 31 set. llama.cpp throws an exception through C
//! functions when a step leaves the array, so every step that any text can take is tried here.

/// Walks the whole trie. The error is the end of a sentence.
pub(super) fn check(map: &[u8]) -> Result<(), String> {
    let (length, rest) = map.split_at_checked(4).ok_or("is too short for its own length")?;
    let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
    if length >= rest.len() {
        return Err("is shorter than it says".into());
    }
    let (array, replacements) = rest.split_at(length);
    let units: Vec<u32> = array.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    if units.is_empty() {
        return Ok(());
    }
    // Every replacement ends in a NUL, so one at the very end serves all.
    let ended = replacements.iter().rposition(|byte| *byte == 0).map_or(0, |at| at + 1);
    let mut walk = Walk { units: &units, ended, seen: vec![false; units.len()], next: Vec::new() };
    walk.enter(base(units[0]))?;
    while let Some(children) = walk.next.pop() {
        for label in 1..=255 {
            walk.follow(children, label)?;
        }
    }
    Ok(())
}

struct Walk<'a> {
    units: &'a [u32],
    /// Length of the replacements up to the last NUL.
    ended: usize,
    /// Places whose children are known.
    seen: Vec<bool>,
    /// Places whose children are to be tried.
    next: Vec<usize>,
}

impl Walk<'_> {
    /// Notes the place from which children are reached.
    fn enter(&mut self, place: usize) -> Result<(), String> {
        // A step with any label stays within the 256 units around the place, but for the first of them none is taken.
        match self.seen.get_mut(place) {
            None => Err(outside(place)),
            Some(seen) => {
                if !std::mem::replace(seen, true) {
                    self.next.push(place);
                }
                Ok(())
            }
        }
    }

    fn follow(&mut self, children: usize, label: usize) -> Result<(), String> {
        let child = children ^ label;
        let unit = *self.units.get(child).ok_or_else(|| outside(child))?;
        if unit & (1 << 31 | 0xff) != label as u32 {
            return Ok(());
        }
        let place = child ^ base(unit);
        if unit >> 8 & 1 == 1 {
            let value = *self.units.get(place).ok_or_else(|| outside(place))? & !(1 << 31);
            if value as usize >= self.ended {
                return Err(format!("names the replacement at {value}, where none is"));
            }
        }
        self.enter(place)
    }
}

/// Distance from a unit to its children.
fn base(unit: u32) -> usize {
    ((unit >> 10) << ((unit & 1 << 9) >> 6)) as usize
}

fn outside(place: usize) -> String {
    format!("leads to place {place}, where its trie has none")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A trie that knows only "a" and replaces it by "b".
    fn table() -> Vec<u8> {
        let mut units = vec![0u32; 512];
        // The root's children are around 256, and the value of "a" is at its child's place XOR 1.
        units[0] = 256 << 10;
        units[256 ^ 97] = 97 | 1 << 8 | 1 << 10;
        units[256 ^ 97 ^ 1] = 1 << 31;
        bytes(&units, b"b\0")
    }

    fn bytes(units: &[u32], replacements: &[u8]) -> Vec<u8> {
        let array: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        [&(array.len() as u32).to_le_bytes()[..], &array, replacements].concat()
    }

    fn unit_at(at: usize) -> std::ops::Range<usize> {
        4 + 4 * at..8 + 4 * at
    }

    #[test]
    fn a_sound_table_is_taken() {
        assert_eq!(check(&table()), Ok(()));
        assert_eq!(check(&[0, 0, 0, 0, 0]), Ok(()));
    }

    #[test]
    fn what_leads_outside_is_refused() {
        for short in [&[][..], &[1, 0, 0], &[4, 0, 0, 0], &[0xff; 64]] {
            assert!(check(short).is_err());
        }
        for (at, unit) in
            [(0, u32::MAX >> 1), (0, 600 << 10), (256 ^ 97, 97 | 1 << 8 | 900 << 10), (256 ^ 97 ^ 1, 1 << 31 | 2)]
        {
            let mut map = table();
            map[unit_at(at)].copy_from_slice(&unit.to_le_bytes());
            assert!(check(&map).is_err(), "unit {at} as {unit:x}");
        }
        let mut endless = table();
        *endless.last_mut().unwrap() = b'x';
        assert!(check(&endless).unwrap_err().contains("replacement"));
    }

    #[test]
    fn a_circle_ends() {
        let mut map = table();
        // "a" leads back to the place where it came from.
        map[unit_at(256 ^ 97)].copy_from_slice(&(97u32 | 97 << 10).to_le_bytes());
        assert_eq!(check(&map), Ok(()));
    }
}

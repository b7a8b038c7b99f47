//! Converts ECDSA signatures from DER, as KMS returns them, to the two concatenated numbers that JWS uses.

use super::CallError;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
/// The length in bytes of a number on P-256.
const SIZE: usize = 32;

/// Converts the DER of an ECDSA signature on P-256 to `r` and `s` of 32 bytes each (RFC 7515, A.3.1).
///
/// # Errors
///
/// Fails if the bytes are anything but one sequence of two positive integers in their shortest form.
pub(super) fn to_fixed(der: &[u8]) -> Result<[u8; 2 * SIZE], CallError> {
    let (inner, rest) = value(SEQUENCE, der)?;
    let (r, after) = value(INTEGER, inner)?;
    let (s, end) = value(INTEGER, after)?;
    if !rest.is_empty() || !end.is_empty() {
        return Err(wrong("there is something after it"));
    }
    let mut fixed = [0; 2 * SIZE];
    let (left, right) = fixed.split_at_mut(SIZE);
    put(r, left)?;
    put(s, right)?;
    Ok(fixed)
}

/// Splits off the content of one value. A signature on P-256 has at most 72 bytes, so lengths take one byte.
fn value(tag: u8, der: &[u8]) -> Result<(&[u8], &[u8]), CallError> {
    match der {
        [found, length @ 0..=0x7f, rest @ ..] if *found == tag => {
            rest.split_at_checked(usize::from(*length)).ok_or_else(|| wrong("it is cut off"))
        }
        _ => Err(wrong("a tag or a length is another")),
    }
}

fn put(integer: &[u8], slot: &mut [u8]) -> Result<(), CallError> {
    let number = match integer {
        // A leading zero keeps a number with its first bit set positive; anywhere else it is not the shortest form.
        [0, number @ ..] if number.first().is_some_and(|first| *first >= 0x80) => number,
        [1..=0x7f, ..] => integer,
        _ => return Err(wrong("a number is not positive and in its shortest form")),
    };
    let start = slot.len().checked_sub(number.len()).ok_or_else(|| wrong("a number is too long"))?;
    let (_, end) = slot.split_at_mut(start);
    end.copy_from_slice(number);
    Ok(())
}

fn wrong(reason: &'static str) -> CallError {
    CallError::Signature { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer(bytes: &[u8]) -> Vec<u8> {
        [&[INTEGER, bytes.len() as u8], bytes].concat()
    }

    fn sequence(inner: &[Vec<u8>]) -> Vec<u8> {
        let inner = inner.concat();
        [&[SEQUENCE, inner.len() as u8], inner.as_slice()].concat()
    }

    fn padded(number: &[u8]) -> Vec<u8> {
        [vec![0; SIZE - number.len()], number.to_vec()].concat()
    }

    #[test]
    fn numbers_of_every_length_end_up_in_their_half() {
        let full = [0x7f; 32];
        let high = [0xff; 32];
        let zero_and_high = [&[0][..], &high].concat();
        for (r, s, left, right) in [
            (&full[..], &full[..], &full[..], &full[..]),
            (&zero_and_high, &full, &high, &full),
            (&[1], &[0, 0x80], &[1], &[0x80]),
            (&full[..31], &zero_and_high, &full[..31], &high),
        ] {
            let der = sequence(&[integer(r), integer(s)]);
            assert_eq!(to_fixed(&der).unwrap().to_vec(), [padded(left), padded(right)].concat());
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let one = || integer(&[1]);
        let mut trailing = sequence(&[one(), one()]);
        trailing.push(0);
        let long_form = [&[SEQUENCE, 0x81, 6][..], &one(), &one()].concat();
        for der in [
            Vec::new(),
            vec![SEQUENCE],
            vec![SEQUENCE, 0],
            trailing,
            long_form,
            sequence(&[one()]),
            sequence(&[one(), one(), one()]),
            sequence(&[integer(&[]), one()]),
            sequence(&[integer(&[0]), one()]),
            sequence(&[integer(&[0, 1]), one()]),
            sequence(&[integer(&[0x80]), one()]),
            sequence(&[one(), integer(&[0x7f; 33])]),
            sequence(&[one(), integer(&[&[0][..], &[0x80; 33]].concat())]),
            sequence(&[one(), vec![INTEGER, 5, 1]]),
            sequence(&[one(), vec![0x04, 1, 1]]),
        ] {
            assert!(matches!(to_fixed(&der), Err(CallError::Signature { .. })), "{der:?}");
        }
    }
}

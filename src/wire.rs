//! Messages as bytes: fields one after the other, numbers little-endian, lengths before what they count, no names. Both
//! ends come from one build, which is what makes this enough; [`Wire`] is all it takes, and it has NaN, which JSON lacks.

/// What can be sent.
pub trait Wire: Sized {
    /// Appends this value.
    fn write(&self, to: &mut Vec<u8>);
    /// Takes a value from the front of `from`; `None` if there is none of this type.
    fn read(from: &mut &[u8]) -> Option<Self>;
}

/// A value as bytes.
pub fn to_bytes(value: &impl Wire) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write(&mut bytes);
    bytes
}

/// The value that these bytes are, all of them.
pub fn from_bytes<T: Wire>(mut bytes: &[u8]) -> Option<T> {
    T::read(&mut bytes).filter(|_| bytes.is_empty())
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Wire for $type {
            fn write(&self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.to_le_bytes());
            }
            fn read(from: &mut &[u8]) -> Option<Self> {
                let (bytes, rest) = from.split_first_chunk()?;
                *from = rest;
                Some(Self::from_le_bytes(*bytes))
            }
        }
    )*};
}
numbers!(u8, u32, u64, f32, f64);

/// As `u32`: in the browser it is one.
impl Wire for usize {
    fn write(&self, to: &mut Vec<u8>) {
        (*self as u32).write(to);
    }
    fn read(from: &mut &[u8]) -> Option<Self> {
        Some(u32::read(from)? as usize)
    }
}

impl Wire for String {
    fn write(&self, to: &mut Vec<u8>) {
        self.len().write(to);
        to.extend_from_slice(self.as_bytes());
    }
    fn read(from: &mut &[u8]) -> Option<Self> {
        let length = usize::read(from)?;
        let (text, rest) = from.split_at_checked(length)?;
        *from = rest;
        String::from_utf8(text.to_vec()).ok()
    }
}

impl<T: Wire> Wire for Option<T> {
    fn write(&self, to: &mut Vec<u8>) {
        u8::from(self.is_some()).write(to);
        if let Some(value) = self {
            value.write(to);
        }
    }
    fn read(from: &mut &[u8]) -> Option<Self> {
        match u8::read(from)? {
            0 => Some(None),
            _ => T::read(from).map(Some),
        }
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn write(&self, to: &mut Vec<u8>) {
        self.len().write(to);
        self.iter().for_each(|value| value.write(to));
    }
    fn read(from: &mut &[u8]) -> Option<Self> {
        let mut values = Vec::new();
        for _ in 0..usize::read(from)? {
            values.push(T::read(from)?);
        }
        Some(values)
    }
}

impl<T: Wire> Wire for Box<T> {
    fn write(&self, to: &mut Vec<u8>) {
        (**self).write(to);
    }
    fn read(from: &mut &[u8]) -> Option<Self> {
        T::read(from).map(Box::new)
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn write(&self, to: &mut Vec<u8>) {
        self.0.write(to);
        self.1.write(to);
    }
    fn read(from: &mut &[u8]) -> Option<Self> {
        Some((A::read(from)?, B::read(from)?))
    }
}

/// `wire_struct!(Name { field, field })`: sends the fields in this order. The compiler names a field that was forgotten.
macro_rules! wire_struct {
    ($type:ident { $($field:ident),* $(,)? }) => {
        impl $crate::wire::Wire for $type {
            fn write(&self, to: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                $($crate::wire::Wire::write($field, to);)*
            }
            fn read(from: &mut &[u8]) -> Option<Self> {
                $(let $field = $crate::wire::Wire::read(from)?;)*
                Some(Self { $($field),* })
            }
        }
    };
}

/// `wire_enum!(Name { Empty, Fields { a, b }, Tuple(a) })`: sends which variant it is, then its fields.
macro_rules! wire_enum {
    ($type:ident { $($variant:ident $({ $($field:ident),* })? $(($($inner:ident),*))?),* $(,)? }) => {
        impl $crate::wire::Wire for $type {
            fn write(&self, to: &mut Vec<u8>) {
                enum Tag { $($variant),* }
                match self {
                    $(Self::$variant $({ $($field),* })? $(($($inner),*))? => {
                        to.push(Tag::$variant as u8);
                        $($($crate::wire::Wire::write($field, to);)*)?
                        $($($crate::wire::Wire::write($inner, to);)*)?
                    })*
                }
            }
            fn read(from: &mut &[u8]) -> Option<Self> {
                enum Tag { $($variant),* }
                let tag = <u8 as $crate::wire::Wire>::read(from)?;
                $(if tag == Tag::$variant as u8 {
                    $($(let $field = $crate::wire::Wire::read(from)?;)*)?
                    $($(let $inner = $crate::wire::Wire::read(from)?;)*)?
                    return Some(Self::$variant $({ $($field),* })? $(($($inner),*))?);
                })*
                None
            }
        }
    };
}

pub(crate) use {wire_enum, wire_struct};

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    enum Example {
        Nothing,
        Some { text: String, numbers: Vec<Option<f32>> },
        Pair((u64, usize)),
    }
    wire_enum!(Example { Nothing, Some { text, numbers }, Pair(pair) });

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let numbers = vec![Option::Some(0.1), None, Option::Some(f32::INFINITY)];
        let text = "a\u{fffd}".to_owned();
        for value in [Example::Nothing, Example::Some { text, numbers }, Example::Pair((1 << 60, 7))] {
            let bytes = to_bytes(&value);
            assert_eq!(from_bytes(&bytes).as_ref(), Some(&value));
            assert_eq!(from_bytes::<Example>(&[&bytes[..], &[0]].concat()), None, "{value:?} and a byte");
            (0..bytes.len()).for_each(|end| assert_eq!(from_bytes::<Example>(&bytes[..end]), None, "{value:?} cut"));
        }
        assert_eq!(from_bytes::<Example>(&[3]), None, "no such variant");
        let nan: Option<f32> = from_bytes(&to_bytes(&f32::NAN));
        assert!(nan.is_some_and(f32::is_nan));
    }
}

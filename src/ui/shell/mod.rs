//! What every lab has around its instrument: the story, the claims, the way to the other labs, the parts that act on all
//! views.

mod claims;
pub mod embed;
mod share;
pub mod slow;
mod start;
mod story;
mod surgery;
mod travel;
mod unrolled;

pub use claims::{Claims, measured};
pub use share::ShareDialog;
pub use slow::{SlowSwitch, Stage};
pub use start::Start;
pub use story::Story;
pub use surgery::{EditList, Edits, Surgery, SurgeryControls};
pub use travel::Travel;
pub use unrolled::Unrolled;

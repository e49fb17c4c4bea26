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

pub use claims::{Claims, measured};
pub use share::ShareDialog;
pub use slow::{SlowSwitch, Stage, Unrolled};
pub use start::Start;
pub use story::Story;
pub use surgery::{Edits, Surgery};
pub use travel::Travel;

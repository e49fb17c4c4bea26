//! The doors to what comes late ([`crate::late`]): what only some labs show, and what stands behind a button. Who opens one asks
//! [`crate::ui::late`] first.

use leptos::html;
use leptos::prelude::*;

use crate::labs::View;
use crate::ui::bench::BenchDialog;
use crate::ui::charts::Picture;
use crate::ui::charts::palette::Rgb;
use crate::ui::help::HelpDialog;
use crate::ui::shell::{EditList, ShareDialog, SurgeryControls, Unrolled};
use crate::ui::views::table::Table;
use crate::ui::views::{
    AnswersView, Attending, Beam, Confusion, Contexts, Cost, EquationPanel, Exposure, Heads, Lengths, Poles, Reach,
    Rewards, Selection, Tensors, TwoModes, Typing, rows,
};

type Dialog = NodeRef<html::Dialog>;

/// A view that is no part of the first half; of any other, nothing.
#[inline(never)]
pub fn view(view: View) -> AnyView {
    match view {
        View::Answers => view! { <AnswersView/> }.into_any(),
        View::Attention => view! { <Attending/> }.into_any(),
        View::Beam => view! { <Beam/> }.into_any(),
        View::Confusion => view! { <Confusion/> }.into_any(),
        View::Contexts => view! { <Contexts/> }.into_any(),
        View::Cost => view! { <Cost/> }.into_any(),
        View::Exposure => view! { <Exposure/> }.into_any(),
        View::Heads => view! { <Heads/> }.into_any(),
        View::Lengths => view! { <Lengths/> }.into_any(),
        View::Modes => view! { <TwoModes/> }.into_any(),
        View::Poles => view! { <Poles/> }.into_any(),
        View::Reach => view! { <Reach/> }.into_any(),
        View::Rewards => view! { <Rewards/> }.into_any(),
        View::Selection => view! { <Selection/> }.into_any(),
        View::Tensors => view! { <Tensors/> }.into_any(),
        View::Typing => view! { <Typing/> }.into_any(),
        _ => ().into_any(),
    }
}

#[inline(never)]
pub fn bench(dialog: Dialog) -> AnyView {
    view! { <BenchDialog dialog/> }.into_any()
}

#[inline(never)]
pub fn help(dialog: Dialog) -> AnyView {
    view! { <HelpDialog dialog/> }.into_any()
}

#[inline(never)]
pub fn share(dialog: Dialog) -> AnyView {
    view! { <ShareDialog dialog/> }.into_any()
}

#[inline(never)]
pub fn unrolled() -> AnyView {
    view! { <Unrolled/> }.into_any()
}

#[inline(never)]
pub fn equation() -> AnyView {
    view! { <EquationPanel/> }.into_any()
}

#[inline(never)]
pub fn surgery() -> AnyView {
    view! { <SurgeryControls/> }.into_any()
}

#[inline(never)]
pub fn edits() -> AnyView {
    view! { <EditList/> }.into_any()
}

#[inline(never)]
pub fn table(caption: &'static str, table: Table) -> AnyView {
    rows(caption, table).into_any()
}

/// [`Table::csv`]
#[inline(never)]
pub fn csv(table: &Table) -> String {
    table.csv()
}

/// [`Picture::svg`]
#[inline(never)]
pub fn svg(picture: &Picture, size: (f64, f64), ink: Rgb, paper: Rgb) -> String {
    picture.svg(size, ink, paper)
}

//! Opening labs, as every test of them does.

use crate::{Page, Result};

/// Widths and heights of a telephone, a laptop, a projector.
pub const WIDTHS: [(u32, u32); 3] = [(390, 844), (1440, 900), (2560, 1440)];

/// Opens an address and waits until the page is there.
///
/// # Errors
/// Where it does not come.
pub async fn open(page: &Page, rest: &str) -> Result {
    page.open(rest).await?;
    page.until("window.seqlab", 30.0).await?;
    page.js("await seqlab.ready").await?;
    Ok(())
}

/// The names of all labs.
///
/// # Errors
/// As [`open`].
pub async fn slugs(page: &Page) -> Result<Vec<String>> {
    open(page, "#v=1&run=0").await?;
    let labs = page.js("return seqlab.labs().map(lab => lab.slug)").await?;
    Ok(serde_json::from_value(labs)?)
}

/// Waits until the model has trained some steps more.
///
/// # Errors
/// Where it does not.
pub async fn moves(page: &Page) -> Result {
    let from = page.js("return seqlab.metrics().step").await?;
    page.until(&format!("seqlab.metrics().step > {from} + 2"), 60.0).await
}

/// Clicks what a selector finds, as a person does: once it is there.
///
/// # Errors
/// Where nothing is found.
pub async fn click(page: &Page, selector: &str) -> Result {
    page.until(&format!("document.querySelector({selector:?})"), 10.0).await?;
    let click = format!(
        "const found = document.querySelector({selector:?});
         found.scrollIntoView({{block: 'center'}}); found.click()"
    );
    page.js(&click).await?;
    Ok(())
}

//! What is done to a model is in the address, and comes back from it.

use e2e::labs::{click, open};
use e2e::{Engine, Page, Result, with_page};
use serde_json::{Value, json};

/// A signal of a model, of all units at all steps.
async fn signal(page: &Page, symbol: &str, run: usize) -> Result<Vec<f64>> {
    let path = format!("{{path: 'probe/layers/0/{symbol}', run: {run}}}");
    let values = page.js(&format!("return [...(await seqlab.probe({path})).values]")).await?;
    Ok(serde_json::from_value(values)?)
}

/// The edits that are listed, and the gates' buttons that are chosen.
const LISTED: &str = "return [[...document.querySelectorAll('.edits li span')].map(item => item.textContent),
    [...document.querySelectorAll('.surgery input:checked')].map(input => `${input.name}${input.value}`)]";

async fn listed(page: &Page, count: usize) -> Result<Value> {
    page.until(&format!("document.querySelectorAll('.edits li').length === {count}"), 20.0).await?;
    page.js("if (!document.querySelector('.surgery').open) document.querySelector('.surgery summary').click()").await?;
    page.until("document.querySelector('.surgery input:checked')", 10.0).await?;
    page.js(LISTED).await
}

#[tokio::test]
async fn a_clamped_gate_comes_back_from_the_address() {
    with_page(Engine::Cpu, |page| async move {
        open(&page, "#v=1&lab=gru-vs-lstm&run=0").await?;
        let free = signal(&page, "z", 0).await?;
        click(&page, ".surgery summary").await?;
        click(&page, ".surgery input[name=z][value='0.5']").await?;
        page.until("location.hash.endsWith('&edits=clamp:1:z:0.5&run=0')", 5.0).await?;
        let chosen = listed(&page, 1).await?;

        page.refresh().await?;
        page.until("window.seqlab", 30.0).await?;
        page.js("await seqlab.ready").await?;
        assert_eq!(listed(&page, 1).await?, chosen);
        assert!(chosen[1].as_array().is_some_and(|inputs| inputs.contains(&json!("z0.5"))), "{chosen}");
        assert!(free.iter().all(|z| *z != 0.5) && signal(&page, "z", 0).await?.iter().all(|z| *z == 0.5));

        // The link is where undo begins; what is done after it is taken back, and it still stands.
        assert_eq!(page.js("return document.querySelector('[aria-label=Undo]').disabled").await?, json!(true));
        click(&page, ".surgery input[name=z][value='1']").await?;
        page.until("location.hash.includes('edits=clamp:1:z:1')", 5.0).await?;
        assert!(signal(&page, "z", 0).await?.iter().all(|z| *z == 1.0));
        click(&page, "[aria-label=Undo]").await?;
        page.until("location.hash.includes('edits=clamp:1:z:0.5')", 5.0).await?;
        assert!(signal(&page, "z", 0).await?.iter().all(|z| *z == 0.5));
        click(&page, ".edits li button").await?;
        page.until("!location.hash.includes('edits')", 5.0).await?;
        assert_eq!(signal(&page, "z", 0).await?, free);
        page.assert_no_errors().await
    })
    .await;
}

#[tokio::test]
async fn a_link_operates_on_each_model_and_says_what_does_not_fit() {
    with_page(Engine::Cpu, |page| async move {
        let edits = "edits=clamp:1:o:1;drop:1;clamp:1:r:0&edits.2=clamp:1:o:1;weight:rnn.weight_hh_l0:999999:1&edits.3=zero:1:1";
        open(&page, &format!("#v=1&lab=gru-vs-lstm&run=0&{edits}")).await?;
        listed(&page, 1).await?;
        page.until("document.querySelectorAll('.notice').length === 3", 10.0).await?;
        let told = page.js("return [...document.querySelectorAll('.notice')].map(notice => notice.textContent).join(' ')").await?;
        for part in ["\u{201c}drop:1\u{201d}", "edits: This model has no gate \u{201c}o\u{201d} of layer 1.",
            "edits.2: \u{201c}rnn.weight_hh_l0\u{201d} has", "no number 999999", "edits.3: There is no such model."] {
            assert!(told.as_str().is_some_and(|told| told.contains(part)), "{part} is missing in {told}");
        }
        assert!(signal(&page, "r", 0).await?.iter().all(|r| *r < 1e-30));
        assert!(signal(&page, "o", 1).await?.iter().all(|o| *o == 1.0));
        page.until("location.hash.includes('&edits=clamp:1:r:0&edits.2=clamp:1:o:1&run=0')", 5.0).await?;

        // Another address of the same lab is a step that can be undone, what is done to its models too.
        page.js("location.hash = '#v=1&lab=gru-vs-lstm&run=0&edits=clamp:1:z:1'").await?;
        page.until("document.querySelector('.edits li')?.textContent.startsWith('z')", 10.0).await?;
        assert!(signal(&page, "z", 0).await?.iter().all(|z| *z == 1.0));
        assert!(signal(&page, "o", 1).await?.iter().all(|o| *o < 1.0));
        click(&page, "[aria-label=Undo]").await?;
        page.until("document.querySelector('.edits li')?.textContent.startsWith('r')", 10.0).await?;
        assert!(signal(&page, "r", 0).await?.iter().all(|r| *r < 1e-30));
        assert!(signal(&page, "o", 1).await?.iter().all(|o| *o == 1.0));
        page.assert_no_errors().await
    })
    .await;
}

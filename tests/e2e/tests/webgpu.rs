//! Labs whose models are trained through WebGPU: they learn, and what is pointed at is what the engine says.

use e2e::labs::{moves, open};
use e2e::{Engine, Page, Result, with_page};
use serde_json::{Value, json};

/// Opens a lab on the GPU, with settings small enough for WebGPU in software, and trains it until the loss of a model on
/// what it is not trained on is below a share of what it was.
async fn learns(page: &Page, slug: &str, settings: &str, run: usize, share: f64) -> Result {
    open(page, &format!("#v=1&lab={slug}&backend=gpu&run=0&{settings}")).await?;
    assert_eq!(page.js("return seqlab.state().backend").await?, json!("gpu"), "{slug}");
    let loss = format!("(await seqlab.probe({{path: 'evaluation/loss', run: {run}}})).values[0]");
    let first = page.js(&format!("return {loss}")).await?.as_f64().unwrap_or(f64::NAN);
    page.js("seqlab.run()").await?;
    moves(page).await?;
    page.until(&format!("{loss} < {share} * {first}"), 90.0).await?;
    let now = page.js(&format!("return [seqlab.metrics().step, {loss}]")).await?;
    println!("{slug}: loss {first:.3} at first; step and loss {now}");
    page.js("seqlab.pause()").await?;
    page.until("!seqlab.state().running", 30.0).await?;
    assert_eq!(page.js("return seqlab.state().backend").await?, json!("gpu"), "{slug}: still");
    // What was measured of it is of the last step too.
    page.wait(2.0).await;
    Ok(())
}

/// Points into the first element of a selector, at shares of its width and height.
async fn point(page: &Page, selector: &str, [x, y]: [f64; 2]) -> Result {
    page.js(&format!(
        "const body = document.querySelector({selector:?}); body.scrollIntoView({{block: 'center'}});
         const box = body.getBoundingClientRect();
         const at = {{clientX: box.left + box.width * {x}, clientY: box.top + box.height * {y}, bubbles: true}};
         body.dispatchEvent(new PointerEvent('pointermove', at));
         await new Promise(done => setTimeout(done, 500))"
    ))
    .await?;
    Ok(())
}

/// What is written and what the engine says, as near as three decimals are.
fn agree(found: &Value, what: &str) {
    let written: f64 = found[0].as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
    let known = found[1].as_f64().unwrap_or(f64::NAN);
    assert!((written - known).abs() < 6e-4, "{what}: {found}");
}

#[tokio::test]
async fn attention_is_trained_and_shown_as_it_is() {
    with_page(Engine::WebGpu, |page| async move {
        learns(&page, "attention", "hidden=16&batch=4&lr=0.01", 0, 0.95).await?;
        for place in [[0.1, 0.1], [0.6, 0.3], [0.95, 0.8]] {
            point(&page, ".attention-map .heat-body", place).await?;
            let found = page
                .js("const marks = getComputedStyle(document.querySelector('.attending'));
                     const [source, target] = ['--t', '--unit'].map(name => +marks.getPropertyValue(name));
                     const {shape, values} = await seqlab.probe('probe/own/attention');
                     const written = document.querySelector('.stage-bars tr:last-child td.marked').textContent;
                     return [written, values[target * shape.at(-1) + source], source, target]")
                .await?;
            agree(&found, &format!("{place:?}"));
        }
        page.assert_no_errors().await
    })
    .await;
}

#[tokio::test]
async fn a_transformer_beside_recurrent_networks_is_trained_and_shown_as_it_is() {
    with_page(Engine::WebGpu, |page| async move {
        learns(&page, "transformers-vs-rnns", "length=16&symbols=4&batch=8", 2, 0.8).await?;
        let maps = page.js("return document.querySelectorAll('.heads .heat').length").await?.as_u64().unwrap_or(0);
        assert!(maps >= 2, "{maps} heads");
        for place in [[0.1, 0.5], [0.4, 0.9]] {
            point(&page, ".heads .heat-body", place).await?;
            let found = page
                .js("const text = document.querySelector('.heads .readout').textContent;
                     const [target, source] = [...text.matchAll(/step (\\d+)/g)].map(found => found[1] - 1);
                     const {shape, values} = await seqlab.probe({path: 'probe/layers/0/attention', run: 2});
                     return [document.querySelector('.heads .heat output').textContent, values[target * shape.at(-1) + source], text]")
                .await?;
            agree(&found, &format!("{place:?}"));
        }
        page.assert_no_errors().await
    })
    .await;
}

//! Every kind of model in the page: it is set by name, trains, shows its tensors, and says in words what does not go together.

use e2e::labs::{click, moves, open};
use e2e::{Engine, Page, Result, with_page};

/// What is set, and a tensor that must then be there.
const MODELS: [(&str, &str); 7] = [
    ("{model: 'transformer', layers: 2, heads: 4}", "probe/layers/1/attention"),
    ("{model: 's4d', state: 8}", "probe/layers/0/kernel"),
    ("{model: 'mamba', state: 8}", "probe/layers/0/delta"),
    ("{model: 'recurrent', bidirectional: true, cell: 'gru'}", "probe/layers/0_reverse/h"),
    ("{model: 'classifier', task: 'majority', embedding: 8, symbols: 3}", "probe/saliency"),
    ("{model: 'encoder-decoder', task: 'reverse', embedding: 8, attention: 'bahdanau'}", "probe/attention"),
    (
        "{model: 'encoder-decoder', task: 'reverse', embedding: 8, attention: 'none', objective: 'reinforce'}",
        "probe/decoder/0/h",
    ),
];

async fn trains(page: &Page, set: &str, path: &str) -> Result {
    page.js(&format!("seqlab.pause(); await seqlab.set({set}); seqlab.reset()")).await?;
    page.until("seqlab.metrics().step === 0", 20.0).await?;
    page.js("await seqlab.step(40)").await?;
    let found = page
        .js(&format!(
            "const {{shape, values}} = await seqlab.probe('{path}');
             return {{step: seqlab.metrics().step, loss: seqlab.metrics().loss, shape,
                      finite: values.every(Number.isFinite), count: values.length}}"
        ))
        .await?;
    println!("{set}: {found}");
    assert_eq!(found["step"], 40, "{set}");
    assert!(found["loss"].as_f64().is_some_and(f64::is_finite), "{set}: {found}");
    assert!(found["finite"] == true && found["count"].as_u64() > Some(0), "{set}: {found}");
    Ok(())
}

#[tokio::test]
async fn every_kind_of_model_trains_and_shows_its_tensors() {
    with_page(Engine::Cpu, |page| async move {
        page.open("#v=1&hidden=16&length=8&batch=4&run=0").await?;
        page.until("window.seqlab", 30.0).await?;
        page.js("await seqlab.ready").await?;
        for (set, path) in MODELS {
            trains(&page, set, path).await?;
        }
        page.js("await seqlab.set({model: 'transformer', task: 'text', heads: 4, objective: 'cross-entropy'})").await?;
        let refused = page.js("return await seqlab.set({heads: 3}).then(() => '', error => String(error))").await?;
        assert!(refused.as_str().is_some_and(|text| text.contains("equally")), "{refused}");
        page.assert_no_errors().await
    })
    .await;
}

/// Labs of recurrent networks, all of whose views are in the programs' first halves.
const FIRST: [&str; 6] =
    ["rnn-cell", "vanishing-gradients", "lstm-gates", "gru-vs-lstm", "bidirectional", "variable-lengths"];

#[tokio::test]
async fn what_comes_late_comes_when_it_is_asked_for() {
    with_page(Engine::Cpu, |page| async move {
        for lab in FIRST {
            open(&page, &format!("#v=1&lab={lab}")).await?;
            moves(&page).await?;
            assert_eq!(page.fetched_late(), [""; 0], "{lab}");
        }
        click(&page, ".top nav button").await?;
        page.until("document.querySelector('dialog[open]')?.innerText.includes('PyTorch')", 10.0).await?;
        assert_eq!(page.fetched_late(), ["app"]);

        page.open("#v=1&hidden=16&length=8&batch=4&run=0").await?;
        page.until("window.seqlab", 30.0).await?;
        page.js("await seqlab.ready; await seqlab.step(3)").await?;
        assert_eq!(page.fetched_late(), [""; 0]);
        page.js("await seqlab.set({model: 'mamba', state: 8}); await seqlab.step(3)").await?;
        // The page shows such a model in other views.
        page.until("document.getElementById('tensors-title')", 10.0).await?;
        let mut late = page.fetched_late();
        late.sort();
        assert_eq!(late, ["app", "worker"]);
        page.js("await seqlab.set({model: 'recurrent'}); await seqlab.step(3)").await?;
        page.js(
            "await seqlab.bench({cell: 'gru', vocab: 8, hidden: 8, steps: 4, batch: 2, backend: 'cpu', seconds: 0.1})",
        )
        .await?;
        assert_eq!(page.fetched_late(), ["worker"], "a measurement has a worker of its own");
        page.assert_no_errors().await
    })
    .await;
}

#[tokio::test]
async fn without_a_connection_the_page_says_so_and_asks_again() {
    with_page(Engine::Cpu, |page| async move {
        open(&page, "#v=1&lab=rnn-cell").await?;
        moves(&page).await?;
        page.js("window.real = window.fetch; window.fetch = () => Promise.reject(new Error('offline'))").await?;
        click(&page, ".top nav button").await?;
        page.until("document.querySelector('.notice')?.innerText.includes('could not be fetched')", 10.0).await?;
        page.js("window.fetch = window.real").await?;
        click(&page, ".top nav button").await?;
        page.until("document.querySelector('dialog[open]')", 10.0).await?;
        moves(&page).await
    })
    .await;
}

#[tokio::test]
async fn an_attending_decoder_trains_on_webgpu() {
    with_page(Engine::WebGpu, |page| async move {
        page.open("#v=1&hidden=8&length=4&batch=2&run=0&backend=gpu").await?;
        page.until("window.seqlab", 60.0).await?;
        page.js("await seqlab.ready").await?;
        let set = "{model: 'encoder-decoder', task: 'reverse', embedding: 4, attention: 'bahdanau', backend: 'gpu'}";
        trains(&page, set, "probe/attention").await?;
        assert_eq!(page.js("return seqlab.state().backend").await?, "gpu");
        page.assert_no_errors().await
    })
    .await;
}

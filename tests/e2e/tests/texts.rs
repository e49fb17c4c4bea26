//! What a learner types, pastes and drops: names, tables, long texts; and the playground that takes them.

use e2e::labs::{WIDTHS, click, moves, open};
use e2e::{Engine, Page, Result, with_page};
use serde_json::json;

/// Types a name into the field, as a person does, letter by letter.
async fn type_name(page: &Page, name: &str) -> Result {
    page.js(&format!(
        "const field = document.querySelector('.typing .probe-input'); field.focus();
         for (let end = 1; end <= {name:?}.length; end++) {{
           field.value = {name:?}.slice(0, end); field.dispatchEvent(new Event('input', {{bubbles: true}}));
         }}"
    ))
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_typed_name_is_labelled_as_the_engine_labels_it() {
    with_page(Engine::Cpu, |page| async move {
        open(&page, "#v=1&lab=text-classification").await?;
        page.until("seqlab.metrics().step > 150", 60.0).await?;
        page.js("seqlab.pause()").await?;
        page.until("!seqlab.state().running", 10.0).await?;
        type_name(&page, "Yamashiro").await?;
        page.until("document.querySelectorAll('.typing .probe-text span').length === 9", 10.0).await?;
        page.wait(0.5).await;
        let seen = page
            .js("const {values} = await seqlab.probe('probe/probabilities');
                 const saliency = (await seqlab.probe('probe/saliency')).values;
                 const shown = [...document.querySelectorAll('.typing .bars output')].map(bar => parseFloat(bar.textContent) / 100);
                 const paper = [...document.querySelectorAll('.typing .probe-text span')].map(span => span.style.background);
                 const largest = saliency.indexOf(Math.max(...saliency));
                 return {values: [...values], shown, letters: saliency.length,
                         alone: paper.filter(colour => colour === paper[largest]).length}")
            .await?;
        let list = |key: &str| -> Vec<f64> { serde_json::from_value(seen[key].clone()).unwrap_or_default() };
        let (values, shown) = (list("values"), list("shown"));
        assert_eq!((values.len(), shown.len(), &seen["letters"]), (5, 5, &json!(9)), "{seen}");
        assert!(values.iter().zip(&shown).all(|(value, shown)| (value - shown).abs() < 6e-4), "{seen}");
        assert!(values[3] > 0.5, "Japanese: {seen}");
        assert!(seen["alone"].as_u64() < Some(9), "the letters differ: {seen}");
        page.until("location.hash.includes('probe=Yamashiro')", 5.0).await?;
        page.assert_no_errors().await
    })
    .await;
}

#[tokio::test]
async fn a_table_is_dropped_and_what_is_wrong_in_it_is_named() {
    with_page(Engine::Cpu, |page| async move {
        open(&page, "#v=1&lab=text-classification&run=0").await?;
        let drop = |table: &str| {
            format!(
                "const data = new DataTransfer();
                 data.items.add(new File([{table:?}], 'mine.csv', {{type: 'text/csv'}}));
                 window.dispatchEvent(new DragEvent('drop', {{dataTransfer: data, bubbles: true, cancelable: true}}))"
            )
        };
        let rows: String =
            (0..12).map(|at| format!("short,a{at}\r\n\"long, very\",\"a \"\"long\"\" one\n{at}\"\r\n")).collect();
        page.js(&drop(&format!("label,text\r\n{rows}short\r\n"))).await?;
        page.until("document.getElementById('text-problem').textContent.startsWith('Row 26, column 1:')", 10.0).await?;
        page.js(&drop(&format!("\u{feff}label,text\r\n{rows}"))).await?;
        page.until("document.querySelectorAll('.confusion tbody tr').length === 2", 10.0).await?;
        page.until(
            "[...document.querySelectorAll('.confusion tbody th')].some(head => head.textContent === 'long, very')",
            10.0,
        )
        .await?;
        assert_eq!(page.js("return document.getElementById('text-problem').textContent").await?, json!(""));
        page.js("await seqlab.step(200)").await?;
        let accuracy = page.js("return (await seqlab.probe('evaluation/accuracy')).values[0]").await?;
        assert_eq!(accuracy, json!(1), "two labels that differ in length");
        page.assert_no_errors().await
    })
    .await;
}

#[tokio::test]
async fn the_playground_takes_a_labs_settings_and_a_second_model() {
    with_page(Engine::Cpu, |page| async move {
        open(&page, "#v=1&lab=text-classification&run=0&hidden=24").await?;
        click(&page, "a[href*='lab=playground']").await?;
        page.until("window.seqlab && seqlab.state().lab === 'playground'", 30.0).await?;
        page.js("await seqlab.ready").await?;
        let state = page.js("return seqlab.state()").await?;
        assert_eq!(
            [&state["model"], &state["task"], &state["hidden"]],
            [&json!("classifier"), &json!("labels"), &json!(24)]
        );
        page.until("location.hash.includes('b.dropout=0')", 5.0).await?;
        page.js("await seqlab.step(5)").await?;
        let differ = page
            .js("const [a, b] = await Promise.all([0, 1].map(run => seqlab.probe({path: 'loss', run})));
                 return a.values[0] !== b.values[0]")
            .await?;
        assert_eq!(differ, json!(true), "one model has dropout, the other none");
        for (width, height) in WIDTHS {
            page.viewport(width, height).await?;
            let overflow = page.js("return document.documentElement.scrollWidth - innerWidth").await?;
            assert!(overflow.as_i64() <= Some(0), "{overflow} px too wide at {width}");
        }
        // Another model, and the task goes with it; views follow.
        page.js("const choice = document.getElementById('model-input'); choice.value = 'transformer';
                 choice.dispatchEvent(new Event('change', {bubbles: true}))")
            .await?;
        page.until("seqlab.state().task === 'text' && document.querySelector('.sample-text')", 10.0).await?;
        page.js(
            "[...document.querySelectorAll('button')].find(button => button.textContent === 'Remove model B').click()",
        )
        .await?;
        page.until("window.seqlab && !location.hash.includes('b.') && !document.getElementById('second-title')", 30.0)
            .await?;
        page.js("await seqlab.ready; seqlab.run()").await?;
        moves(&page).await?;
        page.assert_no_errors().await
    })
    .await;
}

/// 200 kB, pasted.
#[tokio::test]
async fn a_long_pasted_text_trains_a_character_model() {
    with_page(Engine::Cpu, |page| async move {
        open(&page, "#v=1&lab=playground&hidden=32&embedding=0").await?;
        page.js("const data = new DataTransfer();
                 data.setData('text/plain', 'over the hills and far away the piper plays. '.repeat(4500));
                 document.querySelector('.text-box textarea').dispatchEvent(
                   new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}))")
            .await?;
        page.until("seqlab.state().textLength === 202500", 20.0).await?;
        page.until("seqlab.metrics().step > 250 && seqlab.metrics().loss < 1", 60.0).await?;
        page.until("/piper|hills|away/.test(document.querySelector('.sample-text').textContent)", 60.0).await?;
        page.assert_no_errors().await
    })
    .await;
}

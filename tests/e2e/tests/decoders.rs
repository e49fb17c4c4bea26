//! What is shown of models that answer a string with a string is what the engine says, and can be operated on.

use e2e::{Engine, Page, Result, with_page};
use serde_json::json;

async fn open(page: &Page, rest: &str, steps: u32) -> Result {
    page.open(rest).await?;
    page.until("window.seqlab", 30.0).await?;
    page.js("await seqlab.ready").await?;
    page.until(&format!("seqlab.metrics().step > {steps}"), 90.0).await?;
    page.js("seqlab.pause()").await?;
    page.until("!seqlab.state().running", 30.0).await?;
    page.wait(1.0).await;
    Ok(())
}

async fn type_string(page: &Page, text: &str) -> Result {
    let typed = format!(
        "const field = document.querySelector('.probe-input'); field.scrollIntoView({{block: 'center'}}); field.value = {text:?};
         field.dispatchEvent(new Event('input', {{bubbles: true}}))"
    );
    page.js(&typed).await?;
    page.wait(0.7).await;
    Ok(())
}

#[tokio::test]
async fn every_answer_on_the_screen_is_the_engines() {
    with_page(Engine::Cpu, |page| async move {
        for slug in ["seq2seq", "attention", "exposure-bias"] {
            open(&page, &format!("#v=1&lab={slug}"), 30).await?;
            let found = page
                .js("const models = [...document.querySelectorAll('.of-model')];
                     const shown = models.map(model => [...model.querySelectorAll('.answer:last-of-type .token')]
                         .map(token => +token.title.match(/(\\d+) %/)[1]));
                     const engine = [];
                     for (let run = 0; run < models.length; run++) {
                         const {values: own} = await seqlab.probe({path: 'probe/own/tokens', run});
                         const {values, shape} = await seqlab.probe({path: 'probe/own/probabilities', run});
                         const width = values.length / shape[0];
                         engine.push(own.map((_, t) => Math.floor(100 * Math.max(...values.slice(t * width, (t + 1) * width)))));
                     }
                     return [shown, engine]")
                .await?;
            assert!(found[0].as_array().is_some_and(|models| models.len() >= 2), "{slug}: {found}");
            assert_eq!(found[0], found[1], "{slug}");
            page.assert_no_errors().await?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_forced_weight_is_taken_and_let_go() {
    with_page(Engine::Cpu, |page| async move {
        open(&page, "#v=1&lab=attention", 30).await?;
        let weight = "(await seqlab.probe('probe/own/attention')).values[3]";
        let before = page.js(&format!("return {weight}")).await?.as_f64().unwrap_or(f64::NAN);
        assert!(before < 0.99, "{before}");
        page.js("const map = document.querySelector('.attention-map .heat-body'); map.focus();
             const key = name => map.dispatchEvent(new KeyboardEvent('keydown', {key: name, bubbles: true}));
             ['Home', 'PageUp', 'ArrowRight', 'ArrowRight', 'ArrowRight'].forEach(key);
             const details = document.querySelector('.attending .surgery'); details.querySelector('summary').click();
             await new Promise(done => setTimeout(done, 200));
             details.querySelector('button').click();
             const range = details.querySelector('input[type=range]'); range.value = 100;
             range.dispatchEvent(new Event('input', {bubbles: true}))")
            .await?;
        page.until(&format!("{weight} === 1"), 10.0).await?;
        page.js("[...document.querySelectorAll('.attending .surgery button')].at(-1).click()").await?;
        page.until(&format!("Math.abs({weight} - {before}) < 1e-6"), 10.0).await?;
        page.assert_no_errors().await
    })
    .await;
}

#[tokio::test]
async fn a_date_is_understood_and_another_text_is_not() {
    with_page(Engine::Cpu, |page| async move {
        open(&page, "#v=1&lab=attention&task=dates", 5).await?;
        let answer = "return document.querySelector('.transcript .answer .tokens').innerText.replace(/\\s/g, '')";
        for (text, iso) in [("5 March 1998", "1998-03-05"), ("29.2.2000", "2000-02-29"), ("sep 1, 2031", "2031-09-01")]
        {
            type_string(&page, text).await?;
            assert_eq!(page.js(answer).await?, json!(iso), "{text}");
        }
        type_string(&page, "tomorrow").await?;
        let said = page.js(answer).await?;
        assert!(said.as_str().is_some_and(|said| said.starts_with("Thissaysnothing")), "{said}");
        page.assert_no_errors().await
    })
    .await;
}

#[tokio::test]
async fn a_search_goes_on_from_the_branch_that_is_picked() {
    with_page(Engine::Cpu, |page| async move {
        open(&page, "#v=1&lab=exposure-bias", 30).await?;
        page.until("document.querySelectorAll('.tree g').length > 5", 20.0).await?;
        let (children, node) = ("document.querySelectorAll('.tree g').length", "document.querySelector('.tree g.pruned')");
        let before = page.js(&format!("return {children}")).await?;
        let picked = page
            .js(&format!(
                "const picked = {node}; const at = picked.dataset.node; picked.dispatchEvent(new MouseEvent('click', {{bubbles: true}}));
                 return at"
            ))
            .await?;
        page.until(&format!("{children} > {before}"), 10.0).await?;
        let best = page
            .js(&format!(
                "const {{values}} = await seqlab.probe('beam/3/none/' + {picked});
                 const best = []; for (let at = 0; at < values.length; at += 8) if (values[at + 7] === 1) best.push(values[at + 4]);
                 return [document.getElementById('beam-best').textContent.match(/log-probability (\\S+),/)[1], best.at(-1)]"
            ))
            .await?;
        let shown: f64 = best[0].as_str().unwrap_or_default().replace('\u{2212}', "-").parse()?;
        assert!((shown - best[1].as_f64().unwrap_or(f64::NAN)).abs() < 6e-4, "{best}");
        page.assert_no_errors().await
    })
    .await;
}

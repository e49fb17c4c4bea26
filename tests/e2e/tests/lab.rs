//! What a person does with the lab, and what must then be seen.

use e2e::{Engine, Page, Result, with_page};
use serde_json::{Value, json};

/// A small model, so that steps are quick on any machine.
const SMALL: &str = "#v=1&hidden=16&length=16&batch=4";

async fn ready(page: &Page, rest: &str) -> Result {
    page.open(rest).await?;
    page.until("window.seqlab", 30.0).await?;
    page.js("await seqlab.ready").await?;
    Ok(())
}

async fn reaches(page: &Page, step: u64) -> Result {
    page.until(&format!("seqlab.metrics().step >= {step}"), 60.0).await
}

/// Types into the control of `key` as a person does: the value, then leaving it.
async fn type_into(page: &Page, key: &str, value: &str) -> Result {
    let set = format!(
        "const input = document.getElementById('{key}-input'); input.focus(); input.value = {value:?};
         input.dispatchEvent(new Event('input', {{bubbles: true}})); input.dispatchEvent(new Event('change', {{bubbles: true}}));"
    );
    page.js(&set).await?;
    Ok(())
}

async fn problem(page: &Page, key: &str) -> Result<String> {
    let text = page.js(&format!("return document.getElementById('{key}-problem').textContent")).await?;
    Ok(text.as_str().unwrap_or_default().to_owned())
}

async fn press(page: &Page, key: &str) -> Result {
    let event = format!(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', {{key: {key:?}, code: {key:?}, bubbles: true}}))"
    );
    page.js(&event).await?;
    Ok(())
}

#[tokio::test]
async fn is_alive_and_learns_from_the_first_moment() {
    with_page(Engine::Cpu, |page| async move {
        ready(&page, SMALL).await?;
        reaches(&page, 300).await?;
        let state = page.js("return seqlab.state()").await?;
        assert_eq!((&state["cell"], &state["backend"], &state["running"]), (&json!("lstm"), &json!("cpu"), &json!(true)));
        let chance = page.js("const {shape} = await seqlab.probe('out.bias').catch(() => seqlab.probe('parameters/out.bias')); return Math.log(shape[0])").await?;
        let loss = page.js("return seqlab.metrics().loss").await?;
        assert!(loss.as_f64() < chance.as_f64(), "{loss} is no better than chance, {chance}");
        page.until("document.querySelector('.sample-text').textContent.length > 50", 20.0).await?;
        page.assert_no_errors().await
    })
    .await;
}

#[tokio::test]
async fn runs_pauses_steps_and_resets_by_script_and_by_key() {
    with_page(Engine::Cpu, |page| async move {
        ready(&page, &format!("{SMALL}&run=0")).await?;
        page.js("seqlab.pause(); seqlab.reset()").await?;
        page.until("seqlab.metrics().step === 0 && !seqlab.state().running", 10.0).await?;
        let first = page.js("await seqlab.step(7); return [seqlab.metrics().step, seqlab.metrics().loss]").await?;
        page.js("seqlab.reset()").await?;
        page.until("seqlab.metrics().step === 0", 10.0).await?;
        let again = page
            .js("await seqlab.step(3); await seqlab.step(4); return [seqlab.metrics().step, seqlab.metrics().loss]")
            .await?;
        assert_eq!(first[0], json!(7));
        assert_eq!(first, again, "the same seed gives the same loss to the last bit");
        press(&page, "ArrowRight").await?;
        page.until("seqlab.metrics().step === 8", 10.0).await?;
        press(&page, " ").await?;
        reaches(&page, 30).await?;
        press(&page, " ").await?;
        page.until("!seqlab.state().running", 10.0).await?;
        press(&page, "r").await?;
        page.until("seqlab.metrics().step === 0", 10.0).await?;
        page.assert_no_errors().await
    })
    .await;
}

#[tokio::test]
async fn a_bad_value_is_said_beside_its_control_and_the_run_goes_on() {
    with_page(Engine::Cpu, |page| async move {
        ready(&page, SMALL).await?;
        reaches(&page, 20).await?;
        for (key, value, part) in [
            ("hidden", "0", "8 to 256"),
            ("hidden", "1000000", "8 to 256"),
            ("lr", "abc", "not a number"),
            ("length", "-3", "2 to 512"),
        ] {
            let before = page.js("return seqlab.metrics().step").await?.as_u64().unwrap_or_default();
            type_into(&page, key, value).await?;
            page.wait(0.2).await;
            let said = problem(&page, key).await?;
            assert!(said.contains(part), "{key} = {value}: {said:?}");
            reaches(&page, before + 10).await?;
        }
        for (set, part) in [
            ("{hidden: 1e6}", "8 to 256"),
            ("{lr: 'abc'}", "not a number"),
            ("{text: ''}", "empty"),
            ("{text: 'x'}", "One character"),
            ("{text: 'ab '.repeat(2e6)}", "MB"),
        ] {
            let before = page.js("return seqlab.metrics().step").await?.as_u64().unwrap_or_default();
            let said =
                page.js(&format!("return await seqlab.set({set}).then(() => 'taken', error => error.message)")).await?;
            assert!(said.as_str().unwrap_or_default().contains(part), "{set}: {said}");
            reaches(&page, before + 10).await?;
        }
        page.assert_no_errors().await
    })
    .await;
}

#[tokio::test]
async fn a_malformed_link_says_so_and_starts_with_the_defaults() {
    with_page(Engine::Cpu, |page| async move {
        ready(&page, "#v=1&hidden=banana&lr=%E0%A4%A&cell=lstm&cell=&=&&&length=1e99").await?;
        page.until("document.querySelector('.notice')", 10.0).await?;
        reaches(&page, 3).await?;
        assert_eq!(page.js("return seqlab.state().hidden").await?, json!(64));
        page.assert_no_errors().await
    })
    .await;
}

#[tokio::test]
async fn every_cell_and_any_script_trains_with_its_own_maps() {
    with_page(Engine::Cpu, |page| async move {
        ready(&page, SMALL).await?;
        let text = "שלום עולם 👩‍🔬 こんにちは世界 مرحبا ".repeat(12);
        for (cell, maps) in [("rnn", 1), ("gru", 4), ("gru-textbook", 4), ("rnn-relu", 1), ("lstm", 6)] {
            page.js(&format!("await seqlab.set({{cell: {cell:?}, layers: 2, text: {text:?}}}); seqlab.run()")).await?;
            reaches(&page, 20).await?;
            page.until(&format!("document.querySelectorAll('.heat-body').length === {maps}"), 10.0).await?;
        }
        page.js("await seqlab.set({text: Array.from({length: 4000}, (_, at) => String.fromCodePoint(0x4e00 + at % 700)).join('')})").await?;
        reaches(&page, 5).await?;
        let symbols = page.js("return (await seqlab.probe('parameters/out.bias')).shape[0]").await?;
        assert_eq!(symbols, json!(256), "the rarest are folded");
        page.assert_no_errors().await
    })
    .await;
}

#[tokio::test]
async fn pointing_marks_everywhere_and_a_click_opens_the_equation() {
    with_page(Engine::Cpu, |page| async move {
        ready(&page, SMALL).await?;
        reaches(&page, 30).await?;
        page.js("seqlab.pause()").await?;
        page.until("!seqlab.state().running", 10.0).await?;
        page.wait(0.5).await;
        let point = "const map = document.querySelectorAll('.heat-body')[1]; map.scrollIntoView();
            const box = map.getBoundingClientRect();
            const at = {clientX: box.left + box.width * 0.5, clientY: box.top + box.height * 0.5, bubbles: true, pointerType: 'mouse'};
            map.dispatchEvent(new PointerEvent('pointermove', at));";
        page.js(point).await?;
        page.wait(0.3).await;
        let readout = page.js("return document.getElementById('signals-readout').textContent").await?;
        let shown = readout.as_str().unwrap_or_default().replace('\u{a0}', " ").replace('\u{2212}', "-");
        for symbol in ["t ", "unit ", " f ", " h "] {
            assert!(shown.contains(symbol), "{shown:?} lacks {symbol:?}");
        }
        // What is shown is what the engine holds.
        let place = |name: &str| -> usize {
            let after = shown.split(name).nth(1).unwrap_or_default().trim();
            after.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
        };
        let (step, unit) = (place("t "), place("unit "));
        let engine = page
            .js(&format!("const f = await seqlab.probe('probe/layers/0/f'); return f.values[({step} - 1) * 16 + {unit} - 1]"))
            .await?;
        let value: f64 = shown.split(" f ").nth(1).and_then(|rest| rest.split_whitespace().next()).and_then(|f| f.parse().ok()).unwrap_or(f64::NAN);
        assert!((value - engine.as_f64().unwrap_or(f64::NAN)).abs() < 6e-4, "{shown} against {engine}");
        page.js("document.querySelectorAll('.heat-body')[1].click()").await?;
        page.until("document.querySelector('.equation math')", 10.0).await?;
        page.until("document.querySelector('.equation').textContent.includes('the same')", 10.0).await?;
        page.assert_no_errors().await
    })
    .await;
}

#[tokio::test]
async fn the_address_holds_the_state_and_undo_goes_back() {
    with_page(Engine::Cpu, |page| async move {
        ready(&page, SMALL).await?;
        page.js("await seqlab.set({cell: 'gru', hidden: 24, lr: 0.02, temperature: 0.4})").await?;
        page.until("location.hash.includes('cell=gru') && location.hash.includes('hidden=24')", 10.0).await?;
        page.refresh().await?;
        page.until("window.seqlab", 30.0).await?;
        let state = page.js("await seqlab.ready; return seqlab.state()").await?;
        assert_eq!((&state["cell"], &state["hidden"], &state["temperature"]), (&json!("gru"), &json!(24), &json!(0.4)));
        page.js("await seqlab.set({hidden: 32})").await?;
        page.js("seqlab.undo()").await?;
        page.until("seqlab.state().hidden === 24", 10.0).await?;
        page.js("seqlab.redo()").await?;
        page.until("seqlab.state().hidden === 32", 10.0).await?;
        page.assert_no_errors().await
    })
    .await;
}

#[tokio::test]
async fn a_run_that_diverges_stops_with_step_and_node_and_can_go_on() {
    with_page(Engine::Cpu, |page| async move {
        ready(&page, "#v=1&cell=rnn-relu&hidden=32&length=256&batch=4&lr=10&clip=off&optimiser=sgd&radius=5").await?;
        page.until("document.querySelector('.notice.alarm')", 30.0).await?;
        let said = page.js("return document.querySelector('.notice.alarm').textContent").await?;
        let said = said.as_str().unwrap_or_default();
        assert!(said.contains("step") && said.to_lowercase().contains("learning rate"), "{said}");
        page.js("await seqlab.set({lr: 0.001, clip: 1, radius: 0.9}); seqlab.run()").await?;
        reaches(&page, 10).await?;
        page.assert_no_errors().await
    })
    .await;
}

#[tokio::test]
async fn webgpu_trains_and_a_lost_gpu_leaves_the_run_to_the_cpu() {
    with_page(Engine::WebGpu, |page| async move {
        ready(&page, &format!("{SMALL}&backend=gpu")).await?;
        reaches(&page, 20).await?;
        let state: Value = page.js("return seqlab.state()").await?;
        assert_eq!(state["backend"], json!("gpu"), "{state}");
        page.js("seqlab.loseGpu()").await?;
        page.until("seqlab.state().backend === 'cpu'", 20.0).await?;
        page.until("document.querySelector('.notice')", 10.0).await?;
        let step = page.js("return seqlab.metrics().step").await?.as_u64().unwrap_or_default();
        reaches(&page, step + 20).await
    })
    .await;
}

#[tokio::test]
async fn without_webgpu_the_page_says_so_and_trains_on_the_cpu() {
    with_page(Engine::Cpu, |page| async move {
        ready(&page, &format!("{SMALL}&backend=gpu")).await?;
        reaches(&page, 10).await?;
        assert_eq!(page.js("return seqlab.state().backend").await?, json!("cpu"));
        page.until("document.querySelector('.notice')", 10.0).await?;
        page.assert_no_errors().await
    })
    .await;
}

#[tokio::test]
async fn both_backends_learn_the_same() {
    with_page(Engine::WebGpu, |page| async move {
        let mut losses = Vec::new();
        for backend in ["cpu", "gpu"] {
            let body = format!(
                "return await seqlab.bench({{cell: 'lstm', layers: 1, vocab: 16, hidden: 32, steps: 20, batch: 4, backend: '{backend}', seconds: 0.1}})"
            );
            page.until("window.seqlab", 30.0).await?;
            let result = page.js(&body).await?;
            assert_eq!(result["backend"], json!(backend));
            losses.push(result["firstLoss"].as_f64().unwrap_or(f64::NAN));
        }
        assert!((losses[0] - losses[1]).abs() < 1e-4, "{losses:?}");
        page.assert_no_errors().await
    })
    .await;
}

//! Every lab by the keyboard alone, and every control of every lab pressed, in order and in disorder.

use e2e::labs::{click, open, slugs};
use e2e::{Engine, Page, Result, with_page};
use serde_json::{Value, json};

/// What can be pressed or typed into and can be seen: of a group of radio buttons, any.
const CONTROLS: &str = "
    const seenBy = element => element.checkVisibility({visibilityProperty: true}) && element.getClientRects().length > 0;
    const controls = () => [...document.querySelectorAll(
        'a[href], button, input, select, textarea, summary, [tabindex=\"0\"]')].filter(element =>
        !element.disabled && element.tabIndex >= 0 && !element.classList.contains('skip') && seenBy(element));";

/// The control key, as the protocol numbers those that are held.
const CONTROL: u8 = 2;

/// A key as the browser gets it from a keyboard.
async fn press(page: &Page, key: &str) -> Result {
    press_with(page, key, 0).await
}

/// With the keys that are held meanwhile, as the protocol numbers them.
async fn press_with(page: &Page, key: &str, held: u8) -> Result {
    let (code, number, text) = match key {
        " " => ("Space", 32, " "),
        "Tab" => ("Tab", 9, ""),
        "Enter" => ("Enter", 13, "\r"),
        "Escape" => ("Escape", 27, ""),
        "Home" => ("Home", 36, ""),
        "ArrowLeft" => ("ArrowLeft", 37, ""),
        "ArrowRight" => ("ArrowRight", 39, ""),
        "ArrowDown" => ("ArrowDown", 40, ""),
        "r" => ("KeyR", 82, "r"),
        "z" => ("KeyZ", 90, ""),
        other => return Err(format!("no such key is pressed here: {other}").into()),
    };
    for (kind, text) in [("keyDown", text), ("keyUp", "")] {
        let event = json!({ "type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number, "text": text,
            "modifiers": held });
        page.cdp().send_raw("Input.dispatchKeyEvent", event).await?;
    }
    Ok(())
}

/// Goes from control to control until one is of this kind.
async fn tab_to(page: &Page, selector: &str) -> Result {
    for _ in 0..400 {
        press(page, "Tab").await?;
        if page.js(&format!("return document.activeElement.matches({selector:?})")).await? == json!(true) {
            return Ok(());
        }
    }
    Err(format!("the tab key does not come to {selector}").into())
}

/// Lets go of the focus, so that the next key is for the page.
async fn let_go(page: &Page) -> Result {
    page.js("document.activeElement.blur()").await?;
    Ok(())
}

#[tokio::test]
async fn the_tab_key_comes_to_every_control_of_every_view() {
    with_page(Engine::Cpu, |page| async move {
        for slug in slugs(&page).await? {
            open(&page, &format!("#v=1&lab={slug}")).await?;
            page.until("seqlab.state().step > 5", 60.0).await?;
            page.js("seqlab.pause()").await?;
            page.until("!seqlab.state().running", 10.0).await?;
            page.wait(0.5).await;
            page.js("reached = new Set(); document.addEventListener('focusin', event => reached.add(event.target))").await?;
            let count = page.js(&format!("{CONTROLS} return controls().length")).await?.as_u64().unwrap_or(0);
            for _ in 0..count + 20 {
                press(&page, "Tab").await?;
            }
            let missed = page
                .js(&format!(
                    "{CONTROLS}
                     const groups = new Set([...reached].filter(element => element.type === 'radio').map(element => element.name));
                     const missed = controls().filter(element => !reached.has(element) && !groups.has(element.name));
                     // Of the claims there is nothing to work: they are text.
                     const unseen = [...document.querySelectorAll('section.card:not(.claims)')]
                         .filter(card => ![...reached].some(element => card.contains(element)));
                     const name = element => (element.id || element.getAttribute('aria-label') || element.textContent).trim().slice(0, 40);
                     return [...missed.map(name), ...unseen.map(card => 'view ' + name(card))]"
                ))
                .await?;
            assert_eq!(missed, json!([]), "{slug}: the tab key does not come there");
            page.assert_no_errors().await?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_lab_is_worked_by_keys_alone() {
    with_page(Engine::Cpu, |page| async move {
        open(&page, "#v=1&lab=gru-vs-lstm&run=0").await?;
        press(&page, "ArrowRight").await?;
        page.until("seqlab.state().step === 1", 10.0).await?;
        press(&page, " ").await?;
        page.until("seqlab.state().running && seqlab.state().step > 20", 60.0).await?;
        press(&page, " ").await?;
        page.until("!seqlab.state().running", 10.0).await?;
        page.wait(0.5).await;

        // A number in a heat map, and where it comes from.
        tab_to(&page, ".heat-body").await?;
        for key in ["Home", "ArrowRight", "ArrowRight", "ArrowDown"] {
            press(&page, key).await?;
        }
        page.until("document.getElementById('signals-readout').textContent.startsWith('t\\u00a03 ')", 5.0).await?;
        press(&page, "Enter").await?;
        page.until("document.querySelector('.equation math')", 10.0).await?;
        press(&page, "Escape").await?;
        page.until("document.querySelector('.equation') === null", 5.0).await?;

        // Back in time and to the beginning.
        let_go(&page).await?;
        tab_to(&page, ".travel input").await?;
        let step = page.js("return seqlab.state().step").await?;
        press(&page, "ArrowLeft").await?;
        page.until(&format!("seqlab.state().step < {step}"), 10.0).await?;
        press(&page, "Home").await?;
        page.until("seqlab.state().step === 0", 10.0).await?;

        for name in ["Share", "How fast is my device?", "Help"] {
            let_go(&page).await?;
            loop {
                tab_to(&page, ".top button").await?;
                if page.js("return document.activeElement.textContent").await? == json!(name) {
                    break;
                }
            }
            press(&page, "Enter").await?;
            page.until("document.querySelector('dialog[open]')", 5.0).await?;
            press(&page, "Escape").await?;
            page.until("document.querySelector('dialog[open]') === null", 5.0).await?;
            assert_eq!(
                page.js("return document.activeElement.textContent").await?,
                json!(name),
                "the focus comes back"
            );
        }

        let_go(&page).await?;
        press(&page, "ArrowRight").await?;
        page.until("seqlab.state().step === 1", 10.0).await?;
        press(&page, "r").await?;
        page.until("seqlab.state().step === 0", 10.0).await?;
        page.assert_no_errors().await
    })
    .await;
}

/// Of what is shown of a channel of S4D: the step length, and the chosen pole.
const SYSTEM: &str =
    "[...document.querySelectorAll('.poles .facts dd')].slice(0, 2).map(fact => fact.textContent).join()";

/// A mouse button down on the plane of poles, at a share of its width and height, and moves with it down.
async fn drag(page: &Page, places: &[[f64; 2]]) -> Result {
    let plane = "const box = document.querySelector('.plane.dragged').getBoundingClientRect();
                 return [box.left, box.top, box.width, box.height]";
    let plane: [f64; 4] = serde_json::from_value(page.js(plane).await?)?;
    let last = places.len() - 1;
    let kinds = ["mouseMoved", "mousePressed"].into_iter().map(|kind| (kind, 0));
    let moves = (1..=last).map(|at| ("mouseMoved", at));
    for (kind, at) in kinds.chain(moves).chain([("mouseReleased", last)]) {
        let [x, y] = [0, 1].map(|axis| plane[axis] + places[at][axis] * plane[2 + axis]);
        let held = u8::from(at > 0 && kind == "mouseMoved");
        let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "buttons": held, "clickCount": 1 });
        page.cdp().send_raw("Input.dispatchMouseEvent", event).await?;
    }
    Ok(())
}

/// A pole is dragged, the step length moved: each is a step of the page's one undo, in its order among others.
#[tokio::test]
async fn what_is_tried_out_with_a_pole_is_undone() {
    with_page(Engine::Cpu, |page| async move {
        page.viewport(1440, 900).await?;
        open(&page, "#v=1&lab=state-space&run=0").await?;
        page.until("document.querySelector('.plane.dragged .chosen')", 20.0).await?;
        page.js("document.querySelector('.plane.dragged').scrollIntoView({block: 'center'})").await?;
        page.wait(1.0).await;
        let learnt = page.js(&format!("return {SYSTEM}")).await?;
        let is = |what: &Value| format!("{SYSTEM} === {what}");
        let is_other = |what: &Value| format!("{SYSTEM} !== {what}");

        drag(&page, &[[0.5, 0.5], [0.4, 0.45], [0.3, 0.4], [0.25, 0.3]]).await?;
        page.until(&is_other(&learnt), 10.0).await?;
        page.wait(1.0).await;
        let dragged = page.js(&format!("return {SYSTEM}")).await?;
        page.js("const slider = document.getElementById('delta-input');
             for (const value of [5, 20, 40]) {
                 slider.value = value; slider.dispatchEvent(new Event('input', {bubbles: true}));
             }")
            .await?;
        page.until(&is_other(&dragged), 10.0).await?;
        page.wait(1.0).await;
        let both = page.js(&format!("return {SYSTEM}")).await?;
        page.js("await seqlab.set({lr: 0.0123})").await?;

        // The plane has the focus since it was dragged in: the keys go there.
        assert_eq!(page.js("return document.activeElement.matches('.plane')").await?, json!(true));
        press_with(&page, "z", CONTROL).await?;
        page.until("seqlab.state().lr !== 0.0123", 10.0).await?;
        assert_eq!(page.js(&format!("return {SYSTEM}")).await?, both);
        press_with(&page, "z", CONTROL).await?;
        page.until(&is(&dragged), 10.0).await?;
        click(&page, "[aria-label=Undo]").await?;
        page.until(&is(&learnt), 10.0).await?;
        assert_eq!(page.js("return document.querySelector('[aria-label=Undo]').disabled").await?, json!(true));
        click(&page, "[aria-label=Redo]").await?;
        page.until(&is(&dragged), 10.0).await?;

        // By the arrow keys, and put back as a whole: that is undone too.
        page.js("document.querySelector('.plane.dragged').focus()").await?;
        press(&page, "ArrowLeft").await?;
        page.until(&is_other(&dragged), 10.0).await?;
        press_with(&page, "z", CONTROL).await?;
        page.until(&is(&dragged), 10.0).await?;
        click(&page, ".poles .choosers button").await?;
        page.until("document.querySelector('.poles .choosers button').disabled", 10.0).await?;
        press_with(&page, "z", CONTROL).await?;
        page.until(&is(&dragged), 10.0).await?;
        page.assert_no_errors().await
    })
    .await;
}

/// Presses each control that is seen, in the order that `order` makes of them. Files are not chosen, and links not
/// followed.
async fn press_all(page: &Page, order: &str) -> Result<Value> {
    let script = format!(
        "{CONTROLS}
         const name = element => (element.id || element.getAttribute('aria-label') || element.textContent || element.name).trim();
         const pressed = [];
         const all = controls().filter(element => !['A', 'TEXTAREA'].includes(element.tagName) && element.type !== 'file'
             && (element.type !== 'text') && (element.tagName !== 'DIV'));
         {order}
         // Of a drawing's many places, some.
         let drawn = 0;
         const pressable = all.filter(element => !(element instanceof SVGElement) || drawn++ % 10 === 0);
         for (const element of pressable) {{
             if (!element.isConnected || element.disabled || !seenBy(element)) continue;
             pressed.push(name(element));
             if (element.type === 'range') {{
                 element.value = Math.round(+element.max / 4);
                 for (const kind of ['input', 'change']) element.dispatchEvent(new Event(kind, {{bubbles: true}}));
             }} else if (element.tagName === 'SELECT') {{
                 element.selectedIndex = (element.selectedIndex + 1) % element.options.length;
                 element.dispatchEvent(new Event('change', {{bubbles: true}}));
             }} else if (element instanceof SVGElement) {{
                 element.dispatchEvent(new MouseEvent('click', {{bubbles: true}}));
             }} else {{
                 element.click();
             }}
             await new Promise(done => setTimeout(done, 40));
             document.querySelectorAll('dialog[open]').forEach(dialog => dialog.close());
         }}
         return pressed"
    );
    page.js(&script).await
}

/// A shuffle that a number decides.
const SHUFFLE: &str = "
    let state = 20260101;
    const draw = below => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return state % below };
    for (let at = all.length - 1; at > 0; at -= 1) {
        const other = draw(at + 1);
        [all[at], all[other]] = [all[other], all[at]];
    }";

#[tokio::test]
async fn whatever_is_pressed_the_page_lives_and_trains() {
    with_page(Engine::Cpu, |page| async move {
        for slug in slugs(&page).await? {
            open(&page, &format!("#v=1&lab={slug}")).await?;
            page.until("seqlab.state().step > 2", 60.0).await?;
            for order in ["", SHUFFLE] {
                let pressed = press_all(&page, order).await?;
                let count = pressed.as_array().map_or(0, Vec::len);
                assert!(count > 20, "{slug}: only {pressed} was pressed");
                page.assert_no_errors().await.map_err(|why| format!("{slug}, after {pressed}: {why}"))?;
            }
            // Settings that are refused together are said; the model that stands goes on.
            page.js("seqlab.reset()").await?;
            page.until("seqlab.state().step === 0", 60.0).await?;
            page.js("if (document.querySelector('.transport [aria-pressed=true]')) document.querySelector('.transport [aria-pressed]').click();
                     seqlab.run()").await?;
            page.until("seqlab.state().step > 2", 60.0).await?;
            page.assert_no_errors().await?;
        }
        Ok(())
    })
    .await;
}

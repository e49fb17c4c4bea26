//! The harness itself: a test that cannot fail proves nothing.

use e2e::{Engine, with_page};
use serde_json::json;

#[tokio::test]
async fn engines_differ_in_webgpu() {
    let adapter = "return Boolean(await navigator.gpu?.requestAdapter())";
    for (engine, expected) in [(Engine::Cpu, false), (Engine::WebGpu, true)] {
        with_page(engine, |page| async move {
            assert_eq!(page.js(adapter).await?, json!(expected));
            Ok(())
        })
        .await;
    }
}

#[tokio::test]
async fn sees_errors_of_the_page_and_of_a_worker() {
    with_page(Engine::Cpu, |page| async move {
        page.js("console.error('said'); setTimeout(() => { throw new Error('thrown') })").await?;
        page.js("Promise.reject(new Error('rejected'))").await?;
        page.js("new Worker(URL.createObjectURL(new Blob(['throw new Error(\"in a worker\")'])))").await?;
        page.wait(1.0).await;
        let errors = page.errors().await?.join("\n");
        for part in ["said", "thrown", "rejected", "in a worker"] {
            assert!(errors.contains(part), "{part} is missing in:\n{errors}");
        }
        assert!(page.js("throw new Error('passed on')").await.is_err());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn sets_the_window_and_the_scheme() {
    with_page(Engine::Cpu, |page| async move {
        let dark = "return matchMedia('(prefers-color-scheme: dark)').matches";
        page.viewport(390, 844).await?;
        assert_eq!(page.js("return [innerWidth, innerHeight]").await?, json!([390, 844]));
        for expected in [true, false] {
            page.dark(expected).await?;
            assert_eq!(page.js(dark).await?, json!(expected));
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
#[should_panic(expected = "the body failed")]
async fn a_failing_body_fails_the_test() {
    with_page(Engine::Cpu, |_page| async move { Err("the body failed".into()) }).await;
}

//! The page as a whole.

use e2e::{Engine, with_page};

#[tokio::test]
async fn loads_without_an_error() {
    for engine in [Engine::Cpu, Engine::WebGpu] {
        with_page(engine, |page| async move {
            assert_eq!(page.title().await?, "SeqLab");
            page.until("window.wasmBindings", 30.0).await?;
            page.assert_no_errors().await
        })
        .await;
    }
}

#[tokio::test]
async fn asks_nobody_else_for_anything() {
    with_page(Engine::Cpu, |page| async move {
        page.until("window.wasmBindings", 30.0).await?;
        let foreign = page
            .js("return performance.getEntriesByType('resource').map(entry => entry.name)
                 .filter(name => !name.startsWith(location.origin) && !name.startsWith('data:'))")
            .await?;
        assert_eq!(foreign, serde_json::json!([]));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn fits_a_telephone() {
    with_page(Engine::Cpu, |page| async move {
        page.viewport(390, 844).await?;
        page.open("").await?;
        page.until("window.wasmBindings", 30.0).await?;
        let overflow = page.js("return document.documentElement.scrollWidth - innerWidth").await?;
        assert!(overflow.as_i64() <= Some(0), "{overflow} px too wide");
        Ok(())
    })
    .await;
}

//! End-to-end tests: the built site, served from a local port, in a real browser.
//!
//! `cargo xtask test build e2e` builds the site and runs them. A test is
//! ```no_run
//! # use e2e::{Engine, with_page};
//! # async fn example() {
//! with_page(Engine::Cpu, |page| async move {
//!     page.viewport(390, 844).await?;
//!     assert_eq!(page.title().await?, "SeqLab");
//!     page.assert_no_errors().await
//! })
//! .await;
//! # }
//! ```

mod driver;
pub mod labs;
mod page;

pub use page::{Engine, Page, with_page};
pub use thirtyfour;

/// What a test body returns: anything that goes wrong in it.
pub type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

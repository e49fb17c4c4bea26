//! Weights as files: out of the page, and into it.

use js_sys::{Array, ArrayBuffer};
use leptos::prelude::*;

use super::Lab;
use crate::protocol::Command;
use crate::ui::dom;

impl Lab {
    /// Has the browser save this model's parameters as a safetensors file with PyTorch's names.
    pub fn export_weights(self) {
        let id = self.new_id();
        self.send(&Command::Export { id });
    }

    /// Starts over from the parameters of a file.
    pub fn import_weights(self, file: &ArrayBuffer) {
        let id = self.new_id();
        self.send_with(&Command::Import { id, bytes: Vec::new() }, Some(file));
    }

    pub(super) fn file_came(self, name: &str, buffer: Option<ArrayBuffer>) {
        let Some(buffer) = buffer else { return };
        dom::save(name, "application/octet-stream", &Array::of1(&buffer));
    }

    pub(super) fn imported(self) {
        self.clear_run();
        self.running.set(false);
        self.tell("The file\u{2019}s weights are in. Reset goes back to them.", false);
    }
}

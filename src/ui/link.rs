//! The page's end of the line to a worker.

use js_sys::{Array, ArrayBuffer, Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, Worker, WorkerOptions, WorkerType};

use crate::protocol::{Command, Event};
use crate::wire;

/// The engine's program, where Trunk puts it.
const PROGRAM: &str = "./worker_loader.js";

/// A worker; dropping it ends the worker.
pub struct Link {
    worker: Worker,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(web_sys::Event)>,
}

/// An event with its numbers, or why there will be none.
pub type Heard = Result<(Event, Option<ArrayBuffer>), String>;

impl Link {
    /// Starts a worker. Nothing may be sent before it says [`Event::Ready`].
    pub fn start(hear: impl Fn(Heard) + Clone + 'static) -> Result<Link, String> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(PROGRAM, &options).map_err(|error| explain(&error))?;
        let heard = hear.clone();
        let on_message = Closure::new(move |message: MessageEvent| heard(read(&message.data())));
        let on_error = Closure::new(move |_: web_sys::Event| hear(Err("The engine could not be started.".to_owned())));
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Link { worker, _on_message: on_message, _on_error: on_error })
    }

    /// Sends a command; a buffer travels along and is gone from here.
    pub fn send(&self, command: &Command, buffer: Option<&ArrayBuffer>) {
        let header = Uint8Array::from(wire::to_bytes(command).as_slice());
        let message = Object::new();
        let transfer = Array::new();
        let mut sent = Reflect::set(&message, &"header".into(), &header.into());
        if let Some(buffer) = buffer {
            sent = sent.and(Reflect::set(&message, &"buffer".into(), buffer));
            transfer.push(buffer);
        }
        if let Err(error) = sent.and_then(|_| self.worker.post_message_with_transfer(&message, &transfer)) {
            web_sys::console::error_1(&error);
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

fn read(data: &JsValue) -> Heard {
    let header = Reflect::get(data, &"header".into()).ok().and_then(|header| header.dyn_into::<Uint8Array>().ok());
    let header = header.ok_or("The engine sent a message without header.")?;
    let event = wire::from_bytes(&header.to_vec()).ok_or("The engine and the page come from different builds.")?;
    let buffer = Reflect::get(data, &"buffer".into()).ok().and_then(|buffer| buffer.dyn_into().ok());
    Ok((event, buffer))
}

/// A thrown value in words.
pub fn explain(error: &JsValue) -> String {
    let message = Reflect::get(error, &"message".into()).ok().and_then(|message| message.as_string());
    message.or_else(|| error.as_string()).unwrap_or_else(|| "unknown error".to_owned())
}

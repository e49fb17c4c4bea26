//! The worker's message loop in the browser.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use js_sys::{Array, ArrayBuffer, Function, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{DedicatedWorkerGlobalScope, MessageChannel, MessageEvent};

use super::lab::Lab;
use crate::protocol::{Command, Event};
use crate::wire;

/// Bytes of the smallest buffer a frame travels in, so that small frames do not make a new one each time they grow.
const LEAST_BUFFER: u32 = 4096;

/// Seconds that are worth a timer, which browsers let last 4 ms at least.
const LEAST_REST: f64 = 0.005;

/// What arrives between two slices of work.
#[derive(Default)]
struct Mailbox {
    commands: VecDeque<Command>,
    /// A buffer the page gave back.
    spare: Option<ArrayBuffer>,
    /// Wakes the loop that waits for a command.
    wake: Option<Function>,
}

/// Listens, says so, and serves until the worker is ended.
pub fn start() {
    console_error_panic_hook::set_once();
    let mailbox = Rc::new(RefCell::new(Mailbox::default()));
    let inbox = Rc::clone(&mailbox);
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |message: MessageEvent| receive(&inbox, &message));
    scope().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget();
    spawn_local(serve(mailbox));
    post(&Event::Ready { build: env!("CARGO_PKG_VERSION").to_owned() }, None);
}

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// Seconds since the worker started.
fn now() -> f64 {
    scope().performance().map_or(0.0, |clock| clock.now() / 1e3)
}

async fn serve(mailbox: Rc<RefCell<Mailbox>>) {
    let outbox = Rc::clone(&mailbox);
    let mut lab = Lab::new(Box::new(move |event, bytes| send(&outbox, event, bytes)), now);
    let pause = Yield::new();
    loop {
        loop {
            let next = mailbox.borrow_mut().commands.pop_front();
            let Some(command) = next else { break };
            lab.handle(command).await;
        }
        if lab.busy() {
            lab.work().await;
            if lab.rest_due() < LEAST_REST {
                pause.until_messages_were_heard().await;
            } else {
                let start = now();
                rest(lab.rest_due()).await;
                lab.rested(now() - start);
            }
        } else {
            wait(&mailbox).await;
        }
    }
}

fn receive(mailbox: &RefCell<Mailbox>, message: &MessageEvent) {
    let data = message.data();
    let header = Reflect::get(&data, &"header".into()).ok().and_then(|header| header.dyn_into::<Uint8Array>().ok());
    let Some(mut command) = header.and_then(|header| wire::from_bytes(&header.to_vec())) else {
        let message = "The page sent something that this build of the engine does not understand.".to_owned();
        return post(&Event::Notice { message }, None);
    };
    let mut mailbox = mailbox.borrow_mut();
    if let Some(buffer) =
        Reflect::get(&data, &"buffer".into()).ok().and_then(|buffer| buffer.dyn_into::<ArrayBuffer>().ok())
    {
        match &mut command {
            Command::Import { bytes, .. } => *bytes = Uint8Array::new(&buffer).to_vec(),
            _ => mailbox.spare = Some(buffer),
        }
    }
    mailbox.commands.push_back(command);
    if let Some(wake) = mailbox.wake.take() {
        // A wake function is a promise's resolver, which does not throw.
        let _ = wake.call0(&JsValue::NULL);
    }
}

/// A frame travels in a buffer that the page gave back, where it is large enough, a file in one of exactly its size.
fn send(mailbox: &RefCell<Mailbox>, event: &Event, bytes: Option<&[u8]>) {
    let buffer = bytes.map(|bytes| {
        let size = bytes.len() as u32;
        let buffer = match event {
            Event::File { .. } => ArrayBuffer::new(size),
            _ => {
                let spare = mailbox.borrow_mut().spare.take().filter(|spare| spare.byte_length() >= size);
                spare.unwrap_or_else(|| ArrayBuffer::new(size.max(LEAST_BUFFER).next_power_of_two()))
            }
        };
        Uint8Array::new_with_byte_offset_and_length(&buffer, 0, size).copy_from(bytes);
        buffer
    });
    post(event, buffer.as_ref());
}

fn post(event: &Event, buffer: Option<&ArrayBuffer>) {
    let header = Uint8Array::from(wire::to_bytes(event).as_slice());
    let message = Object::new();
    let transfer = Array::new();
    let set = |key: &str, value: &JsValue| Reflect::set(&message, &key.into(), value).is_ok();
    let mut complete = set("header", &header.into());
    if let Some(buffer) = buffer {
        complete &= set("buffer", buffer);
        transfer.push(buffer);
    }
    debug_assert!(complete, "a fresh object takes any property");
    // Only a detached buffer could be refused; `send` never posts one twice.
    let _ = scope().post_message_with_transfer(&message, &transfer);
}

async fn wait(mailbox: &RefCell<Mailbox>) {
    let promise = Promise::new(&mut |resolve, _| mailbox.borrow_mut().wake = Some(resolve));
    if mailbox.borrow().commands.is_empty() {
        let _ = JsFuture::from(promise).await;
    }
}

async fn rest(seconds: f64) {
    let promise = Promise::new(&mut |resolve, _| {
        // A timer is refused to nobody.
        let _ = scope().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, (seconds * 1e3) as i32);
    });
    let _ = JsFuture::from(promise).await;
}

/// Lets the event loop deliver messages without the 4 ms that nested timers cost: a message to oneself.
struct Yield {
    channel: MessageChannel,
}

impl Yield {
    fn new() -> Self {
        Yield { channel: MessageChannel::new().expect("every browser with workers has message channels") }
    }

    async fn until_messages_were_heard(&self) {
        let promise = Promise::new(&mut |resolve, _| {
            self.channel.port1().set_onmessage(Some(&resolve));
            let _ = self.channel.port2().post_message(&JsValue::NULL);
        });
        let _ = JsFuture::from(promise).await;
    }
}

// SPDX-License-Identifier: MIT
//! libvpmu's C interface, as far as this crate uses it: <vpmu/model.h>, <vpmu/state.h>, <vpmu/stream.h>.

use std::os::raw::{c_char, c_int, c_uint, c_void};

pub const NAME_BYTES: usize = 32;
pub const MAX_REGISTERS: usize = 192;
pub const MAX_STATE: usize = 144;
pub const MAX_PLAN: usize = 192;
pub const STREAM_BYTES: usize = 2048;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Model {
    pub name: [u8; NAME_BYTES],
    pub vendor: u8,
    pub version: u8,
    pub gp_count: u8,
    pub gp_width: u8,
    pub fixed_width: u8,
    pub other_name: u8,
    pub lbr: u8,
    pub reserved_bytes: [u8; 1],
    pub fixed_mask: u32,
    pub features: u32,
    pub events_length: u32,
    pub events_missing: u32,
    pub perf_capabilities: u64,
    pub signature: u32,
    pub gp_missing: u32,
    pub reserved: [u32; 12],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Register {
    pub name: [u8; NAME_BYTES],
    pub msr: u32,
    pub kind: u8,
    pub index: u8,
    pub width: u8,
    pub guest: u8,
    pub host: u8,
    pub level: u8,
    pub address: u8,
    pub flags: u8,
    pub reserved: [u8; 4],
    pub writable: u64,
    pub reset: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Layout {
    pub model: Model,
    pub has_global: u8,
    pub register_count: u8,
    pub value_count: u8,
    pub reserved: [u8; 5],
    pub stored: [u8; MAX_STATE],
    pub value_of: [u8; MAX_REGISTERS],
    pub registers: [Register; MAX_REGISTERS],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct State {
    pub model: Model,
    pub values: [u64; MAX_STATE],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Write {
    pub msr: u32,
    pub place: u8,
    pub clear: u8,
    pub value: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Plan {
    pub order: *const c_void,
    pub level: u8,
    pub reserved: [u8; 7],
    pub count: usize,
    pub writes: [Write; MAX_PLAN],
}

extern "C" {
    pub fn vpmu_status_text(status: c_int) -> *const c_char;
    pub fn vpmu_model_parse(model: *mut Model, text: *const c_char, why: *mut c_char,
        why_bytes: usize) -> c_int;
    pub fn vpmu_model_equal(a: *const Model, b: *const Model) -> bool;
    pub fn vpmu_layout_init(layout: *mut Layout, model: *const Model) -> c_int;
    pub fn vpmu_layout_find(layout: *const Layout, name: *const c_char) -> c_int;
    pub fn vpmu_state_reset(state: *mut State, layout: *const Layout);
    pub fn vpmu_state_value(state: *const State, layout: *const Layout, place: c_uint,
        value: *mut u64) -> c_int;
    pub fn vpmu_state_set(state: *mut State, layout: *const Layout, place: c_uint,
        value: u64) -> c_int;
    pub fn vpmu_order_find(name: *const c_char) -> *const c_void;
    pub fn vpmu_level_find(name: *const c_char) -> c_int;
    pub fn vpmu_plan_make(plan: *mut Plan, state: *const State, layout: *const Layout,
        level: c_int, order: *const c_void) -> c_int;
    pub fn vpmu_stream_encode(state: *const State, layout: *const Layout, vcpu: u32,
        out: *mut u8, bytes: usize, used: *mut usize) -> c_int;
    pub fn vpmu_stream_decode(data: *const u8, bytes: usize, layout: *const Layout,
        state: *mut State, vcpu: *mut u32, why: *mut c_char, why_bytes: usize) -> c_int;
}

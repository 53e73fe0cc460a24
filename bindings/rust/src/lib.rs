// SPDX-License-Identifier: MIT
//! libvpmu from Rust: a model, a state, a plan, a stream. Needs nothing but the standard library and
//! libvpmu.so: `rustc -L DIRECTORY -l vpmu`, or Cargo with `RUSTFLAGS="-L DIRECTORY"`.
//!
//! A failure is an [`Error`] with the library's status and its own reason.

mod ffi;

use std::ffi::{CStr, CString};
use std::fmt;
use std::os::raw::{c_char, c_int};

#[link(name = "vpmu")]
extern "C" {}

/// A call failed: its status (`enum vpmu_status`), and the reason in one line, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub status: i32,
    pub why: String,
}

/// `VPMU_BAD_ARGUMENT`, of `enum vpmu_status`.
pub const BAD_ARGUMENT: i32 = 3;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        // Static storage, and never NULL.
        let text = unsafe { CStr::from_ptr(ffi::vpmu_status_text(self.status as c_int)) };
        write!(f, "{}", text.to_string_lossy())?;
        if self.why.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.why)
    }
}

impl std::error::Error for Error {}

pub type Result<T> = std::result::Result<T, Error>;

/// Where the library writes why something failed.
struct Why([u8; 256]);

impl Why {
    fn new() -> Why {
        Why([0; 256])
    }

    fn room(&mut self) -> (*mut c_char, usize) {
        (self.0.as_mut_ptr() as *mut c_char, self.0.len())
    }

    fn check(&self, status: c_int) -> Result<()> {
        match status {
            0 => Ok(()),
            _ => Err(Error { status: status as i32, why: text_of(&self.0) }),
        }
    }
}

fn text_of(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn c_text(text: &str) -> Result<CString> {
    CString::new(text)
        .map_err(|_| Error { status: BAD_ARGUMENT, why: "a text with a NUL".to_string() })
}

fn check(status: c_int) -> Result<()> {
    Why::new().check(status)
}

/// What the guest's CPU says its PMU is.
#[derive(Clone)]
pub struct Model(ffi::Model);

impl Model {
    /// From "NAME" or "NAME,key=value…", as `vpmu models` takes it.
    pub fn parse(text: &str) -> Result<Model> {
        // Zeros are a valid structure, which the call fills.
        let mut model: ffi::Model = unsafe { std::mem::zeroed() };
        let (text, mut why) = (c_text(text)?, Why::new());
        let (room, bytes) = why.room();
        let status = unsafe { ffi::vpmu_model_parse(&mut model, text.as_ptr(), room, bytes) };
        why.check(status).map(|()| Model(model))
    }

    pub fn name(&self) -> String {
        text_of(&self.0.name)
    }

    pub fn version(&self) -> u8 {
        self.0.version
    }

    pub fn gp_count(&self) -> u8 {
        self.0.gp_count
    }

    pub fn gp_width(&self) -> u8 {
        self.0.gp_width
    }

    /// Bit i: fixed counter i exists.
    pub fn fixed_mask(&self) -> u32 {
        self.0.fixed_mask
    }

    pub fn signature(&self) -> u32 {
        self.0.signature
    }
}

impl PartialEq for Model {
    fn eq(&self, other: &Model) -> bool {
        unsafe { ffi::vpmu_model_equal(&self.0, &other.0) }
    }
}

/// A model's registers, and which of them have a value in a state. Some 6 KiB, on the heap.
#[derive(Clone)]
pub struct Layout(Box<ffi::Layout>);

/// One write of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    pub name: String,
    pub msr: u32,
    pub value: u64,
}

impl Layout {
    pub fn new(model: &Model) -> Result<Layout> {
        let mut layout: Box<ffi::Layout> = Box::new(unsafe { std::mem::zeroed() });
        check(unsafe { ffi::vpmu_layout_init(&mut *layout, &model.0) }).map(|()| Layout(layout))
    }

    /// The names of the model's registers, by ascending MSR number.
    pub fn names(&self) -> Vec<String> {
        let count = self.0.register_count as usize;
        self.0.registers[..count].iter().map(|r| text_of(&r.name)).collect()
    }

    /// Where a register is in the layout.
    fn place(&self, name: &str) -> Result<u32> {
        let text = c_text(name)?;
        let place = unsafe { ffi::vpmu_layout_find(&*self.0, text.as_ptr()) };
        u32::try_from(place)
            .map_err(|_| Error { status: BAD_ARGUMENT, why: format!("no register {name}") })
    }

    /// The state after a processor reset.
    pub fn reset_state(&self) -> State<'_> {
        let mut raw: ffi::State = unsafe { std::mem::zeroed() };
        unsafe { ffi::vpmu_state_reset(&mut raw, &*self.0) };
        State { layout: self, raw }
    }

    /// A state and its vCPU's number from a stream of this model.
    pub fn decode(&self, stream: &[u8]) -> Result<(State<'_>, u32)> {
        let (mut state, mut vcpu, mut why) = (self.reset_state(), 0, Why::new());
        let (room, bytes) = why.room();
        let status = unsafe {
            ffi::vpmu_stream_decode(stream.as_ptr(), stream.len(), &*self.0, &mut state.raw,
                &mut vcpu, room, bytes)
        };
        why.check(status).map(|()| (state, vcpu))
    }
}

/// The values of one vCPU's PMU.
#[derive(Clone)]
pub struct State<'a> {
    layout: &'a Layout,
    raw: ffi::State,
}

impl State<'_> {
    pub fn get(&self, name: &str) -> Result<u64> {
        let (place, mut value) = (self.layout.place(name)?, 0);
        check(unsafe { ffi::vpmu_state_value(&self.raw, &*self.layout.0, place, &mut value) })
            .map(|()| value)
    }

    pub fn set(&mut self, name: &str, value: u64) -> Result<()> {
        let place = self.layout.place(name)?;
        check(unsafe { ffi::vpmu_state_set(&mut self.raw, &*self.layout.0, place, value) })
    }

    /// The writes of a put, in sequence: level "reset" or "full", order "safe", "stop-first" …
    pub fn plan(&self, level: &str, order: &str) -> Result<Vec<Write>> {
        let (level, order) = (c_text(level)?, c_text(order)?);
        let mut plan: Box<ffi::Plan> = Box::new(unsafe { std::mem::zeroed() });
        check(unsafe {
            ffi::vpmu_plan_make(&mut *plan, &self.raw, &*self.layout.0,
                ffi::vpmu_level_find(level.as_ptr()), ffi::vpmu_order_find(order.as_ptr()))
        })?;
        let registers = &self.layout.0.registers;
        Ok(plan.writes[..plan.count]
            .iter()
            .map(|w| Write {
                name: text_of(&registers[w.place as usize].name),
                msr: w.msr,
                value: w.value,
            })
            .collect())
    }

    /// The native stream, with the VMM's number of the vCPU.
    pub fn encode(&self, vcpu: u32) -> Result<Vec<u8>> {
        let (mut bytes, mut used) = (vec![0; ffi::STREAM_BYTES], 0);
        check(unsafe {
            ffi::vpmu_stream_encode(&self.raw, &*self.layout.0, vcpu, bytes.as_mut_ptr(),
                bytes.len(), &mut used)
        })?;
        bytes.truncate(used);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        Model::parse("intel-v2,gp=3,signature=0x406f1").unwrap()
    }

    #[test]
    fn a_model_has_its_fields() {
        let model = model();
        assert_eq!((model.name(), model.version()), ("intel-v2".to_string(), 2));
        assert_eq!((model.gp_count(), model.gp_width(), model.fixed_mask()), (3, 48, 7));
        assert_eq!(model.signature(), 0x406f1);
        assert!(model == self::model());
        assert!(model != Model::parse("intel-v2").unwrap());
    }

    #[test]
    fn a_mistake_is_an_error_with_its_reason() {
        let error = Model::parse("intel-v9").err().unwrap();
        assert_eq!(error.status, BAD_ARGUMENT);
        assert!(error.to_string().contains("intel-v9"), "{error}");
        let layout = Layout::new(&model()).unwrap();
        let mut state = layout.reset_state();
        assert_eq!(state.plan("full", "typo").err().unwrap().status, BAD_ARGUMENT);
        assert_eq!(state.plan("typo", "safe").err().unwrap().status, BAD_ARGUMENT);
        assert_eq!(state.set("IA32_PMC0", 1 << 60).err().unwrap().status, BAD_ARGUMENT);
        assert!(state.get("IA32_PMC3").is_err());
    }

    #[test]
    fn a_plan_writes_the_state_in_order() {
        let layout = Layout::new(&model()).unwrap();
        let mut state = layout.reset_state();
        state.set("IA32_PMC1", 0xbeef).unwrap();
        state.set("IA32_PERFEVTSEL1", 0x5300c0).unwrap();
        let plan = state.plan("full", "no-stop").unwrap();
        let at = |name: &str, value| plan.iter().position(|w| w.name == name && w.value == value);
        assert!(at("IA32_PMC1", 0xbeef).unwrap() < at("IA32_PERFEVTSEL1", 0x5300c0).unwrap());
        assert_eq!(plan.last().unwrap().msr, 0x38f);
        assert!(layout.names().contains(&"IA32_PERF_GLOBAL_CTRL".to_string()));
    }

    #[test]
    fn a_stream_comes_back() {
        let layout = Layout::new(&model()).unwrap();
        let mut state = layout.reset_state();
        state.set("IA32_FIXED_CTR2", 77).unwrap();
        let mut stream = state.encode(5).unwrap();
        let (back, vcpu) = layout.decode(&stream).unwrap();
        assert_eq!((back.get("IA32_FIXED_CTR2").unwrap(), vcpu), (77, 5));
        *stream.last_mut().unwrap() ^= 1;
        assert!(layout.decode(&stream).err().unwrap().why.contains("checksum"));
    }
}
